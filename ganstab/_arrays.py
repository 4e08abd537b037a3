"""Arrays that nobody else holds, arrays a part at a time, and nodes of one kind in a tree."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array


def owned(tree: Any) -> Any:
    """The tree with every leaf copied into an array of its own.

    Donation deletes what it is given. After a copy no leaf is deleted for two places at once (a
    target network, tied weights, an optimizer that keeps the parameters), and no array that the
    caller goes on using is deleted at all. Python and NumPy numbers become arrays.
    """
    return jax.tree.map(lambda leaf: jnp.array(leaf, jnp.result_type(leaf)), tree)


def nodes_of(tree: Any, kind: type) -> list[Any]:
    """The nodes of a class, such as a `NamedTuple`, in a pytree; none of those inside another."""

    def is_one(node):
        return isinstance(node, kind)

    return [node for node in jax.tree.leaves(tree, is_leaf=is_one) if is_one(node)]


def in_chunks(fn: Callable[[Array], Array], x: Array, size: int) -> Array:
    """`fn` of x [n, …] in chunks of `size`, whose results [size, …] are put together as [n, …]."""
    n = len(x)
    padded = jnp.pad(x, ((0, -n % size), *((0, 0) for _ in x.shape[1:])))
    mapped = jax.lax.map(fn, padded.reshape(-1, size, *x.shape[1:]))
    return mapped.reshape(-1, *mapped.shape[2:])[:n]
