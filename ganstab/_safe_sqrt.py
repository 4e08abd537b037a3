"""A square root with a derivative everywhere, for norms and for Adam inside an unroll."""

import jax
import jax.numpy as jnp

__all__ = ["safe_sqrt"]


def safe_sqrt(square: jax.Array) -> jax.Array:
    """√square, with derivative 0 where the square is 0."""
    zero = square == 0
    return jnp.where(zero, 0.0, jnp.sqrt(jnp.where(zero, 1.0, square)))
