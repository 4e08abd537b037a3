"""Learning rock, paper, scissors: regular without a reward for ties, chaotic with one.

Left and middle: player A's strategy each time that x₂ − x₁ + y₂ − y₁ falls through 0 (a Poincaré
section), in one colour for each start. Right: the largest Lyapunov exponent of the motion.

Setting: two replicators from x = (0.5, 0.01k, 0.5 − 0.01k) and y = (0.5, 0.25, 0.25), followed for
a time of 2,000 in steps of 0.1; a tie pays nothing, or ½ to A and −½ to B.

Source: equations and starts of Sato, Akiyama & Farmer 2002 (arXiv:nlin/0109007).

What to see: points on a line belong to a regular motion, a cloud to a chaotic one. Without pay for
ties all motions are regular; with it those near k = 1 are chaotic, though nothing is random.
"""

import jax
import numpy as np
from matplotlib.figure import Figure

from docs.gallery.common import CORNERS, NOTHING, pair, quick, strategy, triangle
from ganstab import Pair, dynamics, games
from ganstab.style import BLUE, FAINT, GREEN, ORANGE, PURPLE, VERMILION, panels, styled

TIME, DT = 2000.0, 0.1
STARTS = np.array([1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25])
LABELS = {0.0: "no pay for ties", 0.5: "ties ±½"}
SHOWN = {0: ORANGE, 1: VERMILION, 3: PURPLE, 6: BLUE, 9: GREEN}


def replicators(tie: float, starts: np.ndarray, time: float) -> tuple[Pair, np.ndarray]:
    """Logits along the runs, `[k, T, 3]`, and their Lyapunov exponents, `[k, 6]`, largest first."""
    game = games.rock_paper_scissors(Pair(tie, -tie), replicator=True)
    advance = dynamics.flow(game, DT, **NOTHING)
    first = np.stack([0.5 + 0 * starts, 0.01 * starts, 0.5 - 0.01 * starts], axis=-1)
    second = np.broadcast_to([0.5, 0.25, 0.25], first.shape)
    count = round(time / DT)

    def one(at: Pair):
        exponents = dynamics.lyapunov(advance, at, count, count=6, time=DT).exponents
        return dynamics.orbit(advance, at, count), exponents

    runs, exponents = quick(jax.vmap(one))(pair(np.log(first), np.log(second)))
    return jax.tree.map(np.asarray, runs), np.asarray(exponents)


@styled
def draw(_seed: int = 0) -> Figure:
    figure, axes = panels(1, 3, width=3.0, height=2.8)
    left, middle, right = axes[0]
    for axis, tie, marker, colour in ((left, 0.0, "o", BLUE), (middle, 0.5, "s", VERMILION)):
        runs, exponents = replicators(tie, STARTS, TIME)
        triangle(axis, "ties pay A ½ and B −½" if tie else "ties pay nothing")
        for i, shade in SHOWN.items():
            x, y = _section(Pair(runs.gen[i], runs.disc[i])).T
            axis.plot(x, y, ".", color=shade, markersize=2, label=f"k = {STARTS[i]}")
        right.plot(STARTS, exponents[:, 0], marker, color=colour, markersize=3.5, label=LABELS[tie])
    middle.legend(loc="upper left", fontsize=6.5, handletextpad=0, markerscale=2)
    right.axhline(0, color=FAINT, linewidth=0.8)
    right.set(xlabel="start k", title="largest Lyapunov exponent", ylabel="per unit of time")
    right.legend(loc="upper right")
    return figure


def _section(run: Pair) -> np.ndarray:
    """A's strategy, in the triangle's plane, where x₂ − x₁ + y₂ − y₁ falls through 0."""
    x, y = (strategy(own) for own in run)
    height = x[:, 1] - x[:, 0] + y[:, 1] - y[:, 0]
    before = np.flatnonzero((height[:-1] > 0) & (height[1:] <= 0))
    share = (height[before] / (height[before] - height[before + 1]))[:, None]
    return ((1 - share) * x[before] + share * x[before + 1]) @ CORNERS
