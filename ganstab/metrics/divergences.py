"""Divergences of histograms, on the host in float64; 0 log 0 is 0."""

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["js_divergence", "kl"]

LN_2 = float(np.log(2))


def js_divergence(p: ArrayLike, q: ArrayLike, base: float = np.e) -> float:
    """Jensen-Shannon: KL(p || m) / 2 + KL(q || m) / 2, m = (p + q) / 2, from 0 to log_base(2).

    Args:
      p: a histogram or a density on a grid, of any shape; only its proportions count.
      q: another of the same shape.
      base: of the logarithm: e gives nats, 2 gives bits.

    Raises:
      ValueError: if the shapes differ, a value is negative or not finite, all are zero, or
        base is not above 1.
    """
    if not base > 1:
        raise ValueError(f"base is {base}; a number above 1 is expected")
    p, q = _shares("p", np.asarray(p)), _shares("q", np.asarray(q))
    if p.shape != q.shape:
        raise ValueError(f"p has the shape {p.shape} and q {q.shape}; one shape is expected")
    middle = (p + q) / 2
    nats = (kl(p, middle) + kl(q, middle)) / 2
    return min(max(nats, 0.0), LN_2) / float(np.log(base))  # rounding may leave the range


def kl(p: np.ndarray, q: np.ndarray) -> float:
    """KL(p || q) = Σ p ln(p / q) over p > 0 in nats, of two densities; it needs q > 0 there."""
    held = p > 0
    return float(np.sum(p[held] * np.log(p[held] / q[held])))


def _shares(name: str, histogram: np.ndarray) -> np.ndarray:
    values = histogram.astype(np.float64)
    if not (np.isfinite(values).all() and (values >= 0).all() and values.sum() > 0):
        raise ValueError(f"{name} has to hold finite values >= 0 that are not all zero")
    return values / values.sum()
