"""Lyapunov exponents and flows against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from known_games import (
    CARRY,
    NOTHING,
    linear,
    pair,
)

from ganstab import Pair, TrainState, dynamics, games, steps


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ([[-0.5, 0.0], [0.7, 0.3]], [0.3, -0.5]),
        ([[0.0, -1.0], [1.0, 0.0]], [0.0, 0.0]),
        ([[0.0, -1.0], [1.0, -0.6]], [-0.3, -0.3]),
    ],
    ids=["saddle", "bilinear", "damped"],
)
def test_exponents_of_a_linear_field(x64, matrix, expected):
    advance = dynamics.flow(linear(matrix), 0.05, **NOTHING)
    got = dynamics.lyapunov(advance, pair(0.3, 0.1), 4000, count=2, time=0.05, discard=2000)
    np.testing.assert_allclose(got.exponents, expected, atol=6e-3)
    # Volume shrinks at the trace, at every moment; of each step the 4th order is left out.
    np.testing.assert_allclose(got.growth.sum(axis=1) / 0.05, np.trace(matrix), atol=1e-6)
    assert got.growth.shape == (4000, 2)


def run(make_step, tx, h=0.1):
    txs = Pair(tx(h), tx(h))
    params = pair(0.6, 0.8)
    opt = Pair(*(tx.init(own) for tx, own in zip(txs, params, strict=True)))
    start = TrainState(params, CARRY._replace(opt=opt), jnp.int32(0), jax.random.key(0))
    return dynamics.training(make_step(games.bilinear(), txs)), start


@pytest.mark.parametrize(
    ("make_step", "expected"),
    [(steps.simultaneous, 0.5 * np.log(1 + 0.1**2)), (steps.alternating, 0.0)],
)
def test_exponents_of_steps_on_bilinear(x64, make_step, expected):
    advance, start = run(make_step, optax.sgd)
    got = dynamics.lyapunov(advance, start, 2000, count=2)
    np.testing.assert_allclose(got.exponents, expected, atol=1e-4)
    assert got.end.step == 2000
    np.testing.assert_allclose(
        got.end.params, jax.tree.map(lambda x: x[-1], dynamics.orbit(advance, start, 2000).params)
    )


def test_exponents_of_steps_with_momentum_count_the_velocities(x64):
    """The map of heavy-ball steps is linear: exponents are logs of its eigenvalues' moduli."""
    h, beta = 0.1, 0.5
    advance, start = run(steps.simultaneous, lambda h: optax.sgd(h, momentum=beta))
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    whole = np.block([[np.eye(2) + h * turn, h * beta * np.eye(2)], [turn, beta * np.eye(2)]])
    expected = np.sort(np.log(np.abs(np.linalg.eigvals(whole))))[::-1]
    got = dynamics.lyapunov(advance, start, 1000, count=4, discard=500)
    np.testing.assert_allclose(got.exponents, expected, atol=2e-3)
    with pytest.raises(ValueError, match=r"count must be in \[1, 4\]"):
        dynamics.lyapunov(advance, start, 10, count=5)
    with pytest.raises(ValueError, match="steps=0"):
        dynamics.lyapunov(advance, start, 0)


def test_flow_is_of_fourth_order(x64):
    ends = []
    for dt, count in ((0.1, 10), (0.05, 20)):
        advance = dynamics.flow(games.bilinear(), dt, **NOTHING)
        points = dynamics.orbit(advance, pair(0.6, 0.8), count)
        assert points.gen.shape == (count + 1,) and points.gen[0] == 0.6
        ends.append(np.array([points.gen[-1], points.disc[-1]]))
    turn = np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    errors = [np.linalg.norm(end - turn @ [0.6, 0.8]) for end in ends]
    assert errors[0] < 1e-5
    np.testing.assert_allclose(errors[0] / errors[1], 16, rtol=0.05)
    with pytest.raises(ValueError, match="dt must be above 0"):
        dynamics.flow(games.bilinear(), 0.0, **NOTHING)


@pytest.mark.parametrize("start", [Pair(0.3, 0.1), Pair(np.float64(0.3), np.float64(0.1))])
def test_runs_may_begin_at_numbers_of_python(start):
    advance = dynamics.flow(games.dirac(), 0.1, **NOTHING)
    expected = dynamics.orbit(advance, Pair(jnp.float32(0.3), jnp.float32(0.1)), 3)
    jax.tree.map(np.testing.assert_array_equal, dynamics.orbit(advance, start, 3), expected)
    end = dynamics.lyapunov(advance, start, 3).end
    np.testing.assert_allclose(end, [leaf[-1] for leaf in expected], rtol=1e-6)


@pytest.mark.parametrize("count", [2.5, float("nan"), "2"])
def test_steps_that_are_no_whole_number_are_refused(count):
    advance = dynamics.flow(games.dirac(), 0.1, **NOTHING)
    with pytest.raises(ValueError, match=f"steps must be a whole number, 0 or more, got {count!r}"):
        dynamics.orbit(advance, pair(0.3, 0.1), count)
    with pytest.raises(ValueError, match=f"steps must be a whole number, 1 or more, got {count!r}"):
        dynamics.lyapunov(advance, pair(0.3, 0.1), count)
