"""A Fréchet distance of digits, by the features of the package's own classifier."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from ganstab import digit_classifier
from ganstab.data.sampling import to_unit_range
from ganstab.metrics.frechet import FrechetDistance, fid

__all__ = ["digit_features", "digit_frechet_distance", "frechet_distance_of_digits"]

_WIDTH = 64


def digit_frechet_distance(real: ArrayLike, fake: ArrayLike) -> FrechetDistance:
    """The Fréchet distance of the 64 features of `ganstab.digit_classifier`, of digits.

    It is the formula of `fid` with another network, so its values can be compared with one another,
    and with no FID. Images of several channels, as stacked digits, have 64 features a channel; grey
    images in three equal channels have those of one.

    Args:
      real: images [n, 28, 28, C] of real digits, uint8 or in [−1, 1].
      fake: images [m, 28, 28, C] of generated ones.

    Raises:
      ValueError: as `fid`; `InputError` for images of another shape.
    """
    return frechet_distance_of_digits(digit_features(real), digit_features(fake))


def digit_features(images: ArrayLike) -> np.ndarray:
    """Features [n, 64 · C] of images [n, 28, 28, C], uint8 or in [−1, 1]."""
    x = jnp.asarray(images)
    x = to_unit_range(x) if x.dtype == jnp.uint8 else x
    params = digit_classifier.load()
    channels = jnp.split(x, x.shape[-1], axis=-1)
    found = [digit_classifier.features(params, channel) for channel in channels]
    return np.asarray(jax.device_get(jnp.concatenate(found, axis=-1)))


def frechet_distance_of_digits(real: np.ndarray, fake: np.ndarray) -> FrechetDistance:
    """Of `digit_features`; errors as `fid`."""
    if all(map(_is_grey, (real, fake))):
        real, fake = (x[:, :_WIDTH] for x in (real, fake))
    return fid(real, fake)


def _is_grey(features: np.ndarray) -> bool:
    channels = features.reshape(len(features), -1, _WIDTH)
    return bool(np.all(channels == channels[:, :1]))
