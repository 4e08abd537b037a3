"""Networks of ReLU layers, and the gradient of a critic's loss at each of them.

A network is the list of its layers, `{"kernel": [m, n], "bias": [n]}`; `h_l = relu(h_{l−1} W + b)`,
without the ReLU in the last one.
"""

import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ganstab import losses
from ganstab.types import Player

__all__ = ["gradient_norms", "growth", "log_norms", "noisy_data", "perceptron", "scores"]

Layers = Sequence[dict[str, Array]]
LEAST = float(np.finfo(np.float32).tiny)


def perceptron(sizes: Sequence[int], *, conditional: bool = False) -> Player:
    """Layers of these sizes, the input's first, as a player; with `conditional` of pairs (z, x).

    Kernels are uniform with variance 2 / inputs (He et al. 2015, arXiv:1502.01852), biases zero. In
    the authors' code the last kernel has the variance 2 / (inputs + outputs).
    """
    he = jax.nn.initializers.he_uniform()

    def init(key: Array):
        keys = jax.random.split(key, len(sizes) - 1)
        return [
            {"kernel": he(key, pair), "bias": jnp.zeros(pair[1])}
            for key, pair in zip(keys, itertools.pairwise(sizes), strict=True)
        ], ()

    def apply(params, state, x, key, *, train=True):
        return forward(params, x[0] if conditional else x), state

    return Player(init, apply)


def noisy_data() -> Player:
    """The generator of Figure 1a, which has nothing to train: (z, x) -> x + z."""

    def apply(params, state, given, key, *, train=True):
        noise, data = given
        return data + noise, state

    return Player(lambda key: ((), ()), apply)


def forward(layers: Layers, x: Array, shifts: Sequence[Array] | None = None) -> Array:
    """[n, m] -> [n, k], the outputs of the last layer; a shift is added to each layer's."""
    for place, layer in enumerate(layers):
        x = x @ layer["kernel"] + layer["bias"][None]
        x = jax.nn.relu(x) if place < len(layers) - 1 else x
        x = x if shifts is None else x + shifts[place]
    return x


def scores(layers: Layers, x: Array) -> Array:
    """D(x): [..., m] -> [...]."""
    return forward(layers, x.reshape(-1, x.shape[-1]))[:, 0].reshape(x.shape[:-1])


def gradient_norms(layers: Layers, real: Array, fake: Array) -> Array:
    """‖∂L/∂h_l‖₂ of L = E D(fake) − E D(real), h_l the outputs of layer l for all points: [L]."""
    x = jnp.concatenate([real, fake])

    def loss(shifts):
        score = forward(layers, x, shifts)[:, 0]
        return losses.wasserstein(score[: len(real)], score[len(real) :]).disc

    shifts = [jnp.zeros((len(x), layer["bias"].size), x.dtype) for layer in layers]
    return jnp.stack([_norm(gradient) for gradient in jax.grad(loss)(shifts)])


def growth(norms: np.ndarray) -> float:
    """The slope of log₁₀ of norms [L] over the layers, from the last one to the first."""
    return -float(np.polyfit(np.arange(len(norms)), log_norms(norms), 1)[0])


def log_norms(norms: np.ndarray) -> np.ndarray:
    """log₁₀ of norms, none of which counts as less than float32's smallest normal number."""
    return np.log10(np.maximum(norms.astype(float), LEAST))


def _norm(x: Array) -> Array:
    """√Σ x² where x² is too small for its type."""
    largest = jnp.max(jnp.abs(x))
    scale = jnp.where(largest > 0, largest, 1)
    return scale * jnp.linalg.norm(x / scale)
