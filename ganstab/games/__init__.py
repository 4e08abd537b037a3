"""Closed-form games: two losses of two parameters, no data and no networks.

They run through the same surrogates, steps and dynamics as a GAN. Their batch and key are `None`,
`play` hands over nothing, and their parameters are whatever arrays the losses take.
`closed_form` has the textbook's, `one_parameter` GANs of one number a player, and `players` the
Dirac-GAN's own players, with which `make_game` builds it out of the pieces of a real GAN.
"""

from ganstab.games.closed_form import (
    adversarial_balance,
    bilinear,
    dirac,
    from_losses,
    rock_paper_scissors,
)
from ganstab.games.one_parameter import bias_gan, gaussian, sigmoid, weight_gan
from ganstab.games.players import dirac_players

__all__ = [
    "adversarial_balance",
    "bias_gan",
    "bilinear",
    "dirac",
    "dirac_players",
    "from_losses",
    "gaussian",
    "rock_paper_scissors",
    "sigmoid",
    "weight_gan",
]
