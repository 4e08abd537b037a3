"""Convolutional generators and discriminators with batch norm, by default those of stacked MNIST.

Metz et al. 2017 (arXiv:1611.02163, appendices C to F): transposed convolutions that halve the
channels and double the side, against convolutions of stride 2 that double the channels. The sizes
of each experiment are in `unrolled_gan`; the defaults make a generator of 287,875 parameters
against a discriminator of 585 (width 1/4) or 1,889 (width 1/2). Spatial sizes 4, 7, 14, 28 and the
leak 0.3 are those of PacGAN's implementation of the same experiment (Lin et al. 2018,
arXiv:1712.04086). Every kernel starts as N(0, init_stddev^2) and every bias at zero. The biases in
front of a batch norm change no output; they are kept because that implementation has them.

Batch norm takes its statistics over the whole batch it is shown, over all devices where the
batch is sharded under `jax.jit`; `module.eval()` and `module.train()` choose between running
and batch statistics.
"""

import itertools
import math
from collections.abc import Callable, Sequence

import jax
from flax import nnx
from jax import Array

from ganstab._precision import in_float32
from ganstab.networks.convolution import Convolutions, default_convolutions
from ganstab.networks.layers import add_bias

__all__ = ["ConvParams", "Discriminator", "Generator", "scaled"]


class ConvParams(nnx.Module):
    """A kernel [k, k, in, out] ~ N(0, stddev^2) and a bias [out] = 0."""

    def __init__(self, kernel: int, cin: int, cout: int, stddev: float, *, rngs: nnx.Rngs):
        init = nnx.initializers.normal(stddev)
        self.kernel = nnx.Param(init(rngs.params(), (kernel, kernel, cin, cout)))
        self.bias = nnx.Param(jax.numpy.zeros((cout,)))


class Generator(nnx.Module):
    """z [n, latent] -> images [n, 28, 28, 3] in (-1, 1).

    A dense layer to `sizes[0]`^2 pixels of `channels[0]`, one transposed convolution of stride 2
    to each next size and channel count, batch norm and ReLU after all of these, and a
    convolution of stride 1 to `out_channels` with tanh.

    Args:
      latent: length of z.
      channels, sizes: feature maps and their side, one pair a stage; each size is twice the
        one before, or one less.
      out_channels, kernel: of the image, and the side of every kernel.
      init_stddev: standard deviation of every initial kernel.
      epsilon, momentum: of every batch norm.
      convolutions: None for the ones that suit jax's default backend and the channels.
    """

    def __init__(
        self,
        latent: int = 256,
        channels: Sequence[int] = (64, 32, 16, 8),
        sizes: Sequence[int] = (4, 7, 14, 28),
        *,
        out_channels: int = 3,
        kernel: int = 3,
        init_stddev: float = 0.05,
        epsilon: float = 1e-5,
        momentum: float = 0.99,
        convolutions: Convolutions | None = None,
        rngs: nnx.Rngs,
    ):
        if len(channels) != len(sizes) or not channels:
            raise ValueError(
                f"Generator wants one size for each of its channels, at least one, "
                f"not channels={tuple(channels)} and sizes={tuple(sizes)}"
            )
        ops = convolutions or default_convolutions(min(channels))
        self.ops = ops
        self.sizes = tuple(sizes)
        self.dense = nnx.Linear(
            latent,
            sizes[0] ** 2 * channels[0],
            kernel_init=nnx.initializers.normal(init_stddev),
            rngs=rngs,
        )
        steps = itertools.pairwise(channels)
        self.convs = nnx.List([ConvParams(kernel, a, b, init_stddev, rngs=rngs) for a, b in steps])
        self.norms = nnx.List([_norm(c, ops, momentum, epsilon, rngs) for c in channels])
        self.to_image = ConvParams(kernel, channels[-1], out_channels, init_stddev, rngs=rngs)

    def __call__(self, z: Array) -> Array:
        """[n, latent] -> [n, 28, 28, 3], or the asked side and channels."""
        ops, side = self.ops, self.sizes[0]
        x = ops.to_internal(self.dense(z).reshape(z.shape[0], side, side, -1))
        x = jax.nn.relu(self.norms[0](x))
        for conv, norm, size in zip(self.convs, list(self.norms)[1:], self.sizes[1:], strict=True):
            x = ops.conv_transpose(x, conv.kernel[...], 2, (size, size))
            x = jax.nn.relu(norm(add_bias(x, conv.bias[...], ops.channel_axis)))
        x = ops.conv(x, self.to_image.kernel[...], 1)
        x = in_float32(jax.numpy.tanh)(add_bias(x, self.to_image.bias[...], ops.channel_axis))
        return ops.from_internal(x)


