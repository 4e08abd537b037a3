"""The fixed points of a game, and whether they are stable."""

import functools
import operator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from scipy.optimize import root

from ganstab.dynamics.fields import flat, jacobian
from ganstab.types import Carry, Game, Pair

__all__ = ["FixedPoint", "fixed_points", "stability"]


class FixedPoint(NamedTuple):
    """A point at which no player wants to move."""

    params: Pair
    speed: float
    """`‖v‖` there, what is left of 0."""
    eigenvalues: np.ndarray
    """`[n]`, of the field's Jacobian there, rightmost first."""


def fixed_points(
    game: Game,
    starts: Pair,
    *,
    carry: Carry,
    batch: Any,
    key: Any,
    tolerance: float | None = None,
    apart: float = 1e-3,
) -> list[FixedPoint]:
    """The points with `v = 0` that are found from many starts, for games of a few parameters.

    From each start Powell's hybrid of Newton's method and descent on `‖v‖²` (MINPACK, by way of
    SciPy), with the Jacobian of `dynamics.jacobian`. A point counts where Newton's next step
    `J⁺v` is next to nothing: a field that fades at infinity is slow there, and still has far to go.
    Only what is found from a start is found: a point that is missing may still be there, and of a
    line of fixed points there comes one for each start.

    Args:
      game: any small game.
      starts: where to begin, a `Pair` with all starts stacked in front: leaves `[m, …]`.
      carry: as in `field`.
      batch: as in `field`.
      key: as in `field`.
      tolerance: the length of Newton's next step, over `1 + ‖x‖`, at which a point counts as fixed;
        by default `√ε` of the dtype.
      apart: points nearer than this are one.

    Returns:
      The fixed points, the surest first.
    """
    first, unravel = ravel_pytree(jax.tree.map(lambda leaf: leaf[0], starts))
    points = np.asarray(jax.vmap(lambda params: ravel_pytree(params)[0])(starts))
    limit = float(jnp.finfo(first.dtype).eps) ** 0.5 if tolerance is None else tolerance

    def evaluate(point):
        found = _both(game, unravel(jnp.asarray(point, first.dtype)), carry, batch, key)
        return tuple(np.asarray(x, np.float64) for x in found)

    solved = [root(evaluate, start, jac=True, options={"xtol": limit / 10}).x for start in points]
    away_and_point = ((_to_go(point, *evaluate(point)), point) for point in solved)
    found = sorted(away_and_point, key=operator.itemgetter(0))
    kept = _distinct([point for away, point in found if away <= limit], apart)
    return [
        FixedPoint(unravel(jnp.asarray(point, first.dtype)), *_described(*evaluate(point)))
        for point in kept
    ]


@functools.partial(jax.jit, static_argnames="game")
def _both(game, params, carry, batch, key):
    at = {"carry": carry, "batch": batch, "key": key}
    velocity, point = flat(game, params, **at)
    return velocity(point), jacobian(game, params, **at)


def stability(eigenvalues: np.ndarray, tolerance: float = 1e-6) -> str:
    """`"stable"`, `"unstable"`, or `"neutral"` where the linear answer leaves it open.

    By the largest real part against ± `tolerance`, for the continuous field: a point that is
    stable here may still be left by steps that are too long.
    """
    rightmost = np.max(np.real(eigenvalues))
    return (
        "stable" if rightmost < -tolerance else "unstable" if rightmost > tolerance else "neutral"
    )


def _to_go(point: np.ndarray, velocity: np.ndarray, slopes: np.ndarray) -> float:
    """Newton's next step, relative; infinite where there is none."""
    if not (np.isfinite(velocity).all() and np.isfinite(slopes).all()):
        return np.inf
    step = np.linalg.lstsq(slopes, velocity)[0]
    return float(np.linalg.norm(step) / (1 + np.linalg.norm(point)))


def _distinct(points: list[np.ndarray], apart: float) -> list[np.ndarray]:
    kept: list[np.ndarray] = []
    for point in points:
        if all(np.linalg.norm(point - other) >= apart for other in kept):
            kept.append(point)
    return kept


def _described(velocity: np.ndarray, slopes: np.ndarray) -> tuple[float, np.ndarray]:
    values = np.linalg.eigvals(slopes).astype(complex)
    return float(np.linalg.norm(velocity)), values[np.lexsort((-values.imag, -values.real))]
