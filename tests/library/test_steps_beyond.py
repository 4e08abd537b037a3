"""Extragradient, balanced and lookahead steps against loops by hand and the plain steps."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from closed_forms import KEY, POINT, PSI, pair_at, quadratic, quick, xi
from common import assert_close, assert_equal

from ganstab import Aux, Carry, Game, Pair, TrainState, games, optimizers, steps

TXS = Pair(optax.sgd(0.1), optax.sgd(0.3))


NO_STATE = Pair((), ())


def start_at(params, txs, state=NO_STATE):
    opt = Pair(*(tx.init(own) for tx, own in zip(txs, params, strict=True)))
    return TrainState(params, Carry(state, opt), jnp.int32(0), KEY)


def test_extragradient_descent(x64):
    step = quick(steps.extragradient(quadratic(), TXS))
    rates = np.array([0.1, 0.1, 0.3, 0.3, 0.3])
    state, w = start_at(pair_at(POINT), TXS), POINT
    for turn in range(3):
        state, metrics = step(state, None)
        ahead = w - rates * xi(w)
        w = w - rates * xi(ahead)
        np.testing.assert_allclose(jnp.concatenate(state.params), w, rtol=1e-12)
        np.testing.assert_allclose(
            metrics["disc/grad_norm"], np.linalg.norm(xi(ahead)[PSI]), rtol=1e-12
        )
        assert state.step == turn + 1


def test_extra_adam_notes_both_gradients(x64):
    adam = optimizers.adam(0.05, b1=0.5)
    step = quick(steps.extragradient(quadratic(), Pair(adam, adam)))
    state = start_at(pair_at(POINT), Pair(adam, adam))
    w, opt = jnp.asarray(POINT), adam.init(jnp.asarray(POINT))
    for _ in range(3):
        state, _ = step(state, None)
        update, opt = adam.update(jnp.asarray(xi(np.asarray(w))), opt, w)
        ahead = np.asarray(w + update)
        update, opt = adam.update(jnp.asarray(xi(ahead)), opt, w)
        w = w + update
        np.testing.assert_allclose(jnp.concatenate(state.params), w, rtol=1e-11)
    assert state.carry.opt.gen[0].count == 6
    np.testing.assert_allclose(state.carry.opt.disc[0].mu, opt[0].mu[PSI], rtol=1e-10)


def test_extragradient_projects_from_where_it_is(x64):
    """A clipped critic: the second update is clipped at w, not at what lies ahead."""
    txs = Pair(optax.sgd(0.5), optax.chain(optax.sgd(0.5), optimizers.clip_weights(0.6)))
    state = start_at(Pair(jnp.asarray(1.0), jnp.asarray(0.5)), txs)
    state, _ = quick(steps.extragradient(games.bilinear(), txs))(state, None)
    np.testing.assert_allclose(state.params, (1.0 - 0.5 * 0.6, 0.6), rtol=1e-12)


MAKES = {
    "simultaneous": steps.simultaneous,
    "alternating": functools.partial(steps.alternating, n_disc=2),
    "extragradient": steps.extragradient,
}


@pytest.mark.parametrize("name", MAKES)
def test_lookahead_takes_both_players_back_at_once(x64, name):
    """The plain step, and every third time s + α(w − s); Adam's memory goes on."""
    make = MAKES[name]
    adam = optimizers.adam(0.05, b1=0.5)
    looking = optax.chain(adam, optimizers.slow_weights())
    whole = steps.lookahead(make(quadratic(), Pair(looking, looking)), every=3, rate=0.3)
    state = start_at(pair_at(POINT), Pair(looking, looking))
    plain = quick(make(quadratic(), Pair(adam, adam)))
    expected, slow = start_at(pair_at(POINT), Pair(adam, adam)), POINT
    whole = quick(whole)
    for turn in range(1, 8):
        state, metrics = whole(state, None)
        expected, wanted = plain(expected, None)
        if turn % 3 == 0:
            slow = slow + 0.3 * (np.concatenate(expected.params) - slow)
            expected = expected._replace(params=pair_at(slow))
        assert_close((state.params, metrics), (expected.params, wanted), rtol=1e-10)
        kept = [optimizers.slow_weights_in(own).params for own in state.carry.opt]
        assert_close(kept, list(pair_at(slow)), rtol=1e-10)
    assert_close([own[0] for own in state.carry.opt], [*expected.carry.opt], rtol=1e-10)


