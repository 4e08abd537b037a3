"""DCGAN's pair, whose layers, norms and nonlinearities may be others.

Radford et al. 2016 (arXiv:1511.06434): transposed convolutions of stride 2 against convolutions of
stride 2, a norm and a nonlinearity after each; none of the two after the layer that gives the
image, and no norm after the first layer of the discriminator. Around each of them there may be
convolutions of stride 1, for networks of any depth: `widths` has the channels of every layer, a row
for each resolution. The first layer of a row changes the resolution.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from ganstab._precision import in_float32
from ganstab.networks._initial import deviation, randomise, uniform
from ganstab.networks.convolution import Convolutions, Size, default_convolutions
from ganstab.networks.equalized import gated
from ganstab.networks.layers import Conv, leaky
from ganstab.networks.norms import Norm, batch_norm

__all__ = ["Discriminator", "Generator", "Units", "leaky"]

Widths = Sequence[Sequence[int]]


@dataclasses.dataclass(frozen=True)
class Units:
    """What all layers of a network have in common."""

    activation: Callable[[Array], Array] = jax.nn.relu
    """Of every element."""
    gates: bool = False
    """Whether `networks.gated` takes the activation's place; its layers have twice the channels."""
    norm: Norm | None = batch_norm
    """`norms.batch_norm`, `norms.layer_norm`, or none."""
    kernel: int = 5
    """Side of the convolutions' kernels."""
    stddev: float | None = None
    """Of normal initial weights. Without one they are uniform, with the variance 4 / (fan-in +
    fan-out) in convolutions and half of it in dense layers, as in Gulrajani et al.'s code."""

    def dense(self, inputs: int, outputs: int, *, rngs: nnx.Rngs) -> nnx.Linear:
        """A dense layer, whose kernel is still to be drawn."""
        init = self._init(1.0, inputs, outputs)
        return nnx.Linear(inputs, outputs, kernel_init=init, rngs=rngs)

    def conv(
        self,
        ops: Convolutions,
        inputs: int,
        outputs: int,
        *,
        down: int = 1,
        up: int = 1,
        rngs: nnx.Rngs,
    ) -> Conv:
        """A convolution of stride `down`, or a transposed one of stride `up`, likewise."""
        taps = self.kernel**2
        init = self._init(2.0, inputs * taps / up**2, outputs * taps / down**2)
        return Conv(ops, self.kernel, inputs, outputs, init, rngs=rngs)

    def inputs(self, outputs: int) -> int:
        """Channels before a nonlinearity that gives so many."""
        return 2 * outputs if self.gates else outputs

    def _init(self, gain: float, fan_in: float, fan_out: float) -> nnx.Initializer:
        if self.stddev is not None:
            return nnx.initializers.constant(self.stddev)
        return deviation(gain, fan_in, fan_out)

    def randomise(self, network: nnx.Module, rngs: nnx.Rngs) -> None:
        """Draws the kernels of a network of such layers."""
        randomise(network, uniform if self.stddev is None else jax.random.normal, rngs=rngs)


GENERATOR, DISCRIMINATOR = Units(), Units(leaky)
"""DCGAN's own."""


class _After(nnx.Module):
    """A norm, where there is one, and a nonlinearity, of images in a layout."""

    def __init__(
        self, ops: Convolutions, outputs: int, units: Units, *, norm: bool = True, rngs: nnx.Rngs
    ):
        make = units.norm if norm else None
        self.norm = None if make is None else make(ops, units.inputs(outputs), rngs=rngs)
        self.activation = (
            functools.partial(gated, axis=ops.channel_axis) if units.gates else units.activation
        )

    def __call__(self, x: Array) -> Array:
        return self.activation(x if self.norm is None else self.norm(x))


