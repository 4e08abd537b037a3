"""What is computed in float32 where the data are narrower: sums, squares, roots, exponentials.

In float16 300² is infinite, 1e-4² and an epsilon of 1e-8 are 0; in bfloat16 1 + 2⁻⁸ is 1. Wider
numbers stay as they are, so nothing here changes a bit of float32 or float64.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

__all__ = ["as_floats", "cast_like", "in_float32", "wide"]


def wide(tree: Any) -> Any:
    """The tree with the floating-point arrays narrower than float32 in float32."""

    def widened(leaf):
        dtype = jnp.result_type(leaf)
        narrow = jnp.issubdtype(dtype, jnp.floating) and jnp.finfo(dtype).bits < 32
        return leaf.astype(jnp.float32) if narrow else leaf

    return jax.tree.map(widened, tree)


def as_floats(x: ArrayLike) -> jax.Array:
    """An array of any real numbers, bytes and lists among them, in float32 at least."""
    array: jax.Array = wide(jnp.asarray(x))
    return array if jnp.issubdtype(array.dtype, jnp.inexact) else array.astype(float)


def cast_like(tree: Any, like: Any) -> Any:
    """The tree, its floating-point arrays in the types of the other tree's."""

    def cast(leaf, other):
        dtype = jnp.result_type(leaf)
        return leaf.astype(jnp.result_type(other)) if jnp.issubdtype(dtype, jnp.floating) else leaf

    return jax.tree.map(cast, tree, like)


def in_float32(function: Callable) -> Callable:
    """`x, … ↦ function(wide(x), …)`, in x's own type."""

    @functools.wraps(function)
    def computed(x: jax.Array, *args: Any, **options: Any) -> jax.Array:
        return function(wide(x), *args, **options).astype(x.dtype)

    return computed
