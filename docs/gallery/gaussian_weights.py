"""Gaussian discriminator, weights: the generator collapses to a point.

Streamlines of the two weights with three runs, for the whole population and for 2,500 samples.
Right: both weights under gradient descent from (1, 1). In the essay W_g is the vertical axis.

Setting: g(z) = W_g z, d(x) = exp(−(W_d x)²), data and latents N(0, 1); simultaneous steps of 0.001.

Source: N. Guttenberg, Stability of Generative Adversarial Networks (essay, 2016), section "The
Really Simple GAN"; the time of the collapse, 0.304 from (1, 1), is ours.

What to see: the right answer, (±1, ±1), is no fixed point. W_g falls to 0 from everywhere, in a
finite time: all samples are one point. Then W_d goes to ±1. Close to W_g = 0 the pull is 2 / W_g:
steps of size h pass it and are thrown out again, as x is by the map x − 1 / x for x = W_g / √(2h).
How far is decided by rounding.
"""

import numpy as np
from matplotlib.figure import Figure

from docs.gallery.common import sgd, trained
from docs.gallery.one_parameter import WEIGHTS, curves, field, runs, samples
from ganstab import Pair, games, plots, steps

H, COUNT = 0.001, 3000


def draw(seed: int = 0) -> Figure:
    game = games.weight_gan(games.gaussian())
    sampled = games.weight_gan(games.gaussian(), samples=samples(seed, 2500))
    starts = [(1.0, 1.0), (-1.6, 0.6), (1.6, -1.6)]
    found = [until_collapse(run) for run in runs(game, starts, 0.001, 1000)]
    figure, axes = plots.panels(1, 3)
    titles = ("exact", "2,500 samples")
    for axis, shown, title in zip(axes[0], (game, sampled), titles, strict=False):
        plots.vector_field(axis, field(shown, 2.0), trajectories=found, title=title, names=WEIGHTS)
    descent = trained(steps.simultaneous(game, sgd(H)), sgd(H), Pair(1.0, 1.0), COUNT)
    curves(
        axes[0, 2], H * np.arange(COUNT + 1), {"W_g": descent.gen, "W_d": descent.disc},
        title=f"gradient descent, steps of {H:g}",
    )  # fmt: skip
    axes[0, 2].set_ylabel("weight")
    return figure


def until_collapse(run: np.ndarray, least: float = 0.1) -> np.ndarray:
    """The run up to where |W_g| is below the least: the motion ends there, the integrator not."""
    small = np.flatnonzero(np.abs(run[:, 0]) < least)
    return run[: small[0] + 1] if small.size else run