def _norm(
    channels: int, ops: Convolutions, momentum: float, epsilon: float, rngs: nnx.Rngs
) -> nnx.BatchNorm:
    return nnx.BatchNorm(
        channels, axis=ops.channel_axis, momentum=momentum, epsilon=epsilon, rngs=rngs
    )


def scaled(channels: Sequence[int], width: float, name: str) -> list[int]:
    """The channel counts times `width`, which have to come out as whole numbers from 1 on.

    Raises:
      ValueError: if they do not; it calls the width by `name`.
    """
    scaled = [c * width for c in channels]
    if not all(math.isfinite(c) and c >= 1 and c == int(c) for c in scaled):
        raise ValueError(
            f"{name} {width} has to make whole numbers, 1 or more, "
            f"of its channels {tuple(channels)}"
        )
    return [int(c) for c in scaled]


class Discriminator(nnx.Module):
    """Images [n, side, side, in_channels] -> scores [n], before any sigmoid.

    Convolutions of stride 2 to 8, 16 and 32 channels times `width`, batch norm and leaky ReLU
    after each, then a dense layer to one score.

    Args:
      width: factor of `channels`; 1/4 and 1/2 are the paper's.
      channels: feature maps of each convolution at width 1.
      side, in_channels, kernel: of the image, and the side of every kernel.
      leak: slope of the leaky ReLU below zero.
      init_stddev: standard deviation of every initial kernel.
      norm: whether there is batch norm; without, samples are scored each by itself.
      first_norm: whether after the first convolution too. There it takes away the contrast of the
        batch, which the discriminator then cannot see where real and generated images are
        batches of their own.
      epsilon, momentum: of every batch norm.
      convolutions: None for the ones that suit jax's default backend and the channels.
    """

    def __init__(
        self,
        width: float = 0.25,
        channels: Sequence[int] = (8, 16, 32),
        *,
        side: int = 28,
        in_channels: int = 3,
        kernel: int = 3,
        leak: float = 0.3,
        init_stddev: float = 0.05,
        norm: bool = True,
        first_norm: bool = True,
        epsilon: float = 1e-5,
        momentum: float = 0.99,
        convolutions: Convolutions | None = None,
        rngs: nnx.Rngs,
    ):
        widths = [in_channels, *scaled(channels, width, "Discriminator's width")]
        ops = convolutions or default_convolutions(min(widths[1:], default=None))
        self.ops = ops
        self.leak = leak
        steps = itertools.pairwise(widths)
        self.convs = nnx.List([ConvParams(kernel, a, b, init_stddev, rngs=rngs) for a, b in steps])
        normed = widths[1 if first_norm else 2 :] if norm else []
        self.norms = nnx.List([_norm(c, ops, momentum, epsilon, rngs) for c in normed])
        for _ in channels:
            side = -(-side // 2)
        self.dense = nnx.Linear(
            side**2 * widths[-1], 1, kernel_init=nnx.initializers.normal(init_stddev), rngs=rngs
        )

    def __call__(self, x: Array) -> Array:
        """[n, side, side, in_channels] -> [n]."""
        ops = self.ops
        convs = [ops.first_conv] + [ops.conv] * (len(self.convs) - 1)
        plain = [lambda x: x] * (len(self.convs) - len(self.norms))
        norms: Sequence[Callable[[Array], Array]] = [*plain, *self.norms]
        for apply, conv, norm in zip(convs, self.convs, norms, strict=True):
            x = add_bias(apply(x, conv.kernel[...], 2), conv.bias[...], ops.channel_axis)
            x = jax.nn.leaky_relu(norm(x), self.leak)
        x = ops.from_internal(x)
        return self.dense(x.reshape(x.shape[0], -1))[:, 0]
