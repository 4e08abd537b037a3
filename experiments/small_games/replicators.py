"""Two learners and no noise: replicators of rock, paper, scissors, regular or chaotic."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.runner.records import checked
from experiments.runner.study import Exhibit
from experiments.small_games.moves import NOTHING, quick
from experiments.small_games.rock_paper_scissors import CORNERS, divergence, play, simplex
from ganstab import Pair, dynamics, games
from ganstab.style import BLUE, FAINT, GREEN, PURPLE, VERMILION, panels, styled

SATO = "Sato, Akiyama & Farmer 2002 (arXiv:nlin/0109007)"
TIME, DT = 2000.0, 0.1
STARTS = np.array([1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25])


def replicators(tie: float, k: Any = STARTS, time: float = TIME) -> tuple[Pair, np.ndarray]:
    """Runs from Sato's starts, `[k, T, 3]`, and Lyapunov exponents, `[k, 6]`, largest first."""
    game = games.rock_paper_scissors(Pair(tie, -tie), replicator=True)
    advance = dynamics.flow(game, DT, **NOTHING)
    k = np.asarray(k, float)
    first = np.stack([np.full_like(k, 0.5), 0.01 * k, 0.5 - 0.01 * k], axis=-1)
    second = np.broadcast_to([0.5, 0.25, 0.25], first.shape)
    start = Pair(jnp.log(jnp.asarray(first)), jnp.log(jnp.asarray(second)))
    count = round(time / DT)

    def one(at: Pair):
        exponents = dynamics.lyapunov(advance, at, count, count=6, time=DT).exponents
        return dynamics.orbit(advance, at, count), exponents

    found, exponents = quick(jax.vmap(one))(start)
    return jax.tree.map(np.asarray, found), np.asarray(exponents)


@styled
def chaos() -> Exhibit:
    """Learning rock, paper, scissors: regular without a reward for ties, chaotic with one."""
    figure, axes = panels(1, 3, width=3.0, height=2.8)
    colours = ("#E69F00", VERMILION, PURPLE, BLUE, GREEN)
    findings: list[dict] = []
    for axis, tie, marker, colour in zip(
        axes[0], (0.0, 0.5), "os", (BLUE, VERMILION), strict=False
    ):
        found, exponents = replicators(tie)
        simplex(axis, "ties pay A ½ and B −½" if tie else "ties pay nothing")
        for i, shade in zip((0, 1, 3, 6, 9), colours, strict=True):
            x, y = _section(Pair(found.gen[i], found.disc[i])).T
            axis.plot(x, y, ".", color=shade, markersize=2, label=f"k = {STARTS[i]}")
        axes[0, 2].plot(
            STARTS,
            exponents[:, 0],
            marker,
            color=colour,
            markersize=3.5,
            label="ties ±½" if tie else "no pay for ties",
        )
        findings += chaos_findings(tie, found, exponents)
    axes[0, 1].legend(loc="upper left", fontsize=6.5, handletextpad=0, markerscale=2)
    axes[0, 2].axhline(0, color=FAINT, linewidth=0.8)
    axes[0, 2].set(xlabel="start k", title="largest Lyapunov exponent", ylabel="per unit of time")
    axes[0, 2].legend(loc="upper right")
    caption = (
        "Two replicators from x = (0.5, 0.01k, 0.5 − 0.01k) and y = (0.5, 0.25, 0.25), for a time "
        "of 2,000. Left and middle: A's play each time that x₂ − x₁ + y₂ − y₁ falls through 0. "
        "Points on a line are a regular motion, a cloud is a chaotic one: it comes of nothing "
        "but two learners, once ties pay one what they cost the other. Right: how fast runs from "
        "like starts part."
    )
    return Exhibit(figure, caption, tuple(findings))


def chaos_findings(tie: float, found: Pair, exponents: np.ndarray) -> list[dict]:
    """What is conserved, and which starts are chaotic."""
    kept = divergence(found)
    label = "ties ±½" if tie else "no pay for ties"
    limit = 3 * math.log(TIME) / TIME
    findings = [
        checked(
            f"largest change of the sum of both KLs, {label}",
            float(np.max(np.abs(kept - kept[:, :1]))), expected=0.0, tolerance=1e-3,
            reading="conserved by the continuous motion", source=SATO,
        ),
        checked(
            f"largest sum of the six exponents, {label}",
            float(np.max(np.abs(exponents.sum(axis=1)))), expected=0.0, tolerance=1e-4,
            reading="volume in the logits is conserved: no exponent without its opposite",
            source=SATO,
        ),
    ]  # fmt: skip
    if tie == 0:
        regular = checked(
            f"largest exponent of all starts, {label}", float(exponents[:, 0].max()),
            expected=0.0, tolerance=limit, reading="regular from every start", source=SATO,
        )  # fmt: skip
        return [*findings, regular]
    chaotic = exponents[:, 0] > limit
    return [
        *findings,
        checked(
            f"exponent from k = 1, {label}", float(exponents[0, 0]),
            reading="chaotic" if chaotic[0] else "regular, against the paper", source=SATO,
        ),
        checked(
            f"exponent from k = 25, {label}", float(exponents[-1, 0]), expected=0.0,
            tolerance=limit, reading="regular", source=SATO,
        ),
        checked(
            f"starts k that are chaotic, {label}", ", ".join(map(str, STARTS[chaotic])) or "none",
            reading=f"largest exponent above {limit:.2g}, 3 ln T / T", source=SATO,
        ),
    ]  # fmt: skip


def _section(found: Pair) -> np.ndarray:
    """A's play, in the triangle's plane, where x₂ − x₁ + y₂ − y₁ falls through 0."""
    x, y = (play(own) for own in found)
    height = x[:, 1] - x[:, 0] + y[:, 1] - y[:, 0]
    before = np.flatnonzero((height[:-1] > 0) & (height[1:] <= 0))
    share = (height[before] / (height[before] - height[before + 1]))[:, None]
    return ((1 - share) * x[before] + share * x[before + 1]) @ CORNERS
