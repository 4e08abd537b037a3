"""Several networks of one kind as one player."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp

from ganstab._checks import check_whole
from ganstab.types import Player

__all__ = ["ensemble"]


def ensemble(
    player: Player, n: int, *, combine: Callable = lambda scores: jnp.mean(scores, axis=0)
) -> Player:
    """Players of one kind, n of them, each with parameters, state and key of its own.

    Their parameters and states are stacked in front, and all see the same batch. With the mean of
    scores, a loss that is linear in the score is the mean of the members' losses (the arithmetic
    mean of Durugkar et al. 2017, arXiv:1611.01673); any other is the loss of the mean score.

    Args:
      player: any player.
      n: how many, at least 1.
      combine: from the members' outputs, stacked `[n, B, …]`, to one, leaf by leaf; e.g.
        `functools.partial(jnp.max, axis=0)`.

    Raises:
      ValueError: for an n that is no whole number from 1 on.
    """
    check_whole("n", n, 1)
    if n < 1:
        raise ValueError(f"an ensemble needs n of 1 or more, got {n}")

    def init(key):
        return jax.vmap(player.init)(jax.random.split(key, n))

    def apply(params, state, x, key, *, train=True):
        def one(params, state, key):
            return player.apply(params, state, x, key, train=train)

        outputs, state = jax.vmap(one)(params, state, jax.random.split(key, n))
        return jax.tree.map(combine, outputs), state

    return dataclasses.replace(player, init=init, apply=apply)