def test_lookahead_draws_into_the_middle_of_a_game_from_which_descent_spirals_out(x64):
    """On V = θψ, w after j turns is ((1 − α)I + αMᵏ)ʲ w₀ with M = I + hT."""
    tx = optax.chain(optax.sgd(0.4), optimizers.slow_weights())
    plain = steps.simultaneous(games.bilinear(), Pair(tx, tx))
    start = start_at(Pair(jnp.asarray(1.0), jnp.asarray(0.5)), Pair(tx, tx))
    back, away = (
        quick(lambda state, step=step: jax.lax.scan(step, state, None, length=60)[0])(start)
        for step in (steps.lookahead(plain, 4, 0.5), plain)
    )
    fast = np.linalg.matrix_power(np.array([[1.0, -0.4], [0.4, 1.0]]), 4)
    expected = np.linalg.matrix_power(0.5 * np.eye(2) + 0.5 * fast, 15) @ [1.0, 0.5]
    np.testing.assert_allclose(back.params, expected, rtol=1e-9)
    assert np.linalg.norm(back.params) < 0.2 and np.linalg.norm(away.params) > 50


def test_lookahead_of_half_precision_keeps_what_half_precision_loses():
    """Steps of 2⁻⁹ at 1 are lost in bfloat16, but not in the slow weights."""
    tx = optax.chain(optax.sgd(2.0**-7), optimizers.slow_weights())
    game = games.from_losses(lambda params: Pair(*(jnp.sum(-own) for own in params)))
    start = start_at(Pair(jnp.ones(2, jnp.bfloat16), jnp.ones(2, jnp.bfloat16)), Pair(tx, tx))
    step = quick(steps.lookahead(steps.simultaneous(game, Pair(tx, tx)), 1, 0.25))
    state = start
    for _ in range(4):
        state, _ = step(state, None)
    assert jax.tree.map(jnp.result_type, state) == jax.tree.map(jnp.result_type, start)
    kept = optimizers.slow_weights_in(state.carry.opt.gen).params
    assert kept.dtype == jnp.float32 and jnp.all(kept > 1)


def test_lookahead_refuses_numbers_and_optimizers_that_do_not_go_with_it():
    plain = steps.simultaneous(games.bilinear(), TXS)
    with pytest.raises(ValueError, match="every must be 1 or more, got 0"):
        steps.lookahead(plain, every=0)
    for rate in (0.0, 1.5):
        with pytest.raises(ValueError, match=rf"rate must be in \(0, 1\], got {rate}"):
            steps.lookahead(plain, rate=rate)
    with pytest.raises(ValueError, match=r"must hold one optimizers.slow_weights.*but holds 0"):
        steps.lookahead(plain)(start_at(Pair(jnp.ones(()), jnp.ones(())), TXS), None)


def counting_game():
    """θψ times the batch; the players' states add up their batches; metrics of the key."""

    def judge(params, carry, batch, fake, key):
        value = params.gen * params.disc * batch
        draw = jax.random.uniform(key)
        metrics = {"gen/draw": draw, "disc/draw": draw, "disc/value": value}
        state = carry.state._replace(disc=carry.state.disc + batch)
        return Pair(value, -value), Aux(state, metrics)

    return Game(lambda gen, carry, batch, key: (None, carry.state.gen + batch), judge)


def counting_start():
    state = Pair(jnp.asarray(0.0), jnp.asarray(0.0))
    return start_at(Pair(jnp.asarray(0.5), jnp.asarray(2.0)), TXS, state)


def test_extragradient_moves_the_states_once_and_draws_once():
    step = quick(steps.extragradient(counting_game(), TXS))
    state, metrics = step(counting_start(), jnp.asarray(3.0))
    assert state.carry.state == (3.0, 3.0)
    assert metrics["gen/draw"] == metrics["disc/draw"]
    draw = jax.random.uniform(jax.random.fold_in(KEY, 0))
    np.testing.assert_allclose(metrics["gen/draw"], draw)


