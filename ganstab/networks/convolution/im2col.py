"""`im2col`: images as [N, H, W, C], a convolution as one matrix product. For wide layers.

The pixels under each tap of the kernel stand side by side as channels, taps × C of them, and one
product makes all output channels of them. Where a layer has fewer outputs than inputs the product
comes first, taps × outputs of it, and its parts are shifted and added up; so does a transposed
convolution. XLA computes the products on all cores even inside a `scan`, as it does not compute its
own convolutions, and their derivatives are products again.
"""

import jax.numpy as jnp
from jax import Array

from ganstab.networks.convolution.layout import Convolutions, Size, same
from ganstab.networks.convolution.shifts import (
    overlay,
    pad_same,
    phases,
    split,
    total,
    window,
    windows,
)

__all__ = ["im2col"]


def _conv(x: Array, kernel: Array, stride: int) -> Array:
    taps_h, taps_w, cin, cout = kernel.shape
    height, width = (-(-n // stride) for n in x.shape[1:3])
    x = pad_same(pad_same(x, 1, taps_h, stride), 2, taps_w, stride)
    if stride == 1 and cout < cin:
        return _narrowing_conv(x, kernel, height, width)
    apart = [phases(row, 2, stride) for row in phases(x, 1, stride)]
    columns = windows(apart, 1, (taps_h, taps_w), (height, width))
    return _contract(jnp.concatenate(columns, -1), kernel.reshape(-1, cout))


def _narrowing_conv(x: Array, kernel: Array, height: int, width: int) -> Array:
    """The product with every tap, then its windows, each shifted by its tap, added up."""
    rows = _taps(x, kernel)
    summed = [total([window(t, 2, j, width) for j, t in enumerate(row)]) for row in rows]
    return total([window(row, 1, i, height) for i, row in enumerate(summed)])


def _conv_transpose(x: Array, kernel: Array, stride: int, size: Size) -> Array:
    summed = [overlay(row, 2, stride, size[1]) for row in _taps(x, kernel)]
    return overlay(summed, 1, stride, size[0])


def _taps(x: Array, kernel: Array) -> list[list[Array]]:
    """The images times the kernel's every tap, by its row and column, as one matrix product."""
    taps_h, taps_w, cin, _ = kernel.shape
    product = _contract(x, kernel.transpose(2, 0, 1, 3).reshape(cin, -1))
    return [list(split(row, taps_w, -1)) for row in split(product, taps_h, -1)]


def _contract(x: Array, weights: Array) -> Array:
    """[N, H, W, I] and [I, O] -> [N, H, W, O], as one matrix product."""
    flat = x.reshape(-1, x.shape[-1]) @ weights
    return flat.reshape(*x.shape[:-1], -1)


im2col = Convolutions(_conv, _conv, _conv_transpose, same, same, -1)
"""Convolutions of images as [N, H, W, C] by one product each, for wide layers."""
