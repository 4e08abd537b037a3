"""The colours of coloured digits: those of the data, and how far those of samples are from them."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.runner import images
from ganstab import metrics
from ganstab.data import Images, RandomAccess, augmentation_key, colored_digits

SEED = 0
"""Of the data that samples are compared with: the same for every run."""
LEAST = 4
"""Colours of three channels that have a density."""
_AT_ONCE = 512


def divergence(data: np.ndarray, found: np.ndarray) -> float:
    """Jensen-Shannon divergence of the colours of two sets of images, [n, 3] and [m, 3], in nats.

    Of Gaussian kernel densities whose bandwidth is Scott's rule of the first.
    """
    return float(metrics.js_divergence_of_samples(jnp.asarray(data), jnp.asarray(found)))


def of_data(source: Images | RandomAccess, key: jax.Array, count: int) -> tuple[np.ndarray, float]:
    """Colours [count, 3] of images of the data, and their divergence from as many others.

    The second is what a perfect sampler of `count` colours is measured to have.
    """
    data, others = (draw(source, each, count) for each in jax.random.split(key))
    return data, divergence(data, others)


def draw(source: Images | RandomAccess, key: jax.Array, count: int) -> np.ndarray:
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
