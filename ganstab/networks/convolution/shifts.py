"""Windows, phases and shifted sums along one axis of a batch of images, in any layout.

Of these and a matrix product `im2col` and `batch_minor` make their convolutions.
"""

import functools
import operator
from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array, lax

from ganstab._precision import wide
from ganstab.networks.convolution.layout import same_padding, transpose_padding

__all__ = ["overlay", "pad_same", "phases", "split", "total", "window", "windows"]


def pad_same(x: Array, axis: int, taps: int, stride: int) -> Array:
    """`same_padding` along one axis, and zeros behind it up to a multiple of the stride."""
    low, _ = same_padding(x.shape[axis], taps, stride)
    whole = (-(-x.shape[axis] // stride) + (taps - 1) // stride) * stride
    high = whole - low - x.shape[axis]
    return jnp.concatenate([_zeros(x, axis, low), x, _zeros(x, axis, high)], axis)


def _zeros(x: Array, axis: int, count: int) -> Array:
    """To put beside x. `lax.pad` would be fused with what made x, and that computed repeatedly."""
    return jnp.zeros((*x.shape[:axis], count, *x.shape[axis + 1 :]), x.dtype)


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
    """Sum of the taps' images, dilated and each shifted by one pixel, cropped to `size`.

    A pixel meets every stride-th tap only, the others' zeros of the dilation. So every stride-th
    pixel is summed up apart, from images that are not dilated, and then they are interleaved.
    """
    low, _ = transpose_padding(taps[0].shape[axis], size, len(taps), stride)
    apart: list[list[Array]] = [[] for _ in range(stride)]
    for k, tap in enumerate(taps):
        pixels, phase = divmod(low - k, stride)
        apart[phase].append(_shifted(tap, axis, pixels))
    sums = [total(terms) if terms else jnp.zeros_like(taps[0]) for terms in apart]
    x = jnp.stack(sums, axis + 1)
    x = x.reshape(*x.shape[:axis], -1, *x.shape[axis + 2 :])
    return window(x, axis, 0, size)


def _shifted(x: Array, axis: int, by: int) -> Array:
    """The entries, moved along an axis; zeros come in at one end, and as many leave the other."""
    moved = min(abs(by), x.shape[axis])
    rest = window(x, axis, 0 if by > 0 else moved, x.shape[axis] - moved)
    zeros = _zeros(x, axis, moved)
    return jnp.concatenate([zeros, rest] if by > 0 else [rest, zeros], axis)


def total(terms: Sequence[Array]) -> Array:
    """The sum, of one term or more; in float32 where they are narrower, in their own type."""
    return functools.reduce(operator.add, wide(terms)).astype(terms[0].dtype)
