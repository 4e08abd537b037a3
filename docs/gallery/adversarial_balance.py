"""Adversarial balance: a point, its target and a linear critic.

Above: four moments of simultaneous training. The data are one point (cross), the generator is one
point (disc, with its path), and the critic is linear, light where it takes points for samples, dark
where for data. Below: 200 steps under three rules, and the distance from the equilibrium.

Setting: Wasserstein losses, θ̇ = w and ẇ = x* − θ − γw with x* = (½, ¼); θ starts at (1.5, ¼), w at
(0, 0.8); steps of 0.1; γ = 0, or γ = ½ in the third run.

Source: the game is the one sketched on the slide "Adversarial Balance" of B. Striner, Generative
Adversarial Networks part 2 (CMU lecture, 2019); equations and settings are ours.

What to see: the critic's weights add up where the generator has been, so the point passes its
target and circles. Simultaneous steps multiply the distance by √(1 + h²) and spiral out,
alternating steps stay on an ellipse, and weight decay in the critic draws the point in at the rate
γ/2.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs.gallery.common import sgd, trained
from ganstab import Pair, games, steps
from ganstab.style import ALONG, BLUE, GREEN, GROUND, VERMILION, panels, styled

TARGET = (0.5, 0.25)
START = Pair(np.array([1.5, 0.25]), np.array([0.0, 0.8]))
H = 0.1


@styled
def draw(_seed: int = 0) -> Figure:
    plain, decayed = (games.adversarial_balance(TARGET, decay=decay) for decay in (0.0, 0.5))
    rules = {
        "simultaneous": steps.simultaneous(plain, sgd(H)),
        "alternating": steps.alternating(plain, sgd(H)),
        "critic's weight decay ½": steps.alternating(decayed, sgd(H)),
    }
    runs = {name: trained(step, sgd(H), START, 200) for name, step in rules.items()}
    figure, axes = panels(2, 4, width=2.5, height=2.35)
    for axis, moment in zip(axes[0], (0, 16, 32, 48), strict=True):
        _frame(axis, runs["simultaneous"], moment)
    for axis, (name, run) in zip(axes[1], runs.items(), strict=False):
        _path(axis, name, run)
    for (name, run), colour in zip(runs.items(), (VERMILION, BLUE, GREEN), strict=True):
        axes[1, 3].semilogy(distance(run), color=colour, label=name)
    axes[1, 3].set(title="distance from equilibrium", xlabel="step", ylim=(3e-3, 60))
    axes[1, 3].legend(loc="upper left", fontsize=6.5)
    return figure


def distance(run: Pair) -> np.ndarray:
    """Of both players from the equilibrium (x*, 0): `[T]`."""
    return np.hypot(*(np.linalg.norm(own, axis=-1) for own in (run.gen - TARGET, run.disc)))


def _frame(axis: Axes, run: Pair, moment: int) -> None:
    x, y = np.meshgrid(np.linspace(-1.7, 2.7, 60), np.linspace(-1.95, 2.45, 60))
    score = run.disc[moment, 0] * x + run.disc[moment, 1] * y
    axis.pcolormesh(x, y, score, cmap=GROUND, vmin=-2, vmax=2, shading="gouraud", rasterized=True)
    _path(axis, f"step {moment}", Pair(run.gen[: moment + 1], run.disc))
    axis.plot(*run.gen[moment], "o", color=VERMILION, markeredgecolor="white", markersize=7)


def _path(axis: Axes, title: str, run: Pair) -> None:
    colours = ALONG(np.linspace(0, 1, len(run.gen)))
    for i in range(len(run.gen) - 1):
        axis.plot(*run.gen[i : i + 2].T, color=colours[i], linewidth=1.2)
    axis.plot(*TARGET, "P", color=GREEN, markersize=9, markeredgecolor="white")
    axis.set(title=title, xlim=(-1.7, 2.7), ylim=(-1.95, 2.45), aspect="equal")
    axis.set(xticks=[-1, 0, 1, 2], yticks=[-1, 0, 1, 2])
    axis.grid(False)
