"""Sigmoid discriminator, biases: the generator runs away for ever.

Streamlines of the two biases with two runs, for the whole population and for 2,500 samples; darker
is faster. Right: the discriminator's bias along the run from (0, 0), and dashed −ln t − ½.

Setting: g(z) = z + b_g, d(x) = σ(x + b_d), data and latents N(0, 1).

Source: N. Guttenberg, Stability of Generative Adversarial Networks (essay, 2016), section "The
Really Simple GAN"; the laws b_g ≈ t and b_d ≈ −ln t − ½ are ours.

What to see: whatever a sigmoid says of a sample, it says more firmly of a larger one, so the
generator goes to +∞, and the discriminator follows it ever more slowly. There is no fixed point.
"""

import numpy as np
from matplotlib.figure import Figure

from docs.gallery.one_parameter import BIASES, curves, runs, samples, streamlines
from ganstab import games, plots


def draw(seed: int = 0) -> Figure:
    game, dt, count = games.bias_gan(games.sigmoid()), 0.5, 2000
    sampled = games.bias_gan(games.sigmoid(), samples=samples(seed, 2500))
    found = runs(game, [(-3.0, 3.0), (0.0, 0.0)], dt, count)
    figure, axes = plots.panels(1, 3)
    left, middle, right = axes[0]
    streamlines(left, game, "exact", trajectories=found)
    streamlines(middle, sampled, "2,500 samples", trajectories=found)
    time = dt * np.arange(1, count + 1)
    curves(
        right, time, {"b_d, from (0, 0)": found[1][1:, 1]}, law=("−ln t − ½", -np.log(time) - 0.5),
        title="the discriminator follows, ever slower",
    )  # fmt: skip
    right.set(xscale="log", ylabel=BIASES[1])
    return figure
