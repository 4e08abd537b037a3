"""The Fréchet distance between two sets of features, on the host in float64."""

from typing import NamedTuple

import numpy as np
from etils import epy
from numpy.typing import ArrayLike

from ganstab.metrics.statistics import FeatureStatistics, covariance, statistics_on_host

with epy.lazy_imports():  # a run starts without it
    import scipy.linalg

__all__ = ["FrechetDistance", "fid", "frechet_distance"]


class FrechetDistance(NamedTuple):
    """A squared Fréchet distance and the sizes of the samples that it was found in."""

    value: float
    n_real: int
    n_fake: int


def fid(
    real: ArrayLike | FeatureStatistics, fake: ArrayLike | FeatureStatistics
) -> FrechetDistance:
    """The Fréchet Inception distance, of features of `InceptionV3` at depth "2048".

    Heusel et al. 2017 (arXiv:1706.08500), equation 6: the squared Fréchet distance of the Gaussians
    with the features' means and covariances (divided by n − 1),

        FID = ‖μ_r − μ_f‖² + tr(Σ_r + Σ_f − 2 (Σ_r Σ_f)^½).

    A finite n raises it, on average by c / n (Chong and Forsyth, arXiv:1911.07023), so only values
    of one n can be compared; 10,000 or more is expected, 50,000 usual.

    Args:
      real: features [n, d], or the statistics of features, of real images.
      fake: the same of generated ones.

    Raises:
      ValueError: if a sample has fewer than two features, their sizes differ, or one is not finite.
    """
    first, second = (
        x if isinstance(x, FeatureStatistics) else statistics_on_host(x) for x in (real, fake)
    )
    means = [np.asarray(x.mean, np.float64) for x in (first, second)]
    if means[0].shape != means[1].shape:
        raise ValueError(
            f"real features have {len(means[0])} numbers and fake ones {len(means[1])}; "
            "both must have as many"
        )
    value = frechet_distance(means[0], covariance(first), means[1], covariance(second))
    return FrechetDistance(value, int(first.n), int(second.n))


def frechet_distance(
    mean_a: np.ndarray, covariance_a: np.ndarray, mean_b: np.ndarray, covariance_b: np.ndarray
) -> float:
    """The squared Fréchet (2-Wasserstein) distance of two Gaussians, of means [d], covariances.

    With Σ = R Rᵀ, tr((Σ_a Σ_b)^½) is the sum of the singular values of R_aᵀ R_b, which is as exact
    for singular covariances, of n < d features, as for others.

    Raises:
      ValueError: if a number is not finite.
    """
    if not all(np.isfinite(x).all() for x in (mean_a, covariance_a, mean_b, covariance_b)):
        raise ValueError("features have a mean or a covariance that is not finite")
    root = np.linalg.svd(_factor(covariance_a).T @ _factor(covariance_b), compute_uv=False).sum()
    apart = np.sum((mean_a - mean_b) ** 2)
    value = apart + np.trace(covariance_a) + np.trace(covariance_b) - 2 * root
    return max(float(value), 0.0)


def _factor(covariance: np.ndarray) -> np.ndarray:
    """R [d, d] with R Rᵀ the covariance."""
    values, vectors = scipy.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0))[None]
