"""The kernel Inception distance, on the host in float64."""

from typing import NamedTuple

import jax
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from ganstab._checks import check_count
from ganstab.metrics._features import checked_features

__all__ = ["KernelDistance", "kid"]

_DEGREE = 3


class KernelDistance(NamedTuple):
    """A squared maximum mean discrepancy, its error and the sizes behind it."""

    value: float
    standard_error: float | None
    """Of the mean over the subsets; None where there was one subset."""
    n_real: int
    n_fake: int
    subsets: int
    subset_size: int


def kid(
    key: Array,
    real: ArrayLike,
    fake: ArrayLike,
    *,
    subsets: int = 100,
    subset_size: int | None = None,
) -> KernelDistance:
    """The kernel Inception distance, of features of `InceptionV3` at depth "2048".

    Bińkowski et al. 2018 (arXiv:1801.01401): the unbiased estimate of the squared
    maximum mean discrepancy for the kernel k(x, y) = (xᵀy / d + 1)³,

        KID = Σ_{i≠j} (k(x_i, x_j) + k(y_i, y_j)) / m(m − 1) − 2 Σ_{ij} k(x_i, y_j) / m²,

    as its mean over subsets of m features of each side, each drawn without replacement. It has no
    bias in n, and can be below 0. The standard error is the subsets' standard deviation over the
    root of their number; subsets overlap, so it leaves out what other images would have given.

    Args:
      key: of the subsets.
      real: features [n, d] of real images.
      fake: features [m, d] of generated ones.
      subsets: how many are drawn; one, of all features, where a subset is the whole of both sides.
      subset_size: features of either side in a subset; by default 1,000, or half of the smaller
        sample where that is less.

    Raises:
      ValueError: if the shapes do not fit, a number is not finite, there are fewer than 2 features
        of a side, a subset is larger than a sample, or features are so large that their kernel
        overflows (beyond 1e25 or so).
    """
    x, y = checked_features(real, fake, least=2)
    fewest = min(len(x), len(y))
    size = subset_size if subset_size is not None else min(1000, max(2, fewest // 2))
    check_count("subsets", subsets)
    check_count("subset_size", size, 2)
    if size > fewest:
        raise ValueError(f"subset_size is {size}; {fewest} or less is expected, the smaller sample")
    if size == len(x) == len(y):
        subsets = 1
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key), np.uint32))
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.array(
            [_mmd2(_subset(rng, x, size), _subset(rng, y, size)) for _ in range(subsets)]
        )
        value = float(found.mean())
        error = float(found.std(ddof=1) / np.sqrt(subsets)) if subsets > 1 else None
    if not np.isfinite([value, error or 0.0]).all():
        largest = max(np.abs(x).max(), np.abs(y).max())
        raise ValueError(f"the kernel (xᵀy / d + 1)³ of features up to {largest:.3g} is no number")
    return KernelDistance(value, error, len(x), len(y), subsets, size)


def _subset(rng: np.random.Generator, x: np.ndarray, size: int) -> np.ndarray:
    return x[rng.choice(len(x), size, replace=False)]


def _mmd2(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased estimate for two samples [m, d]."""
    m = len(x)
    within = sum(kernel.sum() - np.trace(kernel) for kernel in (_kernel(x, x), _kernel(y, y)))
    return float(within / (m * (m - 1)) - 2 * _kernel(x, y).mean())


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** _DEGREE
