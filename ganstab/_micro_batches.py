"""A network on a large batch, one part of it after the other."""

import functools
from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp

from ganstab._placement import dealt, gathered

__all__ = ["in_micro_batches"]

_DERIVATIVES = 3


def in_micro_batches(
    network: Callable, count: int, state: Any, x: Any, key: chex.PRNGKey
) -> tuple[Any, Any]:
    """`network(state, x, key)`, in the memory of a `count`-th of the batch.

    Outputs are those of the parts, in order. The gradient of a function of them is the sum of the
    parts' gradients; each part is computed again for it, so no part's activations are kept beside
    another's.

    Args:
      network: `(state, x, key) -> (output, state)`, with leaves `[B, …]` in x and output.
      count: n, parts of the batch; 1 calls the network itself.
      state: that every part starts from. The new one is the mean over the parts of what is
        floating point, and the last part's of all else.
      x: leaves `[B, …]`; the parts are consecutive samples, of each device's own where the batch
        lies on several.
      key: part i has `fold_in(key, i)`.

    Raises:
      ValueError: at trace time, for a batch that n does not divide.
    """
    if count == 1:
        return network(state, x, key)
    parts = jax.tree.map(functools.partial(_split, count), x)
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, jnp.arange(count))

    # Rematerialised, or the scan would keep every part's activations for the backward pass. A
    # derivative takes one such wrapper off; a penalty in an unrolled game needs three.
    one = network
    for _ in range(_DERIVATIVES):
        one = jax.checkpoint(one, prevent_cse=False)

    def body(total, drawn):
        output, new = one(state, *drawn)
        return jax.tree.map(lambda t, n: t + n if _floats(n) else n, total, new), output

    start = jax.tree.map(lambda leaf: jnp.zeros_like(leaf) if _floats(leaf) else leaf, state)
    total, outputs = jax.lax.scan(body, start, (parts, keys))
    state = jax.tree.map(lambda leaf: leaf / count if _floats(leaf) else leaf, total)
    return jax.tree.map(gathered, outputs), state


def _split(count: int, leaf: jax.Array) -> jax.Array:
    if leaf.shape[0] % count:
        raise ValueError(f"accumulate={count} does not divide a batch of {leaf.shape[0]}")
    return dealt(leaf, count)


def _floats(leaf: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(leaf), jnp.floating)
