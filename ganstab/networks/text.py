"""The pair of a character-level language model: residual blocks along lines of text.

Gulrajani et al. 2017 (arXiv:1704.00028, section 5.5), with the sizes of the authors' code: z of
128, five blocks of ReLU and a convolution over 5 characters, twice, of which 0.3 is added to the
block's input, 512 channels, lines of 32 characters. The generator's softmax goes to the critic as
it is, without sampling. Kernels start uniform, with variance 4 / (fan-in + fan-out) in convolutions
and half of that in dense layers; there is no norm. Inside the blocks a line is an image of height
1, in the layout of `networks.convolution` that suits the backend.
"""

import jax
from flax import nnx
from jax import Array

from ganstab._checks import check_count
from ganstab._precision import in_float32
from ganstab.networks.convolution import Convolutions, default_convolutions
from ganstab.networks.layers import Conv

__all__ = ["Critic", "Generator"]

BLOCKS = 5
_CONV = nnx.initializers.variance_scaling(2.0, "fan_avg", "uniform")
_DENSE = nnx.initializers.glorot_uniform()


class _Block(nnx.Module):
    """x + 0.3 · f(x), f being ReLU and a convolution over 5 characters, twice."""

    def __init__(self, ops: Convolutions, width: int, *, rngs: nnx.Rngs):
        self.convs = nnx.List([Conv(ops, (1, 5), width, width, _CONV, rngs=rngs) for _ in range(2)])

    def __call__(self, x: Array) -> Array:
        y = x
        for conv in self.convs:
            y = conv(jax.nn.relu(y))
        return x + 0.3 * y


class _Blocks(nnx.Module):
    """The blocks of a network, one after the other: [n, length, width] -> the same shape."""

    def __init__(self, width: int, ops: Convolutions | None, *, rngs: nnx.Rngs):
        check_count("width", width)
        self.ops = ops or default_convolutions(width)
        self.blocks = nnx.List([_Block(self.ops, width, rngs=rngs) for _ in range(BLOCKS)])

    def __call__(self, x: Array) -> Array:
        x = self.ops.to_internal(x[:, None])
        for block in self.blocks:
            x = block(x)
        return self.ops.from_internal(x)[:, 0]


class Generator(nnx.Module):
    """z [n, latent] -> a distribution over the characters at each place, [n, length, characters].

    Args:
      characters: how many there are.
      width: channels.
      length: characters a line.
      latent: length of z.
      convolutions: None for those that suit jax's default backend and the width.
    """

    def __init__(
        self,
        characters: int,
        width: int = 512,
        length: int = 32,
        latent: int = 128,
        *,
        convolutions: Convolutions | None = None,
        rngs: nnx.Rngs,
    ):
        self.length = length
        self.blocks = _Blocks(width, convolutions, rngs=rngs)
        self.dense = nnx.Linear(latent, length * width, kernel_init=_DENSE, rngs=rngs)
        # A convolution over one character.
        self.to_characters = nnx.Linear(width, characters, kernel_init=_CONV, rngs=rngs)

    def __call__(self, z: Array) -> Array:
        """[n, latent] -> [n, length, characters], at each place positive and 1 in sum."""
        x = self.blocks(self.dense(z).reshape(len(z), self.length, -1))
        return in_float32(jax.nn.softmax)(self.to_characters(x))


class Critic(nnx.Module):
    """One-hot lines, or distributions, [n, length, characters] -> scores [n].

    Args:
      characters: how many there are.
      width: channels.
      length: characters a line.
      convolutions: None for those that suit jax's default backend and the width.
    """

    def __init__(
        self,
        characters: int,
        width: int = 512,
        length: int = 32,
        *,
        convolutions: Convolutions | None = None,
        rngs: nnx.Rngs,
    ):
        self.blocks = _Blocks(width, convolutions, rngs=rngs)
        self.from_characters = nnx.Linear(characters, width, kernel_init=_CONV, rngs=rngs)
        self.dense = nnx.Linear(length * width, 1, kernel_init=_DENSE, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        """[n, length, characters] -> [n]."""
        x = self.blocks(self.from_characters(x))
        return self.dense(x.reshape(len(x), -1))[:, 0]
