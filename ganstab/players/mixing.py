"""Whether the samples of a batch reach each other's outputs in a network."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from ganstab.types import ApplyFn

__all__ = ["batch_norm_at", "is_batch_norm", "samples_meet"]

_BATCH_NORM = " (BatchNorm)"


def batch_norm_at(path: tuple) -> str:
    """What a player declares in `mixes` of a batch norm."""
    return f"{'.'.join(map(str, path)) or 'the network'}{_BATCH_NORM}"


def is_batch_norm(declared: str) -> bool:
    """Whether an entry of `mixes` is a batch norm, which knows no order of the samples."""
    return declared.endswith(_BATCH_NORM)


def samples_meet(apply: ApplyFn, params: Any, state: Any, example: Any) -> bool:
    """Whether a sample that is not a number makes another sample's output one, in training.

    Args:
      apply: a player's.
      params: the player's, of which only shapes and dtypes count: they are tried as ones.
      state: likewise.
      example: an input `[B, …]`, likewise: it is tried as twice as many random samples.

    Returns:
      True also where the network cannot be tried on those, or has not an output for each sample.
      False where no input is a floating-point number.
    """
    if not any(map(_is_floating, jax.tree.leaves(example))):
        return False

    @functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    def lost(x):
        """Whether an output is no number, for each sample `[2·B]`."""
        own, held = jax.tree.map(_ones, (params, state))
        output, _ = apply(own, held, x, jax.random.key(0), train=True)
        rows = [jnp.isnan(leaf).reshape(leaf.shape[0], -1) for leaf in jax.tree.leaves(output)]
        return jnp.concatenate(rows, axis=1).any(axis=1)

    try:
        with jax.ensure_compile_time_eval(), jax.debug_nans(False):
            x = jax.tree.map(_random, example)
            without, with_nan = lost(x), lost(jax.tree.map(_first_is_nan, x))
            reached = bool((with_nan & ~without)[1:].any())
            return reached or len(without) != len(jax.tree.leaves(x)[0])
    except Exception:
        # What a network of someone else's raises is not known.
        return True


def _is_floating(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.floating)


def _ones(leaf: Any) -> jax.Array:
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.split(jax.random.key(0), leaf.shape)
    return jnp.ones(leaf.shape, leaf.dtype)


def _random(leaf: Any) -> jax.Array:
    shape = (2 * leaf.shape[0], *leaf.shape[1:])
    if not _is_floating(leaf):
        return jnp.zeros(shape, leaf.dtype)
    return jax.random.normal(jax.random.key(0), shape, leaf.dtype)


def _first_is_nan(leaf: jax.Array) -> jax.Array:
    return leaf.at[0].set(jnp.nan) if _is_floating(leaf) else leaf
