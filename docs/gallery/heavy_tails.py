"""More samples do not help: the scatter of the pull stays.

Left: the generator's pull along b_g + b_d, exact and from 2,500 samples. Right: the interquartile
range of the pull at b_g + b_d = 1 over 2,000 draws, against the number of samples.

Setting: g(z) = z + b_g, d(x) = exp(−(x + b_d)²), latents drawn from N(0, 1).

Source: the games of N. Guttenberg, Stability of Generative Adversarial Networks (essay, 2016),
section "Data Dependency". The limit is ours: the pull of a latent, 2u/(exp(u²) − 1) with u = z +
b_g + b_d, has the tail of 2/u, and as with Cauchy's law half the interquartile range of a mean of
any size is 2π times the density of u at 0.

What to see: an average over more latents has more poles, each weaker, and always the same scatter,
4π φ(1) = 3.04. With d held within [0.01, 0.99] it falls with the root of the number of samples.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from docs.gallery.common import NOTHING, pair
from docs.gallery.one_parameter import CLIP, samples
from ganstab import Pair, dynamics, games, plots
from ganstab.style import BLUE, FAINT, VERMILION, styled

SIZES, REPEATS = (5, 50, 500, 5000), 2000
LIMIT = 4 * math.pi * math.exp(-1 / 2) / math.sqrt(2 * math.pi)


def pull(s: Any, latents: jax.Array | None, clip: float = 0.0) -> jax.Array:
    """How fast the generator of these latents, or of all, moves at b_g = s, b_d = 0."""
    drawn = None if latents is None else Pair(latents, jnp.zeros(1))
    game = games.bias_gan(games.gaussian(clip), samples=drawn)
    return dynamics.field(game, pair(s, 0.0), **NOTHING).gen


def scatters(seed: int, clip: float) -> list[float]:
    """The interquartile range of the pull at s = 1, for each of the sizes."""

    @functools.partial(jax.jit, static_argnames="count")
    def drawn(keys, count):
        return jax.lax.map(
            lambda key: pull(1.0, jax.random.normal(key, (count,)), clip), keys, batch_size=50
        )

    keys = jax.random.split(jax.random.key(seed), REPEATS)
    return [float(np.subtract(*np.percentile(drawn(keys, n), [75, 25]))) for n in SIZES]


@styled
def draw(seed: int = 0) -> Figure:
    figure, axes = plots.panels(1, 2)
    left, right = axes[0]
    s, latents = jnp.linspace(-3, 3, 1201), samples(seed, 2500).gen
    sampled, exact = (jax.jit(jax.vmap(lambda s, z=z: pull(s, z)))(s) for z in (latents, None))
    left.plot(s, sampled, color=BLUE, linewidth=0.5, label="2,500 samples")
    left.plot(s, exact, color=VERMILION, linewidth=1.8, label="exact")
    left.set(xlabel="b_g + b_d", ylabel="velocity of b_g", ylim=(-10, 10))
    left.set_title("the generator's pull")
    left.legend(loc="upper right", frameon=True, framealpha=0.9, edgecolor="none")
    right.loglog(SIZES, scatters(seed, 0.0), "o-", color=BLUE, label="as it is")
    label = f"d within [{CLIP:g}, {1 - CLIP:g}]"
    right.loglog(SIZES, scatters(seed, CLIP), "s-", color=VERMILION, label=label)
    right.axhline(LIMIT, color=FAINT, linestyle="--", label="4π φ(1)")
    right.set(xlabel="samples", ylabel="interquartile range", title="its scatter")
    right.legend(loc="lower left")
    return figure
