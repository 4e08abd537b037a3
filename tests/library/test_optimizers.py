"""`adam`: optax.adam's numbers and state, and a derivative where optax's has none."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import arrays, assert_close

from ganstab import optimizers

SCHEDULE = optax.exponential_decay(0.1, 5, 0.5)
SETTINGS = [
    {"learning_rate": 1e-3},
    {"learning_rate": 2e-4, "b1": 0.5},
    {"learning_rate": SCHEDULE, "b1": 0.0, "b2": 0.9, "eps": 1e-3},
]


def gradients(count):
    """A leaf of ordinary size, one of tiny entries, one that is zero at first and then at times."""
    rng = np.random.default_rng(0)
    for i in range(count):
        yield {
            "plain": jnp.asarray(rng.standard_normal((3, 2)), dtype=float),
            "tiny": jnp.asarray(1e-12 * rng.standard_normal(4), dtype=float),
            "sparse": jnp.asarray(rng.standard_normal(2) * (i > 3 and i % 2), dtype=float),
        }


def compare(ours, theirs, rtol, switch_at=None):
    params = next(gradients(1))
    state, reference = ours.init(params), theirs.init(params)
    assert jax.tree.structure(state) == jax.tree.structure(reference)
    for i, grads in enumerate(gradients(12)):
        if i == switch_at:
            state, reference = reference, state
        got, state = ours.update(grads, state, params)
        expected, reference = theirs.update(grads, reference, params)
        assert_close((got, state), (expected, reference), rtol)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("switch_at", [None, 5])
def test_forward_is_optax_adam_and_either_goes_on_with_the_others_state(settings, switch_at):
    compare(optimizers.adam(**settings), optax.adam(**settings), 5e-7, switch_at)


@pytest.mark.parametrize("settings", SETTINGS)
def test_forward_is_optax_adam_in_double_precision(x64, settings):
    compare(optimizers.adam(**settings), optax.adam(**settings), 1e-14)


def test_first_step_in_closed_form():
    tx = optimizers.adam(0.1, eps=0.5)
    grads = jnp.array([2.0, -0.5, 0.0])
    updates, _ = tx.update(grads, tx.init(grads))
    np.testing.assert_allclose(updates, [-0.1 * 2 / 2.5, 0.1 * 0.5, 0], rtol=1e-5)


@pytest.mark.parametrize("made_by", [optimizers.adam, optax.adam])
def test_dtypes_are_kept(made_by):
    """Those of updates, and of a state, whoever made it; the moments of half precision are wide."""
    params = {"half": jnp.ones(2, jnp.bfloat16), "single": jnp.ones(2, jnp.float32)}
    state = made_by(0.1).init(params)
    updates, after = optimizers.adam(0.1).update(params, state)
    for got, expected in ((updates, params), (after, state)):
        chex.assert_trees_all_equal_dtypes(got, expected)
    assert optimizers.adam(0.1).init(params)[0].nu["half"].dtype == jnp.float32


def unrolled(tx, start, targets):
    """Where five steps on ½|x - target|² end: a function of the targets."""

    def step(carry, target):
        x, state = carry
        updates, state = tx.update(x - target, state, x)
        return (optax.apply_updates(x, updates), state), None

    return jax.lax.scan(step, (start, tx.init(start)), targets)[0][0]


def test_derivative_is_finite_where_the_gradient_is_zero():
    start = jnp.array([0.0, 1.0])
    targets = jnp.array([[0.0, 0.5]] * 5)

    def derivative(tx):
        return jax.jacobian(lambda targets: unrolled(tx, start, targets))(targets)

    with pytest.raises(AssertionError, match="finite"):
        chex.assert_tree_all_finite(derivative(optax.adam(0.1)))
    got = derivative(optimizers.adam(0.1))
    chex.assert_tree_all_finite(got)
    # Away from zero both must agree; at zero the step is -lr * m / eps.
    assert abs(got[1, 0, 1]) > 1e-3
    assert got[0, 0, 0] > 0


def test_derivative_through_five_steps_is_the_central_difference(x64):
    start, targets, towards = arrays(1, 3), arrays(2, 5, 3), arrays(3, 5, 3)

    def end(shift):
        return unrolled(optimizers.adam(0.1, b1=0.5), start, targets + shift * towards)

    _, got = jax.jvp(end, (0.0,), (1.0,))
    assert np.all(np.abs(got) > 1e-3)
    np.testing.assert_allclose(got, (end(1e-6) - end(-1e-6)) / 2e-6, rtol=1e-7)
    reverse = jax.jacrev(end)(0.0)
    np.testing.assert_allclose(reverse, got, rtol=1e-10)


def test_derivative_is_optax_adams_where_that_has_one(x64):
    start, targets = arrays(4, 3), arrays(5, 5, 3)
    got, expected = (
        jax.jacobian(lambda targets, tx=tx: unrolled(tx, start, targets))(targets)
        for tx in (optimizers.adam(0.1), optax.adam(0.1))
    )
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-15)
