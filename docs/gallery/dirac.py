"""The Dirac-GAN out of the library's pieces, under each technique that has a weight.

Data at 0, samples at θ, critic `D(x) = ψx` (Mescheder et al. 2018, arXiv:1801.04406, definition
2.1). The closed forms are Jacobians of the field at the equilibrium (0, 0), with `f′ = ½` and
`f″ = −¼` of the logistic loss. Those of R1, instance noise and consensus are that paper's.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ganstab import Batch, Carry, Game, Pair, games, losses, penalties, steps, terms
from ganstab import surrogates as sur
from ganstab.game import make_game
from ganstab.players import instance_noise

TURN = np.array([[0.0, 0.5], [-0.5, 0.0]])
"""The Jacobian of the plain GAN."""


class Technique(NamedTuple):
    """A family of games over one weight, drawn from `first` to `last`."""

    game: Callable[[Any], Game]
    jacobian: Callable[[float], np.ndarray]
    """Of the field at (0, 0), in closed form, as a function of the weight."""
    symbol: str = "γ"
    last: float = 1.5
    critical: float | None = None
    """The weight at which the two eigenvalues meet; from there on nothing turns."""
    noisy: bool = False
    """Whether the critic sees noise, so that it has a state and needs many samples."""
    first: float = 0.0


def gan(loss: Callable = losses.minimax, *more_terms: Callable, noise: Any = None) -> Game:
    """The game of a loss and further terms; `noise` is the deviation of instance noise."""
    gen, disc = games.dirac_players()
    shown = disc if noise is None else instance_noise(disc, lambda seen: noise)
    return make_game(
        Pair(gen, shown), terms.score_loss(loss), *more_terms,
        prior=lambda key, n: jnp.zeros((n, 1)),
    )  # fmt: skip


def penalised(penalty: Callable, loss: Callable = losses.minimax, **options: Any) -> Callable:
    """The game of a penalty of weight γ/2, as a function of γ."""
    fn = functools.partial(penalty, **options)
    return lambda gamma: gan(loss, terms.disc_penalty(gamma / 2, fn))


def place(samples: int = 1, noisy: bool = False) -> dict[str, Any]:
    """What the game is evaluated with: carry, data at 0, and a key."""
    state = instance_noise(games.dirac_players().disc, 0.0).init(jax.random.key(0))[1]
    return {
        "carry": Carry(Pair((), state if noisy else ()), Pair((), ())),
        "batch": Batch(real=jnp.zeros((samples, 1))),
        "key": jax.random.key(0),
    }


def in_turn(n_disc: int = 1) -> Callable:
    """Makes alternating steps that show one batch as often as they need it."""

    def make(game: Game, txs: Pair) -> Callable:
        step = steps.alternating(game, txs, n_disc=n_disc)
        return lambda state, batch: step(
            state, jax.tree.map(lambda leaf: jnp.stack([leaf] * (1 + n_disc)), batch)
        )

    return make


def damped(gen: float, disc: float) -> np.ndarray:
    """The plain GAN's Jacobian where each player is drawn to 0 at these rates."""
    return TURN - np.diag([gen, disc])


def blurred(sigma: float) -> np.ndarray:
    """Under noise ε, δ on θ, ψ: growth `E[−f″(εδ)ε²]` and turn `E[f′(εδ) + εδ f″(εδ)]`."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    e, d = sigma * nodes[:, None], sigma * nodes[None, :]
    mass = weights[:, None] * weights[None, :] / np.sum(weights) ** 2
    s = 1 / (1 + np.exp(-e * d))
    growth = np.sum(mass * s * (1 - s) * e**2)
    turn = np.sum(mass * (s + e * d * s * (1 - s)))
    return np.array([[growth, turn], [-turn, -growth]])


def _unrolled(K: int, last: float, critical: float, first_order: bool = False) -> Technique:
    return Technique(
        lambda eta: sur.unrolled(gan(), optax.sgd(eta), K, second_order=not first_order),
        lambda eta: damped((1 if first_order else 2) * K * eta / 4, 0.0),
        "η", last, critical,
    )  # fmt: skip


R1 = Technique(penalised(penalties.r1), lambda gamma: damped(0.0, gamma), "γ", 1.5, 1.0)
CONSENSUS = Technique(
    lambda gamma: sur.consensus(gan(), gamma), lambda gamma: damped(gamma / 4, gamma / 4), last=6.0
)
TECHNIQUES = {
    "R1 and R2": R1,
    "Instance noise": Technique(
        lambda sigma: gan(noise=sigma), lambda sigma: damped(0.0, sigma**2 / 2),
        "σ", 3**0.5, 2**0.5, noisy=True,
    ),
    "Roth et al.": Technique(
        penalised(penalties.js_regularizer), lambda gamma: damped(0.0, gamma / 2), "γ", 3.0, 2.0
    ),
    "Gradient norm (NK17)": Technique(
        lambda eta: sur.gradient_norm(gan(), eta), lambda eta: damped(eta / 2, 0.0), "η", 3.0, 2.0
    ),
    "Unrolled, K = 1": _unrolled(1, 3.0, 2.0),
    "Unrolled, K = 5": _unrolled(5, 0.6, 0.4),
    "Unrolled, K = 10": _unrolled(10, 0.3, 0.2),
    "Unrolled, K = 5, first order": _unrolled(5, 1.2, 0.8, first_order=True),
    "Best response, of R1": Technique(
        lambda gamma: sur.best_response(R1.game(gamma), optax.sgd(0.5), 100),
        lambda gamma: np.array([[-0.5 / gamma, 0.0], [-0.5, -gamma]]), "γ", 1.75, 0.5**0.5,
        first=0.25,
    ),
    "Consensus": CONSENSUS,
    "Symplectic adjustment": Technique(
        lambda weight: sur.symplectic_adjustment(gan(), weight),
        lambda weight: damped(weight / 4, weight / 4), "λ", 6.0,
    ),
    "Parameter noise": Technique(
        lambda sigma: sur.smoothed(gan(), sigma, 1 << 12), blurred, "σ", 1.5
    ),
}  # fmt: skip
