"""Training steps against loops written out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import arrays, assert_close, assert_equal, plain_pair, prior, quick

from ganstab import (
    Aux,
    Batch,
    Carry,
    Game,
    Pair,
    Player,
    TrainState,
    games,
    losses,
    steps,
    terms,
)  # fmt: skip
from ganstab.game import make_game
from ganstab.surrogates import unrolled

KEY = jax.random.key(0)
TXS = Pair(optax.sgd(0.1), optax.sgd(0.3))
NO_STATE = Pair((), ())


def scalar_start(gen=0.5, disc=2.0, state=NO_STATE):
    params = Pair(jnp.asarray(gen), jnp.asarray(disc))
    opt = Pair(*(tx.init(own) for tx, own in zip(TXS, params, strict=True)))
    return TrainState(params, Carry(state, opt), jnp.int32(0), KEY)


def weighted_game():
    """Bilinear, times the batch; each player's state adds up what its own evaluations saw."""

    def judge(params, carry, batch, fake, key):
        value = params.gen * params.disc * batch
        state = Pair(carry.state.gen, carry.state.disc + batch)
        return Pair(value, -value), Aux(state, {"gen/seen": batch, "disc/seen": batch})

    return Game(lambda gen, carry, batch, key: (None, carry.state.gen + batch), judge)


@pytest.mark.parametrize(("n_gen", "n_disc"), [(1, 1), (2, 3), (3, 1)])
def test_alternating_takes_its_batches_in_order_generator_first(x64, n_gen, n_disc):
    batches = np.arange(1.0, n_gen + n_disc + 1)
    start = scalar_start(state=Pair(jnp.array(100.0), jnp.array(200.0)))
    step = steps.alternating(weighted_game(), TXS, n_gen=n_gen, n_disc=n_disc)
    end, metrics = step(start, jnp.asarray(batches))
    gen, disc = 0.5, 2.0
    for weight in batches[:n_gen]:
        last_gen, gen = gen, gen - 0.1 * disc * weight
    for weight in batches[n_gen:]:
        last_disc, disc = disc, disc + 0.3 * gen * weight
    np.testing.assert_allclose(end.params, (gen, disc), rtol=1e-12)
    expected = 100 + sum(batches[:n_gen]), 200 + sum(batches[n_gen:])
    np.testing.assert_allclose(end.carry.state, expected)
    assert end.step == 1
    assert_equal(end.key, KEY)
    reached = {
        "gen/loss": last_gen * 2.0 * n_gen, "gen/grad_norm": 2.0 * n_gen, "gen/seen": n_gen,
        "disc/loss": -gen * last_disc * batches[-1], "disc/seen": batches[-1],
        "disc/grad_norm": abs(gen * batches[-1]),
    }  # fmt: skip
    assert {*metrics} == {*reached}
    for name, value in reached.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-12, err_msg=name)


def test_simultaneous_moves_both_from_the_same_point(x64):
    start = scalar_start(state=Pair(jnp.array(100.0), jnp.array(200.0)))
    end, metrics = steps.simultaneous(weighted_game(), TXS)(start, jnp.array(4.0))
    np.testing.assert_allclose(end.params, (0.5 - 0.1 * 8, 2 + 0.3 * 2), rtol=1e-12)
    np.testing.assert_allclose(end.carry.state, (104, 204))
    assert end.step == 1
    np.testing.assert_allclose(
        [metrics["gen/loss"], metrics["disc/loss"], metrics["gen/grad_norm"]], [4, -4, 8]
    )
    assert {*metrics} == {
        f"{player}/{name}" for player in ("gen", "disc") for name in ("loss", "grad_norm", "seen")
    }


