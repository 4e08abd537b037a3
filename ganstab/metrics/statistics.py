"""Count, mean and scatter of features: accumulated over batches, merged over devices and processes.

`feature_statistics` is jittable and takes features of any sharding. `merge` takes arrays of jax and
of NumPy alike, and is associative up to rounding, so batches, devices and processes may be merged
in any order.
"""

import functools
from collections.abc import Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.experimental import multihost_utils
from numpy.typing import ArrayLike

__all__ = [
    "FeatureStatistics",
    "covariance",
    "feature_statistics",
    "merge_over_processes",
    "merge_statistics",
    "statistics_of_stream",
    "statistics_on_host",
]


class FeatureStatistics(NamedTuple):
    """What the Fréchet distance needs of features [n, d], in memory that n does not raise."""

    n: Array | np.ndarray
    """How many there are: an integer."""
    mean: Array | np.ndarray
    """[d]."""
    scatter: Array | np.ndarray
    """[d, d], sum_i (x_i − mean)(x_i − mean)ᵀ: n − 1 times the covariance."""


@jax.jit
def feature_statistics(features: Array) -> FeatureStatistics:
    """The statistics of features [n, d], n >= 1, in two passes; half precision becomes float32.

    Raises:
      ValueError: for features of another shape.
    """
    if features.ndim != 2 or not len(features):
        raise ValueError(f"features have the shape {features.shape}; [n, d] is expected")
    x = features.astype(jnp.promote_types(features.dtype, jnp.float32))
    mean = x.mean(axis=0)
    centred = x - mean[None]
    scatter = jnp.matmul(centred.T, centred, precision=jax.lax.Precision.HIGHEST)
    return FeatureStatistics(jnp.asarray(len(x)), mean, scatter)


def merge_statistics(a: FeatureStatistics, b: FeatureStatistics) -> FeatureStatistics:
    """The statistics of the union of two disjoint samples.

        mean = mean_a + δ n_b / n,    scatter = scatter_a + scatter_b + δ δᵀ n_a n_b / n

    with δ = mean_b − mean_a, n = n_a + n_b: Chan, Golub and LeVeque, *Updating formulae and a
    pairwise algorithm for computing sample variances*, 1979. It subtracts no large numbers.
    """
    n = a.n + b.n
    share = b.n / n
    delta = b.mean - a.mean
    spread = delta[:, None] * delta[None, :] * (a.n * share)
    return FeatureStatistics(n, a.mean + delta * share, a.scatter + b.scatter + spread)


def statistics_of_stream(batches: Iterable[Array]) -> FeatureStatistics:
    """The statistics of all features of batches [n_i, d], of which one at a time is in memory.

    Raises:
      ValueError: if there is no batch, or one is not [n_i, d].
    """
    parts = map(feature_statistics, batches)
    first = next(parts, None)
    if first is None:
        raise ValueError("there are no features; one batch [n, d] or more is expected")
    return functools.reduce(_merge_on_device, parts, first)


_merge_on_device = jax.jit(merge_statistics, donate_argnums=0)


def statistics_on_host(features: ArrayLike) -> FeatureStatistics:
    """The statistics of features [n, d], n >= 2, in float64.

    Raises:
      ValueError: for features of another shape.
    """
    x = np.asarray(features, np.float64)
    if x.ndim != 2 or len(x) < 2:
        raise ValueError(f"features have the shape {x.shape}; [n, d] with n >= 2 is expected")
    mean = x.mean(axis=0)
    centred = x - mean[None]
    return FeatureStatistics(np.asarray(len(x)), mean, centred.T @ centred)


def merge_over_processes(statistics: FeatureStatistics) -> FeatureStatistics:
    """The statistics of all processes' features, on each of them; all of them have to call it."""
    if jax.process_count() == 1:
        return statistics
    each = multihost_utils.process_allgather(statistics)
    parts = [FeatureStatistics(*(x[i] for x in each)) for i in range(jax.process_count())]
    return functools.reduce(merge_statistics, parts)


def covariance(statistics: FeatureStatistics) -> np.ndarray:
    """The unbiased covariance, scatter / (n − 1), in float64 on the host: [d, d].

    Raises:
      ValueError: for fewer than two features.
    """
    n = int(statistics.n)
    if n < 2:
        raise ValueError(f"there are {n} features; 2 or more are expected")
    return np.asarray(statistics.scatter, np.float64) / (n - 1)
