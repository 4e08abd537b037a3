"""Sigmoid discriminator, weights: the discriminator gives up.

Left: streamlines of the two weights with three runs. Right: both weights along the run from (1, 1).

Setting: g(z) = W_g z, d(x) = σ(W_d x), data and latents N(0, 1), the whole population.

Source: the game of N. Guttenberg, Stability of Generative Adversarial Networks (essay, 2016), which
leaves this case out.

What to see: data and samples have the same mean, and a sigmoid can only tell means apart. W_d goes
to 0, and where it is 0 nothing moves. The generator's width then depends on the start.
"""

import numpy as np
from matplotlib.figure import Figure

from docs.gallery.one_parameter import WEIGHTS, curves, field, runs
from ganstab import games, plots


def draw(_seed: int = 0) -> Figure:
    game = games.weight_gan(games.sigmoid())
    found = runs(game, [(1.0, 1.0), (0.3, -1.5), (-1.0, 1.7)], 0.05, 600)
    figure, axes = plots.panels(1, 2)
    left, right = axes[0]
    plots.vector_field(left, field(game, 2.0), trajectories=found, title="exact", names=WEIGHTS)
    lines = {"W_g": found[0][:, 0], "W_d": found[0][:, 1]}
    curves(right, 0.05 * np.arange(601), lines, title="the run from (1, 1)")
    right.set_ylabel("weight")
    return figure
