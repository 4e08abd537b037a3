"""Rock, paper, scissors learnt by multiplicative weights.

Left and middle: player A's mixed strategy over training, from the dot at the start to dark. Right:
the sum of both players' KL divergences of uniform play from their strategy.

Setting: each player multiplies the weight of a move by exp(h · its payoff), h = 0.05, 20,000 steps;
A starts at (0.4, 0.3, 0.3), B at (0.3, 0.4, 0.3).

Source: slide "Rock, Paper, Scissors" of B. Striner, Generative Adversarial Networks part 2 (CMU
lecture, 2019), where B "wins with 0.4" that plays (0.4, 0.3, 0.3) against paper; in fact A wins
with 0.4 and B with 0.3. The dashed rate is that of the linear part, whose eigenvalues are ±i/√3.

What to see: uniform play, in the middle, is the only equilibrium. Players who move at once spiral
out, first at the dashed rate, until they play one move at a time. Players who move in turn circle.
"""

import math

import numpy as np
from matplotlib.figure import Figure

from docs.gallery.common import CORNERS, sgd, strategy, trained, triangle
from ganstab import Pair, games, steps
from ganstab.style import BLUE, INK, VERMILION, panels, styled

H, COUNT = 0.05, 20_000
START = Pair(np.log([0.4, 0.3, 0.3]), np.log([0.3, 0.4, 0.3]))


@styled
def draw(_seed: int = 0) -> Figure:
    figure, axes = panels(1, 3, width=3.0, height=2.8)
    game = games.rock_paper_scissors(replicator=True)
    rules = {"simultaneous": steps.simultaneous, "alternating": steps.alternating}
    for axis, (name, make), colour in zip(axes[0], rules.items(), (VERMILION, BLUE), strict=False):
        run = trained(make(game, sgd(H)), sgd(H), START, COUNT)
        triangle(axis, f"{name}: player A")
        x, y = (strategy(run.gen[::5]) @ CORNERS).T
        axis.scatter(x, y, c=np.arange(len(x)), cmap="cividis_r", s=0.4, rasterized=True)
        axis.plot(x[0], y[0], "o", color=VERMILION, markersize=5, markeredgecolor="white")
        axes[0, 2].semilogy(divergence(run), color=colour, label=name)
    near = divergence(START) * (1 + H**2 / 3) ** np.arange(6000)
    axes[0, 2].semilogy(near, "--", color=INK, linewidth=0.9, label="(1 + h²/3)ᵗ")
    axes[0, 2].set(title="KL from uniform play", xlabel="step", ylabel="nats, both players")
    axes[0, 2].legend(loc="lower right")
    return figure


def divergence(logits: Pair) -> np.ndarray:
    """`KL(uniform ‖ x) + KL(uniform ‖ y)` of both players' logits `[…, 3]`, in nats."""
    means = (np.mean(own, axis=-1) for own in logits)
    tops = (np.log(np.sum(np.exp(own), axis=-1)) for own in logits)
    return sum(tops) - sum(means) - 2 * math.log(3)
