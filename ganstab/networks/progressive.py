"""The pair of networks that grows from one resolution to the next.

Karras et al. 2018 (arXiv:1710.10196, table 2): blocks of two 3 × 3 convolutions at each resolution,
1 × 1 convolutions between features and image, equalised learning rate everywhere, pixel norm in
the generator, minibatch standard deviation in the discriminator, leaky ReLU of slope 0.2.

The input of either is a pair `(x, α)`. What is faded in is α times the path through the newest
block plus 1 − α times the path past it, at the resolution below. `widths` has a number for each
resolution, so that a network of one width more is the same network one level further. Every
parameter of the smaller network is in the larger one under the same name. With one level nothing is
faded in, and α is not used.
"""

import itertools
import math
from collections.abc import Sequence

from flax import nnx
from jax import Array

from ganstab.networks.convolution import WIDE, default_convolutions
from ganstab.networks.equalized import Equalized, equalized_linear
from ganstab.networks.layers import Conv, leaky
from ganstab.networks.minibatch import minibatch_stddev
from ganstab.networks.norms import pixel_norm
from ganstab.networks.resolutions import blend, down, up

__all__ = ["Block", "Discriminator", "Generator"]


def _conv(
    inputs: int, outputs: int, kernel: int, *, gain: float = math.sqrt(2), rngs: nnx.Rngs
) -> Equalized:
    """An equalised convolution of images [B, H, W, C], as a matrix product where that is faster."""
    ops = default_convolutions(WIDE)  # a layout of channels last
    init = nnx.initializers.normal(1.0)
    return Equalized(Conv(ops, kernel, inputs, outputs, init, bias=False, rngs=rngs), gain)


def _normed(x: Array) -> Array:
    return pixel_norm(leaky(x))


class Block(nnx.Module):
    """Two 3 × 3 convolutions: `inputs` to `hidden` to `outputs` channels."""

    def __init__(self, inputs: int, hidden: int, outputs: int, *, rngs: nnx.Rngs):
        self.first = _conv(inputs, hidden, 3, rngs=rngs)
        self.second = _conv(hidden, outputs, 3, rngs=rngs)


class Generator(nnx.Module):
    """(z [B, latent], α) -> images [B, S, S, channels], S = side · 2^(levels − 1); no tanh.

    Args:
      latent: length of z, which is brought to length √latent first.
      widths: channels at each level, coarsest first; as many as there are levels.
      channels: of the image.
      side: height and width of the coarsest level.
    """

    def __init__(
        self,
        latent: int,
        widths: Sequence[int],
        *,
        channels: int = 3,
        side: int = 4,
        rngs: nnx.Rngs,
    ):
        _check_widths(widths)
        self.side = side
        # The gain of the authors' code, √2/4: a quarter of what other layers before a ReLU have.
        self.dense = equalized_linear(latent, side**2 * widths[0], gain=math.sqrt(2) / 4, rngs=rngs)
        self.conv = _conv(widths[0], widths[0], 3, rngs=rngs)
        self.blocks = nnx.List([Block(a, b, b, rngs=rngs) for a, b in itertools.pairwise(widths)])
        self.to_image = nnx.List(
            [_conv(width, channels, 1, gain=1.0, rngs=rngs) for width in widths]
        )

    def __call__(self, x: tuple[Array, Array | float]) -> Array:
        """([B, latent], scalar) -> [B, S, S, channels]."""
        z, alpha = x
        features = self.dense(pixel_norm(z)).reshape(z.shape[0], self.side, self.side, -1)
        features = _normed(self.conv(_normed(features)))
        coarse = features
        for block in self.blocks:
            coarse = features
            features = _normed(block.second(_normed(block.first(up(coarse)))))
        image = self.to_image[-1](features)
        if not self.blocks:
            return image
        return blend(up(self.to_image[-2](coarse)), image, alpha)


class Discriminator(nnx.Module):
    """(images [B, S, S, channels], α) -> scores [B], S = side · 2^(levels − 1).

    Args:
      widths: channels at each level, coarsest first; as many as there are levels.
      channels: of the image.
      side: height and width of the coarsest level.
      group: samples a group of the minibatch standard deviation.
    """

    def __init__(
        self,
        widths: Sequence[int],
        *,
        channels: int = 3,
        side: int = 4,
        group: int = 4,
        rngs: nnx.Rngs,
    ):
        _check_widths(widths)
        self.group = group
        self.from_image = nnx.List([_conv(channels, width, 1, rngs=rngs) for width in widths])
        self.blocks = nnx.List([Block(b, b, a, rngs=rngs) for a, b in itertools.pairwise(widths)])
        self.conv = _conv(widths[0] + 1, widths[0], 3, rngs=rngs)
        self.dense = equalized_linear(side**2 * widths[0], widths[0], rngs=rngs)
        self.score = equalized_linear(widths[0], 1, gain=1.0, rngs=rngs)

    def __call__(self, x: tuple[Array, Array | float]) -> Array:
        """([B, S, S, channels], scalar) -> [B]."""
        images, alpha = x
        features = leaky(self.from_image[-1](images))
        for place, block in enumerate(reversed(list(self.blocks))):
            features = down(leaky(block.second(leaky(block.first(features)))))
            if place == 0:
                features = blend(leaky(self.from_image[-2](down(images))), features, alpha)
        features = leaky(self.conv(minibatch_stddev(features, self.group)))
        features = leaky(self.dense(features.reshape(features.shape[0], -1)))
        return self.score(features)[:, 0]


def _check_widths(widths: Sequence[int]) -> None:
    if not widths or min(widths) < 1:
        raise ValueError(f"widths must be channels at each level, 1 or more, got {tuple(widths)}")
