"""The Dirac-GAN out of the public pieces, and what each technique should make of it.

Data at 0, a generator that puts all its samples at θ, a critic D(x) = ψx (Mescheder et al. 2018,
arXiv 1801.04406). f′ = ½ and f″ = −¼ are those of the logistic loss at the equilibrium (0, 0).
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import optax
from closed_forms import KEY

from ganstab import Batch, Carry, Game, Pair, Player, dynamics, losses, penalties, terms
from ganstab import surrogates as sur
from ganstab.game import make_game
from ganstab.players import anchored, ensemble, instance_noise, multiplied, packed

BATCH = Batch(real=np.zeros((2, 1)))
SLOPE, CURVATURE = 0.5, -0.25
TURN = np.array([[0.0, SLOPE], [-SLOPE, 0.0]])
"""The field's Jacobian in the plain GAN: D is high on data here, low in the paper's own signs."""


class Gan(NamedTuple):
    """A Dirac-GAN: who plays, and what."""

    players: Pair
    game: Game

    def start(self, txs=None):
        """Both at the equilibrium, and what they carry."""
        made = [player.init(KEY) for player in self.players]
        params, state = (Pair(*entries) for entries in zip(*made, strict=True))
        opt = Pair(*(tx.init(own) for tx, own in zip(txs, params, strict=True))) if txs else None
        return params, Carry(state, opt or Pair((), ()))

    def jacobian(self, key=KEY, derivative=dynamics.central):
        """Of the field at the equilibrium, by differences: every surrogate is seen as it is."""
        params, carry = self.start()
        return dynamics.jacobian(
            self.game, params, carry=carry, batch=BATCH, key=key, derivative=derivative
        )


def generate(params, state, z, key, *, train=True):
    return params + z, state


def score(params, state, x, key, *, train=True):
    return params * jnp.sum(x, axis=-1), state


def scalar_player(apply):
    return Player(lambda key: (jnp.zeros(()), ()), apply)


MINIMAX = terms.score_loss(losses.minimax)
WASSERSTEIN = terms.score_loss(losses.wasserstein)


def same(piece):
    return piece


def dirac(*all_terms, critic=same, generator=same, surrogate=same):
    """θ, whatever the latent numbers, against ψx; of these terms, or the plain minimax game."""
    players = Pair(generator(scalar_player(generate)), critic(scalar_player(score)))
    game = make_game(players, *(all_terms or (MINIMAX,)), prior=lambda key, n: jnp.zeros((n, 1)))
    return Gan(players, surrogate(game))


class Case(NamedTuple):
    """A technique: its GAN at a weight, the Jacobian that it should have, and what to try."""

    gan: Callable
    jacobian: Callable
    weights: tuple = (0.0,)


def penalised(penalty, loss=MINIMAX, **options):
    """A penalty of weight γ/2."""
    fn = functools.partial(penalty, **options)
    return lambda gamma: dirac(loss, terms.disc_penalty(gamma / 2, fn))


def under(surrogate):
    """The GAN of a weight under a surrogate of that weight."""
    return lambda weight: dirac(surrogate=lambda game: surrogate(game, weight))


def plain(matrix, loss, /, **options):
    term = terms.score_loss(functools.partial(loss, **options))
    return Case(lambda weight: dirac(term), lambda weight: np.array(matrix))


def damped(gamma):
    """Of R1, R2 and what equals them here."""
    return TURN + np.array([[0.0, 0.0], [0.0, -gamma]])


def pulled(strength):
    """Of what pulls the generator alone."""
    return TURN - np.array([[strength, 0.0], [0.0, 0.0]])


def unrolled(K, *more_terms, **options):
    """K gradient steps, whose size is the weight."""
    return lambda eta: dirac(
        MINIMAX,
        *more_terms,
        surrogate=lambda game: sur.unrolled(game, optax.sgd(eta), K, **options),
    )


R1 = functools.partial(terms.disc_penalty, penalty=penalties.r1)


def answered(steps):
    """The best response, sought by so many steps, of a critic under R1 of weight γ/2."""
    return lambda gamma: dirac(
        MINIMAX,
        R1(gamma / 2),
        surrogate=lambda game: sur.best_response(game, optax.sgd(0.5), steps),
    )


def unrolled_r1(eta, K=3, gamma=0.6):
    """ψ_K = aψ − bθ, so that L_G = ½θψ_K to second order: its slope is ½(aψ − 2bθ)."""
    a = (1 - eta * gamma) ** K
    b = SLOPE * (1 - a) / gamma
    return np.array([[-2 * SLOPE * b, SLOPE * a], [-SLOPE, -gamma]])


def shared_out(n):
    """Of the mean of n critics: either player's slope is shared out among them."""
    matrix = np.zeros((1 + n, 1 + n))
    matrix[0, 1:], matrix[1:, 0] = SLOPE / n, -SLOPE / n
    return matrix


