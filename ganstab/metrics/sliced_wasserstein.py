"""The sliced Wasserstein distance of patches, at every level of a Laplacian pyramid; no weights."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from ganstab._checks import check_count

__all__ = [
    "PATCH_SIDE",
    "Patches",
    "SlicedWasserstein",
    "laplacian_levels",
    "laplacian_patches",
    "patches_of",
    "sliced_wasserstein_distance",
    "sliced_wasserstein_of_patches",
]

PATCH_SIDE = 7
"""Height and width of a patch."""
_SMALLEST = 16
"""The least height and width of a level, as in the paper; a smaller image is one level."""
_KERNEL = np.array([1, 4, 6, 4, 1]) / 16
_PATCHES_AN_IMAGE = 128
_MOST_PATCHES = 2**18
_DIRECTIONS_AT_ONCE = 32
_SCALE = 1e3


class SlicedWasserstein(NamedTuple):
    """Distances times 1,000, as the paper's tables have them."""

    value: float
    """The mean over the levels."""
    levels: dict[str, float]
    """Of each level, by its height × width, finest first."""
    n_real: int
    n_fake: int
    patches: int
    """Of each sample, at each level."""


class Patches(NamedTuple):
    """Random patches of one or more batches of images; those of several can be joined."""

    images: np.ndarray
    """How many images each batch had: [batches]."""
    levels: dict[str, np.ndarray]
    """The patches of each level, by its height × width: float32 [p, 7, 7, C]."""


def sliced_wasserstein_distance(
    key: Array, real: Array, fake: Array, *, patches: int | None = None, directions: int = 512
) -> SlicedWasserstein:
    """The multi-scale sliced Wasserstein distance of two samples of images.

    Karras et al. 2018 (arXiv:1710.10196), section 5. Images become Laplacian pyramids, whose levels
    are halved while 16 pixels remain. Of each level, patches of 7 × 7 pixels are drawn; each
    sample's are brought to mean 0 and standard deviation 1 in each channel. The distance is the
    mean over random directions θ of the Wasserstein-1 distance of the projections, of sorted
    patches a and b the mean of |θᵀa − θᵀb|. The finest level tells of edges and noise, the coarsest
    of composition; brightness and contrast are not seen. It is never 0 for finite samples: compare
    with what two halves of the real images have.

    Args:
      key: of the patches and the directions.
      real: images [n, H, W, C], uint8 or floats, of any H and W from 7 on.
      fake: images [m, H, W, C].
      patches: of each sample at each level, spread over its images; by default 128 for each image
        of the smaller sample, at most 2^18.
      directions: 512 in the paper.

    Raises:
      ValueError: if the shapes do not fit, images are smaller than a patch, or a number is not
        finite.
    """
    if real.ndim != 4 or fake.ndim != 4 or real.shape[1:] != fake.shape[1:]:
        raise ValueError(
            f"real and fake images have the shapes {real.shape} and {fake.shape}; "
            "[n, H, W, C] and [m, H, W, C] are expected"
        )
    count = patches_of(len(real), len(fake)) if patches is None else patches
    keys = jax.random.split(key, 3)
    a, b = (laplacian_patches(k, x, count) for k, x in zip(keys[:2], (real, fake), strict=True))
    return sliced_wasserstein_of_patches(keys[2], a, b, directions=directions)


def patches_of(n_real: int, n_fake: int) -> int:
    """How many patches of each sample are compared at each level, of so many images."""
    return min(_PATCHES_AN_IMAGE * min(n_real, n_fake), _MOST_PATCHES)


def laplacian_patches(key: Array, images: ArrayLike, patches: int) -> Patches:
    """So many random patches of each level of images [n, H, W, C], spread over the images.

    Raises:
      ValueError: for images of less than 7 pixels, or a negative number of patches.
    """
    check_count("patches", patches, 0)
    found = {}
    for level, x in enumerate(map(np.asarray, laplacian_levels(jnp.asarray(images)))):
        n, height, width, _ = x.shape
        level_key = jax.random.fold_in(key, level)
        rng = np.random.default_rng(np.asarray(jax.random.key_data(level_key), np.uint32))
        image = np.arange(patches) * n // patches  # each gives as many as another, ± 1
        top = rng.integers(0, height - PATCH_SIDE + 1, patches)
        left = rng.integers(0, width - PATCH_SIDE + 1, patches)
        windows = np.lib.stride_tricks.sliding_window_view(x, (PATCH_SIDE, PATCH_SIDE), axis=(1, 2))
        found[f"{height} × {width}"] = np.moveaxis(windows[image, top, left], 1, -1)
    return Patches(np.array([np.shape(images)[0]]), found)


