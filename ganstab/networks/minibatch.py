"""Layers that let a discriminator compare the samples of a batch, so that it sees a collapse.

They take `[B, F]` and images `[B, H, W, C]` alike, channels last. Scores then depend on the whole
batch by design: show the discriminator real and generated samples as two batches.
"""

import math
from collections.abc import Sequence

import jax.numpy as jnp
from flax import nnx
from jax import Array

from ganstab._checks import check_count
from ganstab._precision import in_float32, wide

__all__ = ["MinibatchDiscrimination", "minibatch_stddev"]


class MinibatchDiscrimination(nnx.Module):
    """Appends how close each sample is to the others (Salimans et al. 2016, section 3.2).

    With `M_i = f(x_i) T`, a matrix of `kernels` rows and `dims` columns,

        o_b(x_i) = bias_b + Σ_{j≠i} exp(−‖M_ib − M_jb‖₁)

    joins the features as `kernels` more channels, the same at every pixel of an image. Without
    j = i, which adds 1 to all, and with a bias that starts at −1, as in the authors' code.

    Args:
      shape: of one sample, without the batch axis.
      kernels, dims: rows and columns of M (B and C of the paper).
      init_stddev: standard deviation of T's initial numbers.
    """

    def __init__(
        self,
        shape: Sequence[int],
        kernels: int = 100,
        dims: int = 5,
        *,
        init_stddev: float = 0.05,
        rngs: nnx.Rngs,
    ):
        init = nnx.initializers.normal(init_stddev)
        self.kernel = nnx.Param(init(rngs.params(), (math.prod(shape), kernels, dims)))
        self.bias = nnx.Param(jnp.full((kernels,), -1.0))

    def __call__(self, x: Array) -> Array:
        """[B, …, C] -> [B, …, C + kernels]."""
        flat, kernel, bias = wide((x.reshape(x.shape[0], -1), self.kernel[...], self.bias[...]))
        rows = jnp.tensordot(flat, kernel, 1)
        distances = jnp.sum(jnp.abs(rows[:, None] - rows[None]), axis=-1)
        others = 1 - jnp.eye(x.shape[0], dtype=rows.dtype)
        closeness = jnp.sum(jnp.exp(-distances) * others[:, :, None], axis=1) + bias[None]
        return _appended(x, closeness)


@in_float32
def minibatch_stddev(x: Array, group: int = 4, *, epsilon: float = 1e-8) -> Array:
    """Appends one channel: how much the samples of a group differ (Karras et al. 2018, section 3).

    The standard deviation over each group of samples, `√(var + ε)`, is averaged over all features
    and pixels and given to all of the group. Groups are consecutive samples (every (B/G)-th in the
    authors' code, the same for samples in random order), so that a group that divides the number
    of data never mixes them with generated ones. Without parameters, hence a function.

    Args:
      x: [B, …, C]; the deviation of half precision is computed in float32, as there.
      group: samples a group, G, at least 1; a smaller batch is one group.
      epsilon: added to the variance.

    Returns:
      [B, …, C + 1].

    Raises:
      ValueError: for a group below 1, or one that does not divide the batch.
    """
    check_count("group", group)
    size = min(group, x.shape[0])
    if not size or x.shape[0] % size:
        raise ValueError(
            f"minibatch_stddev(group={group}) wants a batch that {size} divides, got {x.shape[0]}"
        )
    groups = x.reshape(-1, size, math.prod(x.shape[1:]))
    spread = jnp.mean(jnp.sqrt(jnp.var(groups, axis=1) + epsilon), axis=-1)
    return _appended(x, jnp.repeat(spread, size)[:, None])


def _appended(x: Array, channels: Array) -> Array:
    """[B, …, C] and [B, K] -> [B, …, C + K], K alike at every pixel."""
    spread = channels.reshape(x.shape[0], *(1,) * (x.ndim - 2), -1)
    spread = jnp.broadcast_to(spread, (*x.shape[:-1], channels.shape[-1]))
    return jnp.concatenate([x, spread.astype(x.dtype)], axis=-1)