class Generator(nnx.Module):
    """z [n, latent] -> images [n, H, W, C] in (−1, 1).

    A dense layer to the first of the sides, then convolutions, the last of which gives the image.

    Args:
      latent: length of z.
      widths: channels of the layers at each side, coarsest first, without the image's. The first is
        the dense layer's. At the last side there may be none: the image's layer is then the
        transposed convolution to it.
      sides: height and width at each, twice those before or one less.
      channels: C.
      units: norm, nonlinearity, kernels, initial weights.
      convolutions: None for those that suit jax's default backend and the channels.
    """

    def __init__(
        self,
        latent: int,
        widths: Widths,
        sides: Sequence[Size],
        *,
        channels: int = 3,
        units: Units = GENERATOR,
        convolutions: Convolutions | None = None,
        rngs: nnx.Rngs,
    ):
        hidden = [width for row in widths for width in row]
        ops = self.ops = convolutions or default_convolutions(min(hidden))
        self.side = sides[0]
        self.dense = units.dense(latent, math.prod(sides[0]) * units.inputs(hidden[0]), rngs=rngs)
        self.afters = nnx.List([_After(ops, width, units, rngs=rngs) for width in hidden])
        # Of each convolution, the side that it leads to, if it is another one.
        rows = [*widths[:-1], [*widths[-1], channels]]
        places = [(level, place) for level, row in enumerate(rows) for place in range(len(row))]
        self.grow = tuple(None if place else sides[level] for level, place in places[1:])
        outputs = [*(units.inputs(width) for width in hidden[1:]), channels]
        self.convs = nnx.List(
            [
                units.conv(ops, inputs, out, up=2 if size else 1, rngs=rngs)
                for inputs, out, size in zip(hidden, outputs, self.grow, strict=True)
            ]
        )
        units.randomise(self, rngs)

    def __call__(self, z: Array) -> Array:
        """[n, latent] -> [n, H, W, C]."""
        x = self.ops.to_internal(self.dense(z).reshape(z.shape[0], *self.side, -1))
        for after, conv, size in zip(self.afters, self.convs, self.grow, strict=True):
            x = after(x)
            x = conv.transpose(x, size) if size else conv(x)
        return self.ops.from_internal(in_float32(jnp.tanh)(x))


class Discriminator(nnx.Module):
    """Images [n, H, W, C] -> scores [n], before any sigmoid.

    Args:
      widths: channels of the layers at each side, the image's own first, where there may be none.
        The first layer at every other side is the convolution of stride 2 to it.
      size: height and width of the images; halves are rounded up.
      channels: C.
      units: norm, nonlinearity, kernels, initial weights.
      convolutions: None for those that suit jax's default backend and the channels.
    """

    def __init__(
        self,
        widths: Widths,
        size: Size,
        *,
        channels: int = 3,
        units: Units = DISCRIMINATOR,
        convolutions: Convolutions | None = None,
        rngs: nnx.Rngs,
    ):
        hidden = [width for row in widths for width in row]
        ops = self.ops = convolutions or default_convolutions(min(hidden))
        self.strides = tuple(
            1 if place or not level else 2
            for level, row in enumerate(widths)
            for place in range(len(row))
        )
        layers = zip([channels, *hidden[:-1]], hidden, self.strides, strict=True)
        self.convs = nnx.List(
            [
                units.conv(ops, inputs, units.inputs(out), down=stride, rngs=rngs)
                for inputs, out, stride in layers
            ]
        )
        self.afters = nnx.List(
            [
                _After(ops, width, units, norm=place > 0, rngs=rngs)
                for place, width in enumerate(hidden)
            ]
        )
        left = math.prod(-(-side // 2 ** (len(widths) - 1)) for side in size)
        self.score = units.dense(left * hidden[-1], 1, rngs=rngs)
        units.randomise(self, rngs)

    def __call__(self, x: Array) -> Array:
        """[n, H, W, C] -> [n]."""
        n = x.shape[0]
        for place, (conv, after, stride) in enumerate(
            zip(self.convs, self.afters, self.strides, strict=True)
        ):
            x = after(conv(x, stride) if place else conv.first(x, stride))
        return self.score(self.ops.from_internal(x).reshape(n, -1))[:, 0]
