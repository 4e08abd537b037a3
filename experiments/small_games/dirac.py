"""The Dirac-GAN out of the library's own pieces, with each technique, and its closed forms.

Data at 0, samples at θ, critic `D(x) = ψx` (Mescheder et al. 2018, arXiv:1801.04406). Closed forms
are the Jacobian of the field at the equilibrium (0, 0), with `f′ = ½` and `f″ = −¼` of the logistic
loss; R1's, WGAN-GP's, the noise's and consensus' are the paper's, the others follow alike.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.small_games.moves import quick
from ganstab import Batch, Carry, Pair, dynamics, games, losses, penalties, terms
from ganstab import surrogates as sur
from ganstab.game import make_game
from ganstab.players import instance_noise
from ganstab.types import Game

TURN = np.array([[0.0, 0.5], [-0.5, 0.0]])
ORIGIN = Pair(0.0, 0.0)
SAMPLES = 1 << 15
"""Of instance noise, for a Jacobian."""


class Technique(NamedTuple):
    """A family of games over one weight, and what its Jacobian at (0, 0) should be."""

    game: Callable[[Any], Game]
    jacobian: Callable[[float], np.ndarray]
    """The closed form, of one weight."""
    symbol: str = "γ"
    last: float = 1.5
    """The largest weight of interest."""
    critical: float | None = None
    """Where the two eigenvalues meet: from there on nothing turns."""
    noisy: bool = False
    """Whether the critic is shown noise, so that it has a state and needs many samples."""
    first: float = 0.0
    """The least weight of interest."""
    tolerance: float = 1e-9
    """Of the Jacobian; a mean over samples is only as good as they are many."""


def gan(loss: Callable = losses.minimax, *more_terms: Callable, noise: Any = None) -> Game:
    """The game of a loss and further terms."""
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
    """Where to evaluate the game: carry, a batch of data at 0, and a key."""
    state = instance_noise(games.dirac_players().disc, 0.0).init(jax.random.key(0))[1]
    return {
        "carry": Carry(Pair((), state if noisy else ()), Pair((), ())),
        "batch": Batch(real=jnp.zeros((samples, 1))),
        "key": jax.random.key(0),
    }


def origin() -> Pair:
    """The equilibrium, in the precision that is set."""
    return jax.tree.map(jnp.asarray, ORIGIN)


def jacobians(
    technique: Technique,
    weights: Any,
    samples: int = SAMPLES,
    derivative: Callable = dynamics.exact,
) -> np.ndarray:
    """The field's Jacobian at (0, 0) for each of the weights: `[W, 2, 2]`."""
    at = place(samples if technique.noisy else 1, technique.noisy)

    def one(weight):
        return dynamics.jacobian(technique.game(weight), origin(), derivative=derivative, **at)

    return np.asarray(quick(lambda weights: jax.lax.map(one, weights))(jnp.asarray(weights)))


def damped(gamma: float) -> np.ndarray:
    """The critic is drawn to 0 at the rate γ."""
    return TURN - np.diag([0.0, gamma])


def pulled(strength: float) -> np.ndarray:
    """The generator is drawn to 0 at this rate."""
    return TURN - np.diag([strength, 0.0])


def drawn(strength: float) -> np.ndarray:
    """Both are."""
    return TURN - strength * np.eye(2)


def blurred(sigma: float) -> np.ndarray:
    """Under noise ε, δ on θ, ψ: growth `a = E[−f″(εδ)ε²]`, turn `E[f′(εδ) + εδ f″(εδ)]`."""
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
        lambda eta: pulled((1 if first_order else 2) * K * eta / 4),
        "η", last, critical,
    )  # fmt: skip


R1 = Technique(penalised(penalties.r1), damped, "γ", 1.5, 1.0)
NOISE = Technique(
    lambda sigma: gan(noise=sigma), lambda sigma: damped(sigma**2 / 2), "σ", 3**0.5, 2**0.5,
    # Four standard errors of the noise's second moment, times the largest damping.
    noisy=True, tolerance=4 * 1.5 * (2 / SAMPLES) ** 0.5,
)  # fmt: skip
CONSENSUS = Technique(
    lambda gamma: sur.consensus(gan(), gamma), lambda gamma: drawn(gamma / 4), last=6.0
)
SMOOTHED = Technique(
    lambda sigma: sur.smoothed(gan(), sigma, 1 << 12), blurred, "σ", 1.5, tolerance=0.06
)
PATHS = {
    "R1 and R2": R1,
    "Instance noise": NOISE,
    "Roth et al.": Technique(
        penalised(penalties.js_regularizer), lambda gamma: damped(gamma / 2), "γ", 3.0, 2.0
    ),
    "Gradient norm (NK17)": Technique(
        lambda eta: sur.gradient_norm(gan(), eta), lambda eta: pulled(eta / 2), "η", 3.0, 2.0
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
        lambda weight: sur.symplectic_adjustment(gan(), weight), lambda weight: drawn(weight / 4),
        "λ", 6.0,
    ),
    "Parameter noise": SMOOTHED,
}  # fmt: skip
"""Those that have a weight, and a Jacobian at (0, 0)."""
