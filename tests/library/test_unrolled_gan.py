"""The pairs of networks of the unrolled GAN's experiments, and its recurrent generator."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import argument_refusal, arrays, quick
from flax import nnx

from ganstab import Batch, Pair, losses, optimizers, steps, surrogates, terms
from ganstab.game import make_game
from ganstab.networks import convolutional, recurrent, stacked_mnist, unrolled_gan
from ganstab.networks.convolution import batch_minor, im2col
from ganstab.players import from_nnx


def outlines(pair):
    """The modules with shapes for arrays, which costs no computation."""
    return Pair(*(nnx.eval_shape(lambda build=build: build(nnx.Rngs(0))) for build in pair))


def parameters(module):
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(module, nnx.Param)))


def output_shape(module, *shape):
    graphdef, variables = nnx.split(module)
    run = jax.eval_shape(lambda v, x: nnx.merge(graphdef, v)(x), variables, jnp.zeros(shape))
    return run.shape


def pair_of_eighths(width, side):
    """Parameters of the CIFAR-10 pair, counted from the paper's tables."""
    w = [int(c * width) for c in (512, 256, 128, 64)]
    small = -(-side // 8)
    gen = 257 * small**2 * w[0] + sum(9 * a * b + b for a, b in zip(w, [*w[1:], 3], strict=True))
    disc = sum(9 * a * b + b for a, b in ((3, w[3]), (w[3], w[2]), (w[2], w[1])))
    return gen + 2 * sum(w), disc + 2 * sum(w[1:]) + small**2 * w[1] + 1


PAIRS = {
    "mixture": (unrolled_gan.mixture(), (2,), (49_666, 513)),
    "stacked_mnist": (unrolled_gan.stacked_mnist(0.5), (28, 28, 3), (287_875, 1_889)),
    "rnn_mnist": (unrolled_gan.rnn_mnist(), (28, 28, 1), (336_156, 14_721)),
    "cifar10": (unrolled_gan.cifar10(), (32, 32, 3), pair_of_eighths(1, 32)),
    "colored_mnist": (unrolled_gan.colored_mnist(0.25), (28, 28, 3), pair_of_eighths(0.25, 28)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_sizes_are_the_papers(name):
    pair, sample, counts = PAIRS[name]
    gen, disc = outlines(pair)
    assert (parameters(gen), parameters(disc)) == counts
    assert output_shape(gen, 5, 256) == (5, *sample)
    assert output_shape(disc, 5, *sample) == (5,)


@pytest.mark.parametrize("name", [name for name in PAIRS if name != "mixture"])
def test_the_first_layer_may_be_without_batch_norm(name):
    build = getattr(unrolled_gan, name)
    every, inner = (outlines(build(disc_first_norm=norm)).disc.norms for norm in (True, False))
    assert len(every) == 3
    assert [n.num_features for n in inner] == [n.num_features for n in list(every)[1:]]


def test_stacked_mnist_keeps_its_name_and_its_layout():
    assert stacked_mnist.Generator is convolutional.Generator
    gen, disc = outlines(unrolled_gan.stacked_mnist(1.0))
    assert gen.ops is batch_minor and disc.ops is batch_minor
    wide = outlines(unrolled_gan.cifar10())
    assert wide.gen.ops is im2col and wide.disc.ops is im2col


@pytest.mark.parametrize("width", [0.0, 0.3, 1 / 128, float("inf")])
def test_widths_without_whole_channels_are_refused(width):
    message = argument_refusal(lambda: unrolled_gan.cifar10(width))
    assert f"width {width} has to make whole numbers" in message


def tiny(rngs):
    """An LSTM generator of images 5 high and 8 wide."""
    return recurrent.Generator(3, 6, 8, 5, rngs=rngs)


def test_every_output_of_the_lstm_is_a_column():
    gen = tiny(nnx.Rngs(0))
    gen.gates.bias[...] += 0.1 * arrays(1, 24)
    z = arrays(0, 4, 3)
    layers = gen.dense, gen.gates, gen.to_column
    dense, gates, to_column = ([np.asarray(a) for a in (m.kernel, m.bias)] for m in layers)
    cell = hidden = np.maximum(np.asarray(z) @ dense[0] + dense[1], 0)
    columns = []
    for _ in range(8):
        i, f, g, o = np.split(hidden @ gates[0] + gates[1], 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        cell = f * cell + i * np.tanh(g)
        hidden = o * np.tanh(cell)
        columns.append(np.tanh(hidden @ to_column[0] + to_column[1]))
    images = gen(z)
    assert images.shape == (4, 5, 8, 1)
    for place, column in enumerate(columns):
        np.testing.assert_allclose(images[:, :, place, 0], column, rtol=2e-5, atol=1e-6)


def test_the_step_is_that_of_flax_without_input():
    cell = nnx.OptimizedLSTMCell(1, 6, bias_init=nnx.initializers.normal(1.0), rngs=nnx.Rngs(0))
    c, h = arrays(1, 4, 6), arrays(2, 4, 6)
    (expected_c, expected_h), _ = cell((c, h), jnp.zeros((4, 1)))
    got = recurrent.lstm(c, cell.dense_h(h))
    np.testing.assert_allclose(got[0], expected_c, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got[1], expected_h, rtol=1e-5, atol=1e-6)


def test_lstm_generator_starts_as_the_paper_says():
    gen = recurrent.Generator(rngs=nnx.Rngs(0))
    bias = np.asarray(gen.gates.bias).reshape(4, 256)
    np.testing.assert_array_equal(bias, np.array([0, 1, 0, 0.0])[:, None] * np.ones((4, 256)))
    for layer, (inputs, outputs) in ((gen.dense, (256, 256)), (gen.gates, (256, 1024))):
        limit = np.sqrt(6 / (inputs + outputs))
        assert 0.98 * limit < abs(np.asarray(layer.kernel)).max() <= limit
        assert np.asarray(layer.kernel).std() == pytest.approx(limit / np.sqrt(3), rel=0.02)


def test_lstm_generator_refuses_other_shapes():
    gen = tiny(nnx.Rngs(0))
    assert "z [n, 3], got shape (4, 2)" in argument_refusal(lambda: gen(arrays(0, 4, 2)))
    assert "z [n, 3], got shape (3,)" in argument_refusal(lambda: gen(arrays(0, 3)))
    message = argument_refusal(lambda: recurrent.Generator(columns=0, rngs=nnx.Rngs(0)))
    assert "columns must be 1 or more, got 0" in message


def test_lstm_generator_trains_through_an_unroll(x64):
    """The unrolled gradient, through the scan of columns, against a finite difference."""
    disc = from_nnx(
        lambda rngs: convolutional.Discriminator(
            1, (4,), side=8, in_channels=1, init_stddev=0.5, rngs=rngs
        )
    )
    players = Pair(from_nnx(lambda rngs: recurrent.Generator(3, 6, 8, 8, rngs=rngs)), disc)
    txs = Pair(*(optimizers.adam(rate, b1=0.5) for rate in (1e-3, 1e-2)))
    plain = make_game(
        players, terms.score_loss(losses.non_saturating), joint=True,
        prior=lambda key, n: jax.random.normal(key, (n, 3)),
    )  # fmt: skip
    game = surrogates.unrolled(plain, txs.disc, 2)
    start = steps.init(players, txs, jax.random.key(0))
    start = jax.tree.map(lambda a: a.astype(float) if a.dtype == "float32" else a, start)
    batch = Batch(jnp.tanh(arrays(1, 4, 8, 8, 1)))

    @quick
    def loss_and_gradient(gen_params):
        def loss(gen_params):
            params = start.params._replace(gen=gen_params)
            return game(params, start.carry, batch, start.key)[0].gen

        return jax.value_and_grad(loss)(gen_params)

    gen_params = start.params.gen
    way = jax.tree.map(lambda a: arrays(a.size, *a.shape), gen_params)
    ahead, behind = (
        loss_and_gradient(jax.tree.map(lambda p, w, s=sign: p + s * 1e-5 * w, gen_params, way))[0]
        for sign in (1, -1)
    )
    _, gradient = loss_and_gradient(gen_params)
    chex.assert_tree_all_finite(gradient)
    slope = sum(map(jnp.vdot, jax.tree.leaves(gradient), jax.tree.leaves(way)))
    assert abs(slope) > 1e-4
    np.testing.assert_allclose((ahead - behind) / 2e-5, slope, rtol=1e-4)