def test_a_network_game():
    """Its metrics' names, and that everything random is a function of key and step."""
    game = make_game(plain_pair(), terms.score_loss(losses.non_saturating), prior=prior)
    step = jax.jit(steps.alternating(game, TXS))
    start = jax.jit(lambda key: steps.init(plain_pair(), TXS, key))(KEY)
    data = Batch(arrays(1, 2, 5, 2))
    _, metrics = step(start, data)
    assert {*metrics} == {
        "gen/loss", "gen/grad_norm", "gen/non_saturating", "disc/loss", "disc/grad_norm",
        "disc/non_saturating", "disc/real_score", "disc/fake_score",
    }  # fmt: skip
    assert all(value.shape == () for value in metrics.values())
    assert_equal(step(start, data), step(start, data))
    later = start._replace(step=jnp.int32(1))
    other = start._replace(key=jax.random.key(9))
    scores = [float(step(s, data)[1]["gen/loss"]) for s in (start, later, other)]
    assert len({*scores}) == 3


def test_each_update_draws_anew():
    def judge(params, carry, batch, fake, key):
        found = params.gen * params.disc
        draw = jax.random.normal(key)
        return Pair(found, -found), Aux(carry.state, {"gen/draw": draw, "disc/draw": draw})

    game = Game(lambda gen, carry, batch, key: (None, carry.state.gen), judge)
    draws = [
        float(steps.alternating(game, TXS, n_gen=n)(scalar_start(), None)[1][f"{player}/draw"])
        for n, player in ((1, "gen"), (2, "gen"), (2, "disc"))
    ]
    assert len({*draws}) == 3


@pytest.mark.parametrize("make_step", [steps.alternating, steps.simultaneous])
def test_a_step_is_scanned_and_mapped_over_starts(x64, make_step):
    step = make_step(weighted_game(), TXS)
    data = arrays(2, 3, 2) if make_step is steps.alternating else arrays(2, 3)
    zero = Pair(jnp.array(0.0), jnp.array(0.0))
    starts = [scalar_start(gen, 2 * gen, zero) for gen in (0.5, -1.5)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *starts)
    ends, metrics = jax.vmap(lambda start: jax.lax.scan(step, start, data))(stacked)
    for i, at in enumerate(starts):
        for weights in data:
            at, seen = step(at, weights)
        got = jax.tree.map(lambda leaf, i=i: leaf[i], (ends.params, ends.carry.state))
        assert_close(got, (at.params, at.carry.state), rtol=1e-12)
        np.testing.assert_allclose(metrics["disc/loss"][i, -1], seen["disc/loss"], rtol=1e-12)


def test_init():
    pair, txs = plain_pair(), Pair(optax.adam(0.1), optax.sgd(0.1, momentum=0.9))
    same = Pair(pair.disc, pair.disc)
    start = steps.init(same, txs, KEY)
    assert start.step == 0 and start.step.dtype == jnp.int32
    assert not np.allclose(start.params.gen[0]["w"], start.params.disc[0]["w"])
    assert_equal(start.carry.opt.gen, txs.gen.init(start.params.gen))
    assert_equal(start.carry.opt.disc, txs.disc.init(start.params.disc))
    assert not np.allclose(
        start.params.gen[0]["w"], steps.init(same, txs, jax.random.key(1)).params.gen[0]["w"]
    )


def centred(params, state, x, key, *, train=True):
    """A batch norm of means alone: its state is the last batch's mean and how many it saw."""
    del key, train
    mean = jnp.mean(x, axis=0, keepdims=True)
    return jnp.tanh(x - mean) @ params, (mean, state[1] + 1)


def test_batch_statistics_advance_in_their_owners_update_alone():
    """Also where the generator's loss runs the discriminator K times."""
    disc = Player(lambda key: (jnp.ones((2, 1)), (jnp.zeros((1, 2)), 0.0 * jnp.ones(()))), centred)
    gen = Player(lambda key: (jnp.ones(()), ()), lambda params, state, z, key: (params * z, state))
    game = make_game(
        Pair(gen, disc), terms.score_loss(losses.non_saturating),
        prior=lambda key, n: jnp.zeros((n, 2)), joint=True,
    )  # fmt: skip
    data = Batch(arrays(3, 2, 5, 2))
    step = steps.alternating(unrolled(game, TXS.disc, 3), TXS)
    end, _ = jax.jit(step)(steps.init(Pair(gen, disc), TXS, KEY), data)
    mean, count = end.carry.state.disc
    np.testing.assert_allclose(mean[0], np.mean(data.real[1], axis=0) / 2, rtol=1e-5)
    assert count == 1


