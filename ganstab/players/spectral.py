"""Spectral norm as a function of a player's parameters."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ganstab._checks import check_count
from ganstab._precision import wide
from ganstab.players.kernels import matrix_shapes
from ganstab.types import Player

__all__ = ["Iterated", "spectral_norm"]


class Iterated(NamedTuple):
    """State of a player whose kernels are divided by their largest singular value."""

    net: Any
    vectors: tuple[jax.Array, ...]
    """[…, out] for each kernel, its estimate of the leading right singular vector."""


def spectral_norm(
    player: Player,
    *,
    steps: int = 1,
    is_kernel: Callable[[str, jax.Array], bool] | None = None,
) -> Player:
    """Every kernel W divided by its largest singular value: `W / σ(W)` (Miyato et al. 2018).

    `σ = vᵀ W u` with u and v from power iteration, which goes on from one training batch to the
    next (arXiv:1802.05957, algorithm 1). No gradient runs through u and v, one runs through σ
    (eq. 9–11 there). In evaluation u is used as it stands.

    A kernel is taken as the matrix `[in, out]` of the map that its layer makes of it. Those of
    Flax's layers are known: a convolution's is `[height·width·channels, out]` as in the paper, an
    attention's query `[in, heads·features]`, an embedding's table `[n, features]` as in the
    authors' code, and kernels that are stacked in front (`nnx.vmap`, `linen.scan`, an `ensemble`
    within) are divided one by one. A parameter of no known layer is a kernel if it has two axes or
    more and its name has none of the words bias, scale, gain, offset, shift, position and the like;
    its last axis is the output. Biases and norms' scales stay as they are.

    Args:
      player: any player; its parameters stay the same.
      steps: power iterations a training batch, at least 1 (1 in the paper).
      is_kernel: `(name, parameter) -> bool`, which parameters are divided, in place of the above;
        names are paths such as `"attend.query.kernel"`.

    Raises:
      ValueError: for steps below 1, or a kernel of fewer than two axes.
    """
    check_count("steps", steps)

    def init(key):
        net_key, vector_key = jax.random.split(key)
        params, state = player.init(net_key)
        shapes = matrix_shapes(player, params, is_kernel)
        kernels = [
            (leaf, shape)
            for leaf, shape in zip(jax.tree.leaves(params), shapes, strict=True)
            if shape is not None
        ]
        keys = jax.random.split(vector_key, max(len(kernels), 1))
        vectors = (
            _each(_unit, shape)(
                jax.random.normal(key, (*shape[:-2], shape[-1]), wide(kernel).dtype)
            )
            for key, (kernel, shape) in zip(keys, kernels, strict=False)
        )
        return params, Iterated(state, tuple(vectors))

    def apply(params, state: Iterated, x, key, *, train=True):
        divided = functools.partial(_normalised, steps=steps if train else 0)
        leaves, structure = jax.tree.flatten(params)
        shapes = enumerate(matrix_shapes(player, params, is_kernel))
        places = [(place, shape) for place, shape in shapes if shape is not None]
        vectors = []
        for (place, shape), u in zip(places, state.vectors, strict=True):
            kernel = leaves[place]
            matrix, u = _each(divided, shape)(kernel.reshape(shape), u)
            leaves[place] = matrix.reshape(kernel.shape)
            vectors.append(u)
        normalised = jax.tree.unflatten(structure, leaves)
        output, net = player.apply(normalised, state.net, x, key, train=train)
        return output, Iterated(net, tuple(vectors))

    return dataclasses.replace(player, init=init, apply=apply)


def _each(function: Callable, shape: tuple[int, ...]) -> Callable:
    """The function of one matrix `[in, out]` as one of matrices of a shape `[…, in, out]`."""
    for _ in shape[:-2]:
        function = jax.vmap(function)
    return function


def _normalised(kernel: jax.Array, u: jax.Array, steps: int) -> tuple[jax.Array, jax.Array]:
    """The kernel over its spectral norm, and u after some power iterations."""
    matrix = wide(kernel).reshape(-1, kernel.shape[-1])
    fixed = jax.lax.stop_gradient(matrix)
    start, u = u, wide(jax.lax.stop_gradient(u))
    for _ in range(steps):
        ahead = _unit(fixed.T @ _unit(fixed @ u))
        # For a kernel of zeros u stays as it is: a u of zeros would stay zero for good.
        u = jnp.where(jnp.any(ahead != 0), ahead, u)
    sigma = _unit(fixed @ u) @ matrix @ u
    normalised = (wide(kernel) / jnp.where(sigma == 0, 1.0, sigma)).astype(kernel.dtype)
    return normalised, u.astype(start.dtype)


def _unit(vector: jax.Array) -> jax.Array:
    norm = jnp.linalg.norm(vector)
    return vector / jnp.where(norm == 0, 1.0, norm)
