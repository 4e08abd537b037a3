"""`computed_in`, Player → Player: a network that computes in a type of 16 bits."""

import dataclasses

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from ganstab._precision import cast_like, wide
from ganstab.types import Player

__all__ = ["computed_in"]


def computed_in(player: Player, dtype: DTypeLike = jnp.bfloat16) -> Player:
    """The player whose layers compute in `dtype`, and all around it in float32.

    Parameters and inputs are rounded on their way in; outputs and the state come back in their own
    types, in float32 at least. So parameters, their gradients, averages, optimizers, losses and
    penalties are in float32 (Micikevicius et al. 2018, arXiv:1710.03740, section 3.1). bfloat16 has
    float32's exponents, so that nothing needs to be scaled against underflow; float16 does not.

    Args:
      player: innermost; what wraps it, such as a spectral norm or an average, stays in float32.
      dtype: bfloat16 or float16.

    Raises:
      ValueError: it is no floating-point type.
    """
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(f"dtype must be a floating-point type, got {jnp.dtype(dtype).name}")

    def rounded(leaf):
        leaf = jnp.asarray(leaf)
        return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    def apply(params, state, x, key, *, train=True):
        params, x = jax.tree.map(rounded, (params, x))
        output, new = player.apply(params, state, x, key, train=train)
        return wide(output), cast_like(new, state)

    return dataclasses.replace(player, apply=apply)
