"""Progressive growing: the schedule against NumPy, and what growth keeps, to the last bit."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import arrays, assert_equal, doubled, halved, quick

from ganstab import Batch, Carry, Pair, Player, losses, stages, steps, terms
from ganstab.game import make_game
from ganstab.networks.resolutions import blend, down, up
from ganstab.players.ema import averaged
from ganstab.stages import growing

KEY = jax.random.key(0)
# A step at level 0, then fades of 2 and 4 steps, each with 1 and 2 more.
GROWTH = growing.Growth((4, 4, 2), fade=8, stable=4)


def where(images):
    """How far the authors' schedule has come after so many images: levels, with a fraction."""
    phases, rest = divmod(images, GROWTH.stable + GROWTH.fade)
    return min(phases + max(rest - GROWTH.stable, 0) / GROWTH.fade, 2)


def test_the_schedule_is_the_papers_in_images():
    """Level and α are the whole and the broken part of where the authors' schedule stands."""
    assert growing.lengths(GROWTH) == [1, 3, 6]
    assert growing.starts(GROWTH) == [0, 1, 4]
    at = quick(
        jax.vmap(
            lambda step: (
                growing.level_at(GROWTH, step),
                growing.alpha_at(GROWTH, growing.level_at(GROWTH, step), step),
            )
        )
    )
    levels, alphas = at(jnp.arange(12))
    images, expected = 0, []
    for step in range(12):
        expected.append(where(images))
        images += GROWTH.batches[min(int(levels[step]), 2)]
    # At level k of share α the schedule has come to k − 1 + α; level 0 is all there.
    np.testing.assert_allclose(levels - 1 + alphas, expected, rtol=1e-6)
    np.testing.assert_array_equal(levels, [0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2])
    np.testing.assert_allclose(alphas, [1, 0, 0.5, 1, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1], rtol=1e-6)


def test_images_that_a_batch_does_not_divide_end_in_a_whole_step():
    growth = growing.Growth((3, 2), fade=5, stable=4)
    assert growing.lengths(growth) == [2, 5]
    got = [float(growing.alpha_at(growth, 1, step)) for step in range(2, 7)]
    np.testing.assert_allclose(got, [0, 0.4, 0.8, 1, 1], rtol=1e-6)
    assert growing.Growth((16,)).fade == growing.Growth((16,)).stable == 600_000


def test_real_images_fade_as_the_networks_do(x64):
    images = arrays(2, 3, 8, 8, 2)
    seen = quick(growing.seen_by, static_argnums=(0, 1))

    def check(level, alpha, expected):
        got = seen(level, 2, alpha, Batch(images)).real
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-15)

    middle, fine = halved(np.asarray(images)), np.asarray(images)
    check(2, 0.25, 0.75 * doubled(middle) + 0.25 * fine)
    check(1, 0.25, 0.75 * doubled(halved(middle)) + 0.25 * middle)
    check(0, 0.25, halved(middle))
    check(2, 0.0, doubled(middle))
    np.testing.assert_array_equal(seen(2, 2, 1.0, Batch(images)).real, images)
    labelled = seen(2, 2, 1.0, Batch(images, jnp.arange(3)))
    np.testing.assert_array_equal(labelled.label, [0, 1, 2])


def small(level):
    """Players without convolutions that grow as the networks do: from 2 × 2 pixels on."""

    def made(seed, *shape):
        def init(key):
            key = jax.random.fold_in(key, seed)
            return {k: jax.random.normal(key, shape) * (k + 1) for k in range(level + 1)}, ()

        return init

    def generate(params, state, x, key, *, train=True):
        z, alpha = x
        images = (z @ params[0]).reshape(-1, 2, 2, 1)
        for k in range(1, level + 1):
            rest = up(images)
            new = jnp.tanh(rest + (z @ params[k]).mean(axis=1).reshape(-1, 1, 1, 1))
            images = blend(rest, new, alpha if k == level else 1.0)
        return images, state

    def score(params, state, x, key, *, train=True):
        images, alpha = x
        new = jnp.mean(jnp.sin(jnp.sum(params[level]) * images), axis=(1, 2, 3))
        if level:
            old = jnp.mean(jnp.sin(jnp.sum(params[level - 1]) * down(images)), axis=(1, 2, 3))
            return blend(old, new, alpha), state
        return new, state

    gen = Player(made(0, 2, 4), generate)
    return Pair(averaged(gen, 0.9), Player(made(1, 2), score))


def prior(key, n):
    return jax.random.normal(key, (n, 2))


def made_game(pair):
    return make_game(pair, terms.score_loss(losses.wasserstein), prior=prior)


def test_stages_grow_through_ordinary_steps():
    """Three stages, one program each, in which α follows the state's own step number."""
    txs = Pair(optax.adam(0.01), optax.sgd(0.02))
    pairs = [small(level) for level in range(3)]
    schedule = growing.stages(GROWTH, pairs, txs, made_game, side=2)
    assert [(stage.steps, stage.batch) for stage in schedule] == [(1, 4), (3, 4), (6, 2)]
    state, count = None, 0
    for level, stage in enumerate(schedule):
        last, state = state, stage.begin(jax.random.fold_in(KEY, level), state)
        assert int(state.step) == count
        if last is not None:
            assert_growth(last, state, txs)
        start, step = state, quick(stages.scheduled(stage))
        for at in range(stage.steps):
            before = state
            state, metrics = step(state, Batch(arrays(at, 2, stage.batch, 8, 8, 1)))
            count += 1
            chex.assert_tree_all_finite(metrics)
            assert int(state.step) == count
            for was, now in zip(before.params, state.params, strict=True):
                # At α = 0 the loss does not see the new layers, and from then on it does.
                moved = bool(jnp.any(was[level] != now[level]))
                assert moved == (level == 0 or at > 0)
                if level:
                    seen = bool(jnp.any(was[level - 1] != now[level - 1]))
                    assert seen or float(growing.alpha_at(GROWTH, level, count - 1)) == 1.0
        assert step._cache_size() == 1
        assert int(optax.tree.get(state.carry.opt.gen, "count")) == stage.steps
        assert jax.tree.structure(start) == jax.tree.structure(state)


