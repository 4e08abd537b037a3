"""A loss whose gradient is given: how an update that is no gradient becomes a part of a game."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

__all__ = ["steered"]


@jax.custom_jvp
def steered(own: Any, slope: Any) -> jax.Array:
    """0, whose gradient in `own` is `slope`: how a loss is given an update that is no gradient.

    A product with a stopped gradient would do as much, once; here the gradient's own derivatives
    are those of `slope`, so that a look-ahead through it, and the field's Jacobian, are right.
    """
    return jnp.zeros_like(optax.tree.vdot(own, slope))


@steered.defjvp
def _(primals, tangents):
    return steered(*primals), optax.tree.vdot(tangents[0], primals[1])
