"""Half and twice the resolution, alone or within a convolution, and convolutions in groups.

In every layout height and width are axes 1 and 2. Half of n pixels are ceil(n / 2); beyond an edge
there are zeros. Twice as many pixels may be cut by one.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array

from ganstab.networks.convolution.layout import Convolutions, Size
from ganstab.networks.convolution.shifts import overlay, pad_same, phases, total, window

__all__ = ["AVERAGE", "BILINEAR", "conv_down", "conv_up", "down", "grouped_conv", "up"]

AVERAGE = (0.5, 0.5)
"""`down`: the mean of 2 × 2 pixels; `up`: every pixel becomes 2 × 2 of its kind."""

BILINEAR = (0.125, 0.375, 0.375, 0.125)
"""`up`: linear between the pixels' centres; `down`: its transpose, which keeps a mean."""


def down(x: Array, taps: Sequence[float] = AVERAGE) -> Array:
    """`y[i] = Σ_k taps[k] x[2i + k − low]` along height and width, `low` = half of the taps − 1.

    Args:
      x: images in any layout.
      taps: an even number of weights, with sum 1.
    """
    for axis in (1, 2):
        size = -(-x.shape[axis] // 2)
        apart = phases(pad_same(x, axis, len(taps), 2), axis, 2)
        x = total([w * window(apart[k % 2], axis, k // 2, size) for k, w in enumerate(taps)])
    return x


def up(x: Array, size: Size, taps: Sequence[float] = AVERAGE) -> Array:
    """`y[2i + k − low] += 2 taps[k] x[i]` along height and width: the transpose of `down`, times 4.

    Args:
      x: images in any layout.
      size: height and width of the result, each twice that of x or one less.
      taps: as those of `down`; symmetric.
    """
    for axis, length in zip((1, 2), size, strict=True):
        x = overlay([2 * w * x for w in taps], axis, 2, length)
    return x


def conv_down(ops: Convolutions, x: Array, kernel: Array) -> Array:
    """A convolution of stride 1, then `down`, as one convolution of stride 2.

    Its kernel is wider by one and has the mean of four shifted kernels, so that the two take 4/9 of
    the multiplications for 3 × 3. With an odd number of pixels the convolution reaches one pixel
    beyond the edge.

    Args:
      ops: the layout.
      x: images in it.
      kernel: [k, k, in, out], k odd.
    """
    return ops.conv(x, _widened(kernel) / 4, 2)


def conv_up(ops: Convolutions, x: Array, kernel: Array, size: Size) -> Array:
    """`up` to `size`, then a convolution of stride 1, as one transposed convolution of stride 2.

    It takes 4/9 of the multiplications for 3 × 3. With an odd size the convolution sees the row
    that is cut off.

    Args:
      ops: the layout.
      x: images in it.
      kernel: [k, k, in, out], k odd.
      size: height and width of the result, each twice that of x or one less.
    """
    # A transposed convolution of a layout does not flip its kernel, as a convolution's would be.
    return ops.conv_transpose(x, _widened(kernel), 2, size)


def _widened(kernel: Array) -> Array:
    """The sum of the kernel and its shifts by one pixel, down, right and both."""
    padded = jnp.pad(kernel, ((1, 1), (1, 1), (0, 0), (0, 0)))
    rows = padded[1:] + padded[:-1]
    return rows[:, 1:] + rows[:, :-1]


def grouped_conv(ops: Convolutions, x: Array, kernel: Array, groups: int) -> Array:
    """A convolution of stride 1 in which each group of outputs sees a group of inputs.

    Args:
      ops: the layout.
      x: images in it.
      kernel: [height, width, in / groups, out].
      groups: how many; it divides in and out.
    """
    axis = ops.channel_axis % x.ndim
    x = x.reshape(*x.shape[:axis], groups, -1, *x.shape[axis + 1 :])
    kernels = kernel.reshape(*kernel.shape[:3], groups, -1)
    y = jax.vmap(ops.conv, (axis, 3, None), axis)(x, kernels, 1)
    return y.reshape(*y.shape[:axis], -1, *y.shape[axis + 2 :])
