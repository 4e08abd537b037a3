"""Networks of the papers' experiments, as Flax NNX modules, and the parts that stabilise others.

`convolutional` holds generators and discriminators of images, `recurrent` a generator that writes
columns, `mlp` the pair for two-dimensional mixtures, `unrolled_gan` the sizes of all these in each
experiment of one paper, `progressive` the pair that grows, and `convolution` the three ways of
computing a convolution that the first chooses from. The parts work on `[B, F]` and on images of any
size, channels last; those without parameters are functions, which stand in an `nnx.Sequential` too.
"""

from ganstab.networks.equalized import Equalized, equalized_conv, equalized_linear, gated
from ganstab.networks.minibatch import MinibatchDiscrimination, minibatch_stddev
from ganstab.networks.norms import VirtualBatchNorm, pixel_norm

__all__ = [
    "Equalized",
    "MinibatchDiscrimination",
    "VirtualBatchNorm",
    "equalized_conv",
    "equalized_linear",
    "gated",
    "minibatch_stddev",
    "pixel_norm",
]
