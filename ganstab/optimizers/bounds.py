"""Updates that do not lead out of an interval."""

import jax
import jax.numpy as jnp
import optax

from ganstab.optimizers.history import needed

__all__ = ["within"]


def within(low: float, high: float, name: str) -> optax.GradientTransformation:
    """The update that leads to the nearest parameters in `[low, high]`, behind an optimizer.

    Args:
      low: the least that a parameter may be.
      high: the most.
      name: of the transform that an error is to name.
    """

    def update(updates, params=None):
        params = needed(params, name)
        return jax.tree.map(lambda u, w: jnp.clip(w + u, low, high) - w, updates, params)

    return optax.stateless(update)
