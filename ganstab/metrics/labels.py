"""Counted classes of labels: how many occur, and how far their shares are from uniform.

On the host, in float64, on concrete values. Divergences are in nats, and 0 log 0 is 0.
"""

import numpy as np
from numpy.typing import ArrayLike

from ganstab._checks import check_count
from ganstab.metrics.divergences import kl

__all__ = ["class_histogram", "count_modes", "kl_floor", "kl_of_counts_to_uniform", "kl_to_uniform"]


def class_histogram(labels: ArrayLike, num_classes: int) -> np.ndarray:
    """How often each class 0 … num_classes - 1 occurs in integer labels [n]: int64 [num_classes].

    Raises:
      ValueError: if there is no label, or one is not an integer from 0 to num_classes - 1.
    """
    found = _check_labels(np.asarray(labels), num_classes)
    return np.bincount(found, minlength=num_classes)


def count_modes(labels: ArrayLike, num_classes: int) -> int:
    """How many of the classes occur at least once in labels [n] (errors as `class_histogram`).

    The stacked-MNIST figure of Metz et al. (arXiv:1611.02163, table 1), who count the 1,000
    classes that a classifier finds among 25,600 samples.
    """
    return int(np.count_nonzero(class_histogram(labels, num_classes)))


def kl_to_uniform(labels: ArrayLike, num_classes: int) -> float:
    """KL(p || uniform) = sum_c p_c ln(num_classes p_c) in nats, p the shares of labels [n].

    From 0 to ln(num_classes). The second figure of Metz et al. (arXiv:1611.02163, table 1), whose
    data are uniform over the classes. A finite n adds `kl_floor`. Errors as `class_histogram`.
    """
    return kl_of_counts_to_uniform(class_histogram(labels, num_classes))


def kl_floor(n: int, num_classes: int) -> float:
    """What a perfect sampler's `kl_to_uniform` is on average: (num_classes - 1) / (2 n) nats.

    2 n KL is, to the leading order in 1/n, chi-squared with num_classes - 1 degrees of freedom.
    """
    check_count("n", n)
    check_count("num_classes", num_classes)
    return (num_classes - 1) / (2 * n)


def kl_of_counts_to_uniform(counts: np.ndarray) -> float:
    """KL of the shares of counts [k] to uniform, in nats; there has to be a count above 0."""
    return kl(counts / counts.sum(), np.full(len(counts), 1 / len(counts)))


def _check_labels(labels: np.ndarray, num_classes: int) -> np.ndarray:
    check_count("num_classes", num_classes)
    if labels.ndim != 1 or len(labels) == 0:
        raise ValueError(f"labels have the shape {labels.shape}; [n] with n >= 1 is expected")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels are {labels.dtype}; integers are expected")
    outside = labels[(labels < 0) | (labels >= num_classes)]
    if len(outside):
        raise ValueError(f"label {outside[0]} is not in 0 to {num_classes - 1}")
    return labels
