"""How samples cover the modes of a mixture, on the host in float64."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ganstab._checks import check_count
from ganstab.metrics.labels import kl_of_counts_to_uniform

__all__ = ["Coverage", "mixture_coverage"]


class Coverage(NamedTuple):
    """How samples cover the modes of a mixture.

    Attributes:
      modes: how many modes have at least one high-quality sample.
      high_quality: the share of all samples that are of high quality.
      reverse_kl: KL(shares of the modes among high-quality samples || uniform) in nats;
        ln(k), what a single mode gives, where no sample is of high quality.
      counts: high-quality samples of each mode, [k].
      distance: median distance of a sample to its nearest mode, in sigma; infinite where that of
        more than half of them is not a number. A perfect sampler in two dimensions has
        sqrt(2 ln 2) = 1.18.
    """

    modes: int
    high_quality: float
    reverse_kl: float
    counts: np.ndarray
    distance: float


def mixture_coverage(
    samples: ArrayLike, modes: ArrayLike, sigma: float, *, within: float = 3.0
) -> Coverage:
    """Cover of `modes` [k, d], equally likely isotropic Gaussians, by `samples` [n, d].

    A sample is of high quality if it lies within `within` sigma (Euclidean) of the nearest mode,
    to which it then counts: Srivastava et al. (VEEGAN, arXiv:1705.07761), and Lin et al. (PacGAN,
    arXiv:1712.04086) for the reverse KL, over the high-quality samples alone as their code counts
    it; both draw 2,500. Samples that are not finite are of low quality. In two
    dimensions a perfect sampler has 1 - exp(-4.5) = 98.89 % of high quality, and a reverse KL of
    (k - 1) / (2 n) on average.

    Raises:
      ValueError: if there is no sample or no mode, the shapes do not fit, or sigma or within is
        not positive.
    """
    samples, modes = np.asarray(samples, np.float64), np.asarray(modes, np.float64)
    if samples.ndim != 2 or modes.ndim != 2 or samples.shape[1] != modes.shape[1]:
        raise ValueError(
            f"samples and modes have the shapes {samples.shape} and {modes.shape}; "
            "[n, d] and [k, d] are expected"
        )
    check_count("the number of samples", len(samples))
    check_count("the number of modes", len(modes))
    for name, value in (("sigma", sigma), ("within", within)):
        if not value > 0:
            raise ValueError(f"{name} is {value}; a positive number is expected")
    with np.errstate(invalid="ignore"):  # ∞ − ∞
        distance = np.stack([np.linalg.norm(samples - mode, axis=1) for mode in modes], axis=1)
    distance = np.nan_to_num(distance / sigma, nan=np.inf, posinf=np.inf)
    near = distance.min(axis=1) <= within
    counts = np.bincount(distance[near].argmin(axis=1), minlength=len(modes))
    return Coverage(
        modes=int(np.count_nonzero(counts)),
        high_quality=float(near.mean()),
        reverse_kl=kl_of_counts_to_uniform(counts) if near.any() else float(np.log(len(modes))),
        counts=counts,
        distance=float(np.median(distance.min(axis=1))),
    )
