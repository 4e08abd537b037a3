"""`batch_minor`: images as [C, H, W, N], a convolution as one matrix product. For narrow layers.

With 2 to 8 channels most lanes of a vector register would stay empty if it held channels; here
every one is filled from the batch.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array, lax

from ganstab._placement import blocks
from ganstab.networks.convolution.layout import Convolutions, Size
from ganstab.networks.convolution.shifts import (
    overlay,
    pad_same,
    phases,
    split,
    total,
    window,
    windows,
)

__all__ = ["batch_minor"]


def _conv(x: Array, kernel: Array, stride: int) -> Array:
    height, width = (-(-n // stride) for n in x.shape[1:3])
    taps_h, taps_w, cin, cout = kernel.shape
    x = _padded(x, (taps_h, taps_w), stride)
    if stride == 1 and cout < cin:
        return _narrowing_conv(x, kernel, height, width)
    apart = [phases(row, 2, stride) for row in phases(x, 1, stride)]
    return _windows_conv(apart, kernel, (height, width))


def _first_conv(x: Array, kernel: Array, stride: int) -> Array:
    height, width = (-(-n // stride) for n in x.shape[1:3])
    rows = split(_laid_out(x, kernel.shape[:2], stride), stride)
    return _windows_conv([split(row, stride) for row in rows], kernel, (height, width))


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _laid_out(x: Array, taps: Size, stride: int) -> Array:
    """[N, H, W, C] -> [stride^2 C, rows, columns, N]: padded, its phases as channels.

    The images come into the layout first, and their phases are taken apart there, in copies of
    whole batches. The derivative takes them apart where the layout is changed, so that it is one
    transposition. Both as either is would cost more: the first one's derivative is computed
    together with the sum over the windows, pixel by pixel, and the second is slow forwards.
    """
    count, cin = x.shape[0], x.shape[3]
    x = _padded(x.transpose(3, 1, 2, 0), taps, stride)
    rows, columns = (n // stride for n in x.shape[1:3])
    x = x.reshape(cin, rows, stride, columns, stride, count).transpose(2, 4, 0, 1, 3, 5)
    return x.reshape(stride**2 * cin, rows, columns, count)


@_laid_out.defjvp
def _(taps: Size, stride: int, at: tuple[Array], along: tuple[Array]) -> tuple[Array, Array]:
    x = _padded(along[0], taps, stride)
    count, height, width, cin = x.shape
    rows, columns = height // stride, width // stride
    x = x.reshape(count, rows, stride, columns, stride, cin).transpose(2, 4, 5, 1, 3, 0)
    moved = _unfused(x.reshape(stride**2 * cin, rows, columns, count))
    return _laid_out(at[0], taps, stride), moved


def _padded(x: Array, taps: Size, stride: int) -> Array:
    return pad_same(pad_same(x, 1, taps[0], stride), 2, taps[1], stride)


def _windows_conv(apart: Sequence[Sequence[Array]], kernel: Array, size: Size) -> Array:
    """One matrix product with all pixels under the kernel, given every stride-th pixel apart."""
    taps_h, taps_w, _, cout = kernel.shape
    under = windows(apart, 1, (taps_h, taps_w), size)
    return _contract(kernel.reshape(-1, cout), jnp.concatenate(under))


def _narrowing_conv(x: Array, kernel: Array, height: int, width: int) -> Array:
    """Multiplies windows along the width only, and shifts and adds the products along the height.

    The intermediate arrays have taps x cin and taps x cout channels, not taps^2 of either.
    """
    taps_h, taps_w, cin = kernel.shape[:3]
    under = jnp.concatenate([window(x, 2, j, width) for j in range(taps_w)])
    product = _contract(kernel.transpose(1, 2, 0, 3).reshape(taps_w * cin, -1), under)
    return total([window(t, 1, i, height) for i, t in enumerate(split(product, taps_h))])


def _conv_transpose(x: Array, kernel: Array, stride: int, size: Size) -> Array:
    taps_h, taps_w = kernel.shape[:2]
    product = _contract(kernel.transpose(2, 0, 1, 3).reshape(x.shape[0], -1), x)
    rows = [split(row, taps_w) for row in split(product, taps_h)]
    summed = [overlay(row, 2, stride, size[1]) for row in rows]
    return overlay(summed, 1, stride, size[0])


def _contract(weights: Array, x: Array) -> Array:
    """[I, O] and [I, H, W, N] -> [O, H, W, N], as one matrix product on each device."""
    count = blocks(x.shape[-1])
    if count == 1:
        return _product(weights, x)
    own = x.reshape(*x.shape[:-1], count, -1)
    return jax.vmap(_product, (None, 3), 3)(weights, own).reshape(-1, *x.shape[1:])


def _product(weights: Array, x: Array) -> Array:
    flat = lax.dot_general(weights, x.reshape(x.shape[0], -1), (((0,), (0,)), ((), ())))
    return flat.reshape(-1, *x.shape[1:])


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


batch_minor = Convolutions(_conv, _first_conv, _conv_transpose, _to_minor, _from_minor, 0)
"""Convolutions of images as [C, H, W, N], for narrow layers."""
