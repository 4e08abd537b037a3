"""The colours of coloured digits: those of the data, and how far those of samples are from them."""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

from ganstab import metrics
from ganstab.data import Images, RandomAccess, augmentation_key, colored_digits
from ganstab.style import VERMILION
from ganstab.training import View, images

SEED = 0
"""Seed of the images that samples are compared with; the same for every run."""
LEAST = 4
"""The fewest colours, of three channels, that have a density."""
_AT_ONCE = 512
_NAMES = ("red", "green", "blue")
_BANDWIDTH, _BANDWIDTH_OF_LINES = 0.06, 0.1
_HELD = (0.5, 0.95)


def divergence(data: np.ndarray, found: np.ndarray) -> float:
    """Jensen-Shannon divergence of the colours of two sets of images, [n, 3] and [m, 3], in nats.

    The densities are sums of Gaussian kernels, whose bandwidth follows Scott's rule on the first.
    """
    return float(metrics.js_divergence_of_samples(jnp.asarray(data), jnp.asarray(found)))


def of_data(source: Images | RandomAccess, key: jax.Array, count: int) -> tuple[np.ndarray, float]:
    """Colours [count, 3] of images of the data, and their divergence from as many others.

    This divergence is what a perfect sampler of `count` colours would have.
    """
    data, others = (_draw_colors(source, each, count) for each in jax.random.split(key))
    return data, divergence(data, others)


def _draw_colors(source: Images | RandomAccess, key: jax.Array, count: int) -> np.ndarray:
    """Colours [count, 3] of images of the data, in little memory."""
    size = images.size(source)
    n = min(_AT_ONCE, count, size)

    def batch(key: jax.Array) -> np.ndarray:
        places = np.asarray(colored_digits.indices(key, n, size))
        return np.asarray(_colors(*images.take(source, places), key))

    return np.concatenate([batch(key) for key in jax.random.split(key, -(-count // n))])[:count]


@jax.jit
def _colors(image: jax.Array, label: jax.Array, key: jax.Array) -> jax.Array:
    digits = colored_digits.assemble(image, label)
    return metrics.foreground_colors(colored_digits.augment(digits, augmentation_key(key)).real)


def draw(plane: int, axis: Axes, arrays: Mapping, reference: Mapping) -> None:
    """The density of colours in the plane of two channels.

    One line encloses half of the data and the other 95 %, so that a colour which the generator
    lacks is a white place inside of them.

    Args:
      plane: the first channel; the second is the next one.
      axis: where to draw.
      arrays: "colors" [n, 3] in [−1, 1].
      reference: the data's, or empty.
    """
    from ganstab import plots  # here, so that a run starts without SciPy

    channels = [plane, (plane + 1) % 3]
    plots.density(axis, arrays["colors"][:, channels], reach=1.0, bandwidth=_BANDWIDTH)
    if not reference:
        return
    data = reference["colors"][:, channels]
    smooth = plots.kernel_density(data, reach=1.0, bandwidth=_BANDWIDTH_OF_LINES)
    levels = sorted(level(smooth, share) for share in _HELD)
    look: dict[str, Any] = {"colors": VERMILION, "linewidths": 0.7}
    axis.contour(smooth.T, levels=levels, origin="lower", extent=(-1, 1, -1, 1), **look)


def level(density: np.ndarray, share: float) -> float:
    """The density above which this share of the mass lies."""
    falling = np.sort(density, axis=None)[::-1]
    held = np.cumsum(falling) / falling.sum()
    return float(falling[np.searchsorted(held, share)])


VIEWS = tuple(
    View(
        functools.partial(draw, plane),
        f"{_NAMES[(plane + 1) % 3]} over {_NAMES[plane]}",
        "density of the digits' colours; the lines hold half and 95 % of the data",
    )
    for plane in range(3)
)
"""Green over red, blue over green, red over blue."""
