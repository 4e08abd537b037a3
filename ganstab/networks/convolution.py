"""Convolutions in two layouts: one for accelerators, one for a CPU and narrow networks.

`batch_major` keeps images as [N, H, W, C] and calls XLA's convolution. On a CPU that is slow,
the more so inside a `scan`, and with 2 to 8 channels most lanes of a vector register stay empty.
`batch_minor` keeps images as [C, H, W, N], so that every vector is filled from the batch, and
writes a convolution as shifts and one matrix product, which XLA runs and differentiates well.

Kernels are [height, width, in, out] in both, and both compute the same numbers up to rounding:

    conv:            y[i] = sum_k  x[stride i + k - low] kernel[k]
    conv_transpose:  y[stride i + k - low] += x[i] flip(kernel)[k]

`low` is half of the padding, rounded down, with which a convolution of this stride turns `size`
pixels into ceil(size / stride) (TensorFlow's SAME). Like `lax.conv_transpose`, the second does
not flip the kernel of the convolution over the dilated image that it is.
"""

import functools
import operator
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from ganstab.errors import InputError

Size = tuple[int, int]


class Convolutions(NamedTuple):
    """The operations of one layout.

    Attributes:
        conv: (x, kernel, stride) -> y, images in the layout.
        conv_transpose: (x, kernel, stride, size) -> y of height and width `size`.
        to_internal: [N, H, W, C] -> the layout.
        from_internal: the layout -> [N, H, W, C].
        channel_axis: where the layout has its channels.
    """

    conv: Callable[[Array, Array, int], Array]
    conv_transpose: Callable[[Array, Array, int, Size], Array]
    to_internal: Callable[[Array], Array]
    from_internal: Callable[[Array], Array]
    channel_axis: int


def same_padding(size: int, kernel: int, stride: int) -> Size:
    """Zeros before and after `size` pixels that give ceil(size / stride) windows."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _transpose_padding(small: int, size: int, kernel: int, stride: int) -> Size:
    """Zeros around `small` dilated pixels of which `kernel` wide windows make `size` pixels."""
    if -(-size // stride) != small:
        raise InputError(
            f"conv_transpose of {small} pixels with stride {stride} gives "
            f"{(small - 1) * stride + 1} to {small * stride} pixels, not {size}"
        )
    low = kernel - 1 - same_padding(size, kernel, stride)[0]
    return low, size + kernel - 2 - (small - 1) * stride - low


def _conv_major(x: Array, kernel: Array, stride: int) -> Array:
    pads = [same_padding(n, k, stride) for n, k in zip(x.shape[1:3], kernel.shape[:2], strict=True)]
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), pads, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _conv_transpose_major(x: Array, kernel: Array, stride: int, size: Size) -> Array:
    pads = [
        _transpose_padding(small, n, k, stride)
        for small, n, k in zip(x.shape[1:3], size, kernel.shape[:2], strict=True)
    ]
    return lax.conv_transpose(
        x, kernel, (stride, stride), pads, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _windows(x: Array, kernel: Size, stride: int) -> Array:
    """[C, H, W, N] -> [kh * kw * C, H', W', N]: under each tap, the pixels that it meets."""
    for axis, k in zip((1, 2), kernel, strict=True):
        low, high = same_padding(x.shape[axis], k, stride)
        x = _shift(x, axis, low, high)
    out_h, out_w = ((n - k) // stride for n, k in zip(x.shape[1:3], kernel, strict=True))
    return jnp.concatenate(
        [
            x[:, i : i + out_h * stride + 1 : stride, j : j + out_w * stride + 1 : stride]
            for i in range(kernel[0])
            for j in range(kernel[1])
        ]
    )


def _shift(x: Array, axis: int, low: int, high: int, dilation: int = 1) -> Array:
    """Zeros around (negative: a crop) and between the pixels along one axis."""
    config = [(0, 0, 0)] * x.ndim
    config[axis] = (low, high, dilation - 1)
    return lax.pad(x, jnp.zeros((), x.dtype), config)


def _contract(weights: Array, x: Array) -> Array:
    """weights [I, O], x [I, H, W, N] -> [O, H, W, N], as one matrix product."""
    flat = lax.dot_general(weights, x.reshape(x.shape[0], -1), (((0,), (0,)), ((), ())))
    return flat.reshape(-1, *x.shape[1:])


def _spread(x: Array, kernel: Array) -> list[list[Array]]:
    """[I, H, W, N] -> the kh x kw arrays [O, H, W, N], x times each tap of the kernel."""
    taps_h, taps_w, _, out = kernel.shape
    product = _contract(kernel.transpose(2, 0, 1, 3).reshape(x.shape[0], -1), x)
    # The derivative of a split is one concatenation, that of indexing a sum of full-size pads.
    taps = lax.split(product, [out] * (taps_h * taps_w))
    return [list(taps[i * taps_w : (i + 1) * taps_w]) for i in range(taps_h)]


def _total(terms: Sequence[Array]) -> Array:
    return functools.reduce(operator.add, terms)


def _conv_minor(x: Array, kernel: Array, stride: int) -> Array:
    taps_h, taps_w, cin, cout = kernel.shape
    if stride == 1 and cout < cin:
        return _conv_by_taps(x, kernel)
    windows = _windows(x, (taps_h, taps_w), stride)
    return _contract(kernel.reshape(-1, cout), windows)


def _conv_by_taps(x: Array, kernel: Array) -> Array:
    """Product first: cheaper where there are fewer output than input channels."""
    taps_h, taps_w = kernel.shape[:2]
    height, width = x.shape[1:3]
    top, bottom = same_padding(height, taps_h, 1)
    left, right = same_padding(width, taps_w, 1)
    taps = _spread(_shift(_shift(x, 1, top, bottom), 2, left, right), kernel)
    return _total(
        [taps[i][j][:, i : i + height, j : j + width] for i in range(taps_h) for j in range(taps_w)]
    )


def _conv_transpose_minor(x: Array, kernel: Array, stride: int, size: Size) -> Array:
    taps_h, taps_w = kernel.shape[:2]
    pads = [
        _transpose_padding(small, n, k, stride)
        for small, n, k in zip(x.shape[1:3], size, kernel.shape[:2], strict=True)
    ]

    def place(tap: Array, axis: int, k: int) -> Array:
        low, high = pads[axis - 1]
        taps = kernel.shape[axis - 1]
        return _shift(tap, axis, low - k, high - (taps - 1 - k), stride)

    rows = [_total([place(t, 2, j) for j, t in enumerate(row)]) for row in _spread(x, kernel)]
    return _total([place(row, 1, i) for i, row in enumerate(rows)])


def _same(x: Array) -> Array:
    return x


def _to_minor(x: Array) -> Array:
    return x.transpose(3, 1, 2, 0)


def _from_minor(x: Array) -> Array:
    # XLA would fuse a bare transposition with what made x, and compute all of that in the order
    # of the result, which takes several times as long. It fuses nothing into a matrix product.
    same = lax.dot_general(x, jnp.eye(x.shape[0], dtype=x.dtype), (((0,), (0,)), ((), ())))
    return same.transpose(2, 0, 1, 3)


batch_major = Convolutions(_conv_major, _conv_transpose_major, _same, _same, -1)
batch_minor = Convolutions(_conv_minor, _conv_transpose_minor, _to_minor, _from_minor, 0)


def default_convolutions() -> Convolutions:
    """`batch_minor` where jax computes on a CPU, `batch_major` elsewhere."""
    return batch_minor if jax.default_backend() == "cpu" else batch_major
