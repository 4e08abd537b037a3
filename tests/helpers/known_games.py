"""Games whose field is known, and a network small enough for its dense Jacobian."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from common import arrays, batch, perceptron, quick, scalar_carry

from ganstab import Pair, dynamics, games, losses, terms
from ganstab.game import make_game

CARRY = scalar_carry()
NOTHING = {"carry": CARRY, "batch": None, "key": None}


def pair(gen, disc):
    return Pair(jnp.asarray(gen, float), jnp.asarray(disc, float))


def linear(matrix):
    """The game of two numbers whose field is the matrix times the parameters."""
    (a, b), (c, d) = matrix

    def losses(params):
        gen, disc = params
        return Pair(-(a * gen**2 / 2 + b * gen * disc), -(c * gen * disc + d * disc**2 / 2))

    return games.from_losses(losses)


def dirac_with_r1(gamma):
    """The Dirac-GAN with `γ/2 ψ²` in the discriminator's loss."""
    plain = games.dirac()

    def losses(params):
        value = plain(params, CARRY, None, None)[0]
        return value._replace(disc=value.disc + gamma / 2 * params.disc**2)

    return games.from_losses(losses)


def dirac_eigenvalues(gamma):
    root = np.sqrt(complex(gamma**2 / 4 - 1 / 4))
    return np.array([-gamma / 2 + root, -gamma / 2 - root])


def latents(key, n):
    """The same ones for every key: random numbers take long to compile."""
    return arrays(7, n, 3)


def filled(players, scale=0.5):
    """Parameters of that many normal numbers, made without compiling anything."""
    shapes = Pair(*(jax.eval_shape(player.init, jax.random.key(0))[0] for player in players))
    leaves, structure = jax.tree.flatten(shapes)
    numbers = [scale * arrays(i, *leaf.shape) for i, leaf in enumerate(leaves)]
    return jax.tree.unflatten(structure, numbers)


@functools.cache
def gan():
    """A GAN of about 500 parameters, its parameters and what it is evaluated on, in float64."""
    players = Pair(perceptron(3, 18, 10, 2), perceptron(2, 16, 10, 1))
    game = make_game(players, terms.score_loss(losses.non_saturating), prior=latents)
    with jax.enable_x64(True):
        params = filled(players)
        at = {"carry": CARRY, "batch": batch(0, 16), "key": jax.random.key(5)}
        whole = quick(lambda params: dynamics.jacobian(game, params, **at))(params)
    return game, params, at, np.asarray(whole)


def agree(rows):
    """Rows of a name, what is found, what is expected, and the largest difference allowed."""
    for name, found, expected, tolerance in rows:
        away = abs(complex(found) - complex(expected))
        assert away <= tolerance, f"{name}: {found} is not within {tolerance} of {expected}"
