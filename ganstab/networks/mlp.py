"""Fully connected networks, by default the pair for two-dimensional mixtures.

Metz et al. 2017 (arXiv:1611.02163, appendix A): the generator has two hidden layers of 128 units,
and the discriminator, which divides its input by 4, has one. Kernels start orthogonal with gain
0.8, and biases start at zero. The sizes are those of the published code of Nagarajan and Kolter
2017 (arXiv:1706.04156), which repeats the experiment; the paper gives no width for the
discriminator.
"""

import itertools
from collections.abc import Callable, Sequence

import jax
from flax import nnx
from jax import Array

__all__ = ["MLP", "Discriminator", "Generator"]


class MLP(nnx.Module):
    """x [n, features[0]] -> [n, features[-1]], `activation` between the layers.

    Args:
      features: sizes of the input, of each hidden layer and of the output.
      gain: scale of the orthogonal initial kernels.
      activation: applied after every layer but the last.
    """

    def __init__(
        self,
        features: Sequence[int],
        *,
        gain: float = 0.8,
        activation: Callable[[Array], Array] = jax.nn.relu,
        rngs: nnx.Rngs,
    ):
        init = nnx.initializers.orthogonal(gain)
        steps = itertools.pairwise(features)
        self.layers = nnx.List([nnx.Linear(a, b, kernel_init=init, rngs=rngs) for a, b in steps])
        self.activation = activation

    def __call__(self, x: Array) -> Array:
        """[n, features[0]] -> [n, features[-1]]."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        return last(x)


class Generator(nnx.Module):
    """z [n, latent] -> points [n, out_features]."""

    def __init__(
        self,
        latent: int = 256,
        hidden: Sequence[int] = (128, 128),
        out_features: int = 2,
        *,
        gain: float = 0.8,
        activation: Callable[[Array], Array] = jax.nn.relu,
        rngs: nnx.Rngs,
    ):
        sizes = (latent, *hidden, out_features)
        self.mlp = MLP(sizes, gain=gain, activation=activation, rngs=rngs)

    def __call__(self, z: Array) -> Array:
        """[n, latent] -> [n, out_features]."""
        return self.mlp(z)


class Discriminator(nnx.Module):
    """Points [n, in_features], divided by `scale`, -> scores [n], before any sigmoid."""

    def __init__(
        self,
        in_features: int = 2,
        hidden: Sequence[int] = (128,),
        *,
        scale: float = 4.0,
        gain: float = 0.8,
        activation: Callable[[Array], Array] = jax.nn.relu,
        rngs: nnx.Rngs,
    ):
        sizes = (in_features, *hidden, 1)
        self.scale = scale
        self.mlp = MLP(sizes, gain=gain, activation=activation, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        """[n, in_features] -> [n]."""
        return self.mlp(x / self.scale)[:, 0]
