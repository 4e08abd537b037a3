"""The DCGAN-like pair of the WGAN-GP authors' code for CIFAR-10, `gan_cifar.py`."""

import itertools

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from ganstab._precision import in_float32
from ganstab.networks.convolution import default_convolutions
from ganstab.networks.layers import Conv

LATENT, KERNEL, COARSEST = 128, 5, 4
_GLOROT = nnx.initializers.glorot_uniform()


def _uniform(inputs: float, outputs: float) -> nnx.Initializer:
    """Uniform with the variance 4 / (inputs + outputs) that an output and an input have."""
    reach = (3 * 4 / (inputs + outputs)) ** 0.5

    def init(key, shape, dtype=jnp.float32, out_sharding=None):
        return jax.random.uniform(key, shape, dtype, -reach, reach)

    return init


class Generator(nnx.Module):
    """z [n, 128] -> images [n, 32, 32, 3] in (−1, 1).

    A dense layer to 4 × 4 pixels of 4 w channels, transposed 5 × 5 convolutions of stride 2 to 2 w,
    w and 3, batch norm and ReLU in front of each, tanh. The first batch norm, as in that code,
    normalises each number of the dense layer by itself, and not each channel.

    Args:
      width: w; 128 in the authors' code.
    """

    def __init__(self, width: int, *, rngs: nnx.Rngs):
        ops = self.ops = default_convolutions(width)
        widths = [4 * width, 2 * width, width]
        numbers = COARSEST**2 * widths[0]
        self.dense = nnx.Linear(LATENT, numbers, kernel_init=_GLOROT, rngs=rngs)
        self.dense_norm = nnx.BatchNorm(numbers, rngs=rngs)
        self.convs = nnx.List([
            Conv(ops, KERNEL, a, b, _uniform(KERNEL**2 * a / 4, KERNEL**2 * b), rngs=rngs)
            for a, b in itertools.pairwise([*widths, 3])
        ])  # fmt: skip
        self.norms = nnx.List(
            [nnx.BatchNorm(c, axis=ops.channel_axis, rngs=rngs) for c in widths[1:]]
        )

    def __call__(self, z: Array) -> Array:
        """[n, 128] -> [n, 32, 32, 3]."""
        x = jax.nn.relu(self.dense_norm(self.dense(z)))
        x = self.ops.to_internal(x.reshape(len(z), COARSEST, COARSEST, -1))
        for place, conv in enumerate(self.convs):
            x = x if place == 0 else jax.nn.relu(self.norms[place - 1](x))
            side = COARSEST * 2 ** (place + 1)
            x = conv.transpose(x, (side, side))
        return self.ops.from_internal(in_float32(jnp.tanh)(x))


class Critic(nnx.Module):
    """Images [n, 32, 32, 3] -> scores [n].

    5 × 5 convolutions of stride 2 to w, 2 w and 4 w channels, leaky ReLU of slope 0.2, a dense
    layer. With `norm` there is batch norm after the second and third, as in the authors' code for
    weight clipping and DCGAN.

    Args:
      width: w; 128 in the authors' code.
      norm: whether there is batch norm; a gradient penalty wants none.
    """

    def __init__(self, width: int, *, norm: bool, rngs: nnx.Rngs):
        ops = self.ops = default_convolutions(width)
        widths = [width, 2 * width, 4 * width]
        self.convs = nnx.List([
            Conv(ops, KERNEL, a, b, _uniform(KERNEL**2 * a, KERNEL**2 * b / 4), rngs=rngs)
            for a, b in itertools.pairwise([3, *widths])
        ])  # fmt: skip
        normed = widths[1:] if norm else []
        self.norms = nnx.List([nnx.BatchNorm(c, axis=ops.channel_axis, rngs=rngs) for c in normed])
        self.score = nnx.Linear(COARSEST**2 * widths[-1], 1, kernel_init=_GLOROT, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        """[n, 32, 32, 3] -> [n]."""
        n = len(x)
        x = jax.nn.leaky_relu(self.convs[0].first(x), 0.2)
        for place, conv in enumerate(list(self.convs)[1:]):
            x = conv(x, 2)
            x = jax.nn.leaky_relu(self.norms[place](x) if self.norms else x, 0.2)
        return self.score(self.ops.from_internal(x).reshape(n, -1))[:, 0]
