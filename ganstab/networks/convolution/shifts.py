"""Windows, phases and shifted sums along one axis of a batch of images, in any layout.

Of these and a matrix product both CPU layouts make their convolutions.
"""

import functools
import operator
from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array, lax

from ganstab.networks.convolution.layout import same_padding, transpose_padding


def pad_same(x: Array, axis: int, taps: int, stride: int) -> Array:
    """`same_padding` along one axis, and zeros behind it up to a multiple of the stride."""
    low, _ = same_padding(x.shape[axis], taps, stride)
    whole = (-(-x.shape[axis] // stride) + (taps - 1) // stride) * stride
    shapes = [
        (*x.shape[:axis], n, *x.shape[axis + 1 :]) for n in (low, whole - low - x.shape[axis])
    ]
    # Not lax.pad, because XLA would fuse it with what made x, and compute that many times over.
    before, after = (jnp.zeros(shape, x.dtype) for shape in shapes)
    return jnp.concatenate([before, x, after], axis)


def window(x: Array, axis: int, start: int, length: int) -> Array:
    """`length` entries along an axis."""
    return lax.slice_in_dim(x, start, start + length, axis=axis)


def windows(
    phases: Sequence[Sequence[Array]], axis: int, taps: tuple[int, int], size: tuple[int, int]
) -> list[Array]:
    """The pixels under each of the kernel's taps, given every stride-th pixel apart.

    Args:
        phases: the padded images' phases, by row and column.
        axis: of the height; the width is the next.
        taps: height and width of the kernel.
        size: height and width of the result.
    """
    stride = len(phases)
    return [
        window(
            window(phases[i % stride][j % stride], axis, i // stride, size[0]),
            axis + 1, j // stride, size[1],
        )
        for i in range(taps[0]) for j in range(taps[1])
    ]  # fmt: skip


def phases(x: Array, axis: int, stride: int) -> list[Array]:
    """Every stride-th pixel along an axis, counted from the first, from the second, ..."""
    if stride == 1:
        return [x]
    pairs = x.reshape(*x.shape[:axis], -1, stride, *x.shape[axis + 1 :])
    return [lax.squeeze(phase, (axis + 1,)) for phase in split(pairs, stride, axis + 1)]


def split(x: Array, parts: int, axis: int = 0) -> Sequence[Array]:
    """Equal parts, whose derivative is one concatenation (that of slices, a sum of full pads)."""
    return lax.split(x, [x.shape[axis] // parts] * parts, axis)


def overlay(taps: Sequence[Array], axis: int, stride: int, size: int) -> Array:
    """Sum of the taps' images, dilated and each shifted by one pixel, cropped to `size`."""
    low, high = transpose_padding(taps[0].shape[axis], size, len(taps), stride)
    config = [(0, 0, 0)] * taps[0].ndim
    placed = []
    for k, tap in enumerate(taps):
        config[axis] = (low - k, high - (len(taps) - 1 - k), stride - 1)
        placed.append(lax.pad(tap, jnp.zeros((), tap.dtype), config))
    return total(placed)


def total(terms: Sequence[Array]) -> Array:
    """The sum, of one term or more."""
    return functools.reduce(operator.add, terms)