@jax.jit
def laplacian_levels(images: Array) -> list[Array]:
    """The Laplacian pyramid of images [n, H, W, C], finest first, in float32.

        I_0 = images,    I_{k+1} = every second pixel of blur(I_k),    L_k = I_k − enlarge(I_{k+1}),

    and the last level is the last I. Blur is by [1, 4, 6, 4, 1] / 16 along either axis, the image
    mirrored at its edge; `enlarge` puts zeros between the pixels, blurs, and multiplies by 4 (Burt
    and Adelson 1983). An odd side of 2s − 1 pixels has s in the next level.

    Raises:
      ValueError: for images of less than 7 pixels.
    """
    if images.ndim != 4 or min(images.shape[1:3]) < PATCH_SIDE:
        raise ValueError(
            f"images have the shape {images.shape}; "
            f"[n, H, W, C] with H and W >= {PATCH_SIDE} is expected"
        )
    levels = [images.astype(jnp.float32)]
    while min(levels[-1].shape[1:3]) >= 2 * _SMALLEST:
        fine = levels[-1]
        coarse = _blur(fine)[:, ::2, ::2]
        enlarged = jnp.zeros_like(fine).at[:, ::2, ::2].set(coarse)
        levels[-1] = fine - 4 * _blur(enlarged)
        levels.append(coarse)
    return levels


def _blur(x: Array) -> Array:
    for axis in (1, 2):
        pad = [(2, 2) if a == axis else (0, 0) for a in range(4)]
        mirrored = jnp.pad(x, pad, mode="reflect")
        size = x.shape[axis]
        slices = (jax.lax.slice_in_dim(mirrored, i, i + size, axis=axis) for i in range(5))
        x = functools.reduce(jnp.add, (w * s for w, s in zip(_KERNEL, slices, strict=True)))
    return x


def sliced_wasserstein_of_patches(
    key: Array, real: Patches, fake: Patches, *, directions: int = 512
) -> SlicedWasserstein:
    """The distance of `sliced_wasserstein_distance`, of patches that were drawn before.

    Raises:
      ValueError: if levels or the numbers of patches differ, or a number is not finite.
    """
    check_count("directions", directions)
    shapes, others = ({name: x.shape for name, x in y.levels.items()} for y in (real, fake))
    if shapes != others:
        raise ValueError(f"real patches have the shapes {shapes} and fake ones {others}")
    patches = min(shape[0] for shape in shapes.values())
    check_count("patches", patches)
    found = {}
    for place, level in enumerate(shapes):
        a, b = (_standardized(x.levels[level]) for x in (real, fake))
        drawn = jax.random.normal(jax.random.fold_in(key, place), (directions, a.shape[1]))
        unit = np.asarray(drawn / jnp.linalg.norm(drawn, axis=1, keepdims=True))
        found[level] = _SCALE * _sliced(a, b, unit)
    value = float(np.mean([*found.values()]))
    return SlicedWasserstein(value, found, int(real.images.sum()), int(fake.images.sum()), patches)


def _standardized(patches: np.ndarray) -> np.ndarray:
    """[p, 7 · 7 · C], with mean 0 and standard deviation 1 in each channel; a flat one stays 0."""
    mean = patches.mean(axis=(0, 1, 2), dtype=np.float64)
    spread = patches.std(axis=(0, 1, 2), dtype=np.float64)
    if not np.isfinite(spread).all():
        raise ValueError("images hold a number that is not finite")
    scaled = (patches - mean) / np.where(spread > 0, spread, 1)
    return scaled.reshape(len(patches), -1).astype(np.float32)


def _sliced(a: np.ndarray, b: np.ndarray, directions: np.ndarray) -> float:
    """The mean over directions of the Wasserstein-1 distance of two samples of one size."""
    total = 0.0
    for i in range(0, len(directions), _DIRECTIONS_AT_ONCE):
        part = directions[i : i + _DIRECTIONS_AT_ONCE]
        sorted_a, sorted_b = (np.sort(part @ x.T, axis=1) for x in (a, b))
        total += np.abs(sorted_a - sorted_b).mean(axis=1, dtype=np.float64).sum()
    return float(total / len(directions))
