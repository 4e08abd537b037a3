"""The smallest GAN's players, for games with terms and wrappers."""

import jax.numpy as jnp

from ganstab.types import Pair, Player

__all__ = ["dirac_players"]

FIRST = Pair(1.0, 1.0)


def dirac_players(start: Pair = FIRST) -> Pair:
    """The two players of the Dirac-GAN: all samples at θ, and the linear critic `D(x) = ψx`.

    Mescheder et al. 2018 (arXiv:1801.04406, definition 2.1), whose data are all at 0. `games.dirac`
    is the game as a formula; out of these players `ganstab.game.make_game` builds it with any loss,
    penalty, surrogate or wrapped network, as any other GAN:

        make_game(dirac_players(), score_loss(minimax), prior=lambda key, n: jnp.zeros((n, 1)))

    with the batch `Batch(real=jnp.zeros((n, 1)))`. Either player's parameters are one scalar. D is
    high where it takes samples for real, so the field turns clockwise where the paper's, whose D is
    high on what is generated, turns the other way.

    Args:
      start: θ and ψ to begin with; (1, 1) in the paper's figures.

    Returns:
      A `Pair` of `Player`s without state. The generator maps latents `[n, 1]`, which it does not
      look at, to samples `[n, 1]`; the critic maps `[n, 1]` to scores `[n]`.
    """

    def generate(params, state, z, key, *, train=True):
        del key, train
        return jnp.broadcast_to(params, z.shape), state

    def score(params, state, x, key, *, train=True):
        del key, train
        return params * x[:, 0], state

    def player(first: float, apply) -> Player:
        return Player(lambda key: (jnp.asarray(first, float), ()), apply)

    return Pair(player(start.gen, generate), player(start.disc, score))
