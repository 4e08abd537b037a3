"""A Lagrange multiplier among a player's parameters.

It is trained by its own transform, `ganstab.optimizers.multiplier_ascent`.
"""

from typing import Any, NamedTuple

from ganstab.players.extension import extended
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
    return extended(player, Multiplied, multiplier=start)
