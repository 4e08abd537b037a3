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
        first_conv: `conv` of images [N, H, W, C] on their way into the layout.
        conv_transpose: (x, kernel, stride, size) -> y of height and width `size`.
        to_internal: [N, H, W, C] -> the layout.
        from_internal: the layout -> [N, H, W, C].
        channel_axis: where the layout has its channels.
    """

    conv: Callable[[Array, Array, int], Array]
    first_conv: Callable[[Array, Array, int], Array]
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


def _conv_minor(x: Array, kernel: Array, stride: int) -> Array:
    taps_h, taps_w, cin, cout = kernel.shape
    height, width = (-(-n // stride) for n in x.shape[1:3])
    x = _pad_same(_pad_same(x, 1, taps_h, stride), 2, taps_w, stride)
    if stride == 1 and cout < cin:
        return _narrowing_conv(x, kernel, height, width)
    phases = [_phases(row, 2, stride) for row in _phases(x, 1, stride)]
    return _windows_conv(phases, kernel, height, width)


def _first_conv_minor(x: Array, kernel: Array, stride: int) -> Array:
    """The phases become channels where the images are laid out anew.

    The derivative of that is one transposition. Taken apart later, XLA would compute it together
    with the sum over the windows, pixel by pixel, which costs more than the rest of the update.
    """
    taps_h, taps_w, cin, _ = kernel.shape
    count, height, width, _ = x.shape
    x = _pad_same(_pad_same(x, 1, taps_h, stride), 2, taps_w, stride)
    rows, columns = (n // stride for n in x.shape[1:3])
    x = x.reshape(count, rows, stride, columns, stride, cin).transpose(2, 4, 5, 1, 3, 0)
    x = _unfused(x.reshape(stride**2 * cin, rows, columns, count))
    phases = [_split(row, stride) for row in _split(x, stride)]
    return _windows_conv(phases, kernel, -(-height // stride), -(-width // stride))


def _windows_conv(
    phases: Sequence[Sequence[Array]], kernel: Array, height: int, width: int
) -> Array:
    """One matrix product with all pixels under the kernel, given every stride-th pixel apart."""
    taps_h, taps_w, _, cout = kernel.shape
    stride = len(phases)
    windows = [
        _window(_window(phases[i % stride][j % stride], 1, i // stride, height),
                2, j // stride, width)
        for i in range(taps_h) for j in range(taps_w)
    ]  # fmt: skip
    return _contract(kernel.reshape(-1, cout), jnp.concatenate(windows))


def _narrowing_conv(x: Array, kernel: Array, height: int, width: int) -> Array:
    """Multiplies windows along the width only, and shifts and adds the products along the height.

    The intermediate arrays have taps x cin and taps x cout channels, not taps^2 of either.
    """
    taps_h, taps_w, cin = kernel.shape[:3]
    windows = jnp.concatenate([_window(x, 2, j, width) for j in range(taps_w)])
    product = _contract(kernel.transpose(1, 2, 0, 3).reshape(taps_w * cin, -1), windows)
    return _total([_window(t, 1, i, height) for i, t in enumerate(_split(product, taps_h))])


def _conv_transpose_minor(x: Array, kernel: Array, stride: int, size: Size) -> Array:
    taps_h, taps_w = kernel.shape[:2]
    product = _contract(kernel.transpose(2, 0, 1, 3).reshape(x.shape[0], -1), x)
    rows = [_split(row, taps_w) for row in _split(product, taps_h)]
    summed = [_overlay(row, 2, stride, size[1]) for row in rows]
    return _overlay(summed, 1, stride, size[0])


def _overlay(taps: Sequence[Array], axis: int, stride: int, size: int) -> Array:
    """Sum of the taps' images, dilated and each shifted by one pixel, cropped to `size`."""
    low, high = _transpose_padding(taps[0].shape[axis], size, len(taps), stride)
    config = [(0, 0, 0)] * taps[0].ndim
    placed = []
    for k, tap in enumerate(taps):
        config[axis] = (low - k, high - (len(taps) - 1 - k), stride - 1)
        placed.append(lax.pad(tap, jnp.zeros((), tap.dtype), config))
    return _total(placed)


def _contract(weights: Array, x: Array) -> Array:
    """[I, O] and [I, H, W, N] -> [O, H, W, N], as one matrix product."""
    flat = lax.dot_general(weights, x.reshape(x.shape[0], -1), (((0,), (0,)), ((), ())))
    return flat.reshape(-1, *x.shape[1:])


def _pad_same(x: Array, axis: int, taps: int, stride: int) -> Array:
    """`same_padding` along one axis, and zeros behind it up to a multiple of the stride."""
    low, _ = same_padding(x.shape[axis], taps, stride)
    whole = (-(-x.shape[axis] // stride) + (taps - 1) // stride) * stride
    shapes = [
        (*x.shape[:axis], n, *x.shape[axis + 1 :]) for n in (low, whole - low - x.shape[axis])
    ]
    # Not lax.pad, because XLA would fuse it with what made x, and compute that many times over.
    before, after = (jnp.zeros(shape, x.dtype) for shape in shapes)
    return jnp.concatenate([before, x, after], axis)


def _window(x: Array, axis: int, start: int, length: int) -> Array:
    return lax.slice_in_dim(x, start, start + length, axis=axis)


def _phases(x: Array, axis: int, stride: int) -> list[Array]:
    """Every stride-th pixel along an axis, counted from the first, from the second, ..."""
    if stride == 1:
        return [x]
    pairs = x.reshape(*x.shape[:axis], -1, stride, *x.shape[axis + 1 :])
    return [lax.squeeze(phase, (axis + 1,)) for phase in _split(pairs, stride, axis + 1)]


def _split(x: Array, parts: int, axis: int = 0) -> Sequence[Array]:
    """Equal parts, whose derivative is one concatenation (that of slices, a sum of full pads)."""
    return lax.split(x, [x.shape[axis] // parts] * parts, axis)


def _total(terms: Sequence[Array]) -> Array:
    return functools.reduce(operator.add, terms)


def _same(x: Array) -> Array:
    return x


def _to_minor(x: Array) -> Array:
    return _unfused(x.transpose(3, 1, 2, 0))


def _from_minor(x: Array) -> Array:
    return _unfused(x).transpose(3, 1, 2, 0)


def _unfused(x: Array) -> Array:
    """The images themselves, times an identity matrix, on its way into or out of the layout.

    XLA would fuse a bare transposition with what made x (in the derivative, its cotangent), and
    compute all of that in the order of the result, which costs more than the whole network. It
    fuses neither into a matrix product.
    """
    return _contract(jnp.eye(x.shape[0], dtype=x.dtype), x)


batch_major = Convolutions(_conv_major, _conv_major, _conv_transpose_major, _same, _same, -1)
batch_minor = Convolutions(
    _conv_minor, _first_conv_minor, _conv_transpose_minor, _to_minor, _from_minor, 0
)


def default_convolutions() -> Convolutions:
    """`batch_minor` where jax computes on a CPU, `batch_major` elsewhere."""
    return batch_minor if jax.default_backend() == "cpu" else batch_major