def test_only_the_own_players_state_moves():
    """In a generator update, play moves its state, and judge must not move the other player's."""
    calls = []

    def judge(params, carry, batch, fake, key):
        calls.append(carry.state)
        found = params.gen * params.disc
        return Pair(found, -found), Aux(carry.state._replace(disc=carry.state.disc + 1), {})

    game = Game(lambda gen, carry, batch, key: (None, carry.state.gen + 1), judge)
    start = scalar_start(state=Pair(jnp.array(0.0), jnp.array(0.0)))
    end, _ = steps.alternating(game, TXS, n_gen=3, n_disc=2)(start, None)
    assert end.carry.state == (3, 2)


def test_batches_of_another_count_are_refused_with_both_named():
    step = steps.alternating(games.bilinear(), TXS, n_disc=2, n_gen=3)
    with pytest.raises(ValueError, match=r"n_disc=2, n_gen=3\) takes 5 batches.*\(4, 7\)"):
        step(scalar_start(), jnp.zeros((4, 7)))
    with pytest.raises(ValueError, match=r"takes 5 batches.*\(\)"):
        step(scalar_start(), jnp.zeros(()))


@pytest.mark.parametrize("options", [{"n_disc": 0}, {"n_gen": -2}])
def test_counts_below_one_are_refused(options):
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=f"{name} must be 1 or more, got {value}"):
        steps.alternating(games.bilinear(), TXS, **options)


@pytest.mark.parametrize(("n_gen", "n_disc"), [(1, 1), (2, 3)])
def test_alternating_takes_a_pair_of_stacks_as_well(n_gen, n_disc):
    batches = jnp.arange(1.0, n_gen + n_disc + 1)
    start = scalar_start(state=Pair(jnp.array(100.0), jnp.array(200.0)))
    step = quick(steps.alternating(weighted_game(), TXS, n_gen=n_gen, n_disc=n_disc))
    assert_equal(step(start, Pair(batches[:n_gen], batches[n_gen:])), step(start, batches))


def test_a_pair_of_stacks_of_another_length_is_refused():
    step = steps.alternating(weighted_game(), TXS, n_gen=1, n_disc=2)
    with pytest.raises(ValueError, match=r"takes 3 batches stacked in front, .*shape \(1,\)"):
        step(scalar_start(), Pair(jnp.ones(1), jnp.ones(1)))


@pytest.mark.parametrize("make", [steps.alternating, steps.simultaneous, steps.extragradient])
@pytest.mark.parametrize(("tx", "got"), [(1e-3, "float"), (optax.adam, "function")])
def test_what_is_no_optimizer_is_refused_by_name(make, tx, got):
    words = f"^txs.disc must be an optax transform, such as .*, got {got}$"
    with pytest.raises(ValueError, match=words):
        make(games.bilinear(), TXS._replace(disc=tx))


@pytest.mark.parametrize("count", [1.5, float("nan"), "1"])
@pytest.mark.parametrize("name", ["n_disc", "n_gen", "accumulate"])
def test_counts_that_are_no_whole_numbers_are_refused(name, count):
    with pytest.raises(ValueError, match=f"^{name} must be a whole number, 1 or more, got "):
        steps.alternating(games.bilinear(), TXS, **{name: count})


@pytest.mark.parametrize("make", [steps.alternating, steps.simultaneous, steps.extragradient])
def test_optimizers_that_are_no_pair_are_refused(make):
    for txs in (tuple(TXS), TXS.gen):
        with pytest.raises(ValueError, match=r"^txs must be a ganstab.Pair\("):
            make(games.bilinear(), txs)
