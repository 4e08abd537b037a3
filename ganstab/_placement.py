"""Batches that lie on several devices, each of which has a block of consecutive samples.

XLA can split an axis over devices, and merge it with axes behind it, but not with axes in front of
it, nor put one batch behind another: it then sends the whole batch to every device, and computes
the whole batch on each. What is written here in blocks stays where it is. The blocks are those of
jax's context mesh, which `training` sets for its steps where there is more than one device
(`on_mesh`); without one there is one block, and the program is that of one device.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

__all__ = ["apart", "blocks", "dealt", "gathered", "joined", "on_mesh"]


def on_mesh(mesh: Mesh, function: Callable) -> Callable:
    """The function, traced with the mesh as jax's context; itself where there is one device."""
    if mesh.size == 1:
        return function

    @functools.wraps(function)
    def traced(*args, **kwargs):
        with jax.sharding.use_abstract_mesh(mesh.abstract_mesh):
            return function(*args, **kwargs)

    return traced


def blocks(count: int) -> int:
    """How many equal blocks of `count` samples lie on devices of their own, as far as is known.

    Axes of the mesh that are not XLA's to split, such as those within `jax.shard_map`, are none of
    them: there an array is the device's own.
    """
    mesh = jax.sharding.get_abstract_mesh()
    devices = 1
    for axis in mesh.auto_axes:
        devices *= mesh.shape[axis]
    return 1 if count % devices else devices


def joined(first: jax.Array, second: jax.Array, count: int) -> jax.Array:
    """Two batches `[B, …]` as one `[2B, …]`: of every block the first's, then the second's.

    Within a block the samples keep their order.
    """
    if count == 1:
        return jnp.concatenate([first, second])
    parts = [x.reshape(count, -1, *x.shape[1:]) for x in (first, second)]
    return jnp.concatenate(parts, axis=1).reshape(-1, *first.shape[1:])


def apart(both: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """The two batches that `joined` made one of."""
    n = len(both) // 2
    if count == 1:
        return both[:n], both[n:]
    parts = both.reshape(count, 2, -1, *both.shape[1:])
    first, second = (parts[:, i].reshape(n, *both.shape[1:]) for i in range(2))
    return first, second


def dealt(batch: jax.Array, parts: int) -> jax.Array:
    """`[B, …]` -> `[parts, B / parts, …]`: of every block its first samples, then its next, ….

    With one block these are runs of consecutive samples.
    """
    size = len(batch) // parts
    count = blocks(size)
    if count == 1:
        return batch.reshape(parts, size, *batch.shape[1:])
    own = batch.reshape(count, parts, size // count, *batch.shape[1:])
    return own.swapaxes(0, 1).reshape(parts, size, *batch.shape[1:])


def gathered(parts: jax.Array) -> jax.Array:
    """`[parts, B / parts, …]` -> `[B, …]`: the batch whose samples were `dealt`."""
    number, size = parts.shape[:2]
    count = blocks(size)
    if count == 1:
        return parts.reshape(number * size, *parts.shape[2:])
    own = parts.reshape(number, count, size // count, *parts.shape[2:])
    return own.swapaxes(0, 1).reshape(number * size, *parts.shape[2:])
