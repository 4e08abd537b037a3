"""Arrays that nobody else holds."""

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
