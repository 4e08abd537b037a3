"""Images of a trained run to compare: its samples, and what it was trained on."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from jax import Array

from ganstab.data.images import Images
from ganstab.data.random_access import RandomAccess
from ganstab.data.sampling import to_bytes
from ganstab.errors import InputError
from ganstab.metrics.sources import ImageSource, array_source, check_two_images
from ganstab.types import Batch

if TYPE_CHECKING:
    from ganstab.generator import Generator

__all__ = ["data_source", "sample_source"]


def sample_source(generator: "Generator", key: Array, n: int) -> ImageSource:
    """Samples of a generator as bytes, drawn when they are asked for.

    They are those that `ganstab sample` writes for the key of its seed, classes in turn.

    Args:
      generator: as of `ganstab.load`.
      key: the samples are a function of it.
      n: how many.

    Raises:
      InputError: the samples are no images, there are fewer than two, or a number is not finite
        (found when its batch is drawn).
    """
    name = generator.name
    shape = generator.sample_shape
    if len(shape) != 3 or shape[-1] not in (1, 3):
        raise InputError(f"samples of {name} have the shape {list(shape)} and are no images")
    check_two_images(f"samples of {name}", n)
    height, width, channels = shape

    def batches(size: int) -> Iterator[np.ndarray]:
        left = np.zeros((0, *shape), np.uint8)
        for batch in generator.batches(key, n):
            if not np.isfinite(batch).all():
                raise InputError(f"samples of {name} hold a number that is not finite")
            left = np.concatenate([left, to_bytes(batch)])
            while len(left) >= size:
                yield left[:size]
                left = left[size:]
        if len(left):
            yield left

    return ImageSource(name, n, (height, width, channels), batches, generator.step)


def data_source(generator: "Generator") -> ImageSource:
    """All images that the generator's run was trained on, in their order.

    Raises:
      InputError: they are not there, are others than the run began with, or are no images of the
        samples' shape.
    """
    data, name = generator.data, f"the data of {generator.name}"
    if isinstance(data, InputError):
        raise InputError(f"{name}: {data}") from data
    images = data[0] if isinstance(data, Images | Batch) else data
    if isinstance(data, RandomAccess):
        source = _fetched(name, data)
    elif isinstance(images, np.ndarray | Array):
        source = array_source(name, images)
    else:
        raise InputError(f"{name} are drawn at random; name images to compare with")
    if source.shape != generator.sample_shape:
        has, made = list(source.shape), list(generator.sample_shape)
        raise InputError(
            f"{name} have the shape {has}, its samples {made}; name images to compare with"
        )
    return source


def _fetched(name: str, data: RandomAccess) -> ImageSource:
    def batches(size: int) -> Iterator[np.ndarray]:
        for i in range(0, len(data), size):
            yield data.fetch(np.arange(i, min(i + size, len(data)))).image

    return ImageSource(name, len(data), data.fetch(np.zeros(1, int)).image.shape[1:], batches)
