"""How much of the data a generator covers: counted modes, divergences, distances.

Metrics of labels and of mixtures run on the host in float64, on concrete values, since they check
them; give them what `jax.device_get` returns. `pairwise_distances` is a jittable function.
Divergences are in nats, and 0 log 0 is 0.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from ganstab.errors import InputError

_PAIRS_AT_ONCE = 1024


def class_histogram(labels: ArrayLike, num_classes: int) -> np.ndarray:
    """How often each class 0 … num_classes - 1 occurs in integer labels [n]: int64 [num_classes].

    Raises:
        InputError: if there is no label, or one is not an integer from 0 to num_classes - 1.
    """
    found = _check_labels(np.asarray(labels), num_classes)
    return np.bincount(found, minlength=num_classes)


def count_modes(labels: ArrayLike, num_classes: int) -> int:
    """How many of the classes occur at least once in labels [n] (errors as `class_histogram`).

    The stacked-MNIST figure of Metz et al. (arXiv 1611.02163, table 1), who count the 1,000
    classes that a classifier finds among 25,600 samples.
    """
    return int(np.count_nonzero(class_histogram(labels, num_classes)))


def kl_to_uniform(labels: ArrayLike, num_classes: int) -> float:
    """KL(p || uniform) = sum_c p_c ln(num_classes p_c) in nats, p the shares of labels [n].

    From 0 to ln(num_classes). The second figure of Metz et al. (arXiv 1611.02163, table 1), whose
    data are uniform over the classes. A finite n adds `kl_floor`. Errors as `class_histogram`.
    """
    return _kl_of_counts_to_uniform(class_histogram(labels, num_classes))


def kl_floor(n: int, num_classes: int) -> float:
    """What a perfect sampler's `kl_to_uniform` is on average: (num_classes - 1) / (2 n) nats.

    2 n KL is, to the leading order in 1/n, chi-squared with num_classes - 1 degrees of freedom.
    """
    _check_at_least("n", n, 1)
    _check_at_least("num_classes", num_classes, 1)
    return (num_classes - 1) / (2 * n)


def js_divergence(p: ArrayLike, q: ArrayLike, base: float = np.e) -> float:
    """Jensen-Shannon: KL(p || m) / 2 + KL(q || m) / 2, m = (p + q) / 2, from 0 to log_base(2).

    Args:
        p: a histogram or a density on a grid, of any shape; only its proportions count.
        q: another of the same shape.
        base: of the logarithm: e gives nats, 2 gives bits.

    Raises:
        InputError: if the shapes differ, a value is negative or not finite, all are zero, or
            base is not above 1.
    """
    if not base > 1:
        raise InputError(f"base is {base}; a number above 1 is expected")
    p, q = _shares("p", np.asarray(p)), _shares("q", np.asarray(q))
    if p.shape != q.shape:
        raise InputError(f"p has the shape {p.shape} and q {q.shape}; one shape is expected")
    middle = (p + q) / 2
    return (_kl(p, middle) + _kl(q, middle)) / 2 / float(np.log(base))


class Coverage(NamedTuple):
    """How samples cover the modes of a mixture.

    Attributes:
        modes: how many modes have at least one high-quality sample.
        high_quality: the share of all samples that are of high quality.
        reverse_kl: KL(shares of the modes among high-quality samples || uniform) in nats;
            ln(k), what a single mode gives, where no sample is of high quality.
        counts: high-quality samples of each mode, [k].
    """

    modes: int
    high_quality: float
    reverse_kl: float
    counts: np.ndarray


def mixture_coverage(
    samples: ArrayLike, modes: ArrayLike, sigma: float, *, within: float = 3.0
) -> Coverage:
    """Cover of `modes` [k, d], equally likely isotropic Gaussians, by `samples` [n, d].

    A sample is of high quality if it lies within `within` sigma (Euclidean) of the nearest mode,
    to which it then counts: Srivastava et al. (VEEGAN, arXiv 1705.07761), and Lin et al. (PacGAN,
    arXiv 1712.04086) for the reverse KL. Samples that are not finite are of low quality. In two
    dimensions a perfect sampler has 1 - exp(-4.5) = 98.89 % of high quality, and a reverse KL of
    (k - 1) / (2 n) on average.

    Raises:
        InputError: if there is no sample or no mode, the shapes do not fit, or sigma is not
            positive.
    """
    samples, modes = np.asarray(samples, np.float64), np.asarray(modes, np.float64)
    if samples.ndim != 2 or modes.ndim != 2 or samples.shape[1] != modes.shape[1]:
        raise InputError(
            f"samples and modes have the shapes {samples.shape} and {modes.shape}; "
            "[n, d] and [k, d] are expected"
        )
    _check_at_least("the number of samples", len(samples), 1)
    _check_at_least("the number of modes", len(modes), 1)
    if not sigma > 0:
        raise InputError(f"sigma is {sigma}; a positive number is expected")
    return _coverage(_nearest_counts(samples, modes, within * sigma), len(samples))


def _nearest_counts(samples: np.ndarray, modes: np.ndarray, radius: float) -> np.ndarray:
    distance = np.stack([np.linalg.norm(samples - mode, axis=1) for mode in modes], axis=1)
    near = distance.min(axis=1) <= radius
    return np.bincount(distance[near].argmin(axis=1), minlength=len(modes))


def _coverage(counts: np.ndarray, n: int) -> Coverage:
    any_near = counts.sum() > 0
    return Coverage(
        modes=int(np.count_nonzero(counts)),
        high_quality=float(counts.sum() / n),
        reverse_kl=_kl_of_counts_to_uniform(counts) if any_near else float(np.log(len(counts))),
        counts=counts,
    )


def pairwise_distances(key: Array, samples: Array, pairs: int) -> Array:
    """Euclidean distances [pairs] of random pairs of samples [n, …], for a histogram.

    Each pair is two different samples, uniform over all such pairs and independent of the others;
    the distance is over all axes but the first, in the samples' units, not divided by their
    number: Metz et al. (arXiv 1611.02163), figure 6. Collapse shifts it to the left of the data's.

    Raises:
        InputError: if there are fewer than two samples or no pair is asked for.
    """
    n = len(samples)
    _check_at_least("the number of samples", n, 2)
    _check_at_least("pairs", pairs, 1)
    flat = samples.reshape(n, -1)
    first_key, offset_key = jax.random.split(key)
    first = jax.random.randint(first_key, (pairs,), 0, n)
    second = (first + jax.random.randint(offset_key, (pairs,), 1, n)) % n

    def distance(pair: tuple[Array, Array]) -> Array:
        return jnp.linalg.norm(flat[pair[0]] - flat[pair[1]])

    return jax.lax.map(distance, (first, second), batch_size=_PAIRS_AT_ONCE)


def _kl(p: np.ndarray, q: np.ndarray) -> float:
    """Σ p ln(p / q) over p > 0, which needs q > 0 there."""
    held = p > 0
    return float(np.sum(p[held] * np.log(p[held] / q[held])))


def _kl_of_counts_to_uniform(counts: np.ndarray) -> float:
    return _kl(counts / counts.sum(), np.full(len(counts), 1 / len(counts)))


def _shares(name: str, histogram: np.ndarray) -> np.ndarray:
    values = histogram.astype(np.float64)
    if not (np.isfinite(values).all() and (values >= 0).all() and values.sum() > 0):
        raise InputError(f"{name} has to hold finite values >= 0 that are not all zero")
    return values / values.sum()


def _check_labels(labels: np.ndarray, num_classes: int) -> np.ndarray:
    _check_at_least("num_classes", num_classes, 1)
    if labels.ndim != 1 or len(labels) == 0:
        raise InputError(f"labels have the shape {labels.shape}; [n] with n >= 1 is expected")
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"labels are {labels.dtype}; integers are expected")
    outside = labels[(labels < 0) | (labels >= num_classes)]
    if len(outside):
        raise InputError(f"label {outside[0]} is not in 0 to {num_classes - 1}")
    return labels


def _check_at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise InputError(f"{name} is {value}; {least} or more is expected")
