"""The runner's loop and feeds: the same batches on either path, the same bits in any division."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import assert_equal
from experiments.runner.feeds import drawn, make_feed
from experiments.runner.training import make_loops

from ganstab import Carry, Pair, TrainState
from ganstab.data import Images, RandomAccess, colored_digits, ring, stacked_digits

STEPS = 5


@pytest.fixture
def images():
    draw = np.random.default_rng(0)
    image = draw.integers(0, 256, (40, 4, 4, 1), dtype=np.uint8)
    return Images(image, draw.integers(0, 10, 40).astype(np.int32))


def feed_of(source, mesh, sampler=stacked_digits):
    key = jax.random.key(1)
    return make_feed(source, sampler, key=key, updates=2, batch_size=8, steps=STEPS, mesh=mesh)


@pytest.fixture
def mesh():
    return jax.make_mesh((8,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))


def on_disk(images):
    records = [{"image": i, "label": n} for i, n in zip(*images, strict=True)]
    return RandomAccess(records)


def batches(feed, first, count):
    supply = feed.fetch(first)
    pick = jax.jit(feed.pick)
    return [pick(supply, jnp.asarray(first + i), jnp.asarray(i)) for i in range(count)]


@pytest.mark.parametrize(("sampler", "spread"), [(stacked_digits, 100), (colored_digits, 5)])
def test_resident_and_streamed_batches_are_the_same(images, mesh, sampler, spread):
    resident = batches(feed_of(images, mesh, sampler), 10, STEPS)
    streamed = batches(feed_of(on_disk(images), mesh, sampler), 10, STEPS)
    for a, b in zip(resident, streamed, strict=True):
        assert a.real.shape == (2, 8, 4, 4, 3)
        np.testing.assert_array_equal(np.asarray(a.label), np.asarray(b.label))
        np.testing.assert_allclose(a.real, b.real, atol=1e-6)
    assert np.ptp(np.asarray([a.label for a in resident])) > spread
    first, second = resident[0].real
    assert not np.isclose(first, second).mean() > 0.5  # of a step's batches, and of two steps'
    assert not np.isclose(first, resident[1].real[0]).mean() > 0.5


def test_a_step_has_the_same_batch_wherever_a_run_starts(images, mesh):
    for source in (images, on_disk(images)):
        feed = feed_of(source, mesh)
        assert_equal(batches(feed, 10, 3)[2], batches(feed, 12, 1)[0])


def test_a_distribution_is_drawn_anew_for_every_batch_and_alike_for_every_start(mesh):
    key = jax.random.key(1)
    feed = drawn(ring, key=key, updates=2, batch_size=16, mesh=mesh)
    first, second, third = batches(feed, 10, 3)
    assert first.real.shape == (2, 16, 2) and first.label is None
    assert len(first.real.sharding.device_set) == 8
    assert_equal(batches(feed, 12, 1)[0], third)
    points = np.concatenate([np.asarray(batch.real).reshape(-1, 2) for batch in (first, second)])
    assert len(np.unique(points, axis=0)) == 64
    expected = ring(jax.random.split(jax.random.fold_in(key, 10))[1], 16)
    np.testing.assert_allclose(first.real[1], expected, rtol=1e-6)


def counting(limit):
    """A step that adds up its batches, and whose loss is not finite from step `limit` on."""

    def step(state, batch):
        total = state.params.gen + jnp.mean(batch.real)
        loss = jnp.where(state.step >= limit, jnp.inf, total)
        metrics = {"gen/loss": loss, "disc/loss": total, "disc/grad_norm": total}
        moved = state._replace(params=Pair(total, state.params.disc), step=state.step + 1)
        return moved, metrics

    return step


def make_loop(step, feed, example, steps):
    """Of one run."""
    loop = make_loops(step, [feed], [example], steps)
    return lambda state, count: loop([state], [count])[0]


def start():
    nothing = Carry(Pair((), ()), Pair((), ()))
    zero = jnp.zeros(())
    return TrainState(Pair(zero, zero), nothing, jnp.zeros((), jnp.int32), jax.random.key(0))


def test_a_run_cut_anywhere_has_the_same_bits(images, mesh):
    loop = make_loop(counting(99), feed_of(images, mesh), start(), STEPS)
    whole = loop(loop(start(), 5).state, 5)
    cut = loop(loop(loop(start(), 2).state, 5).state, 3)
    assert whole.sound and int(whole.state.step) == 10
    assert_equal(whole.state, cut.state)
    np.testing.assert_array_equal(whole.metrics["gen/loss"][-3:], cut.metrics["gen/loss"])


def test_a_step_that_is_not_finite_is_not_taken(images, mesh):
    loop = make_loop(counting(3), feed_of(images, mesh), start(), STEPS)
    sound, passed = loop(start(), 3), loop(start(), 5)
    assert not passed.sound and int(passed.state.step) == 3
    assert len(passed.metrics["gen/loss"]) == 4
    assert_equal(passed.state, sound.state)


def started(gen, at=0):
    return start()._replace(params=Pair(jnp.asarray(gen), jnp.zeros(())), step=jnp.asarray(at))


def seeds(source, mesh):
    """Feeds of four seeds."""
    return [
        make_feed(
            source, stacked_digits, key=jax.random.key(seed), updates=2, batch_size=8, steps=STEPS,
            mesh=mesh,
        ) for seed in range(4)
    ]  # fmt: skip


def test_runs_together_are_as_each_alone(images, mesh):
    """Of which one stops on the way, one has a step that fails, and one begins later."""
    states, counts = (
        [started(0.0), started(1.0), started(jnp.nan), started(3.0, at=1)],
        [5, 0, 5, 3],
    )

    def moved(source):
        loop = make_loops(counting(99), seeds(source, mesh), states, STEPS)
        first = loop(states, counts)
        again = loop([passed.state for passed in first], [0, 2, 1, 1])
        assert [passed.sound for passed in first] == [True, True, False, True]
        assert [int(passed.state.step) for passed in again] == [5, 2, 0, 5]
        assert [len(passed.metrics["gen/loss"]) for passed in first] == [5, 0, 1, 3]
        return [float(passed.state.params.gen) for passed in again]

    found = moved(images)
    alone = [make_loop(counting(99), seeds(images, mesh)[i], states[i], STEPS) for i in (0, 3)]
    expected = [
        float(loop(states[i], n).state.params.gen)
        for loop, i, n in zip(alone, (0, 3), (5, 4), strict=True)
    ]
    np.testing.assert_allclose([found[0], found[3]], expected, rtol=1e-5)
    np.testing.assert_allclose(moved(on_disk(images)), found, rtol=1e-5)
    assert len(set(found[:2])) == 2 and np.isnan(found[2])


def test_runs_together_share_the_images(images, mesh):
    feeds = [feed_of(images, mesh) for _ in range(2)]
    first, second = (feed.fetch(0) for feed in feeds)
    assert first[0].image is second[0].image and first[1] is not second[1]
    assert feed_of(on_disk(images), mesh).fetch(0)[0].image is not first[0].image
