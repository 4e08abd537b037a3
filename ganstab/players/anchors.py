"""Running means of a critic's scores among its parameters.

They are moved by their own transform, `ganstab.optimizers.anchor_averages`.
"""

from typing import Any, NamedTuple

from ganstab.players.extension import extended
from ganstab.types import Player

__all__ = ["Anchored", "anchored"]


class Anchored(NamedTuple):
    """Parameters of a critic with running means of its scores."""

    net: Any
    real_anchor: Any
    """α_R, a scalar: of its scores of data."""
    fake_anchor: Any
    """α_F, a scalar: of its scores of generated samples."""


def anchored(player: Player, start: float = 0.0) -> Player:
    """The same critic with two more parameters, α_R and α_F, for `ganstab.terms.lecam`.

    Args:
      player: a discriminator; its parameters become `Anchored.net`.
      start: both means at the start.
    """
    return extended(player, Anchored, real_anchor=start, fake_anchor=start)
