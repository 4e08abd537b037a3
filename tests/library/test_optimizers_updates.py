"""Weight clipping, optimism, historical averages and snapshots against loops by hand."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from closed_forms import quick
from common import arrays, assert_close, assert_equal

from ganstab import optimizers

H = 0.1


def followed(tx, params, gradient, count):
    """Where each of `count` steps of `tx` on a gradient `(params, turn)` leads."""

    @quick
    def step(params, state, turn):
        updates, state = tx.update(gradient(params, turn), state, params)
        return optax.apply_updates(params, updates), state

    state, path = tx.init(params), []
    for turn in range(count):
        params, state = step(params, state, turn)
        path.append(np.asarray(params))
    return np.array(path), state


def test_clipped_weights_stay_within_the_limit_and_are_otherwise_as_they_were(x64):
    grads = arrays(0, 20, 4)
    tx = optax.chain(optax.sgd(H), optimizers.clip_weights(0.15))
    start = jnp.array([0.0, 0.1, -0.14, 3.0])
    got, _ = followed(tx, start, lambda params, turn: grads[turn], 20)
    w = np.asarray(start)
    for turn in range(20):
        w = np.clip(w - H * np.asarray(grads[turn]), -0.15, 0.15)
        np.testing.assert_allclose(got[turn], w, atol=1e-15)
    free = np.abs(got) < 0.149
    assert 10 < np.sum(free) < 70
    assert np.min(got) < -0.1499 and np.max(got) > 0.1499


def test_bad_limits_and_missing_parameters_are_refused():
    for limit in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match=f"limit must be positive, got {limit}"):
            optimizers.clip_weights(limit)
    for name, tx in (
        ("clip_weights", optimizers.clip_weights(0.1)),
        ("historical_averaging", optimizers.historical_averaging(0.1)),
        ("snapshots", optimizers.snapshots(2)),
    ):
        with pytest.raises(ValueError, match=f"{name} needs the parameters"):
            tx.update(jnp.ones(2), tx.init(jnp.ones(2)))
    for options in ({"count": 0}, {"count": 1, "every": 0}):
        with pytest.raises(ValueError, match=f"{[*options][-1]} must be 1 or more, got 0"):
            optimizers.snapshots(**options)


def slope(params, turn):
    return jnp.sin(3.0 * params) + 0.1 * turn


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_optimistic_descent(x64, weight):
    start = jnp.array([0.5, -1.0])
    got, _ = followed(optimizers.optimistic(optax.sgd(H), weight), start, slope, 8)
    w, last = np.asarray(start), None
    for turn in range(8):
        g = np.sin(3 * w) + 0.1 * turn
        last = g if last is None else last
        w, last = w - H * ((1 + weight) * g - weight * last), g
        np.testing.assert_allclose(got[turn], w, rtol=1e-12)
    of_optax, _ = followed(optax.optimistic_gradient_descent(H, beta=weight), start, slope, 8)
    np.testing.assert_allclose(got, of_optax, rtol=1e-12)


def test_optimistic_adam_is_adams_update_twice_less_the_last(x64):
    start = jnp.array([0.5, -1.0])
    adam = optimizers.adam(H, b1=0.5)
    got, _ = followed(optimizers.optimistic(adam), start, slope, 8)
    w, state, last = start, adam.init(start), None
    for turn in range(8):
        update, state = adam.update(slope(w, turn), state, w)
        w, last = w + 2 * update - (update if last is None else last), update
        np.testing.assert_allclose(got[turn], w, rtol=1e-12)
    theirs, _ = followed(optax.optimistic_adam_v2(H, b1=0.5, nesterov=False), start, slope, 8)
    np.testing.assert_allclose(got, theirs, rtol=1e-6)
    by_default, _ = followed(optax.optimistic_adam_v2(H, b1=0.5), start, slope, 8)
    assert np.max(np.abs(got - by_default)) > 1e-2


def test_historical_averaging(x64):
    start = jnp.array([0.5, -1.0])
    weight = 0.8
    tx = optax.chain(optimizers.historical_averaging(weight), optax.sgd(H))
    got, state = followed(tx, start, slope, 10)
    w, past = np.asarray(start), []
    for turn in range(10):
        past.append(w)
        pull = 2 * weight * (w - np.mean(past, axis=0))
        w = w - H * (np.sin(3 * w) + 0.1 * turn + pull)
        np.testing.assert_allclose(got[turn], w, rtol=1e-12)
    assert np.linalg.norm(H * pull) > 1e-3
    np.testing.assert_allclose(state[0].mean, np.mean(past, axis=0), rtol=1e-12)


def test_historical_averaging_turns_a_spiral_into_a_slow_approach(x64):
    """On V = θψ gradient steps spiral out. Held to its average h, w follows it, w ∝ h, and

    h′ = (w − h)/t with w − h = i/(2λ − i)·h lets both shrink as t^(−1/(1 + 4λ²)).
    """
    weight, rate = 0.3, 0.05
    turn = jnp.array([[0.0, 1.0], [-1.0, 0.0]])

    def distances(tx):
        def step(carry, _):
            w, state = carry
            updates, state = tx.update(turn @ w, state, w)
            w = optax.apply_updates(w, updates)
            return (w, state), jnp.linalg.norm(w)

        start = jnp.array([1.0, 0.0])
        return quick(lambda w: jax.lax.scan(step, (w, tx.init(w)), length=8000)[1])(start)

    held = distances(optax.chain(optimizers.historical_averaging(weight), optax.sgd(rate)))
    shrinking = 4.0 ** (-1 / (1 + 4 * weight**2))
    np.testing.assert_allclose(held[7999] / held[1999], shrinking, rtol=0.05)
    assert distances(optax.sgd(rate))[999] > 3.0


def test_snapshots(x64):
    start = {"a": jnp.array([0.5, -1.0]), "b": jnp.array(2.0)}
    tx = optax.chain(optax.sgd(H), optimizers.snapshots(3, every=2))
    state, params, path = tx.init(start), start, [start]
    plain = optax.sgd(H)
    for turn in range(7):
        grads = jax.tree.map(lambda x, turn=turn: slope(x, turn), params)
        expected, _ = plain.update(grads, plain.init(params), params)
        updates, state = tx.update(grads, state, params)
        assert_close(updates, expected, rtol=1e-12)
        params = optax.apply_updates(params, updates)
        path.append(params)
        newest = [path[i] for i in range(0, turn + 2, 2)][::-1]
        wanted = [*newest, start, start, start][:3]
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *wanted)
        assert_close(optimizers.snapshots_in(state).past, stacked, rtol=1e-12)
    assert optimizers.snapshots_in({"deep": [state]}).updates == 7
    with pytest.raises(ValueError, match="holds 2"):
        optimizers.snapshots_in((state, state))


EVERY = {
    "clip_weights": lambda tx: optax.chain(tx, optimizers.clip_weights(0.3)),
    "historical_averaging": lambda tx: optax.chain(optimizers.historical_averaging(0.5), tx),
    "optimistic": optimizers.optimistic,
    "snapshots": lambda tx: optax.chain(tx, optimizers.snapshots(2)),
}


@pytest.mark.parametrize("name", EVERY)
def test_each_can_be_differentiated_through(x64, name):
    """Four steps on ½|x − target|², as a function of the targets, against differences."""
    tx = EVERY[name](optimizers.adam(H, b1=0.5))
    start, targets, towards = 0.1 * arrays(1, 3), arrays(2, 4, 3), arrays(3, 4, 3)

    def end(shift):
        def step(carry, target):
            x, state = carry
            updates, state = tx.update(x - target, state, x)
            return (optax.apply_updates(x, updates), state), None

        found = jax.lax.scan(step, (start, tx.init(start)), targets + shift * towards)[0][0]
        return found, found

    found = quick(jax.jacrev(end, has_aux=True))
    expected = (found(1e-6)[1] - found(-1e-6)[1]) / 2e-6
    assert np.linalg.norm(expected) > 1e-2
    np.testing.assert_allclose(found(0.0)[0], expected, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("name", EVERY)
def test_each_keeps_dtypes_shapes_and_structure(name):
    params = {"half": jnp.ones(2, jnp.bfloat16), "single": jnp.zeros((2, 1), jnp.float32)}
    tx = EVERY[name](optax.sgd(H))
    state = tx.init(params)
    updates, after = tx.update(params, state, params)
    chex.assert_tree_all_finite((updates, after))
    if name == "clip_weights":  # added up in float32, and rounded behind the clipping
        assert updates["half"].dtype == jnp.float32
        updates["half"] = updates["half"].astype(jnp.bfloat16)
    kinds = (jax.tree.map(lambda x: (x.shape, x.dtype), tree) for tree in (updates, params))
    assert next(kinds) == next(kinds)
    kinds = (jax.tree.map(lambda x: (x.shape, x.dtype), tree) for tree in (state, after))
    assert next(kinds) == next(kinds)
    assert_equal(state, tx.init(params))
