"""Leading eigenvalues of a field's or a training step's Jacobian, from its products alone."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ganstab._checks import check_whole
from ganstab._compiling import SOON
from ganstab.dynamics.derivatives import Derivative, exact
from ganstab.dynamics.fields import field_product
from ganstab.dynamics.krylov import EDGES, krylov_schur
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

    The Krylov-Schur iteration (Stewart 2001, SIAM J. Matrix Anal. Appl. 23(3), 601-614), which
    finds all edges that are asked for from the same products.
    Where the residual `‖Jx − λx‖` is about as large as |λ|, the iteration has not converged to an
    eigenvalue: ignore λ. Else the error of λ is at most about `residual · κ`, with the eigenvalue's
    condition number κ, which is 1 only for a normal Jacobian.

    A game of no more parameters than `subspace` is answered from the dense Jacobian.

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
      subspace: how many vectors of length n are kept, in the dtype of the parameters; by default
        `8 count`, or five for each eigenvalue of several `which` where that is more, and at least
        40. More of them reach eigenvalues that lie close together sooner. At least 2 are kept, and
        one for each eigenvalue, beyond those that are looked for.
      derivative: `exact` or `central`.

    Returns:
      A `Spectrum` with `count` eigenvalues for each `which`, once where they are the same, or
      those that converged within `restarts`. A conjugate comes with its pair.

    Raises:
      ValueError: for a count outside [1, n], another `which`, or if none converged.
      FloatingPointError: a product is not finite.
    """
    point, _ = ravel_pytree(params)

    def times(along: np.ndarray) -> jax.Array:
        return field_product(game, derivative, along, params, carry, batch, key)[1]

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
    @functools.partial(jax.jit, compiler_options=SOON)
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
    check_whole("count", count, 1)
    if not 1 <= count <= n:
        raise ValueError(f"count must be in [1, {n}], the parameters, got {count}")
    kinds = [which] if isinstance(which, str) else list(which)
    if not kinds or not set(kinds) <= EDGES.keys():
        raise ValueError(f"which must be among 'LM', 'LR', 'LI' and 'SR', got {which!r}")

    def times(x: np.ndarray) -> np.ndarray:
        found = np.asarray(product(x))
        if not np.isfinite(found).all():
            raise FloatingPointError("a product with the Jacobian is not finite")
        return found

    tol = float(jnp.finfo(dtype).eps) ** (2 / 3) if tolerance is None else tolerance
    kept = max(8 * count, 5 * count * len(kinds), 40) if subspace is None else subspace
    kept = max(kept, len(kinds) * (count + 1) + 2)
    # The sums of half precision would not stay orthogonal.
    wide = jnp.promote_types(dtype, jnp.float32)
    if n <= kept:
        values, vectors = _dense(times, n, count, kinds)
    else:
        values, vectors = krylov_schur(
            times, n, kinds, count, tolerance=tol, restarts=restarts, subspace=kept, dtype=wide
        )
    if not len(values):
        raise ValueError(
            f"spectrum: none of {count} eigenvalues converged to tolerance={tol:.1e} in "
            f"restarts={restarts} with subspace={kept}; raise one of the three"
        )
    order = np.lexsort((-values.imag, -values.real))
    values, vectors = values[order], vectors[:, order]
    vectors = vectors / np.linalg.norm(vectors, axis=0)
    found = zip(values, vectors.T, strict=True)
    return Spectrum(values, np.array([_residual(times, *each) for each in found]), vectors)


def _residual(times, value: complex, vector: np.ndarray) -> float:
    image = np.asarray(times(vector.real), complex)
    if value.imag:
        image += 1j * times(vector.imag)
    return float(np.linalg.norm(image - value * vector))


def _dense(times, n: int, count: int, kinds: Sequence[str]):
    matrix = np.stack([times(e) for e in np.eye(n)], axis=1, dtype=np.float64)
    values, vectors = np.linalg.eig(matrix)
    first = {kind: np.argsort(EDGES[kind](values), kind="stable")[:count] for kind in kinds}
    chosen = sorted({int(place) for places in first.values() for place in places})
    return values[chosen].astype(complex), vectors[:, chosen].astype(complex)