def assert_growth(last, state, txs):
    """Every leaf that was there is there to the bit, averages too; optimizers are as new."""
    for was, now in zip(last.params, state.params, strict=True):
        assert len(now) == len(was) + 1
        assert_equal({k: now[k] for k in was}, was)
        assert not np.array_equal(np.asarray(now[len(was)]), np.asarray(was[len(was) - 1]))
    was, now = last.carry.state.gen, state.carry.state.gen
    assert_equal({k: now.params[k] for k in was.params}, was.params)
    assert_equal(now.params[len(was.params)], state.params.gen[len(was.params)])
    for tx, own, opt in zip(txs, state.params, state.carry.opt, strict=True):
        assert_equal(opt, tx.init(own))
    assert np.any(jax.random.key_data(last.key) != jax.random.key_data(state.key))


def test_growing_starts_optimizers_at_the_kept_parameters():
    """A transform that remembers parameters remembers those that were trained."""

    def remembering(tx):
        return optax.GradientTransformation(lambda params: params, tx.update)

    txs = Pair(*(remembering(optax.sgd(0.1)) for _ in range(2)))
    last = steps.init(small(0), txs, KEY)._replace(step=jnp.asarray(7, jnp.int32))
    new = growing.grow(last, small(1), txs, jax.random.key(1))
    assert_equal(new.carry.opt.gen[0], last.params.gen[0])
    assert int(new.step) == 7


def test_a_stages_game_is_the_faded_game_on_faded_images(x64):
    pairs = [small(level) for level in range(3)]
    txs = Pair(optax.sgd(0.1), optax.sgd(0.1))
    stage = growing.stages(GROWTH, pairs, txs, made_game, side=2)[2]
    params = Pair({k: arrays(k, 2, 4) for k in range(3)}, {k: arrays(k, 2) for k in range(3)})
    images = arrays(5, 2, 8, 8, 1)
    towards = jax.tree.map(lambda leaf: jnp.cos(jnp.arange(1.0, leaf.size + 1)), params)
    towards = jax.tree.map(lambda t, leaf: t.reshape(leaf.shape), towards, params)

    @quick
    def look(params, step):
        averages = jax.tree.map(jnp.zeros_like, params.gen)
        state = pairs[2].gen.init(KEY)[1]._replace(params=averages)
        carry = Carry(Pair(state, ()), Pair((), ()))
        game = stage.game_at(step)

        def own(player, h):
            at = jax.tree.map(lambda p, t: p + h * t, params[player], towards[player])
            moved = Pair(*(at if i == player else p for i, p in enumerate(params)))
            return game(moved, carry, Batch(images), KEY)[0][player]

        fake, _ = game.play(params.gen, carry, Batch(images), KEY)
        rows = [
            (jax.grad(lambda h, i=i: own(i, h))(0.0), own(i, 1e-6), own(i, -1e-6)) for i in (0, 1)
        ]
        return fake, game(params, carry, Batch(images), KEY)[0], rows

    fake, found, rows = look(params, jnp.asarray(5))
    # Step 5 is the second of level 2's fade: a quarter is new.
    real = 0.75 * doubled(halved(np.asarray(images))) + 0.25 * np.asarray(images)
    old, new = (np.asarray(params.disc[k]).sum() for k in (1, 2))

    def score(x):
        return 0.75 * np.sin(old * halved(x)).mean() + 0.25 * np.sin(new * x).mean()

    gap = score(np.asarray(fake)) - score(real)
    np.testing.assert_allclose(found, (-score(np.asarray(fake)), gap), rtol=1e-12)
    for slope, ahead, behind in rows:
        assert abs(slope) > 1e-3
        np.testing.assert_allclose(slope, (ahead - behind) / 2e-6, rtol=1e-6)


def test_what_does_not_fit_is_refused():
    txs = Pair(optax.sgd(0.1), optax.sgd(0.1))
    for wrong in ((), (4, 0)):
        with pytest.raises(ValueError, match="images a step at each level, 1 or more, got"):
            growing.lengths(growing.Growth(wrong))
    with pytest.raises(ValueError, match="1 image or more, got 0 and 4"):
        growing.lengths(growing.Growth((4,), fade=0, stable=4))
    with pytest.raises(ValueError, match="the schedule has 3 levels, but players has 1"):
        growing.stages(GROWTH, [small(0)], txs, made_game)
    for side in (12, 2, 7):
        with pytest.raises(ValueError, match=r"level 1 of side 2 takes images of side 4, or 2, 4"):
            growing.seen_by(1, 2, 1.0, Batch(jnp.zeros((1, side, side, 1))))
    with pytest.raises(ValueError, match=r"no leaf \['b'\], which the smaller one has"):
        growing.kept({"b": jnp.zeros(2)}, {"a": jnp.zeros(2)})
    with pytest.raises(ValueError, match=r"\['a'\] is float32\(3,\) in .* float32\(2,\) in the"):
        growing.kept({"a": jnp.zeros(3)}, {"a": jnp.zeros(2)})
