"""Eigenvalues at several edges of a spectrum from one Krylov space."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.linalg

__all__ = ["EDGES", "Edge", "krylov_schur"]

Edge = Callable[[np.ndarray], np.ndarray]
"""From eigenvalues `[n]` to numbers `[n]`, which are least where the wanted ones are."""
EDGES: dict[str, Edge] = {
    "LM": lambda values: -np.abs(values),
    "LR": lambda values: -values.real,
    "LI": lambda values: -np.abs(values.imag),
    "SR": lambda values: values.real,
}
"""By ARPACK's name: largest modulus, real part, imaginary part's modulus; smallest real part."""
LEAST = np.finfo(np.float64).eps ** (2 / 3)  # what a value of 0 is taken for
ROUNDING = 1e-8  # of the largest value, within which two numbers are one eigenvalue


class Ritz(NamedTuple):
    """What a Krylov space says of eigenvalues."""

    values: np.ndarray
    vectors: np.ndarray
    """`[m, m]`, in the basis."""
    residuals: np.ndarray
    """`‖A x − λ x‖` of unit vectors x, if the products were exact."""


def krylov_schur(
    times: Callable[[np.ndarray], np.ndarray],
    n: int,
    edges: Sequence[str],
    count: int,
    *,
    tolerance: float,
    restarts: int,
    subspace: int,
    dtype: np.typing.DTypeLike = np.float64,
) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues `[k]` and vectors `[n, k]` of a real matrix: `count` at each edge, each once.

    The Krylov-Schur iteration (Stewart 2001, SIAM J. Matrix Anal. Appl. 23(3), 601-614): Arnoldi's
    with restarts that keep a part of the Schur form. ARPACK's implicit restarts are the same in
    exact arithmetic, but look for one edge at a time. Here all edges share the products. What an
    edge wants is kept twice over through a restart, which brings it in sooner.

    Args:
      times: the product with a vector `[n]`.
      n: the size of the matrix, above `subspace`.
      edges: keys of `EDGES`.
      count: how many at each; a complex value brings its conjugate, beyond the count too.
      tolerance: an eigenvalue λ is found where the residual is at most `tolerance · |λ|`.
      restarts: how often to restart at most.
      subspace: vectors that are kept.
      dtype: of these vectors, of which n may be large. That of the products is enough.

    Returns:
      Those that were found, in any order; fewer than asked for where the restarts are used up.
    """
    draw = np.random.default_rng(0)
    basis, matrix = np.zeros((subspace + 1, n), dtype), np.zeros((subspace + 1, subspace))
    basis[0], size = _unit(draw.standard_normal(n)), 0
    for turn in range(restarts + 1):
        for j in range(size, subspace):
            _extend(times, basis, matrix, j, draw)
        ritz = _ritz(matrix)
        wanted = _first(ritz.values, edges, count)
        found = ritz.residuals <= tolerance * np.maximum(np.abs(ritz.values), LEAST)
        if found[wanted].all() or turn == restarts:
            break
        size = _restart(basis, matrix, _first(ritz.values, edges, 2 * count), ritz.values)
    chosen = wanted & found
    real, imag = (part[:, chosen].astype(dtype) for part in (ritz.vectors.real, ritz.vectors.imag))
    return ritz.values[chosen], basis[:-1].T @ real + 1j * (basis[:-1].T @ imag)


def _extend(times, basis: np.ndarray, matrix: np.ndarray, j: int, draw) -> None:
    """One product more, orthogonal to all before it (twice, for the sake of rounding)."""
    along = np.asarray(times(basis[j]), basis.dtype)
    length = np.linalg.norm(along)
    for _ in range(2):
        parts = basis[: j + 1] @ along
        matrix[: j + 1, j] += parts
        along = along - parts @ basis[: j + 1]
    rest = np.linalg.norm(along)
    if rest > np.finfo(basis.dtype).eps * length:
        matrix[j + 1, j], basis[j + 1] = rest, along / rest
        return
    # The space is invariant: it goes on in another one, which the product does not lead to.
    along = draw.standard_normal(len(along)).astype(basis.dtype)
    for _ in range(2):
        along = along - (basis[: j + 1] @ along) @ basis[: j + 1]
    basis[j + 1] = _unit(along)


def _ritz(matrix: np.ndarray) -> Ritz:
    values, vectors = np.linalg.eig(matrix[:-1])
    return Ritz(values, vectors, np.abs(matrix[-1] @ vectors))


def _restart(basis, matrix, keep: np.ndarray, values: np.ndarray) -> int:
    """Leaves of the space what belongs to the kept values, and the next vector; gives its size."""
    kept, near = values[keep], ROUNDING * np.abs(values).max()
    form, turn, size = scipy.linalg.schur(
        matrix[:-1], sort=lambda re, im: np.abs(kept - complex(re, im)).min() <= near
    )
    size = min(size, len(matrix) - 3)  # room for two more, or nothing new is looked at
    if size and form[size, size - 1]:
        size -= 1  # a pair is kept whole or not at all
    last = matrix[-1] @ turn[:, :size]
    basis[:size] = turn[:, :size].T.astype(basis.dtype) @ basis[:-1]
    basis[size] = basis[-1]
    matrix[:] = 0.0
    matrix[:size, :size], matrix[size, :size] = form[:size, :size], last
    return size


def _first(values: np.ndarray, edges: Sequence[str], count: int) -> np.ndarray:
    """Which of the values are the first at some edge, with their conjugates: a mask."""
    chosen = np.zeros(len(values), bool)
    for edge in edges:
        chosen[np.argsort(EDGES[edge](values), kind="stable")[:count]] = True
    pairs = values[chosen & (values.imag != 0)].conj()
    near = ROUNDING * np.abs(values).max()
    return chosen | (np.abs(values[:, None] - pairs) <= near).any(axis=1)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
