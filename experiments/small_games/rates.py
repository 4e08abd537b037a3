"""Learning rates of the Dirac-GAN: how long a step may be."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.optimize import brentq

from experiments.runner.records import checked
from experiments.runner.study import Exhibit
from experiments.small_games import dirac
from experiments.small_games.dirac import CONSENSUS, R1, gan
from experiments.small_games.moves import matrix, quick, started
from experiments.small_games.planes import in_turn
from ganstab import Pair, moves, optimizers, plots, steps
from ganstab.style import BLUE, FAINT, GREEN, INK, PURPLE, VERMILION, panels, styled
from ganstab.types import Game


class Rule(NamedTuple):
    """A way to take steps, and the radius that it should have at a learning rate."""

    game: Game
    make: Callable
    radius: Callable[[float], float]
    limit: float
    """The learning rate from which on steps run away; 0 if all do."""
    optimistic: bool = False


def _at_once(slopes: np.ndarray) -> Callable[[float], float]:
    return lambda h: float(np.max(np.abs(1 + h * np.linalg.eigvals(slopes))))


def _turns(slopes: np.ndarray, h: float, n_disc: int = 1) -> np.ndarray:
    of_gen, of_disc = (np.eye(2) + h * np.diag(who) @ slopes for who in ([1, 0], [0, 1]))
    return np.linalg.eigvals(np.linalg.matrix_power(of_disc, n_disc) @ of_gen)


def _one_by_one(slopes: np.ndarray, n_disc: int = 1) -> Callable[[float], float]:
    return lambda h: float(np.max(np.abs(_turns(slopes, h, n_disc))))


def _ahead(h: float) -> float:
    return math.sqrt((1 - h**2 / 4) ** 2 + h**2 / 4)


def _taken_back(h: float) -> float:
    return float(np.max(np.abs(np.roots([1, -(1 + 1j * h), 0.5j * h]))))


WEAK, AGREED = R1.game(0.3), CONSENSUS.game(1.0)
TOGETHER = {
    "GAN": Rule(gan(), steps.simultaneous, _at_once(dirac.TURN), 0.0),
    "R1, γ = 0.3": Rule(WEAK, steps.simultaneous, _at_once(dirac.damped(0.3)), 1.2),
    "consensus, γ = 1": Rule(AGREED, steps.simultaneous, _at_once(dirac.drawn(0.25)), 1.6),
    "extragradient": Rule(gan(), moves.extragradient, _ahead, 2.0),
    "optimistic": Rule(gan(), steps.simultaneous, _taken_back, 2 / math.sqrt(3), True),
}
APART = {
    "GAN": Rule(gan(), in_turn(), _one_by_one(dirac.TURN), 4.0),
    "R1, γ = 0.3": Rule(
        WEAK, in_turn(), _one_by_one(dirac.damped(0.3)), 4 * (math.sqrt(1.09) - 0.3)
    ),
    "consensus, γ = 1": Rule(AGREED, in_turn(), _one_by_one(dirac.drawn(0.25)), 8 / 3),
    "GAN, 5 critic steps": Rule(gan(), in_turn(5), _one_by_one(dirac.TURN, 5), 4 / math.sqrt(5)),
}
COLOURS = (VERMILION, BLUE, GREEN, PURPLE, "#E69F00")


def spectra(rule: Rule, rates: np.ndarray) -> np.ndarray:
    """Eigenvalues of one training step at the equilibrium, for each learning rate: `[H, n]`."""
    batch = dirac.place()["batch"]

    def one(h):
        tx = optimizers.optimistic(optax.sgd(h)) if rule.optimistic else optax.sgd(h)
        txs = Pair(tx, tx)
        step = rule.make(rule.game, txs)
        # The first optimistic step has no last one to take back.
        start, _ = step(started(txs, dirac.ORIGIN), batch)
        return matrix(step, start, batch)

    return np.linalg.eigvals(quick(jax.vmap(one))(jnp.asarray(rates)))


def near(rule: Rule) -> np.ndarray:
    """Learning rates about the longest stable one, or any if there is none: `[41]`."""
    return np.linspace(0.8, 1.2, 41) * (rule.limit or 1.0)


def longest(rates: np.ndarray, radii: np.ndarray) -> float:
    """The learning rate at which the radius passes 1, by a line between neighbours."""
    return float(brentq(lambda h: np.interp(h, rates, radii) - 1 - 1e-6, rates[0], rates[-1]))


@styled
def learning_rates() -> Exhibit:
    """How long a step may be: spectral radius against learning rate."""
    figure, axes = panels(1, 3, width=3.1, height=2.9)
    rates = np.linspace(0.02, 4.5, 225)
    findings: list[dict] = []
    for axis, title, rules in (
        (axes[0, 0], "both players at once", TOGETHER),
        (axes[0, 1], "one after the other", APART),
    ):
        for (name, rule), colour in zip(rules.items(), COLOURS, strict=False):
            # One program for both sets of rates: it is compiled for their number.
            found = spectra(rule, np.concatenate([rates, near(rule)]))
            radii = np.max(np.abs(found), axis=1)
            axis.plot(rates, radii[: len(rates)], color=colour, label=name)
            exact = np.array([rule.radius(h) for h in rates])
            axis.plot(rates[::12], exact[::12], "x", color=INK, markersize=3.5)
            findings += rate_findings(f"{name}, {title}", rule, radii, exact)
            if rule is APART["GAN"]:
                plots.eigenvalue_path(
                    axes[0, 2], rates, found[: len(rates)], circle=True,
                    title="GAN, one after the other", label="h",
                )  # fmt: skip
                axes[0, 2].set_aspect("equal", adjustable="box")
        axis.axhline(1, color=FAINT, linewidth=0.8)
        axis.set(title=title, xlabel="learning rate h", ylim=(0.4, 2.6))
        axis.legend(loc="upper left", frameon=True, framealpha=1.0, edgecolor="none")
    axes[0, 0].set_ylabel("spectral radius of a step")
    caption = (
        "The largest eigenvalue, by size, of one training step of the Dirac-GAN at its "
        "equilibrium; above 1 training runs away. Crosses: closed forms. Both at once, the plain "
        "GAN runs away at any learning rate; one after the other its eigenvalues (right) stay on "
        "the unit circle up to h = 4, meet at −1 and part. Every remedy has a learning rate from "
        "which on it is none."
    )
    return Exhibit(figure, caption, (*findings, *published()))


def rate_findings(name: str, rule: Rule, radii: np.ndarray, exact: np.ndarray) -> list[dict]:
    """Radii against the closed form, and the longest step."""
    head, tail = radii[: len(exact)], radii[len(exact) :]
    findings = [
        checked(
            f"{name}: largest error of the radius", float(np.max(np.abs(head - exact))),
            expected=0.0, tolerance=1e-6, source="closed form",
        )
    ]  # fmt: skip
    if rule.limit:
        findings.append(
            checked(
                f"{name}: longest stable step", longest(near(rule), tail), expected=rule.limit,
                tolerance=0.02 * rule.limit, reading="where the radius passes 1",
                source="closed form",
            )
        )  # fmt: skip
    return findings


def published() -> list[dict]:
    """Two radii on either side of the alternating GAN's limit."""
    found = np.max(np.abs(spectra(APART["GAN"], np.array([3.9, 4.1]))), axis=1)
    return [
        checked(
            f"GAN, one after the other: radius at h = {h}", float(radius), expected=expected,
            tolerance=1e-4, source="1 − α²/2 ± √((1 − α²/2)² − 1) with α = h/2",
        )
        for h, radius, expected in zip((3.9, 4.1), found, (1.0, 1.5625), strict=True)
    ]  # fmt: skip
