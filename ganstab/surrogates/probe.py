"""Whether an optimizer can be differentiated through, found out before it is."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ganstab.optimizers.extra import links, update_with

__all__ = ["check_differentiable"]


def check_differentiable(tx: optax.GradientTransformation, params: Any) -> None:
    """Raises ValueError if `tx.update` has no finite derivative at a gradient of zero.

    The root of `optax.adam`, and the norm of `optax.clip_by_global_norm`, have none there, and
    discriminators do get gradients of exactly zero: behind a ReLU that is off, or a hinge. One is
    enough to make all gradients through the update NaN. Where `tx` cannot be tried on parameters
    of this structure it is not refused.

    Args:
      tx: an optax transform.
      params: arrays or tracers, of which only structure, ranks and dtypes are read.
    """
    leaves, structure = jax.tree.flatten(params)
    kinds = tuple((jnp.ndim(leaf), jnp.result_type(leaf)) for leaf in leaves)
    if not _finite(tx, structure, kinds):
        raise ValueError(
            "unrolled differentiates through the optimizer, but the derivative of "
            f"{' + '.join(links(tx.update)) or 'its update'} is not finite where a gradient is 0, "
            "or there is none (a line search): take ganstab.optimizers.adam, and clip no norm "
            "there, or take second_order=False"
        )


@functools.lru_cache(maxsize=128)
def _finite(tx: optax.GradientTransformation, structure, kinds) -> bool:
    """On parameters of one element each, outside the trace that asks."""

    def moved(grads, params):
        """Two updates, so that what the first leaves in the state counts as well."""
        loss = {"value": jnp.ones(()), "value_fn": optax.tree.norm}
        first, state = update_with(tx, grads, tx.init(params), params, **loss)
        second, _ = update_with(tx, grads, state, params, **loss)
        return jax.tree.map(jnp.add, first, second)

    def slopes(params):
        updates, pull = jax.vjp(lambda grads: moved(grads, params), optax.tree.zeros_like(params))
        (found,) = pull(optax.tree.ones_like(updates))
        return jnp.array([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(found)])

    params = jax.tree.unflatten(structure, [np.ones((1,) * ndim, dtype) for ndim, dtype in kinds])
    quickly = {"xla_backend_optimization_level": 0}
    try:
        with jax.debug_nans(False):
            found = jax.jit(slopes).lower(params).compile(quickly)(params)
            return bool(np.asarray(found).all())
    except Exception as error:
        # A line search's loop has no derivative. What else a transform raises, which may hold
        # arrays of the real shapes, is not known.
        return "Reverse-mode differentiation" not in str(error)
