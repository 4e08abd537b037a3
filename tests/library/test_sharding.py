"""One program on one device or eight: the same numbers, whoever splits the batch."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import arrays, assert_close, assert_equal, normed_pair, perceptron, plain_pair, prior
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from ganstab import Batch, Pair, losses, optimizers, penalties, players, steps, terms
from ganstab._placement import apart, blocks, dealt, gathered, joined, on_mesh
from ganstab.game import make_game
from ganstab.networks import stacked_mnist
from ganstab.surrogates import unrolled

KEY = jax.random.key(0)


def ends_on_one_and_eight(step, start, data, mesh, told=True):
    """The last state and all metrics of a scan over `data[step, update, batch, …]`.

    On eight devices the step is told of the mesh, as `training` does, or not.
    """
    run = jax.jit(lambda start, data: jax.lax.scan(step, start, data))
    on_eight = on_mesh(mesh, step) if told else step
    run_on_eight = jax.jit(lambda start, data: jax.lax.scan(on_eight, start, data))
    split = NamedSharding(mesh, P(None, None, "data"))
    replicated = jax.device_put(start, NamedSharding(mesh, P()))
    eight = run_on_eight(replicated, jax.device_put(data, split))
    assert all(leaf.sharding.device_set == {*jax.devices()} for leaf in jax.tree.leaves(eight))
    (end, metrics), (end8, metrics8) = run(start, data), eight
    return (end.params, end.carry, metrics), (end8.params, end8.carry, metrics8)


@pytest.mark.parametrize("told", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_twenty_steps_of_an_unrolled_game_with_batch_norm(mesh, told):
    pair, txs = normed_pair(), Pair(optimizers.adam(1e-3, b1=0.5), optimizers.adam(2e-3, b1=0.5))
    term = terms.score_loss(losses.non_saturating)
    game = unrolled(make_game(pair, term, prior=prior, joint=True), txs.disc, 3)
    start = jax.jit(lambda key: steps.init(pair, txs, key))(KEY)
    data = Batch(arrays(1, 20, 2, 16, 2))
    step = steps.alternating(game, txs)
    one, eight = ends_on_one_and_eight(step, start, data, mesh, told=told)
    assert_close(eight, one, rtol=1e-5, atol=1e-6)
    moved = jax.tree.map(lambda a, b: float(jnp.max(jnp.abs(a - b))), one[0], start.params)
    assert min(jax.tree.leaves(moved)) > 1e-3


@pytest.mark.slow
def test_the_stacked_mnist_pair(mesh):
    pair = Pair(
        players.from_nnx(lambda rngs: stacked_mnist.Generator(16, (8, 8, 4, 4), rngs=rngs)),
        players.from_nnx(lambda rngs: stacked_mnist.Discriminator(0.25, rngs=rngs)),
    )
    txs = Pair(optax.sgd(0.1), optax.sgd(0.1))
    game = make_game(
        pair, terms.score_loss(losses.non_saturating),
        prior=lambda key, n: jax.random.normal(key, (n, 16)), joint=True,
    )  # fmt: skip
    start = jax.jit(lambda key: steps.init(pair, txs, key))(KEY)
    data = Batch(jnp.tanh(arrays(2, 3, 2, 16, 28, 28, 3)))
    step = steps.alternating(unrolled(game, txs.disc, 1), txs)
    one, eight = ends_on_one_and_eight(step, start, data, mesh)
    assert_close(eight, one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("m", [1, 4])
def test_a_joint_game_scores_every_sample_as_one_device_does(mesh, m):
    """A pack of four holds four data or four samples, though each device has but two of either."""
    pair = normed_pair() if m == 1 else plain_pair()
    pair = pair._replace(disc=players.packed(perceptron(2 * m, 6, 1), m)) if m > 1 else pair
    game = make_game(pair, terms.score_loss(losses.minimax), prior=prior, joint=True)
    start = steps.init(pair, Pair(optax.sgd(0.1), optax.sgd(0.1)), KEY)

    def scores(real):
        return game(start.params, start.carry, Batch(real), KEY)[1].scores

    real = arrays(8, 16, 2)
    split = jax.device_put(real, NamedSharding(mesh, P("data")))
    assert_close(jax.jit(on_mesh(mesh, scores))(split), jax.jit(scores)(real), rtol=1e-5, atol=1e-6)


def test_batches_are_joined_block_by_block():
    first, second = jnp.arange(6), jnp.arange(10, 16)
    both = joined(first, second, 3)
    assert both.tolist() == [0, 1, 10, 11, 2, 3, 12, 13, 4, 5, 14, 15]
    assert_equal(apart(both, 3), (first, second))
    assert_equal(joined(first, second, 1), jnp.concatenate([first, second]))
    assert_equal(apart(joined(first, second, 1), 1), (first, second))


def test_blocks_are_those_of_a_mesh_that_xla_splits_over(mesh):
    found = []

    def look(x):
        found.append([blocks(16), blocks(15)])
        return x

    jax.jit(look)(jnp.zeros(16))
    jax.jit(on_mesh(mesh, look))(jnp.zeros(16))
    with jax.set_mesh(mesh):
        jax.jit(lambda x: look(x))(jnp.zeros(16))
    jax.jit(jax.shard_map(look, mesh=mesh, in_specs=P("data"), out_specs=P("data")))(jnp.zeros(16))
    assert found == [[1, 1], [8, 1], [8, 1], [1, 1]]
    one = jax.make_mesh((1,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    assert on_mesh(one, look) is look


def tanh_critic(w, x):
    return jnp.tanh(x) @ w


def total(w, real, fake, key):
    """A loss and two penalties, of the parameters of a critic."""

    def score(x):
        return tanh_critic(w, x)

    return (
        losses.non_saturating(score(real), score(fake)).disc
        + penalties.r1(score, real, fake, key)
        + penalties.wgan_gp(score, real, real, key)
    )  # fmt: skip


@pytest.fixture
def sample():
    return arrays(3, 4), arrays(4, 16, 4), arrays(5, 16, 4)


def test_inside_shard_map(mesh, sample):
    w, real, fake = sample

    split = P("data")

    @functools.partial(jax.shard_map, mesh=mesh, in_specs=(P(), split, split), out_specs=P())
    def mapped(w, real, fake):
        # Each device's gradient of its own mean: of parameters that are marked as its own.
        own = jax.lax.pcast(w, "data", to="varying")
        return jax.lax.pmean(jax.value_and_grad(total)(own, real, fake, KEY), "data")

    expected = jax.jit(jax.value_and_grad(total))(w, real, fake, KEY)
    assert_close(jax.jit(mapped)(w, real, fake), expected, rtol=1e-5, atol=1e-6)


def test_inside_pmap(sample):
    w, real, fake = sample

    def mapped(real, fake):
        return jax.lax.pmean(jax.value_and_grad(total)(w, real, fake, KEY), "data")

    got = jax.pmap(mapped, axis_name="data")(*(x.reshape(8, 2, 4) for x in (real, fake)))
    expected = jax.jit(jax.value_and_grad(total))(w, real, fake, KEY)
    for device in range(8):
        one = jax.tree.map(lambda leaf, device=device: leaf[device], got)
        assert_close(one, expected, rtol=1e-5, atol=1e-6)


def test_inside_vmap(sample):
    w, real, fake = sample
    got = jax.jit(jax.vmap(total, (None, 0, 0, None)))(
        w, real.reshape(4, 4, 4), fake.reshape(4, 4, 4), KEY
    )
    parts = [slice(start, start + 4) for start in range(0, 16, 4)]
    each = [jax.jit(total)(w, real[part], fake[part], KEY) for part in parts]
    np.testing.assert_allclose(got, each, rtol=1e-5)


def test_a_sharded_run_is_repeatable_to_the_bit(mesh):
    step = jax.jit(lambda w, x: jax.value_and_grad(total)(w, x, -x, KEY))
    data = jax.device_put(arrays(6, 16, 4), NamedSharding(mesh, P("data")))
    w = jax.device_put(arrays(7, 4), NamedSharding(mesh, P()))
    assert_equal(step(w, data), step(w, data))


@pytest.mark.parametrize("size", [16, 32, 40])
def test_parts_of_a_batch_have_the_samples_of_every_device(mesh, size):
    """A batch of 40 in two parts of 20 has no equal blocks on eight devices, and is cut in two."""
    batch, seen = arrays(4, size, 3), []

    def function(batch):
        parts = dealt(batch, 2)
        seen.append(blocks(size // 2))
        return parts, gathered(parts)

    parts, whole = jax.jit(on_mesh(mesh, function))(batch)
    assert_equal(whole, batch)
    assert seen == [1 if size == 40 else 8]
    own = np.asarray(batch).reshape(seen[0], 2, -1, 3)
    assert_equal(parts, own.swapaxes(0, 1).reshape(2, -1, 3))


def test_a_step_in_micro_batches_on_eight_devices(mesh):
    pair, txs = plain_pair(), Pair(optax.sgd(0.1), optax.sgd(0.3))
    game = make_game(
        pair, terms.score_loss(losses.non_saturating), terms.disc_penalty(2.0, penalties.r1),
        prior=prior, accumulate=2,
    )  # fmt: skip
    start = steps.init(pair, txs, KEY)
    data = Batch(arrays(1, 3, 2, 32, 2))
    one, eight = ends_on_one_and_eight(steps.alternating(game, txs), start, data, mesh)
    assert_close(eight, one, rtol=1e-5, atol=1e-6)
