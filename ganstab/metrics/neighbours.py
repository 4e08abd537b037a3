"""Precision, recall, density and coverage: which features lie within the others' neighbourhoods.

The neighbourhood of a feature is the closed ball to its k-th nearest neighbour in its own sample,
itself not counted. Distances are Euclidean, computed on the device in blocks, so that memory grows
as n and time as n². A feature on the sphere, up to the rounding of a distance, lies within.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from ganstab._checks import check_count
from ganstab.metrics._features import checked_features

__all__ = ["DensityCoverage", "PrecisionRecall", "density_coverage", "precision_recall"]

_ROWS_AT_ONCE = 256
_TIE = 16.0
"""Roundings of a squared length within which two squared distances are the same."""


class PrecisionRecall(NamedTuple):
    """Shares, from 0 to 1."""

    precision: float
    recall: float
    n_real: int
    n_fake: int


class DensityCoverage(NamedTuple):
    """Density is 1 on average where the samples are alike, and may be larger; coverage a share."""

    density: float
    coverage: float
    n_real: int
    n_fake: int


def precision_recall(real: ArrayLike, fake: ArrayLike, k: int = 3) -> PrecisionRecall:
    """Improved precision and recall: Kynkäänniemi et al. 2019 (arXiv:1904.06991), equation 2.

    Precision is the share of fake features that lie within the neighbourhood of some real one,
    recall the share of real features within that of some fake one. Both depend on n, and are
    compared at one n for both samples; the paper's are 50,000, of a VGG-16 rather than Inception.

    Args:
      real: features [n, d] of real images.
      fake: features [m, d] of generated ones.
      k: 3 in the paper.

    Raises:
      ValueError: if the shapes do not fit, a number is not finite, or a sample has k features or
        fewer.
    """
    x, y = _on_device(real, fake, k)
    precision = _mean(_count_around(y, x, _radii(x, k)) > 0)
    recall = _mean(_count_around(x, y, _radii(y, k)) > 0)
    return PrecisionRecall(precision, recall, len(x), len(y))


def density_coverage(real: ArrayLike, fake: ArrayLike, k: int = 5) -> DensityCoverage:
    """Density and coverage: Naeem et al. 2020 (arXiv:2002.09797).

    Density is Σ_j #{i: fake_j within the neighbourhood of real_i} / (k m), so that one outlier
    among the real does not let all fakes count; coverage is the share of real features within whose
    neighbourhood there is a fake one.

    Args:
      real: features [n, d] of real images.
      fake: features [m, d] of generated ones.
      k: 5 in the paper.

    Raises:
      ValueError: as `precision_recall`.
    """
    x, y = _on_device(real, fake, k)
    radii = _radii(x, k)
    density, coverage = _mean(_count_around(y, x, radii)) / k, _mean(_is_covered(x, radii, y))
    return DensityCoverage(density, coverage, len(x), len(y))


def _on_device(real: ArrayLike, fake: ArrayLike, k: int) -> tuple[Array, Array]:
    """Both about the mean of the real ones, which takes rounding away, in units near the largest.

    Neither changes what lies nearer. In units of a power of two no digit changes, and no square of
    a number that single precision holds is infinite or 0.
    """
    check_count("k", k)
    x, y = checked_features(real, fake, least=k + 1)
    x, y = (sample - x.mean(axis=0)[None] for sample in (x, y))
    _, exponent = np.frexp(max(np.abs(sample).max(initial=0) for sample in (x, y)))
    x, y = (np.ldexp(sample, -exponent) for sample in (x, y))
    return jnp.asarray(x, float), jnp.asarray(y, float)


def _mean(counts: Array) -> float:
    return float(np.asarray(counts).mean())


@functools.partial(jax.jit, static_argnames="k")
def _radii(sample: Array, k: int) -> Array:
    """The squared distance [n] of each feature to its k-th nearest neighbour in the sample."""

    def of(feature: Array) -> Array:
        squared, _ = _squared_distances(feature, sample)
        return -jax.lax.top_k(-squared, k + 1)[0][k]  # the nearest of all is the feature itself

    return jax.lax.map(of, sample, batch_size=_ROWS_AT_ONCE)


@jax.jit
def _count_around(points: Array, centres: Array, radii: Array) -> Array:
    """Within how many centres' neighbourhoods each point lies: [points]."""

    def of(point: Array) -> Array:
        squared, rounding = _squared_distances(point, centres)
        return jnp.sum(squared <= radii + rounding)

    return jax.lax.map(of, points, batch_size=_ROWS_AT_ONCE)


@jax.jit
def _is_covered(centres: Array, radii: Array, points: Array) -> Array:
    """Whether there is a point within each centre's neighbourhood: [centres]."""

    def of(centre_and_radius: tuple[Array, Array]) -> Array:
        centre, radius = centre_and_radius
        squared, rounding = _squared_distances(centre, points)
        return jnp.any(squared <= radius + rounding)

    return jax.lax.map(of, (centres, radii), batch_size=_ROWS_AT_ONCE)


def _squared_distances(point: Array, sample: Array) -> tuple[Array, Array]:
    """From a point [d] to each of a sample [n, d], and what rounding may have added: [n], [n]."""
    lengths = jnp.sum(point**2) + jnp.sum(sample**2, axis=1)
    products = jnp.matmul(sample, point, precision=jax.lax.Precision.HIGHEST)
    rounding = _TIE * jnp.finfo(sample.dtype).eps * lengths
    return jnp.maximum(lengths - 2 * products, 0), rounding
