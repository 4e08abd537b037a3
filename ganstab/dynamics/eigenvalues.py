"""Leading eigenvalues of a game's Jacobian that is never written down."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs

from ganstab.dynamics.derivatives import Derivative, exact
from ganstab.dynamics.fields import flat
from ganstab.types import Carry, Game, Pair


class Spectrum(NamedTuple):
    """Eigenvalues of a field's Jacobian, rightmost first, each with how true it is."""

    values: np.ndarray
    """`[count]`, complex: growth per unit time, and angular speed."""
    residuals: np.ndarray
    """`[count]`: `‖Jx − λx‖` at the unit vector x that was found for λ."""
    vectors: np.ndarray
    """`[n, count]`, complex, over the raveled pair: which parameters take part."""


def spectrum(
    game: Game,
    params: Pair,
    *,
    carry: Carry,
    batch: Any,
    key: Any,
    count: int = 6,
    which: str = "LM",
    tolerance: float | None = None,
    restarts: int = 100,
    subspace: int | None = None,
    derivative: Derivative = exact,
) -> Spectrum:
    """`count` leading eigenvalues of the field's Jacobian, from products `J·x` alone.

    Implicitly restarted Arnoldi iteration (ARPACK, Lehoucq, Sorensen & Yang 1998, by way of SciPy).
    A residual near the eigenvalue's own size means that the eigenvalue is not one. It bounds the
    error by `residual · κ`, κ the eigenvalue's condition, which is 1 only for a normal Jacobian.

    A game of `count + 1` parameters or fewer, too small for the iteration, is answered from the
    dense Jacobian.

    Args:
      game: any game.
      params: where, a `Pair` of n numbers in all.
      carry: as in `field`.
      batch: as in `field`.
      key: as in `field`.
      count: how many, at most n. A real Jacobian's complex eigenvalues come in pairs.
      which: `"LM"` the largest, `"LR"` the rightmost, `"LI"` those with the largest imaginary part,
        `"SR"` the leftmost. The rightmost decide stability, and take the most iterations where many
        lie close to 0.
      tolerance: the relative accuracy at which iteration ends; by default ε^(2/3) of the dtype.
      restarts: how often to restart at most.
      subspace: how many vectors of length n are kept, above `count + 1` and at most n; by default
        `8 count`, at least 40. More of them reach eigenvalues that lie close together sooner.
      derivative: `exact` or `central`.

    Returns:
      A `Spectrum` with `count` eigenvalues, or those that converged within `restarts`.

    Raises:
      ValueError: for a count outside [1, n], another `which`, or if none converged.
    """
    _, point = flat(game, params, carry=carry, batch=batch, key=key)
    if not 1 <= count <= point.size:
        raise ValueError(f"count must be in [1, {point.size}], the parameters, got {count}")
    if which not in ("LM", "LR", "LI", "SR"):
        raise ValueError(f"which must be 'LM', 'LR', 'LI' or 'SR', got {which!r}")

    def times(x: np.ndarray) -> np.ndarray:
        along = x.ravel()
        return np.asarray(_product(game, derivative, along, params, carry, batch, key), np.float64)

    if count > point.size - 2:
        values, vectors = _dense(times, point.size, count, which)
    else:
        tol = float(jnp.finfo(point.dtype).eps) ** (2 / 3) if tolerance is None else tolerance
        kept = min(point.size, max(8 * count, 40) if subspace is None else subspace)
        values, vectors = _arnoldi(times, point.size, count, which, tol, restarts, kept)
    order = np.lexsort((-values.imag, -values.real))
    values, vectors = values[order], vectors[:, order]
    vectors = vectors / np.linalg.norm(vectors, axis=0)
    images = [times(x.real) + 1j * times(x.imag) for x in vectors.T]
    residuals = np.linalg.norm(np.stack(images, axis=1) - values * vectors, axis=0)
    return Spectrum(values, residuals, vectors)


# The game is static and all that is large an argument: a training run is looked at many times, and
# compiled once.
@functools.partial(jax.jit, static_argnames=("game", "derivative"))
def _product(game, derivative, along, params, carry, batch, key):
    velocity, point = flat(game, params, carry=carry, batch=batch, key=key)
    return derivative(velocity, point, along.astype(point.dtype))[1]


def _arnoldi(times, n: int, count: int, which: str, tolerance: float, restarts: int, kept: int):
    operator = LinearOperator((n, n), matvec=times, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(n)
    try:
        return eigs(
            operator, count, which=which, v0=start, ncv=kept, maxiter=restarts, tol=tolerance
        )
    except ArpackNoConvergence as error:
        if not len(error.eigenvalues):
            raise ValueError(
                f"spectrum: none of {count} eigenvalues converged to tolerance={tolerance:.1e} in "
                f"restarts={restarts} with subspace={kept}; raise one of the three"
            ) from error
        return error.eigenvalues, error.eigenvectors


def _dense(times, n: int, count: int, which: str):
    values, vectors = np.linalg.eig(np.stack([times(e) for e in np.eye(n)], axis=1))
    rank = {"LM": -abs(values), "LR": -values.real, "LI": -abs(values.imag), "SR": values.real}
    first = np.argsort(rank[which], kind="stable")[:count]
    return values[first].astype(complex), vectors[:, first].astype(complex)
