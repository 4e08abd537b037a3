"""A pair of residual networks of any depth, of bottleneck blocks, 101 layers in Gulrajani et al.

A block is ReLU and a 1 × 1 convolution to half of the channels, ReLU and a 3 × 3 convolution, ReLU
and a 1 × 1 convolution, then a norm; 0.3 of it is added to the block's input (Gulrajani et al.
2017, arXiv:1704.00028, section 5.2; sizes of the authors' code for 64 × 64). Where the resolution
changes, the 3 × 3 convolution has stride 2, and the block's input passes through a convolution of
its own: 1 × 1 of stride 2 on the way down, transposed 2 × 2 on the way up, which is that code's
1 × 1 convolution with depth to space. A fifth of the last layer's output goes to tanh, or is the
score. Kernels start uniform, with variance 4 / (fan-in + fan-out) within blocks and half of that
elsewhere.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from ganstab._precision import in_float32
from ganstab.networks._initial import deviation, randomise, uniform
from ganstab.networks.convolution import Convolutions, Size, default_convolutions
from ganstab.networks.layers import Conv
from ganstab.networks.norms import Norm, batch_norm

__all__ = ["Discriminator", "Generator", "repeats"]


def repeats(layers: int, sides: int) -> list[int]:
    """Blocks that keep the resolution, at each of so many sides, coarsest first.

    A network has a layer at either end, a block of three layers for each change of the side, and
    the rest evenly over the sides, the coarsest first: 6, 6, 6, 6 and 5 for 101 layers and five.

    Raises:
      ValueError: there are not whole blocks of layers, or too few for the changes.
    """
    blocks, left = divmod(layers - 2, 3)
    if left or blocks < sides - 1:
        raise ValueError(
            f"layers must be 2 more than three times a number of blocks, {sides - 1} or more, for "
            f"{sides} resolutions; got {layers}"
        )
    each, more = divmod(blocks - (sides - 1), sides)
    return [each + (place < more) for place in range(sides)]


def _conv(
    ops: Convolutions, kernel: int, inputs: int, outputs: int, *, gain: float = 2.0, **more: Any
) -> Conv:
    init = deviation(gain, kernel**2 * inputs, kernel**2 * outputs)
    return Conv(ops, kernel, inputs, outputs, init, **more)


def _dense(inputs: int, outputs: int, rngs: nnx.Rngs) -> nnx.Linear:
    init = deviation(1.0, inputs, outputs)
    return nnx.Linear(inputs, outputs, kernel_init=init, rngs=rngs)


class _Block(nnx.Module):
    """A block: at the same resolution, `down` to half of it, or `up` to a size."""

    def __init__(
        self,
        ops: Convolutions,
        inputs: int,
        outputs: int,
        norm: Norm | None,
        *,
        down: bool = False,
        up: Size | None = None,
        rngs: nnx.Rngs,
    ):
        self.stride, self.up = 2 if down else 1, up
        few, many = (max(width // 2, 1) for width in (inputs, outputs))
        self.narrow = _conv(ops, 1, inputs, few, rngs=rngs)
        self.middle = _conv(ops, 3, few, many, rngs=rngs)
        self.widen = _conv(ops, 1, many, outputs, bias=False, rngs=rngs)
        self.norm = None if norm is None else norm(ops, outputs, rngs=rngs)
        straight = inputs == outputs and not down and up is None
        past = _conv(ops, 2 if up else 1, inputs, outputs, gain=1.0, rngs=rngs)
        self.past = None if straight else past

    def __call__(self, x: Array) -> Array:
        y = self._resampled(self.middle, jax.nn.relu(self.narrow(jax.nn.relu(x))))
        y = self.widen(jax.nn.relu(y))
        y = y if self.norm is None else self.norm(y)
        return 0.3 * y + (x if self.past is None else self._resampled(self.past, x))

    def _resampled(self, conv: Conv, x: Array) -> Array:
        return conv.transpose(x, self.up) if self.up else conv(x, self.stride)


class Generator(nnx.Module):
    """z [n, latent] -> images [n, H, W, C] in (−1, 1).

    Args:
      latent: length of z.
      widths: channels, coarsest first.
      sides: height and width at each, twice those before or one less.
      layers: of all the network, see `repeats`.
      channels: C.
      norm: `norms.batch_norm`, `norms.layer_norm`, or none.
      convolutions: None for those that suit jax's default backend and the channels.
    """

    def __init__(
        self,
        latent: int,
        widths: Sequence[int],
        sides: Sequence[Size],
        *,
        layers: int = 101,
        channels: int = 3,
        norm: Norm | None = batch_norm,
        convolutions: Convolutions | None = None,
        rngs: nnx.Rngs,
    ):
        ops = self.ops = convolutions or default_convolutions(min(widths) // 2)
        self.side = sides[0]
        self.dense = _dense(latent, math.prod(sides[0]) * widths[0], rngs)
        blocks, before = [], widths[0]
        for width, size, count in zip(
            widths, [None, *sides[1:]], repeats(layers, len(sides)), strict=True
        ):
            if size:
                blocks.append(_Block(ops, before, width, norm, up=size, rngs=rngs))
            blocks += [_Block(ops, width, width, norm, rngs=rngs) for _ in range(count)]
            before = width
        self.blocks = nnx.List(blocks)
        self.to_image = _conv(ops, 1, before, channels, gain=1.0, rngs=rngs)
        randomise(self, uniform, rngs=rngs)

    def __call__(self, z: Array) -> Array:
        """[n, latent] -> [n, H, W, C]."""
        x = self.ops.to_internal(self.dense(z).reshape(z.shape[0], *self.side, -1))
        for block in self.blocks:
            x = block(x)
        return self.ops.from_internal(in_float32(jnp.tanh)(self.to_image(x) / 5))


class Discriminator(nnx.Module):
    """Images [n, H, W, C] -> scores [n], before any sigmoid.

    Args:
      widths: channels, the images' own resolution first.
      size: height and width of the images; halves are rounded up.
      layers: of all the network, see `repeats`.
      channels: C.
      norm: `norms.batch_norm`, `norms.layer_norm`, or none.
      convolutions: None for those that suit jax's default backend and the channels.
    """

    def __init__(
        self,
        widths: Sequence[int],
        size: Size,
        *,
        layers: int = 101,
        channels: int = 3,
        norm: Norm | None = batch_norm,
        convolutions: Convolutions | None = None,
        rngs: nnx.Rngs,
    ):
        ops = self.ops = convolutions or default_convolutions(min(widths) // 2)
        self.from_image = _conv(ops, 1, channels, widths[0], gain=1.0, rngs=rngs)
        blocks, before = [], widths[0]
        for level, (width, count) in enumerate(
            zip(widths, repeats(layers, len(widths))[::-1], strict=True)
        ):
            if level:
                blocks.append(_Block(ops, before, width, norm, down=True, rngs=rngs))
            blocks += [_Block(ops, width, width, norm, rngs=rngs) for _ in range(count)]
            before = width
        self.blocks = nnx.List(blocks)
        left = math.prod(-(-side // 2 ** (len(widths) - 1)) for side in size)
        self.score = _dense(left * before, 1, rngs)
        randomise(self, uniform, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        """[n, H, W, C] -> [n]."""
        n = x.shape[0]
        x = self.from_image.first(x, 1)
        for block in self.blocks:
            x = block(x)
        return self.score(self.ops.from_internal(x).reshape(n, -1))[:, 0] / 5
