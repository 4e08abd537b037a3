"""100 samples and 5: every latent is a pole, and every fixed point a saddle.

Streamlines of the two biases for few samples; above the field as it is, below with d held within
[0.01, 0.99]. Dashed: the poles of five samples. Crosses: fixed points.

Setting: g(z) = z + b_g, d(x) = exp(−(x + b_d)²), data and latents drawn from N(0, 1).

Source: N. Guttenberg, Stability of Generative Adversarial Networks (essay, 2016), section "Data
Dependency"; the poles and saddles follow from the derivatives of log(1 − exp(−(z + s)²)).

What to see: each latent z is a pole along b_g + b_d = −z. Between two poles the generator's loss is
concave, so that each gap has one fixed point, and it is a saddle. The essay's additional saddle
near (1, −2) is of that kind. With bounds, a latent for which d is at its bound has no pull, and the
field has stripes without any.
"""

import numpy as np
from matplotlib.figure import Figure

from docs.gallery.one_parameter import CLIP, resting, samples, streamlines
from ganstab import Pair, games, plots
from ganstab.style import INK


def draw(seed: int = 0) -> Figure:
    figure, axes = plots.panels(2, 2)
    for (above, below), count in zip(axes.T, (100, 5), strict=True):
        drawn = samples(seed, count)
        kinds = games.gaussian(), games.gaussian(CLIP)
        sharp, clipped = (games.bias_gan(kind, samples=drawn) for kind in kinds)
        found = resting(sharp, between_poles(drawn)) if count == 5 else []
        streamlines(above, sharp, f"{count} samples", fixed_points=found)
        for z in np.asarray(drawn.gen) if count == 5 else ():
            above.axline((0, -z), slope=-1, color=INK, linewidth=0.8, dashes=(4, 3), zorder=2)
        streamlines(below, clipped, f"{count} samples, d within [{CLIP:g}, {1 - CLIP:g}]")
    return figure


def between_poles(drawn: Pair) -> list[tuple[float, float]]:
    """The middles of the gaps, on the line b_d = −mean(x), where the discriminator rests."""
    poles, disc = np.sort(-np.asarray(drawn.gen)), -float(np.mean(drawn.disc))
    return [(float(middle) - disc, disc) for middle in (poles[1:] + poles[:-1]) / 2]
