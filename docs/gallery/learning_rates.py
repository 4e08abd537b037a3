"""How long a step may be: spectral radius against learning rate.

Left and middle: the modulus of the largest eigenvalue of one training step of the Dirac-GAN at its
equilibrium; crosses are closed forms. Right: the eigenvalues of the plain GAN.

Setting: gradient steps of size h for both players, from 0.02 to 4.5; R1 of weight γ = 0.3,
consensus of weight 1.

Source: Mescheder et al. 2018 (arXiv:1801.04406) for simultaneous and alternating steps, whose
eigenvalues are 1 + hλ and 1 − α²/2 ± √((1 − α²/2)² − 1) with α = √n · h/2 for n critic steps; Gidel
et al. 2019 (arXiv:1802.10551) and Daskalakis et al. 2018 (arXiv:1711.00141) for the rules.

What to see: above 1 training runs away. With both players at once the plain GAN does at any
learning rate; one after the other its eigenvalues stay on the unit circle up to h = 4, meet at −1
and part. Above some learning rate each remedy fails.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from matplotlib.figure import Figure

from docs.gallery import dirac
from docs.gallery.common import quick, started
from docs.gallery.dirac import CONSENSUS, R1, TURN, gan, in_turn
from ganstab import Game, Pair, dynamics, optimizers, plots, steps
from ganstab.style import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, VERMILION, panels, styled


class Rule(NamedTuple):
    """A way to take steps."""

    game: Game
    make: Callable
    limit: float
    """The learning rate from which on steps run away; 0 if all do."""
    exact: Callable[[float], np.ndarray]
    """The step's matrix in closed form, as a function of the learning rate."""
    tx: Callable = optax.sgd


EYE, OF_GEN, OF_DISC = np.eye(2), np.diag([1.0, 0.0]), np.diag([0.0, 1.0])


def _together(game: Game, slopes: np.ndarray, limit: float) -> Rule:
    return Rule(game, steps.simultaneous, limit, lambda h: EYE + h * slopes)


def alternating(slopes: np.ndarray, h: float, n: int = 1) -> np.ndarray:
    """The matrix of a step of the generator and then n of the critic, of size h each."""
    return np.linalg.matrix_power(EYE + h * OF_DISC @ slopes, n) @ (EYE + h * OF_GEN @ slopes)


def _apart(game: Game, slopes: np.ndarray, limit: float, n: int = 1) -> Rule:
    return Rule(game, in_turn(n), limit, lambda h: alternating(slopes, h, n))


WEAK, AGREED = (R1.game(0.3), R1.jacobian(0.3)), (CONSENSUS.game(1.0), CONSENSUS.jacobian(1.0))
TOGETHER = {
    "GAN": _together(gan(), TURN, 0.0),
    "R1, γ = 0.3": _together(*WEAK, 1.2),
    "consensus, γ = 1": _together(*AGREED, 1.6),
    "extragradient": Rule(
        gan(), steps.extragradient, 2.0, lambda h: EYE + h * TURN + h**2 * TURN @ TURN
    ),
    "optimistic": Rule(
        gan(), steps.simultaneous, 2 / math.sqrt(3),
        lambda h: np.block([[EYE + 2 * h * TURN, -h * TURN], [EYE, 0 * EYE]]),
        lambda h: optimizers.optimistic(optax.sgd(h)),
    ),
}  # fmt: skip
APART = {
    "GAN": _apart(gan(), TURN, 4.0),
    "R1, γ = 0.3": _apart(*WEAK, 4 * (math.sqrt(1.09) - 0.3)),
    "consensus, γ = 1": _apart(*AGREED, 8 / 3),
    "GAN, 5 critic steps": _apart(gan(), TURN, 4 / math.sqrt(5), n=5),
}


def radius(matrix: np.ndarray) -> np.ndarray:
    """The modulus of the largest eigenvalue."""
    return np.max(np.abs(np.linalg.eigvals(matrix)), axis=-1)


def matrices(rule: Rule, rates: np.ndarray) -> np.ndarray:
    """The derivative of one training step at the equilibrium for each learning rate: `[H, n, n]`.

    It is that of parameters and optimizers' states. A flag among these counts as a number on which
    nothing depends: one more eigenvalue 0.
    """
    batch = dirac.place()["batch"]

    def one(h):
        txs = Pair(rule.tx(h), rule.tx(h))
        step = rule.make(rule.game, txs)
        # The first optimistic step has no last one to subtract.
        start, _ = step(started(txs, Pair(0.0, 0.0)), batch)
        point, unravel = ravel_pytree((start.params, start.carry.opt))

        def moved(vector: jax.Array) -> jax.Array:
            params, opt = unravel(vector)
            at = start._replace(params=params, carry=start.carry._replace(opt=opt))
            after, _ = step(at, batch)
            return ravel_pytree((after.params, after.carry.opt))[0]

        return jax.jacfwd(dynamics.through_stops(moved))(point)

    return np.asarray(quick(jax.vmap(one))(jnp.asarray(rates)))


@styled
def draw(_seed: int = 0) -> Figure:
    figure, axes = panels(1, 3, width=3.1, height=2.9)
    rates, colours = np.linspace(0.02, 4.5, 225), (VERMILION, BLUE, GREEN, PURPLE, ORANGE)
    titles = ("both players at once", "one after the other")
    for axis, title, rules in zip(axes[0], titles, (TOGETHER, APART), strict=False):
        for (name, rule), colour in zip(rules.items(), colours, strict=False):
            axis.plot(rates, radius(matrices(rule, rates)), color=colour, label=name)
            exact = [radius(rule.exact(h)) for h in rates[::12]]
            axis.plot(rates[::12], exact, "x", color=INK, markersize=3.5)
        axis.axhline(1, color=FAINT, linewidth=0.8)
        axis.set(title=title, xlabel="learning rate h", ylim=(0.4, 2.6))
        axis.legend(loc="upper left", frameon=True, framealpha=1.0, edgecolor="none")
    axes[0, 0].set_ylabel("spectral radius of a step")
    values = np.linalg.eigvals(matrices(APART["GAN"], rates))
    plots.eigenvalue_path(axes[0, 2], rates, values, circle=True, label="h")
    axes[0, 2].set_title("GAN, one after the other")
    axes[0, 2].set_aspect("equal", adjustable="box")
    return figure
