"""Lyapunov exponents of the learning dynamics.

Left: how fast runs that start alike part, as a mean over more and more steps; dashed, the closed
forms. Right: the distance from the equilibrium along continuous motions.

Setting: gradient steps of 0.1 on the bilinear game and the flow of the Dirac-GAN in steps of 0.1,
both from (1, 1), 4,000 steps.

Source: R1 and the continuous motions are those of Mescheder et al. 2018 (arXiv:1801.04406); closed
forms are ours: ½ ln(1 + h²) and 0 for simultaneous and alternating steps, the larger real part of
−γ/2 ± √(γ²/4 − ¼) for R1, the averaged motion (r₀⁻² + t/8)^(−½) for the non-saturating GAN.

What to see: above 0 training runs away, below 0 it comes in at an exponential rate. The
non-saturating GAN, of exponent 0, comes in as one over the root of time; the plain GAN circles.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from docs.gallery import dirac
from docs.gallery.common import followed, pair, quick, sgd, started
from docs.gallery.dirac import R1, gan
from ganstab import Game, Pair, dynamics, games, losses, steps
from ganstab.style import BLUE, GREEN, INK, ORANGE, PURPLE, VERMILION, panels, styled

H, DT, STEPS, FIRST = 0.1, 0.1, 4000, Pair(1.0, 1.0)
PLAIN, NON_SATURATING = gan(), gan(losses.non_saturating)


def running(advance: Callable, start: Any, time: float) -> np.ndarray:
    """The mean of the largest exponent over the first 1, 2, … steps, each of this time."""
    found = quick(lambda at: dynamics.lyapunov(advance, at, STEPS, time=time).growth)(start)
    return np.cumsum(np.asarray(found)[:, 0]) / time / np.arange(1, STEPS + 1)


def exponents() -> dict[str, tuple[np.ndarray, float]]:
    """Each running mean, and its closed form."""

    def per_step(make: Callable) -> np.ndarray:
        step = make(games.bilinear(), sgd(H))
        return running(dynamics.training(step), started(sgd(H), FIRST), 1.0)

    def per_time(game: Game) -> np.ndarray:
        return running(dynamics.flow(game, DT, **dirac.place()), pair(*FIRST), DT)

    return {
        "bilinear, simultaneous steps": (per_step(steps.simultaneous), math.log(1 + H**2) / 2),
        "bilinear, alternating steps": (per_step(steps.alternating), 0.0),
        "R1, γ = 0.3": (per_time(R1.game(0.3)), -0.15),
        "R1, γ = 2": (per_time(R1.game(2.0)), -1 + math.sqrt(0.75)),
        "non-saturating GAN": (per_time(NON_SATURATING), 0.0),
    }


def distance(game: Game) -> np.ndarray:
    """From the equilibrium, along the continuous motion from (1, 1): `[STEPS + 1]`."""
    return np.hypot(*followed(game, FIRST, DT, STEPS, dirac.place()))


@styled
def draw(_seed: int = 0) -> Figure:
    figure, axes = panels(1, 2, width=3.6, height=3.0)
    left, right = axes[0]
    for (name, (found, expected)), colour in zip(
        exponents().items(), (VERMILION, BLUE, GREEN, PURPLE, ORANGE), strict=True
    ):
        left.semilogx(np.arange(1, STEPS + 1), found, color=colour, label=name)
        left.axhline(expected, color=colour, linestyle="--", linewidth=0.8)
    left.set(
        xlabel="steps averaged", title="running mean of the exponent", ylim=(-0.36, 0.2),
        ylabel="per step (bilinear) or time",
    )  # fmt: skip
    left.legend(loc="upper left", fontsize=6.5, ncols=2, columnspacing=0.8)
    time = DT * np.arange(STEPS + 1)
    right.loglog(time, distance(PLAIN), color=VERMILION, label="GAN")
    right.loglog(time, distance(NON_SATURATING), color=ORANGE, label="non-saturating")
    right.loglog(time, distance(R1.game(0.3)), color=GREEN, label="R1, γ = 0.3")
    averaged = (0.5 + time / 8) ** -0.5  # (r₀⁻² + t/8)^(−½) with r₀ = √2
    right.loglog(time, averaged, "--", color=INK, linewidth=0.9, label="(½ + t/8)^(−½)")
    right.set(xlabel="time", title="distance from equilibrium", ylim=(1e-3, 4))
    right.legend(loc="lower left")
    return figure
