"""Parts that let a network know a label: conditional batch norm, the projection discriminator.

A label is an integer of 0, …, classes − 1 for each sample. A jitted network cannot refuse another
one, so it gives NaN for it.
"""

from typing import Any

import jax.numpy as jnp
from flax import nnx
from jax import Array

from ganstab._checks import kind_of
from ganstab._precision import wide

__all__ = ["ConditionalBatchNorm", "Embedding", "Projection", "with_label"]


def with_label(
    x: Array | tuple, label: Array | None, num_classes: int | None
) -> tuple[Array, Array | None]:
    """What a network was called with, `net(x)`, `net(x, label)` or `net((x, label))`, as a pair.

    Args:
      x: the network's input [n, …], or the pair of it and the label, as a conditional game has it.
      label: integers [n], unless there is none or it comes with x.
      num_classes: how many there are; None for a network that takes no label.

    Returns:
      `(x, label)`; the label is None where the network takes none.

    Raises:
      ValueError: for a label that is missing, not wanted, or no integers [n].
    """
    samples: Array
    samples, label = x if isinstance(x, tuple) else (x, label)
    if num_classes is None and label is not None:
        raise ValueError("a network without num_classes takes no label, but got one")
    if num_classes is not None:
        _check_label(label, samples.shape[0], f"a network of {num_classes} classes")
    return samples, label


def _check_label(label: Any, n: int, who: str) -> None:
    """Raises ValueError unless there is a whole number for each of the n samples."""
    is_array = hasattr(label, "dtype")
    if not is_array or label.shape != (n,) or not jnp.issubdtype(label.dtype, jnp.integer):
        got = f"{label.dtype} of shape {label.shape}" if is_array else kind_of(label)
        raise ValueError(f"{who} wants labels as integers of shape {(n,)}, got {got}")


class Embedding(nnx.Module):
    """label [n] -> [n, features], a row of a table for each class; NaN for a label out of range.

    Args:
      num_classes: rows.
      features: columns.
      init: of the table.
    """

    def __init__(self, num_classes: int, features: int, init: nnx.Initializer, *, rngs: nnx.Rngs):
        self.embedding = nnx.Param(init(rngs.params(), (num_classes, features)))

    def __call__(self, label: Array | None) -> Array:
        """[n] -> [n, features].

        Raises:
          ValueError: without a label.
        """
        if label is None:
            raise ValueError("an embedding wants a label for each sample, got None")
        rows = self.embedding[...].at[label]
        return rows.get(mode="fill", fill_value=jnp.nan, wrap_negative_indices=False)


class ConditionalBatchNorm(nnx.Module):
    """Batch norm whose scale and offset are those of the sample's class.

        y = scale[label] (x − mean) / √(variance + ε) + bias[label]

    Mean and variance of each channel are those of the whole batch, as `nnx.BatchNorm` has them.
    Dumoulin et al. 2017 (arXiv:1610.07629, eq. 5), for classes de Vries et al. 2017
    (arXiv:1707.00683). Scales start at 1 and offsets at 0.

    Args:
      features: channels.
      num_classes: None for plain batch norm, called with the label None.
      axis: of the channels.
      momentum, epsilon: of `nnx.BatchNorm`.
    """

    def __init__(
        self,
        features: int,
        num_classes: int | None,
        *,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-5,
        rngs: nnx.Rngs,
    ):
        plain = num_classes is None
        self.axis = axis
        self.norm = nnx.BatchNorm(
            features, axis=axis, momentum=momentum, epsilon=epsilon,
            use_scale=plain, use_bias=plain, rngs=rngs,
        )  # fmt: skip
        ones, zeros = nnx.initializers.ones, nnx.initializers.zeros
        self.scales, self.biases = (
            None if num_classes is None else Embedding(num_classes, features, init, rngs=rngs)
            for init in (ones, zeros)
        )

    def __call__(self, x: Array, label: Array | None = None, *, batch_axis: int = 0) -> Array:
        """Images with `features` channels on their axis, and the class of each sample.

        Args:
          x: the images.
          label: [n], or None for plain batch norm.
          batch_axis: along which x has its n samples.

        Raises:
          ValueError: with classes, for a label that is no integers [n].
        """
        x = self.norm(x).astype(x.dtype)  # with statistics in float32 it gives float32
        if self.scales is None or self.biases is None:
            return x
        _check_label(label, x.shape[batch_axis], "a conditional batch norm")
        scale = self._beside(x, self.scales(label), batch_axis)
        return scale * x + self._beside(x, self.biases(label), batch_axis)

    def _beside(self, x: Array, rows: Array, batch_axis: int) -> Array:
        """[n, features] with its axes where x has them."""
        channels, samples = self.axis % x.ndim, batch_axis % x.ndim
        shape = [1] * x.ndim
        shape[channels], shape[samples] = rows.shape[1], rows.shape[0]
        return (rows.T if channels < samples else rows).reshape(shape)


class Projection(nnx.Module):
    """The head of a projection discriminator: `score = wᵀφ + b + embedding[label]ᵀ φ`.

    Miyato & Koyama 2018 (arXiv:1802.05637, eq. 4), from a hidden layer φ(x). Without classes the
    last term is not there, and the head is a dense layer. Both start as Glorot's, uniform.

    Args:
      features: length of φ.
      num_classes: None for no classes.
    """

    def __init__(self, features: int, num_classes: int | None, *, rngs: nnx.Rngs):
        init = nnx.initializers.glorot_uniform()
        self.score = nnx.Linear(features, 1, kernel_init=init, rngs=rngs)
        self.classes = (
            None if num_classes is None else Embedding(num_classes, features, init, rngs=rngs)
        )

    def __call__(self, features: Array, label: Array | None = None) -> Array:
        """φ [n, features] and labels [n] -> scores [n].

        Raises:
          ValueError: with classes, for labels that are no integers [n].
        """
        score = self.score(features)[:, 0]
        if self.classes is None:
            return score
        _check_label(label, features.shape[0], "a projection")
        product = jnp.sum(wide(self.classes(label)) * wide(features), axis=1)
        return (wide(score) + product).astype(jnp.result_type(score, features))
