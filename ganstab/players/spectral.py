"""Spectral norm as a function of a player's parameters."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ganstab._precision import wide
from ganstab.types import Player

__all__ = ["Iterated", "spectral_norm"]


class Iterated(NamedTuple):
    """State of a player whose kernels are divided by their largest singular value."""

    net: Any
    vectors: tuple[jax.Array, ...]
    """[out] for each kernel, its estimate of the leading right singular vector, never in half."""


def spectral_norm(player: Player, *, steps: int = 1) -> Player:
    """Every kernel W divided by its largest singular value: `W / σ(W)` (Miyato et al. 2018).

    `σ = vᵀ W u` with u and v from power iteration, which goes on from one training batch to the
    next (arXiv:1802.05957, algorithm 1). No gradient runs through u and v, one runs through σ
    (eq. 9–11 there). A kernel is every parameter of two axes or more, taken as the matrix
    `[everything else, out]` of its last axis: Flax's dense layers and convolutions. Biases and
    norms' scales stay as they are. In evaluation u is used as it stands.

    An `ensemble` goes around this wrapper: within it, the kernels of an ensemble, stacked,
    would pass for one matrix.

    Args:
      player: any player; its parameters stay the same.
      steps: power iterations a training batch, at least 1 (1 in the paper).
    """
    if steps < 1:
        raise ValueError(f"steps must be 1 or more, got {steps}")

    def init(key):
        net_key, vector_key = jax.random.split(key)
        params, state = player.init(net_key)
        kernels = [leaf for leaf in jax.tree.leaves(params) if leaf.ndim > 1]
        keys = jax.random.split(vector_key, max(len(kernels), 1))
        vectors = (
            _unit(jax.random.normal(key, kernel.shape[-1:], kernel.dtype))
            for key, kernel in zip(keys, wide(kernels), strict=False)
        )
        return params, Iterated(state, tuple(vectors))

    def apply(params, state: Iterated, x, key, *, train=True):
        leaves, structure = jax.tree.flatten(params)
        places = [i for i, leaf in enumerate(leaves) if leaf.ndim > 1]
        vectors = []
        for place, u in zip(places, state.vectors, strict=True):
            leaves[place], u = _normalised(leaves[place], u, steps if train else 0)
            vectors.append(u)
        normalised = jax.tree.unflatten(structure, leaves)
        output, net = player.apply(normalised, state.net, x, key, train=train)
        return output, Iterated(net, tuple(vectors))

    return dataclasses.replace(player, init=init, apply=apply)


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
