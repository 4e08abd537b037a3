"""Layers with an equalised learning rate, and a gated nonlinearity."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from ganstab._precision import in_float32, wide

__all__ = ["Equalized", "equalized_conv", "equalized_linear", "gated"]


class Equalized(nnx.Module):
    """Equalised learning rate (Karras et al. 2018, section 4.1): `y = c · layer(x) + bias`.

    The kernel starts as N(0, 1) and is scaled at run time by He's constant `c = gain / √fan_in`,
    here by scaling the output of the layer, which is linear. Adam-like optimizers, which divide by
    the gradient's size, then change all layers at the same relative rate. `equalized_linear` and
    `equalized_conv` build it.

    Args:
      layer: a linear layer without bias whose kernel is `[…, in, out]`.
      gain: √2 for (leaky) ReLUs, 1 for an output layer.
    """

    def __init__(self, layer: Any, gain: float):
        *window, outputs = layer.kernel.shape
        self.layer = layer
        self.bias = nnx.Param(jnp.zeros((outputs,)))
        self.constant = gain / math.sqrt(math.prod(window))

    def __call__(self, x: Array) -> Array:
        """[B, …, in] -> [B, …, out]."""
        bias = self.bias[...].reshape((1,) * (x.ndim - 1) + (-1,))
        # A sum over N(0, 1) kernels may leave float16's range, though its share c does not.
        sums = self.layer(wide(x) if x.dtype == jnp.float16 else x)
        return (self.constant * wide(sums) + wide(bias)).astype(jnp.result_type(x, bias))


def equalized_linear(
    inputs: int, outputs: int, *, gain: float = math.sqrt(2), rngs: nnx.Rngs
) -> Equalized:
    """An equalised dense layer: `[B, …, inputs] -> [B, …, outputs]`."""
    init = nnx.initializers.normal(1.0)
    return Equalized(nnx.Linear(inputs, outputs, use_bias=False, kernel_init=init, rngs=rngs), gain)


def equalized_conv(
    inputs: int,
    outputs: int,
    kernel_size: int | tuple[int, ...],
    *,
    gain: float = math.sqrt(2),
    rngs: nnx.Rngs,
    **options: Any,
) -> Equalized:
    """An equalised convolution; `options` (`strides`, `padding`, …) are those of `nnx.Conv`.

    So is the window: a `kernel_size` of (3, 3) for images; 3 is a window along one axis alone.
    """
    init = nnx.initializers.normal(1.0)
    layer = nnx.Conv(
        inputs, outputs, kernel_size, use_bias=False, kernel_init=init, rngs=rngs, **options
    )
    return Equalized(layer, gain)


@in_float32
def gated(x: Array, axis: int = -1) -> Array:
    """The gated multiplicative unit `σ(a) · tanh(b)`, with a and b the halves of the channels.

    van den Oord et al. 2016 (arXiv:1606.05328, eq. 2); Gulrajani et al. 2017 train a pair with it
    everywhere. The layer before it has twice the channels.

    Args:
      x: [B, …, 2C].
      axis: of the channels, where they are not last.

    Returns:
      [B, …, C].

    Raises:
      ValueError: for an odd number of channels.
    """
    if x.shape[axis] % 2:
        raise ValueError(f"gated halves the axis {axis}, which must be even, got shape {x.shape}")
    gate, value = jnp.split(x, 2, axis=axis)
    return jax.nn.sigmoid(gate) * jnp.tanh(value)
