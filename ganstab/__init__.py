"""ganstab: train GANs, and two-player games at large, without collapse, rotation or divergence.

A game is a pure function from a pair of parameters to a pair of losses; every technique is a
function of players, terms, games or optax transforms. `ganstab.types` has the vocabulary.
"""

from ganstab.errors import InputError
from ganstab.types import Aux, Batch, Carry, Game, Pair, Player, Round, TrainState, Verdict

__version__ = "0.1.0"

__all__ = [
    "Aux",
    "Batch",
    "Carry",
    "Game",
    "InputError",
    "Pair",
    "Player",
    "Round",
    "TrainState",
    "Verdict",
]
