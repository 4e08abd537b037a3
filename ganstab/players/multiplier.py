"""A Lagrange multiplier among a player's parameters.

It is trained by its own transform, `ganstab.optimizers.multiplier_ascent`.
"""

import dataclasses
from typing import Any, NamedTuple

import jax.numpy as jnp

from ganstab.types import Player

__all__ = ["Multiplied", "multiplied"]


class Multiplied(NamedTuple):
    """Parameters of a player with a multiplier."""

    net: Any
    multiplier: Any
    """λ, a scalar."""


def multiplied(player: Player, start: float = 0.0) -> Player:
    """The same player with one more parameter, λ, which its output does not depend on.

    A term reads it from `round.params`, as `ganstab.terms.fisher` does.

    Args:
      player: any player; its parameters become `Multiplied.net`.
      start: λ at the start (0 in Mroueh & Sercu 2017).
    """

    def init(key):
        params, state = player.init(key)
        return Multiplied(params, jnp.asarray(start, float)), state

    def apply(params: Multiplied, state, x, key, *, train=True):
        return player.apply(params.net, state, x, key, train=train)

    kernels = tuple(kernel._replace(name=f"net.{kernel.name}") for kernel in player.kernels)
    return dataclasses.replace(player, init=init, apply=apply, kernels=kernels)
