"""Leading eigenvalues of a field's or a training step's Jacobian, from its products alone."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs

from ganstab.dynamics.derivatives import Derivative, exact
from ganstab.dynamics.fields import flat
from ganstab.steps import Step
from ganstab.types import Carry, Game, Pair, TrainState

__all__ = ["Spectrum", "spectrum", "step_spectrum"]


class Spectrum(NamedTuple):
    """Eigenvalues of a field's Jacobian, rightmost first, each with its residual."""

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
    which: str | Sequence[str] = "LM",
    tolerance: float | None = None,
    restarts: int = 100,
    subspace: int | None = None,
    derivative: Derivative = exact,
) -> Spectrum:
    """`count` leading eigenvalues of the field's Jacobian, from products `J·x` alone.

    Implicitly restarted Arnoldi iteration (ARPACK, Lehoucq, Sorensen & Yang 1998, by way of SciPy).
    Where the residual `‖Jx − λx‖` is about as large as |λ|, the iteration has not converged to an
    eigenvalue: ignore λ. Else the error of λ is at most about `residual · κ`, with the eigenvalue's
    condition number κ, which is 1 only for a normal Jacobian.

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
        `"SR"` the leftmost; or several of these, `count` of each. The rightmost decide stability,
        and take the most iterations where many lie close to 0.
      tolerance: the relative accuracy at which iteration ends; by default ε^(2/3) of the dtype.
      restarts: how often to restart at most.
      subspace: how many vectors of length n are kept, above `count + 1` and at most n; by default
        `8 count`, at least 40. More of them reach eigenvalues that lie close together sooner.
      derivative: `exact` or `central`.

    Returns:
      A `Spectrum` with `count` eigenvalues for each `which`, once where they are the same, or
      those that converged within `restarts`.

    Raises:
      ValueError: for a count outside [1, n], another `which`, or if none converged.
    """
    _, point = flat(game, params, carry=carry, batch=batch, key=key)

    def times(along: np.ndarray) -> jax.Array:
        return _product(game, derivative, along, params, carry, batch, key)

    options = which, tolerance, restarts, subspace
    return _leading(times, point.size, point.dtype, count, *options)


def step_spectrum(
    step: Step,
    train_state: TrainState,
    batches: Any,
    *,
    count: int = 6,
    which: str | Sequence[str] = "LM",
    tolerance: float | None = None,
    restarts: int = 100,
    subspace: int | None = None,
    derivative: Derivative = exact,
) -> Spectrum:
    """Leading multipliers μ of one actual training step, learning rates and optimizers included.

    The eigenvalues of `∂x_{t+1}/∂x_t` at fixed batches, x the parameters of both players: what a
    small difference is multiplied by in a step. Where |μ| > 1, two runs that start close together
    diverge from each other; gradient descent of length h has `μ = 1 + hλ` with the field's
    eigenvalues λ. The optimizers' states and the batch statistics are held fixed. With momentum β
    the multiplier therefore shows only the fraction 1 − β of a persistent gradient's final effect.

    Args:
      step: `(train_state, batches) -> (train_state, metrics)`, of `ganstab.steps`.
      train_state: where.
      batches: what the step takes.
      count: how many, at most n.
      which: of the eigenvalues `μ − 1`, as in `spectrum`: `"LM"` are those furthest from 1.
      tolerance: as in `spectrum`.
      restarts: as in `spectrum`.
      subspace: as in `spectrum`.
      derivative: `exact` or `central`.

    Returns:
      A `Spectrum`, whose residuals are those of `μ`.

    Raises:
      ValueError: as in `spectrum`.
    """
    point, unravel = ravel_pytree(train_state.params)

    # An argument and not a constant of the program: a state is large.
    @jax.jit
    def product(along, train_state, batches):
        at = ravel_pytree(train_state.params)[0]

        def change(x):
            moved, _ = step(train_state._replace(params=unravel(x)), batches)
            return ravel_pytree(moved.params)[0] - x

        return derivative(change, at, along.astype(at.dtype))[1]

    options = which, tolerance, restarts, subspace
    found = _leading(
        lambda along: product(along, train_state, batches), point.size, point.dtype, count, *options
    )
    return found._replace(values=1 + found.values)


def _leading(product, n, dtype, count, which, tolerance, restarts, subspace) -> Spectrum:
    """Of the matrix whose product with a vector `[n]` is `product`."""
    if not 1 <= count <= n:
        raise ValueError(f"count must be in [1, {n}], the parameters, got {count}")
    kinds = [which] if isinstance(which, str) else list(which)
    if not kinds or not set(kinds) <= {"LM", "LR", "LI", "SR"}:
        raise ValueError(f"which must be among 'LM', 'LR', 'LI' and 'SR', got {which!r}")

    def times(x: np.ndarray) -> np.ndarray:
        return np.asarray(product(x.ravel()), np.float64)

    tol = float(jnp.finfo(dtype).eps) ** (2 / 3) if tolerance is None else tolerance
    kept = min(n, max(8 * count, 40) if subspace is None else subspace)
    if count > n - 2:
        found = [_dense(times, n, count, kind) for kind in kinds]
    else:
        found = [_arnoldi(times, n, count, kind, tol, restarts, kept) for kind in kinds]
    values, vectors = _distinct(found, 10 * tol)
    vectors = vectors / np.linalg.norm(vectors, axis=0)
    images = [times(x.real) + 1j * times(x.imag) for x in vectors.T]
    residuals = np.linalg.norm(np.stack(images, axis=1) - values * vectors, axis=0)
    return Spectrum(values, residuals, vectors)


def _distinct(found: list[tuple[np.ndarray, np.ndarray]], near: float):
    """Of one search all, of the later ones what is new to them; rightmost first."""
    values, vectors = found[0]
    for more, with_them in found[1:]:
        apart = np.abs(more[:, None] - values) > near * np.abs(more)[:, None]
        new = apart.all(axis=1)
        values = np.concatenate([values, more[new]])
        vectors = np.concatenate([vectors, with_them[:, new]], axis=1)
    order = np.lexsort((-values.imag, -values.real))
    return values[order], vectors[:, order]


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