def always(metrics):
    return jnp.asarray(True)


def never(metrics):
    return jnp.asarray(False)


BATCHES = np.arange(1.0, 6.0)


def test_who_always_wants_another_update_alternates(x64):
    balanced = steps.balanced(counting_game(), TXS, Pair(always, always), n_gen=2, n_disc=3)
    alternating = steps.alternating(counting_game(), TXS, n_gen=2, n_disc=3)
    state, metrics = quick(balanced)(counting_start(), jnp.asarray(BATCHES))
    wanted, expected = quick(alternating)(counting_start(), jnp.asarray(BATCHES))
    assert (metrics.pop("gen/updates"), metrics.pop("disc/updates")) == (2, 3)
    assert_close((state.params, state.carry), (wanted.params, wanted.carry), rtol=1e-14)
    assert state.step == 1
    assert_close(metrics, expected, rtol=1e-14)
    apart = Pair(*map(jnp.asarray, (BATCHES[:2], BATCHES[2:])))
    assert_close(quick(balanced)(counting_start(), apart)[0].params, state.params, rtol=1e-14)


def test_who_never_does_takes_one_update_of_its_first_batch(x64):
    step = steps.balanced(counting_game(), TXS, Pair(never, never), n_gen=2, n_disc=3)
    state, metrics = quick(step)(counting_start(), jnp.asarray(BATCHES))
    assert (metrics["gen/updates"], metrics["disc/updates"]) == (1, 1)
    assert state.carry.state == (1.0, 3.0)
    gen = 0.5 - 0.1 * 2.0 * 1.0
    np.testing.assert_allclose(state.params, (gen, 2.0 + 0.3 * gen * 3.0), rtol=1e-12)


@pytest.mark.parametrize(("threshold", "count"), [(-0.5, 1), (-1.01, 2), (-1.1, 3), (-9.0, 5)])
def test_a_discriminator_moves_until_it_is_even(x64, threshold, count):
    """Its loss falls with each update: −½ψ with ψ = 2, 2.15, 2.3, …"""
    again = Pair(never, lambda metrics: metrics["disc/loss"] > threshold)
    txs = Pair(optax.sgd(0.0), optax.sgd(0.3))
    step = steps.balanced(counting_game(), txs, again, n_disc=5)
    state, metrics = quick(step)(counting_start(), jnp.ones(6))
    assert metrics["disc/updates"] == count
    np.testing.assert_allclose(state.params.disc, 2.0 + 0.15 * count, rtol=1e-12)
    last = -0.5 * (2.0 + 0.15 * (count - 1))
    np.testing.assert_allclose(metrics["disc/loss"], last, rtol=1e-12)


def test_balance_is_found_for_each_of_many_starts(x64):
    again = Pair(lambda metrics: metrics["gen/loss"] > 0.5, never)
    step = steps.balanced(games.bilinear(), TXS, again, n_gen=50)
    starts = [start_at(Pair(jnp.asarray(gen), jnp.asarray(2.0)), TXS) for gen in (0.1, 1.0, 2.0)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *starts)
    state, metrics = quick(jax.vmap(functools.partial(step, batches=None)))(stacked)
    # The loss before update i is 2(θ − 0.2(i − 1)); one more after each that is above a half.
    np.testing.assert_array_equal(metrics["gen/updates"], [1, 5, 10])
    single, _ = quick(step)(starts[2], None)
    assert_equal(single.params, jax.tree.map(lambda leaf: leaf[2], state.params))


def test_bad_counts_and_batches_are_refused():
    with pytest.raises(ValueError, match="n_gen must be 1 or more, got 0"):
        steps.balanced(games.bilinear(), TXS, Pair(always, always), n_gen=0)
    step = steps.balanced(games.bilinear(), TXS, Pair(always, always), n_gen=2, n_disc=2)
    with pytest.raises(ValueError, match=r"n_disc=2, n_gen=2\) takes 4 batches.*\(3,\)"):
        step(start_at(Pair(jnp.ones(()), jnp.ones(())), TXS), jnp.ones(3))
