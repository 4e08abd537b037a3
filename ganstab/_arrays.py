"""Arrays that nobody else holds, and nodes of one kind in a tree."""

from typing import Any

import jax
import jax.numpy as jnp


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
