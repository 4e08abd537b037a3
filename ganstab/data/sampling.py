"""Minibatches as a pure function of a random key: no iterator, so no iterator state to save.

A `Sampler` is pure functions: which images (`indices`), what to make of them (`assemble`), and
what is drawn anew for every batch (`augment`, for most nothing). With the data resident on the
device, `draw` does all inside jit. With data that is only on disk, `fetch_batch` computes the same
indices, fetches them from a `RandomAccess` and goes on in the same way: the same key gives the
same batch on either path.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ganstab._checks import check_whole
from ganstab.data.images import Images
from ganstab.data.random_access import RandomAccess
from ganstab.errors import InputError
from ganstab.types import Batch

__all__ = [
    "Sampler",
    "augmentation_key",
    "colored_digits",
    "colorize",
    "draw",
    "fetch_batch",
    "single_images",
    "stacked_digits",
    "to_bytes",
    "to_unit_range",
]

_DIGITS_STACKED = 3
_COLOR_STDDEV = 0.5
_NOISE_STDDEV = 0.2
# Not 0 or 1, with which fold_in would give the very keys that drawing the indices splits off.
_AUGMENTATION = 2


def _as_assembled(batch: Batch, key: jax.Array) -> Batch:
    del key
    return batch


@dataclass(frozen=True)
class Sampler:
    """How a batch is made from a population of labelled images."""

    indices: Callable
    """`(key, n, population: int) -> int32 [n, …]`, each in [0, population)."""
    assemble: Callable
    """`(image uint8 [n, …, H, W, C], label int32 [n, …]) -> Batch`, real in [−1, 1]."""
    augment: Callable = _as_assembled
    """`(Batch, key) -> Batch`: random changes of the assembled images; by default there are none.
    The key is `augmentation_key` of the one that the indices are drawn from."""


def to_unit_range(image: jax.Array) -> jax.Array:
    """Bytes 0 … 255 to float32 −1 … 1: x / 127.5 − 1, any shape."""
    return image.astype(jnp.float32) / 127.5 - 1


def to_bytes(image: jax.Array) -> jax.Array:
    """Numbers −1 … 1 to bytes 0 … 255, any shape: (x + 1) · 127.5 rounded, and cut off outside."""
    return jnp.round((jnp.clip(image, -1, 1) + 1) * 127.5).astype(jnp.uint8)


def augmentation_key(key: jax.Array) -> jax.Array:
    """The key of a batch's augmentations, independent of its indices, which come from `key`."""
    return jax.random.fold_in(key, _AUGMENTATION)


def draw(sampler: Sampler, images: Images, key: jax.Array, n: int) -> Batch:
    """A batch of n from resident images; pure, so it can be jitted with the training step.

    Args:
      sampler: `single_images`, `stacked_digits`, `colored_digits` or the caller's own.
      images: jax arrays, image [N, H, W, C] and label [N].
      key: the batch is a function of it and of nothing else.
      n: batch size, static. Images are drawn with replacement, so n may exceed N.

    Raises:
      ValueError: n is less than 1.
    """
    index = sampler.indices(key, n, images.image.shape[0])
    batch = sampler.assemble(images.image[index], images.label[index])
    return sampler.augment(batch, augmentation_key(key))


def fetch_batch(sampler: Sampler, source: RandomAccess, key: jax.Array, n: int) -> Batch:
    """The batch that `draw` would give, from a source that is not resident; not jittable."""
    index = np.asarray(sampler.indices(key, n, len(source)))
    image, label = source.fetch(index.ravel())
    image = image.reshape(*index.shape, *image.shape[1:])
    batch = sampler.assemble(jnp.asarray(image), jnp.asarray(label.reshape(index.shape)))
    return sampler.augment(batch, augmentation_key(key))


def colorize(digit: jax.Array, color: jax.Array) -> jax.Array:
    """Digits in colour on black: I C + I − 1, before any noise.

    Where the stroke is full (I = 1) a pixel is the colour itself, where there is none (I = 0) it
    is −1 in every channel, black.

    Args:
      digit: I in [0, 1], [n, H, W, 1].
      color: C [n, 3], 0 is a medium grey.

    Returns:
      Array: [n, H, W, 3]; Metz et al. (arXiv:1611.02163), appendix F.
    """
    return digit * color[:, None, None] + (digit - 1)


def _indices(key: jax.Array, n: int, population: int, each: tuple[int, ...] = ()) -> jax.Array:
    """Uniform with replacement, so that every batch has the same law whatever came before."""
    check_whole("n, the batch size,", n, 1)
    if n < 1:
        raise ValueError(f"n, the batch size, must be at least 1, not {n}")
    return jax.random.randint(key, (n, *each), 0, population, dtype=jnp.int32)


def _single(image: jax.Array, label: jax.Array) -> Batch:
    return Batch(to_unit_range(image), label.astype(jnp.int32))


def _stack(image: jax.Array, label: jax.Array) -> Batch:
    """Three greyscale digits [n, 3, H, W, 1] as the channels of one image [n, H, W, 3]."""
    if image.ndim != 5 or image.shape[1] != _DIGITS_STACKED or image.shape[-1] != 1:
        raise InputError(f"stacked_digits needs greyscale images, not {list(image.shape[2:])}")
    stacked = to_unit_range(jnp.moveaxis(image[..., 0], 1, -1))
    number = label.astype(jnp.int32) @ jnp.array([100, 10, 1], jnp.int32)
    digits = jnp.all((label >= 0) & (label <= 9), axis=-1)
    return Batch(stacked, jnp.where(digits, number, -1))


def _grey(image: jax.Array, label: jax.Array) -> Batch:
    if image.shape[-1] != 1:
        raise InputError(f"colored_digits needs greyscale images, not {list(image.shape[1:])}")
    return _single(image, label)


def _color(batch: Batch, key: jax.Array) -> Batch:
    color_key, noise_key = jax.random.split(key)
    color = _COLOR_STDDEV * jax.random.normal(color_key, (len(batch.real), 3))
    clean = colorize((batch.real + 1) / 2, color)
    noise = _NOISE_STDDEV * jax.random.normal(noise_key, clean.shape)
    return batch._replace(real=jnp.clip(clean + noise, -1, 1))


single_images = Sampler(_indices, _single)
"""indices [n]; real float32 [n, H, W, C], label int32 [n]."""

stacked_digits = Sampler(partial(_indices, each=(_DIGITS_STACKED,)), _stack)
"""indices [n, 3]; real float32 [n, H, W, 3], one digit a channel; label 100 a + 10 b + c, or −1
where one of the three labels is not in 0 … 9.

Stacked MNIST, 1000 classes (Metz et al., *Unrolled GANs*, arXiv:1611.02163; made on the fly as
in Lin et al., *PacGAN*, arXiv:1712.04086).
"""

colored_digits = Sampler(_indices, _grey, _color)
"""indices [n]; real float32 [n, H, W, 3], one digit in a random colour; label the digit's.

Coloured MNIST (Metz et al., *Unrolled GANs*, arXiv:1611.02163, appendix F): `colorize` with a
colour C ~ N(0, 0.5² I) an image, noise N(0, 0.2²) a channel of a pixel, clipped to [−1, 1]. The
paper's text has the normal colour, the noise and the clip; the two deviations are as recalled
from it, not re-read.
"""