def blurred(sigma):
    """E over both parameters' noise ε, δ: growth a = E[−f″(εδ) ε²], turn E[f′(εδ) + εδ f″(εδ)]."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    e, d = sigma * nodes[:, None], sigma * nodes[None, :]
    mass = weights[:, None] * weights[None, :] / np.sum(weights) ** 2
    s = 1 / (1 + np.exp(-e * d))
    growth = np.sum(mass * s * (1 - s) * e**2)
    turn = np.sum(mass * (s + e * d * s * (1 - s)))
    return np.array([[growth, turn], [-turn, -growth]])


def drawn_to_the_mean(weight):
    """Under LeCam with a mean of 0.2, whose own scores are all 0; either mean follows its scores.

    The slope of `λ(ψθ − 0.2)²` in ψ is −0.4λθ to first order.
    """
    matrix = -np.eye(4)
    matrix[:2, :2] = TURN + np.array([[0, 0], [0.4 * weight, 0]])
    return matrix


UNIT_TURN = np.array([[0.0, 1.0], [-1.0, 0.0]])
TABLE = {
    "minimax": plain(TURN, losses.minimax),
    "non-saturating": plain(TURN, losses.non_saturating),
    "minimax, smoothed labels": plain(TURN, losses.minimax, label_smoothing=0.1),
    "wasserstein": plain(UNIT_TURN, losses.wasserstein),
    "hinge": plain(UNIT_TURN, losses.hinge),
    "least squares (0, 1, 1)": plain([[0.0, 1.0], [0.0, 0.0]], losses.least_squares),
    "least squares (−1, 1, 0)": plain(
        [[0.0, 0.0], [-1.0, 0.0]], losses.least_squares, a=-1.0, b=1.0, c=0.0
    ),
    "relativistic average": plain(UNIT_TURN, losses.relativistic_average),
    "relativistic least squares (−1, 1)": plain(
        2 * UNIT_TURN, losses.relativistic_average,
        loss=functools.partial(losses.least_squares, a=-1.0),
    ),
    "top-k, non-saturating": Case(
        lambda weight: dirac(terms.top_k(losses.non_saturating, 0.5)), lambda weight: TURN
    ),
    # An energy is low on data: the critic turns the other way.
    "EBGAN": plain(-UNIT_TURN, losses.ebgan),
    # No equilibrium, since Ω = 1 and ψ = 0 exclude each other; but θ and ψ turn at any λ.
    "Fisher ρ": Case(
        lambda rho: dirac(terms.fisher(rho), critic=lambda critic: multiplied(critic, 0.7)),
        lambda rho: np.pad(UNIT_TURN, (0, 1)), (1e-3, 5.0),
    ),
    "LeCam λ, anchors at 0.2": Case(
        lambda weight: dirac(
            MINIMAX, terms.lecam(weight), critic=lambda critic: anchored(critic, 0.2)
        ),
        drawn_to_the_mean, (0.3, 2.0),
    ),
    "packed, m = 2": Case(
        lambda weight: dirac(critic=lambda critic: packed(critic, 2)), lambda weight: 2 * TURN
    ),
    "ensemble, n = 3": Case(
        lambda weight: dirac(critic=lambda critic: ensemble(critic, 3)),
        lambda weight: shared_out(3),
    ),
    "R1 γ": Case(penalised(penalties.r1), damped, (0.3, 1.0, 2.0)),
    "R1 γ, non-saturating": Case(
        penalised(penalties.r1, terms.score_loss(losses.non_saturating)), damped, (0.3, 1.0)
    ),
    "R2 γ": Case(penalised(penalties.r2), damped, (0.3, 1.0, 2.0)),
    "R1 and R2 γ": Case(penalised(penalties.r1_r2), lambda g: damped(2 * g), (0.3, 0.5, 2.0)),
    "approximate R1 γ": Case(penalised(penalties.approximate_r1), damped, (0.3, 2.0)),
    "approximate R2 γ": Case(penalised(penalties.approximate_r2, scale=0.5), damped, (0.3, 2.0)),
    "JS regularizer γ": Case(
        penalised(penalties.js_regularizer),
        lambda gamma: damped(-2 * CURVATURE * gamma), (0.5, 2.0, 4.0),
    ),
    "WGAN-GP γ, target 0": Case(penalised(penalties.wgan_gp, target=0.0), damped, (0.3, 2.0)),
    "DRAGAN γ, target 0": Case(penalised(penalties.dragan, target=0.0), damped, (0.3, 2.0)),
    "DRAGAN of the paper γ, target 0": Case(
        penalised(penalties.dragan_paper, target=0.0), damped, (0.3, 2.0)
    ),
    "WGAN-GP γ, one-sided": Case(
        penalised(penalties.wgan_gp, one_sided=True), lambda gamma: TURN, (2.0,)
    ),
    "instance noise σ": Case(
        lambda sigma: dirac(critic=lambda critic: instance_noise(critic, lambda count: sigma)),
        lambda sigma: damped(-2 * CURVATURE * sigma**2), (0.7, 2**0.5, 2.0),
    ),
    "consensus γ": Case(
        under(sur.consensus), lambda gamma: TURN - gamma * SLOPE**2 * np.eye(2), (0.3, 1.0, 10.0)
    ),
    "gradient norm η": Case(
        under(sur.gradient_norm), lambda eta: pulled(2 * eta * SLOPE**2), (0.5, 2.0, 3.0)
    ),
    "symplectic λ": Case(
        under(sur.symplectic_adjustment),
        lambda weight: TURN - weight * SLOPE**2 * np.eye(2), (0.5, 1.0, 3.0),
    ),
    "competitive gradient η": Case(
        under(sur.competitive_gradient),
        lambda eta: (TURN - eta * SLOPE**2 * np.eye(2)) / (1 + (eta * SLOPE) ** 2),
        (0.5, 2.0, 10.0),
    ),
    **{
        f"unrolled K = {K}, η": Case(
            unrolled(K), lambda eta, K=K: pulled(2 * K * eta * SLOPE**2), (0.1, 2 / K, 3 / K)
        )
        for K in (1, 5, 10)
    },
    "unrolled K = 5, η, first order": Case(
        unrolled(5, second_order=False), lambda eta: pulled(5 * eta * SLOPE**2), (0.1, 0.8, 1.0)
    ),
    "unrolled K = 5, η, average": Case(
        unrolled(5, average=True), lambda eta: pulled(2 * 3 * eta * SLOPE**2), (0.1, 1.0)
    ),
    "unrolled K = 4, η, generator": Case(
        unrolled(4, player="gen"), lambda eta: damped(2 * 4 * eta * SLOPE**2), (0.1, 0.5, 1.0)
    ),
    "unrolled K = 3, η, of R1 0.6": Case(unrolled(3, R1(0.3)), unrolled_r1, (0.1, 1.0)),
    "best response, R1 γ": Case(
        answered(200),
        lambda g: np.array([[-2 * SLOPE**2 / g, 0.0], [-SLOPE, -g]]), (0.3, 1.0, 2.0),
    ),
    "best response of the present D, R1 γ": Case(
        answered(0), lambda g: np.array([[-(SLOPE**2) / g, SLOPE], [-SLOPE, -g]]), (0.3, 1.0, 2.0)
    ),
}  # fmt: skip
