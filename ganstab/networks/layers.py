"""A convolution with a kernel of its own in any layout, its bias, and the leaky ReLU."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from ganstab.networks.convolution import Convolutions, Size
from ganstab.networks.convolution.resampling import conv_down, conv_up, grouped_conv

__all__ = ["Conv", "add_bias", "batch_axis", "leaky"]


def batch_axis(ops: Convolutions) -> int:
    """Where a layout has the samples: where it does not have the channels."""
    return 0 if ops.channel_axis % 4 else 3


def leaky(x: Array) -> Array:
    """The leaky ReLU of slope 0.2."""
    return jax.nn.leaky_relu(x, 0.2)


def add_bias(x: Array, bias: Array, channel_axis: int) -> Array:
    """The sum of images and a bias [C] of their channels."""
    shape = [1] * x.ndim
    shape[channel_axis] = -1
    return x + bias.reshape(shape)


class Conv(nnx.Module):
    """A kernel [h, w, in / groups, out] and a bias of zeros, for images in a layout.

    Args:
      ops: the layout.
      kernel: h and w, or one number for both.
      inputs, outputs: channels.
      init: of the kernel.
      groups: of channels, each of which sees its own alone.
      bias: whether there is one.
    """

    def __init__(
        self,
        ops: Convolutions,
        kernel: int | Size,
        inputs: int,
        outputs: int,
        init: nnx.Initializer,
        *,
        groups: int = 1,
        bias: bool = True,
        rngs: nnx.Rngs,
    ):
        self.ops, self.groups = ops, groups
        window = (kernel, kernel) if isinstance(kernel, int) else kernel
        shape = *window, inputs // groups, outputs
        self.kernel = nnx.Param(init(rngs.params(), shape))
        self.bias = nnx.Param(jnp.zeros((outputs,))) if bias else None

    def __call__(self, x: Array, stride: int = 1) -> Array:
        """The convolution, in `groups` with stride 1."""
        if self.groups > 1:
            return self._biased(grouped_conv(self.ops, x, self.kernel[...], self.groups))
        return self._biased(self.ops.conv(x, self.kernel[...], stride))

    def first(self, x: Array, stride: int = 2) -> Array:
        """The convolution of images [n, H, W, C] on their way into the layout."""
        return self._biased(self.ops.first_conv(x, self.kernel[...], stride))

    def transpose(self, x: Array, size: Size) -> Array:
        """The transposed convolution of stride 2, to height and width `size`."""
        return self._biased(self.ops.conv_transpose(x, self.kernel[...], 2, size))

    def down(self, x: Array) -> Array:
        """The convolution, then the mean of 2 × 2 pixels."""
        return self._biased(conv_down(self.ops, x, self.kernel[...]))

    def up(self, x: Array, size: Size) -> Array:
        """Every pixel twice along height and width, `size` of them, then the convolution."""
        return self._biased(conv_up(self.ops, x, self.kernel[...], size))

    def _biased(self, x: Array) -> Array:
        return x if self.bias is None else add_bias(x, self.bias[...], self.ops.channel_axis)
