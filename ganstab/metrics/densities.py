"""Divergence of two samples, through kernel density estimates of both."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ganstab._checks import check_count
from ganstab._precision import as_floats

__all__ = ["js_divergence_of_samples", "js_floor_of_samples"]

_POINTS_AT_ONCE = 256
_FLAT = 1e-6
"""The least eigenvalue of a correlation in which single precision sees more than rounding."""


def js_divergence_of_samples(data: Array, samples: Array) -> Array:
    """Jensen-Shannon divergence of what two samples come from, in nats, from 0 to ln 2.

    p and q are Gaussian kernel density estimates of data and samples with one bandwidth for both,
    Scott's rule of the data: the kernel's covariance is n^(−2/(d + 4)) cov(data) (Scott,
    *Multivariate Density Estimation*, 1992). Taken of the samples, it would vanish for a collapsed
    generator. With r = p / (p + q), and the mean over data and samples, half of the weight each,

        JS = E[r ln 2r + (1 − r) ln 2(1 − r)] = ½ E_p[ln p/m] + ½ E_q[ln q/m],  m = (p + q) / 2.

    The left form is taken, since every point adds between 0 and ln 2 to it, where a single outlier
    can spoil the right one. A point is left out of its own density: its kernel there would make
    any two samples look apart. What remains of a finite sample is `js_floor_of_samples`.
    Smoothing only lowers the divergence. Metz et al. (arXiv:1611.02163), section 3.3.2, on colours
    of three channels; the bandwidth is not theirs, who name none. Time grows as (n + m)², memory as
    n + m.

    Args:
      data: [n, d], n > d.
      samples: [m, d], m >= 2.

    Raises:
      ValueError: if the shapes do not fit, a number is not finite, the data lie in a plane (to
        the rounding of single precision), or samples are too far away to tell.
    """
    data, samples = as_floats(data), as_floats(samples)
    _check("data", data)
    _check("samples", samples)
    if data.shape[1] != samples.shape[1]:
        raise ValueError(
            f"data and samples have the shapes {data.shape} and {samples.shape}; "
            "[n, d] and [m, d] are expected"
        )
    check_count("the number of data", len(data), data.shape[1] + 1)
    check_count("the number of samples", len(samples), 2)
    _check_covariance(data)
    # In units of a power of two near each column's largest number no square is infinite or 0.
    _, exponent = np.frexp(np.abs(np.asarray(data)).max(axis=0))
    data, samples = (jnp.asarray(np.ldexp(np.asarray(x), -exponent)) for x in (data, samples))
    found = _js_of_samples(data, samples)
    if not jnp.isfinite(found):
        raise ValueError("samples lie too far from the data for densities in single precision")
    return found


def js_floor_of_samples(key: Array, data: Array, splits: int = 10) -> Array:
    """What a perfect generator scores: the divergence of random halves of the data, [splits].

    The mean is the floor of `js_divergence_of_samples` for len(data) // 2 data and as many
    samples, the spread its sampling error. Errors as there.
    """
    check_count("splits", splits)
    half = len(data) // 2

    def of_split(key: Array) -> Array:
        shuffled = jax.random.permutation(key, data)
        return js_divergence_of_samples(shuffled[:half], shuffled[half : 2 * half])

    return jnp.stack([of_split(key) for key in jax.random.split(key, splits)])


@jax.jit
def _js_of_samples(data: Array, samples: Array) -> Array:
    n, d = data.shape
    mean = data.mean(axis=0, keepdims=True)
    kernel = jnp.linalg.cholesky(jnp.atleast_2d(jnp.cov(data.T))) * n ** (-1 / (d + 4))

    def scaled(points: Array) -> Array:
        """In units in which the kernel is N(0, I), whose constant factor cancels in r."""
        return jax.scipy.linalg.solve_triangular(kernel, (points - mean).T, lower=True).T

    p, q = scaled(data), scaled(samples)
    at_data = _information(_log_density(p, p, True) - _log_density(p, q, False))
    at_samples = _information(_log_density(q, p, False) - _log_density(q, q, True))
    return (at_data.mean() + at_samples.mean()) / 2


def _information(log_ratio: Array) -> Array:
    """The left form of JS at each point, of ln(p/q); safe where either density vanishes."""
    log_r, log_rest = jax.nn.log_sigmoid(log_ratio), jax.nn.log_sigmoid(-log_ratio)
    # Beyond e^−80, r ln r is 0 to any precision, and 0 · ∞ is not a number.
    terms = [jnp.exp(x) * jnp.maximum(x, -80.0) for x in (log_r, log_rest)]
    return terms[0] + terms[1] + jnp.log(2.0)


def _log_density(points: Array, centres: Array, own: bool) -> Array:
    """Log of the mean of exp(−‖x − c‖²/2) over centres, at each point; `own` leaves itself out."""
    columns = centres.T  # five times as fast, summed over rows, as over the few columns

    def at(point_and_index: tuple[Array, Array]) -> Array:
        point, index = point_and_index
        exponent = -jnp.sum((columns - point[:, None]) ** 2, axis=0) / 2
        if own:
            exponent = jnp.where(jnp.arange(len(centres)) == index, -jnp.inf, exponent)
        return jax.nn.logsumexp(exponent) - jnp.log(len(centres) - own)

    inputs = points, jnp.arange(len(points))
    return jax.lax.map(at, inputs, batch_size=_POINTS_AT_ONCE)


def _check_covariance(data: Array) -> None:
    """On the host, since the rounded covariance of data in a plane may well have a root."""
    columns = np.asarray(data, np.float64)
    columns = columns - columns.mean(axis=0)
    width = columns.std(axis=0)
    correlation = np.atleast_2d(np.cov((columns / np.where(width > 0, width, 1)).T))
    if not width.all() or np.linalg.eigvalsh(correlation)[0] < _FLAT:
        raise ValueError("data have a singular covariance, so they have no density")


def _check(name: str, points: Array) -> None:
    if points.ndim != 2 or not points.shape[1]:
        raise ValueError(f"{name} have the shape {points.shape}; [n, d >= 1] is expected")
    spoilt = int(jnp.sum(~jnp.isfinite(points).all(axis=1)))
    if spoilt:
        raise ValueError(f"{spoilt} of {len(points)} {name} are not finite")
