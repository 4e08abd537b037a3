"""Small convolutional pairs whose layers keep the size of what passes through them from the start.

The shape is that of DCGAN (Radford et al. 2016, arXiv:1511.06434): transposed convolutions of
stride 2 against convolutions of stride 2. These differ from DCGAN: kernels are 3 × 3 and start with
He's variance for the number of terms that they sum up, the activation is the leaky ReLU of slope
0.2 in both, and the discriminator has no norm, as gradient penalties need it. The generator's last
layer starts with a variance of 0.1 / inputs, so that its first images are grey and tanh is far from
saturation. With R3GAN's loss and penalties a pair of some ten channels covers stacked MNIST within
minutes on a CPU.
"""

import itertools
import math
from collections.abc import Sequence

import jax.numpy as jnp
from flax import nnx
from jax import Array

from ganstab._precision import in_float32
from ganstab.networks._initial import fan_in
from ganstab.networks.conditional import ConditionalBatchNorm, Embedding, Projection, with_label
from ganstab.networks.convolution import Convolutions, Size, default_convolutions
from ganstab.networks.layers import Conv, batch_axis, leaky

__all__ = ["Discriminator", "Generator"]


class Generator(nnx.Module):
    """z [n, latent], and labels [n] where there are classes -> images [n, H, W, C] in (−1, 1).

    A dense layer to `sides[0]`, a transposed convolution to each next, each with batch norm where
    there is one and leaky ReLU, then a convolution to the image and tanh. A label chooses the scale
    and offset of each batch norm; without batch norm it is embedded as `latent` numbers beside z.

    Args:
      latent: length of z.
      widths: channels, coarsest first.
      sides: height and width at each, twice those before or one less.
      channels: C.
      norm: whether there is batch norm.
      num_classes: None for a generator of `net(z)`, else it is one of `net(z, label)`.
      convolutions: None for those that suit jax's default backend and the channels.
    """

    def __init__(
        self,
        latent: int,
        widths: Sequence[int],
        sides: Sequence[Size],
        *,
        channels: int = 3,
        norm: bool = True,
        num_classes: int | None = None,
        convolutions: Convolutions | None = None,
        rngs: nnx.Rngs,
    ):
        ops = self.ops = convolutions or default_convolutions(min(widths))
        self.sides, self.num_classes = tuple(sides), num_classes
        self.embedding = (
            None
            if norm or num_classes is None
            else Embedding(num_classes, latent, nnx.initializers.normal(1.0), rngs=rngs)
        )
        inputs = latent if self.embedding is None else 2 * latent
        self.dense = nnx.Linear(inputs, math.prod(sides[0]) * widths[0], rngs=rngs)
        # A pixel of a transposed convolution of stride 2 is a sum over a quarter of the taps.
        self.convs = nnx.List(
            [Conv(ops, 3, a, b, fan_in(4 * 2.0), rngs=rngs) for a, b in itertools.pairwise(widths)]
        )
        self.norms = nnx.List(
            [
                ConditionalBatchNorm(c, num_classes, axis=ops.channel_axis, rngs=rngs)
                for c in (widths if norm else ())
            ]
        )
        self.to_image = Conv(ops, 3, widths[-1], channels, fan_in(0.1), rngs=rngs)

    def __call__(self, z: Array | tuple, label: Array | None = None) -> Array:
        """[n, latent], [n] -> [n, H, W, C]; the two may come as one pair."""
        z, label = with_label(z, label, self.num_classes)
        if self.embedding is not None:
            z = jnp.concatenate([z, self.embedding(label)], axis=1)
        x = self.ops.to_internal(self.dense(z).reshape(z.shape[0], *self.sides[0], -1))
        x = self._act(x, 0, label)
        for place, (conv, size) in enumerate(zip(self.convs, self.sides[1:], strict=True), 1):
            x = self._act(conv.transpose(x, size), place, label)
        return self.ops.from_internal(in_float32(jnp.tanh)(self.to_image(x)))

    def _act(self, x: Array, place: int, label: Array | None) -> Array:
        if self.norms:
            x = self.norms[place](x, label, batch_axis=batch_axis(self.ops))
        return leaky(x)


class Discriminator(nnx.Module):
    """Images [n, H, W, C], and labels [n] where there are classes -> scores [n].

    Convolutions of stride 2, leaky ReLU after each, and `Projection` of all that is left.

    Args:
      widths: channels that the convolutions give, the images' first.
      size: height and width of the images.
      channels: C.
      num_classes: None for a discriminator of `net(x)`, else it is one of `net(x, label)`.
      convolutions: None for those that suit jax's default backend and the channels.
    """

    def __init__(
        self,
        widths: Sequence[int],
        size: Size,
        *,
        channels: int = 3,
        num_classes: int | None = None,
        convolutions: Convolutions | None = None,
        rngs: nnx.Rngs,
    ):
        ops = self.ops = convolutions or default_convolutions(min(widths))
        self.num_classes = num_classes
        steps = itertools.pairwise([channels, *widths])
        self.convs = nnx.List([Conv(ops, 3, a, b, fan_in(2.0), rngs=rngs) for a, b in steps])
        left = math.prod(-(-side // 2 ** len(widths)) for side in size)
        self.score = Projection(left * widths[-1], num_classes, rngs=rngs)

    def __call__(self, x: Array | tuple, label: Array | None = None) -> Array:
        """[n, H, W, C], [n] -> [n]; the two may come as one pair."""
        x, label = with_label(x, label, self.num_classes)
        n = x.shape[0]
        x = leaky(self.convs[0].first(x))
        for conv in list(self.convs)[1:]:
            x = leaky(conv(x, 2))
        return self.score(self.ops.from_internal(x).reshape(n, -1), label)
