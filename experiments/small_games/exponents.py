"""Lyapunov exponents of learning: runs that start alike, and how fast they part."""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from experiments.runner.records import checked
from experiments.runner.study import Exhibit
from experiments.small_games import dirac
from experiments.small_games.dirac import R1, gan
from experiments.small_games.moves import quick, sgd, started
from ganstab import Pair, dynamics, games, losses, steps
from ganstab.style import BLUE, GREEN, INK, PURPLE, VERMILION, panels, styled

H, DT, STEPS = 0.1, 0.1, 4000
FIRST = Pair(1.0, 1.0)


class Estimate(NamedTuple):
    """An exponent: its running mean, in what unit, what it should be, and how near."""

    running: np.ndarray
    expected: float
    tolerance: float
    reading: str


def trained(alternating: bool) -> np.ndarray:
    """Running mean of the largest exponent of gradient steps of the bilinear game, per step."""
    make = steps.alternating if alternating else steps.simultaneous
    return _running(dynamics.training(make(games.bilinear(), sgd(H))), started(sgd(H), FIRST), 1.0)


def followed(game) -> np.ndarray:
    """Running mean of the largest exponent of a Dirac-GAN's field, per unit of time."""
    return _running(dynamics.flow(game, DT, **dirac.place()), _at(FIRST), DT)


def _at(params: Pair) -> Pair:
    return Pair(*(jnp.asarray(own) for own in params))


def _running(advance, start, time: float) -> np.ndarray:
    found = quick(lambda at: dynamics.lyapunov(advance, at, STEPS, time=time).growth)(start)
    growth = np.asarray(found)[:, 0]
    return np.cumsum(growth) / time / np.arange(1, STEPS + 1)


def estimates() -> dict[str, Estimate]:
    """Each anchor, and its closed form."""
    slow = 3 * math.log(STEPS * DT) / (STEPS * DT)
    return {
        "bilinear, simultaneous steps": Estimate(
            trained(False), 0.5 * math.log(1 + H**2), 1e-9, "½ ln(1 + h²) a step"
        ),
        "bilinear, alternating steps": Estimate(
            trained(True), 0.0, 1e-3, "an ellipse, on which neighbours stay neighbours"
        ),
        "R1, γ = 0.3": Estimate(
            followed(R1.game(0.3)), -0.15, 0.01, "the larger real part: −γ/2"
        ),
        "R1, γ = 2": Estimate(
            followed(R1.game(2.0)), -1 + math.sqrt(0.75), 0.01, "−γ/2 + √(γ²/4 − ¼): overdamped"
        ),
        "non-saturating GAN": Estimate(
            followed(gan(losses.non_saturating)), 0.0, slow,
            "comes in, but slower than any exponential",
        ),
    }  # fmt: skip


@styled
def lyapunov() -> Exhibit:
    """Lyapunov exponents of the learning dynamics."""
    figure, axes = panels(1, 2, width=3.6, height=3.0)
    left, right = axes[0]
    found = estimates()
    for (name, estimate), colour in zip(
        found.items(), (VERMILION, BLUE, GREEN, PURPLE, "#E69F00"), strict=True
    ):
        left.semilogx(np.arange(1, STEPS + 1), estimate.running, color=colour, label=name)
        left.axhline(estimate.expected, color=colour, linestyle="--", linewidth=0.8)
    left.set(
        xlabel="steps averaged", title="running mean of the exponent", ylim=(-0.36, 0.2),
        ylabel="per step (bilinear) or time",
    )  # fmt: skip
    left.legend(loc="upper left", fontsize=6.5, ncols=2, columnspacing=0.8)
    time, radius = decays()
    for (name, values), colour in zip(radius.items(), (VERMILION, "#E69F00", GREEN), strict=True):
        right.loglog(time, values, color=colour, label=name)
    right.loglog(time, algebraic(time), "--", color=INK, linewidth=0.9, label="(½ + t/8)^(−½)")
    right.set(xlabel="time", title="distance from equilibrium", ylim=(1e-3, 4))
    right.legend(loc="lower left")
    caption = (
        "Left: how fast runs that start alike part, averaged over more and more steps; dashed, the "
        "closed forms. Above 0 training runs away, below it comes in at an exponential rate. "
        "Right: the non-saturating GAN's continuous motion has exponent 0 and still comes in, as "
        "one over the root of time; the plain GAN's stays on its circle."
    )
    return Exhibit(figure, caption, exponent_findings(found, time, radius))


def decays(until: float = 400.0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Distances from the equilibrium along continuous motions from (1, 1)."""
    count = round(until / DT)
    named = {
        "GAN": gan(),
        "non-saturating": gan(losses.non_saturating),
        "R1, γ = 0.3": R1.game(0.3),
    }
    found: dict[str, np.ndarray] = {}
    for name, game in named.items():
        advance = dynamics.flow(game, DT, **dirac.place())
        points = quick(lambda at, advance=advance: dynamics.orbit(advance, at, count))(_at(FIRST))
        found[name] = np.hypot(*points)
    return DT * np.arange(count + 1), found


def algebraic(time):
    """`(r₀⁻² + t/8)^(−½)` with r₀ = √2: the averaged motion of the non-saturating GAN near 0."""
    return (0.5 + time / 8) ** -0.5


def exponent_findings(found, time, radius) -> tuple[dict, ...]:
    """Every exponent, what the GAN conserves, and how slowly the NS-GAN comes in."""
    late = int(np.searchsorted(time, 200.0))
    return (
        *(
            checked(
                f"largest exponent: {name}", float(estimate.running[-1]),
                expected=estimate.expected, tolerance=estimate.tolerance, reading=estimate.reading,
                source="closed form",
            )
            for name, estimate in found.items()
        ),
        checked(
            "spread of √(θ² + ψ²) along the GAN's continuous motion", float(np.ptp(radius["GAN"])),
            expected=0.0, tolerance=1e-4, reading="conserved", source="θθ̇ + ψψ̇ = 0",
        ),
        checked(
            "NS-GAN's distance at time 200", float(radius["non-saturating"][late]),
            expected=float(algebraic(200.0)), tolerance=5e-3,
            reading="algebraic, not exponential", source="averaged motion near the equilibrium",
        ),
    )  # fmt: skip
