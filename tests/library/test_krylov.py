"""Eigenvalues at several edges at once, against dense answers."""

import numpy as np
import pytest

from ganstab.dynamics.krylov import EDGES, krylov_schur

ACCURATE = {"tolerance": 1e-9, "restarts": 200}


def found(matrix, edges, count, subspace, **accuracy):
    asked = []

    def times(x):
        asked.append(x)
        return matrix @ x

    values, vectors = krylov_schur(
        times, len(matrix), edges, count, subspace=subspace, **(ACCURATE | accuracy)
    )
    return values, vectors, len(asked)


def first(values, edge, count):
    return values[np.argsort(EDGES[edge](values), kind="stable")[:count]]


def stretched(n, seed):
    """A matrix that is not normal, with well separated outermost eigenvalues."""
    draw = np.random.default_rng(seed)
    turns = np.zeros((n, n))
    for place, speed in zip(range(0, n - 1, 2), np.geomspace(30, 0.01, n // 2), strict=True):
        turns[place, place + 1], turns[place + 1, place] = speed, -speed
    basis = np.linalg.qr(draw.normal(size=(n, n)))[0] + 0.1 * draw.normal(size=(n, n)) / n**0.5
    return basis @ (turns - np.diag(np.geomspace(80, 0.01, n)[::-1])) @ np.linalg.inv(basis)


@pytest.mark.parametrize("edges", [("LM",), ("LI", "LM"), ("LR", "LI", "LM", "SR")])
def test_each_edge_has_what_a_dense_answer_has(edges):
    matrix = stretched(200, 0)
    values, vectors, _ = found(matrix, edges, 3, 50)
    dense = np.linalg.eigvals(matrix)
    for edge in edges:
        for value in first(dense, edge, 3):
            assert np.abs(values - value).min() < 1e-6 * abs(value), edge
    np.testing.assert_allclose(matrix @ vectors, values * vectors, atol=1e-6)
    assert len(np.unique(values.round(6))) == len(values) <= 2 * 3 * len(edges)


def test_edges_share_their_products():
    matrix = stretched(200, 1)
    alone = [found(matrix, [edge], 3, 40, tolerance=5e-3)[2] for edge in ("LR", "LI", "LM")]
    together = found(matrix, ("LR", "LI", "LM"), 3, 40, tolerance=5e-3)[2]
    assert together < 0.75 * sum(alone)


@pytest.mark.parametrize("rank", [0, 1, 5])
def test_a_space_that_is_left_by_no_product(rank):
    """Of a matrix of low rank the iteration soon has all there is."""
    draw = np.random.default_rng(2)
    basis = np.linalg.qr(draw.normal(size=(60, 60)))[0][:, :rank]
    wanted = np.arange(1.0, rank + 1)
    values, _, _ = found(basis @ np.diag(wanted) @ basis.T, ["LR"], max(rank, 1), 20)
    np.testing.assert_allclose(np.sort(values.real), wanted if rank else [0.0], atol=1e-8)


def test_a_symmetric_matrix_has_no_most_turning_eigenvalue():
    values, _, _ = found(np.diag(np.arange(100.0)), ["LR", "LI"], 2, 30, tolerance=1e-6)
    assert {98, 99} <= {round(value.real) for value in values} and not values.imag.any()


def test_what_has_not_converged_is_left_out():
    values, vectors, products = found(stretched(200, 3), ["LR"], 3, 8, restarts=1)
    assert len(values) == vectors.shape[1] < 3 and products <= 16


def test_single_precision_finds_the_same_to_its_own_accuracy():
    matrix = stretched(200, 0)
    wanted, _, _ = found(matrix, ["LR", "LI", "LM"], 3, 50)
    values, vectors, _ = found(
        matrix.astype(np.float32), ["LR", "LI", "LM"], 3, 50, tolerance=1e-4, dtype=np.float32
    )
    assert vectors.dtype == np.complex64 and len(values) == len(wanted)
    for value in values:
        assert np.abs(wanted - value).min() < 1e-3 * abs(value)
