"""`batch_major`: images as [N, H, W, C], XLA's own convolution. For TPUs."""

from jax import Array, lax

from ganstab.networks.convolution.layout import (
    Convolutions,
    Size,
    same,
    same_padding,
    transpose_padding,
)

__all__ = ["batch_major"]

DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def _conv(x: Array, kernel: Array, stride: int) -> Array:
    pads = [same_padding(n, k, stride) for n, k in zip(x.shape[1:3], kernel.shape[:2], strict=True)]
    return lax.conv_general_dilated(x, kernel, (stride, stride), pads, dimension_numbers=DIMENSIONS)


def _conv_transpose(x: Array, kernel: Array, stride: int, size: Size) -> Array:
    pads = [
        transpose_padding(small, n, k, stride)
        for small, n, k in zip(x.shape[1:3], size, kernel.shape[:2], strict=True)
    ]
    return lax.conv_transpose(x, kernel, (stride, stride), pads, dimension_numbers=DIMENSIONS)


batch_major = Convolutions(_conv, _conv, _conv_transpose, same, same, -1)
"""XLA's own convolutions of images as [N, H, W, C]."""
