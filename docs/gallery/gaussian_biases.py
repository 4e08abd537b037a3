"""Gaussian discriminator, biases: a stable focus, which samples take apart.

Streamlines of the two biases: for the whole population with two runs, for 2,500 samples, and for
the same samples where d is held within [0.01, 0.99].

Setting: g(z) = z + b_g, d(x) = exp(−(x + b_d)²), data and latents N(0, 1).

Source: N. Guttenberg, Stability of Generative Adversarial Networks (essay, 2016), section "The
Really Simple GAN". The eigenvalues −1 ± 1.325i at (0, 0) are ours; the essay does not say how it
bounds d.

What to see: now real is what is near 0, and the biases spiral to (0, 0), the full disc. The field
of 2,500 samples is not the exact one with a little noise: every latent at which the discriminator
is certain is a pole of the field. With d held within bounds there are no poles.
"""

import numpy as np
from matplotlib.figure import Figure

from docs.gallery.one_parameter import CLIP, resting, runs, samples, streamlines
from ganstab import games, plots

STARTS = [(x, y) for x in (-2.5, 0.1, 2.5) for y in (-2.5, 0.1, 2.5)]


def draw(seed: int = 0) -> Figure:
    game = games.bias_gan(games.gaussian())
    # Far out, where the pull fades, Newton's method takes slow places for fixed points.
    near = [point for point in resting(game, STARTS) if np.hypot(*point.params) < 5]
    figure, axes = plots.panels(1, 3)
    found = runs(game, [(3.0, -2.5), (-3.0, 2.5)], 0.02, 500)
    streamlines(axes[0, 0], game, "exact", trajectories=found, fixed_points=near)
    for axis, clip in zip(axes[0, 1:], (0.0, CLIP), strict=True):
        sampled = games.bias_gan(games.gaussian(clip), samples=samples(seed, 2500))
        title = "2,500 samples" + (f", d within [{clip:g}, {1 - clip:g}]" if clip else "")
        streamlines(axis, sampled, title)
    return figure
