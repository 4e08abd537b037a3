"""The Inception score, on the host in float64."""

import itertools
from typing import NamedTuple

import numpy as np
from etils import epy
from numpy.typing import ArrayLike

with epy.lazy_imports():  # a run starts without it
    import scipy.special

__all__ = ["InceptionScore", "inception_score"]


class InceptionScore(NamedTuple):
    """The mean and the standard deviation of the score over the splits."""

    value: float
    standard_deviation: float
    n_fake: int
    splits: int


def inception_score(logits: ArrayLike, splits: int = 10) -> InceptionScore:
    """The Inception score, from 1 to the number of classes c; larger is better.

    Salimans et al. 2016 (arXiv:1606.03498), section 4: exp E_x KL(p(y|x) ‖ p(y)), with p(y) the
    mean of p(y|x), for each of `splits` consecutive parts of the samples. It sees neither the data
    nor a lack of variety within a class, and a finite n lowers it.

    Args:
      logits: [n, c] of generated images, in random order: `InceptionV3` at "logits_unbiased", as
        the paper's code has it (its last layer without the bias), or any classifier's.
      splits: 10 in the paper, of 5,000 images each.

    Raises:
      ValueError: for another shape, a number that is not finite, fewer logits than splits.
    """
    x = np.asarray(logits, np.float64)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise ValueError(f"logits have the shape {x.shape}; finite numbers [n, c] are expected")
    if not 1 <= splits <= len(x):
        raise ValueError(f"splits is {splits}; 1 to {len(x)} is expected, the number of images")
    log_p = scipy.special.log_softmax(x, axis=1)
    edges = [i * len(x) // splits for i in range(splits + 1)]
    scores = [_score(log_p[a:b]) for a, b in itertools.pairwise(edges)]
    return InceptionScore(float(np.mean(scores)), float(np.std(scores)), len(x), splits)


def _score(log_p: np.ndarray) -> float:
    log_marginal = scipy.special.logsumexp(log_p, axis=0) - np.log(len(log_p))
    terms = np.exp(log_p) * (log_p - log_marginal)
    return float(np.exp(terms.sum(axis=1).mean()))
