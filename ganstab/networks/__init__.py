"""Networks of the papers' experiments, as Flax NNX modules, and the parts that stabilise others.

`images` makes pairs for images of any size, with labels or without: `image_pair` by size and
kind, and the pairs of R3GAN, SNGAN, projection discriminators and WGAN-GP as in their papers. Their
modules are in `r3gan_resnet`, `residual` and `he_convolutional`. `convolutional` holds the
generators and discriminators of the unrolled GAN, `recurrent` a generator that writes columns,
`mlp` the pair for two-dimensional mixtures, `text` the pair for lines of characters, `unrolled_gan`
the sizes of these networks in each experiment of that paper, `progressive` the pair that grows.
`dcgan` has DCGAN's pair with any norm, nonlinearity and depth, `bottleneck` deep residual pairs,
`wgan_gp` the sizes of both in that paper. `convolution` has three ways of computing a convolution;
all networks of images but the growing pair choose from them. The parts work on `[B, F]` and on
images of any size, channels last; those without parameters are functions, which stand in an
`nnx.Sequential` too.
"""

from ganstab.networks.conditional import ConditionalBatchNorm, Projection
from ganstab.networks.equalized import Equalized, equalized_conv, equalized_linear, gated
from ganstab.networks.images import image_pair
from ganstab.networks.minibatch import MinibatchDiscrimination, minibatch_stddev
from ganstab.networks.norms import VirtualBatchNorm, pixel_norm

__all__ = [
    "ConditionalBatchNorm",
    "Equalized",
    "MinibatchDiscrimination",
    "Projection",
    "VirtualBatchNorm",
    "equalized_conv",
    "equalized_linear",
    "gated",
    "image_pair",
    "minibatch_stddev",
    "pixel_norm",
]
