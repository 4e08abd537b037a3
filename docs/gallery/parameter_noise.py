"""Noise on the parameters: a blur of the field, if one draws enough of it.

Streamlines of the two biases for 100 samples: as they are, as a mean over 30 draws of noise on both
biases, and under all noise at once.

Setting: g(z) = z + b_g, d(x) = exp(−(x + b_d)²), data and latents drawn from N(0, 1); the noise is
Gaussian, of deviation 0.2 on either bias, and the samples are the same in all draws.

Source: N. Guttenberg, Stability of Generative Adversarial Networks (essay, 2016), section "Data
Dependency". The blurred population's eigenvalues, −1 ± i√(2a(√1.08) − 1), are ours.

What to see: thirty draws turn each pole into thirty weak ones, and the scatter is no smaller. All
noise at once is a Gaussian blur, of width 0.283 along b_g + b_d: the stable point is back.
"""

import jax
import jax.numpy as jnp
from matplotlib.figure import Figure

from docs.gallery.common import NOTHING, pair
from docs.gallery.one_parameter import resting, samples, streamlines
from ganstab import Game, Pair, games, plots, surrogates

STDDEV, DRAWS = 0.2, 30
STARTS = [(0.0, 0.0), (1.0, -1.0), (-1.0, 1.0)]


def draw(seed: int = 0) -> Figure:
    drawn = samples(seed, 100)
    sharp = games.bias_gan(games.gaussian(), samples=drawn)
    noisy = surrogates.smoothed(sharp, STDDEV, DRAWS)
    smooth = blurred(drawn, STDDEV)
    figure, axes = plots.panels(1, 3)
    left, middle, right = axes[0]
    streamlines(left, sharp, "100 samples")
    streamlines(middle, noisy, f"mean over {DRAWS} draws of noise", key=jax.random.key(seed))
    streamlines(right, smooth, "all noise: a Gaussian blur", fixed_points=resting(smooth, STARTS))
    return figure


def blurred(drawn: Pair, stddev: float) -> Game:
    """The sampled game of biases under all Gaussian noise of this deviation, integrated.

    A latent z with noise on both biases is a population of latents of width √2 · stddev around z.
    """
    around = games.bias_gan(games.gaussian(), Pair(2**0.5 * stddev, 1.0))

    def losses(params: Pair) -> Pair:
        def fooled(z):
            return around(pair(params.gen + z, params.disc), **NOTHING)[0].gen

        gen = jnp.mean(jax.vmap(fooled)(drawn.gen))
        real = jnp.mean((drawn.disc + params.disc) ** 2) + stddev**2
        return Pair(gen, real - gen)

    return games.from_losses(losses)
