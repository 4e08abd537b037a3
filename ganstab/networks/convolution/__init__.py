"""Convolutions in three layouts: one for a TPU, two for a CPU or a GPU.

`batch_major` keeps images as [N, H, W, C] and calls XLA's convolution. On a CPU that is slow, the
more so inside a `scan`, and slowest of all is the derivative of its transposed convolution. On a
GPU it is three to eight times as slow as the others (stacked MNIST and CIFAR-10 with K = 5, H100).
`im2col` keeps images as [N, H, W, C] too, and writes a convolution as windows and one matrix
product, which XLA runs and differentiates well; it is for wide layers, whose channels fill the
vector registers. With 2 to 8 channels most of those lanes would stay empty: `batch_minor` keeps
images as [C, H, W, N], so that every vector is filled from the batch.

With a batch of 64 `im2col` and `batch_minor` differ little: on two cores, unrolled steps of pairs
whose narrowest layers have 16 to 64 channels take 0.90 to 1.05 times as long in `batch_minor`. From
64 channels on `im2col` needs less memory, and it does not need a batch that fills a vector.

Kernels are [height, width, in, out] in all, and all compute the same numbers up to rounding:

    conv:            y[i] = sum_k  x[stride i + k - low] kernel[k]
    conv_transpose:  y[stride i + k - low] += x[i] flip(kernel)[k]

`low` is half of the padding, rounded down, with which a convolution of this stride turns `size`
pixels into ceil(size / stride) (TensorFlow's SAME). The second is a convolution of the dilated
image with the kernel as it is, not flipped, like `lax.conv_transpose`.
"""

import jax

from ganstab.networks.convolution.batch_major import batch_major
from ganstab.networks.convolution.batch_minor import batch_minor
from ganstab.networks.convolution.im2col import im2col
from ganstab.networks.convolution.layout import Convolutions, Size, same_padding

__all__ = [
    "Convolutions",
    "Size",
    "batch_major",
    "batch_minor",
    "default_convolutions",
    "im2col",
    "same_padding",
]

WIDE = 64
"""Channels of its narrowest layer from which on a network is wide."""


def default_convolutions(channels: int | None = None) -> Convolutions:
    """The layout that suits jax's default backend and a network's width.

    Args:
      channels: the fewest that any of the network's hidden layers has; None for a few.

    Returns:
      On a CPU or a GPU `im2col` from WIDE channels on and `batch_minor` below, on a TPU
      `batch_major`.
    """
    if jax.default_backend() == "tpu":
        return batch_major
    return im2col if channels is not None and channels >= WIDE else batch_minor
