"""Norms: batch norm, and those that keep samples apart, for critics under a gradient penalty.

On `[B, F]` layer norm needs nothing of ours: `nnx.LayerNorm(channels, epsilon=1e-5, rngs=rngs)`.
`layer_norm` and `batch_norm` make either for images in a layout of `networks.convolution`.
"""

from collections.abc import Callable
from typing import Protocol

import jax.numpy as jnp
from flax import nnx
from jax import Array

from ganstab._precision import in_float32, wide
from ganstab.networks.convolution import Convolutions
from ganstab.networks.layers import batch_axis

__all__ = ["Norm", "VirtualBatchNorm", "batch_norm", "layer_norm", "pixel_norm"]


class Norm(Protocol):
    """What makes a norm of images with so many channels, in a layout."""

    def __call__(
        self, ops: Convolutions, channels: int, *, rngs: nnx.Rngs
    ) -> Callable[[Array], Array]:
        """The norm, a module."""


def batch_norm(ops: Convolutions, channels: int, *, rngs: nnx.Rngs) -> nnx.BatchNorm:
    """Batch norm, with ε of 1e-5 and running statistics of momentum 0.99."""
    return nnx.BatchNorm(channels, axis=ops.channel_axis, momentum=0.99, epsilon=1e-5, rngs=rngs)


def layer_norm(ops: Convolutions, channels: int, *, rngs: nnx.Rngs) -> nnx.LayerNorm:
    """Layer norm as in the critics of Gulrajani et al. 2017 (arXiv:1704.00028, section 4).

    One mean and one variance are those of all pixels and channels of a sample, with ε of 1e-5; a
    scale and an offset are a channel's.
    """
    sample = tuple(axis for axis in range(4) if axis != batch_axis(ops))
    return nnx.LayerNorm(
        channels, epsilon=1e-5, reduction_axes=sample, feature_axes=ops.channel_axis,
        use_fast_variance=False, rngs=rngs,
    )  # fmt: skip


class VirtualBatchNorm(nnx.Module):
    """Batch norm against a reference batch and oneself (Salimans et al. 2016, section 3.5).

    The first `reference` samples of what it is shown are the reference batch, which
    `ganstab.players.reference_batch` puts there (arXiv:1606.03498). Mean and variance of each
    channel are those of n reference samples and one more, the sample itself: with its weight
    `w = 1/(n + 1)`, and means and variances over the pixels of either,

        m = w·own + (1 − w)·reference
        variance = w·own + (1 − w)·reference + w(1 − w)·(difference of the two means)²

    so no other sample of the batch has a part in them. The authors' code writes the variance as the
    mean square minus m², which is the same number but for rounding, where it can fall below 0. The
    reference itself takes its own statistics, as there, the same in training and evaluation.

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
        dtype, x = x.dtype, wide(x)
        pixels = tuple(range(1, x.ndim - 1))
        own_mean, own_variance = (of(x, axis=pixels, keepdims=True) for of in (jnp.mean, jnp.var))
        fixed_mean, fixed_variance = (
            of(x[:n], axis=(0, *pixels), keepdims=True) for of in (jnp.mean, jnp.var)
        )
        # The reference's own weight in its statistics is 0.
        weight = (jnp.arange(x.shape[0]) >= n).astype(x.dtype).reshape(-1, *(1,) * (x.ndim - 1))
        weight = weight / (n + 1)
        gap = own_mean - fixed_mean
        mean = fixed_mean + weight * gap
        variance = weight * own_variance + (1 - weight) * (fixed_variance + weight * gap**2)
        normalised = (x - mean) / jnp.sqrt(variance + self.epsilon)
        shape = (1,) * (x.ndim - 1) + (-1,)
        scale, bias = (wide(param[...]).reshape(shape) for param in (self.scale, self.bias))
        return (normalised * scale + bias).astype(dtype)


@in_float32
def pixel_norm(x: Array, *, epsilon: float = 1e-8) -> Array:
    """`x / √(mean_c x_c² + ε)` at every pixel (Karras et al. 2018, arXiv:1710.10196, section 4.2).

    Args:
      x: [B, …, C]; half precision is computed in float32, since float16 knows no ε of 1e-8.
      epsilon: added to the mean square.
    """
    return x / jnp.sqrt(jnp.mean(x**2, axis=-1, keepdims=True) + epsilon)
