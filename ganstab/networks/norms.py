"""Norms that keep the samples of a batch apart, for critics under a gradient penalty.

Layer norm needs nothing of ours: `nnx.LayerNorm(channels, epsilon=1e-5, rngs=rngs)` on `[B, F]`,
and with `reduction_axes=(1, 2, 3)` on images `[B, H, W, C]`, where it takes one mean and variance
over all of a sample and has a scale and offset a channel, as the critics of Gulrajani et al. 2017.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array


class VirtualBatchNorm(nnx.Module):
    """Batch norm against a reference batch and oneself (Salimans et al. 2016, section 3.4).

    The first `reference` samples of what it is shown are the reference batch, which
    `ganstab.players.reference_batch` puts there. Of n reference samples and the sample's own mean
    and mean square over its pixels, each channel's statistics are

        m = own / (n + 1) + reference · n / (n + 1)      variance = (the same of squares) − m²

    so no other sample of the batch has a part in them. The reference itself takes its own
    statistics, as in the authors' code, and is the same in training and evaluation.

    Args:
        features: size of the last axis.
        reference: n, at least 1.
        epsilon: added to the variance.
    """

    def __init__(self, features: int, reference: int, *, epsilon: float = 1e-5, rngs: nnx.Rngs):
        if reference < 1:
            raise ValueError(f"reference must be 1 sample or more, got {reference}")
        init = nnx.initializers.normal(0.02)
        self.scale = nnx.Param(1 + init(rngs.params(), (features,)))
        self.bias = nnx.Param(jnp.zeros((features,)))
        self.reference = reference
        self.epsilon = epsilon

    def __call__(self, x: Array) -> Array:
        """[n + B, …, features] -> the same shape."""
        n = self.reference
        if x.shape[0] <= n:
            raise ValueError(
                f"VirtualBatchNorm(reference={n}) wants the reference and samples behind it, got "
                f"{x.shape[0]} in all: wrap the player in players.reference_batch"
            )
        pixels = tuple(range(1, x.ndim - 1))
        own = jnp.stack([jnp.mean(x**power, axis=pixels, keepdims=True) for power in (1, 2)])
        fixed = jnp.mean(own[:, :n], axis=1, keepdims=True)
        mixed = own[:, n:] / (n + 1) + fixed * (n / (n + 1))
        mean, square = jnp.concatenate([jnp.broadcast_to(fixed, own[:, :n].shape), mixed], axis=1)
        normalised = (x - mean) / jnp.sqrt(square - mean**2 + self.epsilon)
        shape = (1,) * (x.ndim - 1) + (-1,)
        return normalised * self.scale[...].reshape(shape) + self.bias[...].reshape(shape)


def pixel_norm(x: Array, *, epsilon: float = 1e-8) -> Array:
    """`x / √(mean_c x_c² + ε)` at every pixel (Karras et al. 2018, section 4.2).

    Args:
        x: [B, …, C].
        epsilon: added to the mean square.
    """
    return x / jnp.sqrt(jnp.mean(x**2, axis=-1, keepdims=True) + epsilon)
