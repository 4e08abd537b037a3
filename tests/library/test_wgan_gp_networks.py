"""DCGAN's pair in its variations, bottleneck ResNets, and the pairs that are made of them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import argument_refusal, arrays, quick
from flax import nnx
from jax import lax

from ganstab import Pair
from ganstab.networks import bottleneck, dcgan, wgan_gp
from ganstab.networks.convolution import batch_major, batch_minor, im2col
from ganstab.networks.dcgan import Units
from ganstab.networks.equalized import gated
from ganstab.networks.norms import batch_norm, layer_norm
from ganstab.players import from_nnx

LAYOUTS = {"minor": batch_minor, "major": batch_major, "im2col": im2col}
KEY = jax.random.key(0)


def pairs(size, channels=3, *, width=4, **settings):
    """The seven, with few layers in the ResNets, of which most of 101 are alike."""
    return wgan_gp.seven_pairs(size, channels, width=width, layers=17, **settings)


def shapes(build, x):
    """The shape of what a network gives of inputs of this shape, its parameters, the player."""
    player = from_nnx(build)
    params, state = jax.eval_shape(player.init, KEY)
    output, _ = jax.eval_shape(
        player.apply, params, state, jax.ShapeDtypeStruct(x, jnp.float32), KEY
    )
    return output.shape, params, player


def kernels(params):
    """The shapes of all weights that are no norm's, biases left out."""
    return [leaf.shape for leaf in jax.tree.leaves(params) if leaf.ndim > 1]


@pytest.mark.parametrize("name", wgan_gp.SEVEN)
@pytest.mark.parametrize(("size", "channels"), [(28, 1), (64, 3)])
def test_every_pair_gives_images_and_scores(name, size, channels):
    pair = pairs(size, channels, disc_norm=layer_norm)[name]
    images, *_ = shapes(pair.gen, (3, wgan_gp.LATENT))
    scores, _, disc = shapes(pair.disc, images)
    assert images == (3, size, size, channels) and scores == (3,)
    assert disc.mixes == ()
    assert list(wgan_gp.seven_pairs(size)) == list(wgan_gp.SEVEN)


@pytest.mark.parametrize("name", wgan_gp.SEVEN)
def test_batch_norm_is_where_the_pair_has_it(name):
    gen, disc = map(from_nnx, pairs(32, 1)[name])
    assert bool(gen.mixes) == (name not in ("constant", "mlp", "no_norm"))
    assert bool(disc.mixes) == (name != "no_norm")


def test_sizes_are_those_of_the_papers_code():
    def count(build, x):
        return sum(leaf.size for leaf in jax.tree.leaves(shapes(build, x)[1]))

    found = pairs(64, width=64)
    channels = (512, 256, 128, 64)
    convolutions = sum(25 * a * b + b for a, b in zip(channels, (*channels[1:], 3), strict=True))
    norms, z, x = 2 * sum(channels), (2, 128), (2, 64, 64, 3)
    assert count(found["dcgan"].gen, z) == 129 * 16 * 512 + convolutions + norms
    assert count(found["no_norm"].gen, z) == 129 * 16 * 512 + convolutions
    assert (
        count(found["constant"].gen, z) == 129 * 16 * 64 + 3 * (25 * 64**2 + 64) + 25 * 64 * 3 + 3
    )
    assert count(found["mlp"].gen, z) == 129 * 512 + 3 * 513 * 512 + 513 * 64 * 64 * 3
    critic = sum(
        25 * a * b + b for a, b in zip((3, 64, 128, 256), (64, 128, 256, 512), strict=True)
    )
    assert count(found["dcgan"].disc, x) == critic + 2 * (128 + 256 + 512) + 16 * 512 + 1
    # Gates double what a layer gives, and not what the next one takes.
    assert kernels(shapes(found["gated"].disc, x)[1])[1] == (5, 5, 64, 256)


def test_resnets_have_101_layers_at_any_size():
    assert bottleneck.repeats(101, 5) == [6, 6, 6, 6, 5]  # as in the authors' code, at 64 pixels
    assert bottleneck.repeats(101, 4) == [8, 8, 7, 7]
    for build in wgan_gp.seven_pairs(32, width=4)["resnet"]:
        network = nnx.eval_shape(lambda build=build: build(nnx.Rngs(0)))
        found = kernels(nnx.to_pure_dict(nnx.state(network, nnx.Param)))
        assert len(found) == 101 + 3  # and one past each change of the resolution
        assert sum(shape[:2] == (3, 3) for shape in found) == 33
    assert "got 100" in argument_refusal(lambda: bottleneck.repeats(100, 4))
    assert "got 8" in argument_refusal(lambda: bottleneck.repeats(8, 4))


def test_a_bottleneck_is_its_formula(x64):
    ops, x = batch_major, arrays(0, 2, 4, 4, 4)
    block = bottleneck._Block(ops, 4, 6, None, down=True, rngs=nnx.Rngs(0))
    same = bottleneck._Block(
        ops, 4, 4, lambda ops, channels, rngs: lambda y: 2 * y, rngs=nnx.Rngs(0)
    )
    up = bottleneck._Block(ops, 4, 2, None, up=(8, 8), rngs=nnx.Rngs(0))

    def conv(layer, x, stride=1):
        kernel = layer.kernel[...].astype(x.dtype)
        return lax.conv_general_dilated(
            x, kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    def branch(block, x, stride):
        y = jax.nn.relu(conv(block.narrow, jax.nn.relu(x)))
        return conv(block.widen, jax.nn.relu(conv(block.middle, y, stride)))

    expected = conv(block.past, x, 2) + 0.3 * branch(block, x, 2)
    np.testing.assert_allclose(quick(block)(x), expected, rtol=1e-5, atol=1e-6)
    expected = x + 0.3 * 2 * branch(same, x, 1)
    np.testing.assert_allclose(quick(same)(x), expected, rtol=1e-5, atol=1e-6)
    # Each pixel becomes 2 × 2, each by a 1 × 1 convolution of its own.
    up.middle.kernel[...] = jnp.zeros_like(up.middle.kernel[...])
    parts = jnp.einsum("nhwi,abio->nhawbo", x, up.past.kernel[...])
    np.testing.assert_allclose(
        np.sort(quick(up)(x).ravel()), np.sort(parts.ravel()), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layer_norm_is_of_each_sample_in_every_layout(x64, layout):
    ops, x = LAYOUTS[layout], 3 + 2 * arrays(1, 4, 3, 5, 2)
    norm = layer_norm(ops, 2, rngs=nnx.Rngs(0))
    norm.scale, norm.bias = nnx.Param(jnp.array([2.0, -1.0])), nnx.Param(jnp.array([0.5, 3.0]))
    got = quick(lambda x: ops.from_internal(norm(ops.to_internal(x))))(x)
    x = np.asarray(x)
    mean, variance = (of(x, axis=(1, 2, 3), keepdims=True) for of in (np.mean, np.var))
    expected = (x - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(got, expected * [2, -1] + np.array([0.5, 3]), rtol=1e-6)


@pytest.mark.parametrize("build", [
    lambda ops, rngs: dcgan.Discriminator(
        [[2], [2, 3]], (8, 8), channels=1, units=Units(gates=True, norm=layer_norm, kernel=3),
        convolutions=ops, rngs=rngs,
    ),
    lambda ops, rngs: dcgan.Generator(
        3, [[3, 2], [2, 2]], [(4, 4), (8, 8)], units=Units(gates=True, kernel=3),
        convolutions=ops, rngs=rngs,
    ),
    lambda ops, rngs: bottleneck.Discriminator(
        [4, 6], (8, 8), layers=8, channels=1, norm=layer_norm, convolutions=ops, rngs=rngs
    ),
])  # fmt: skip
def test_the_layouts_agree(build):
    found = []
    for ops in LAYOUTS.values():
        player = from_nnx(lambda rngs, ops=ops: build(ops, rngs))
        params, state = player.init(KEY)
        is_critic = "score" in params
        x = arrays(2, 5, 8, 8, 1) if is_critic else arrays(2, 5, 3)
        run = quick(lambda p, s, x, player=player: player.apply(p, s, x, KEY)[0])
        found.append(np.asarray(run(params, state, x)))
    assert found[0].std() > 1e-3
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=2e-3, atol=2e-5)


def test_gates_halve_any_axis(x64):
    x = arrays(3, 6, 4, 2)
    np.testing.assert_array_equal(gated(x, 0), jnp.moveaxis(gated(jnp.moveaxis(x, 0, -1)), -1, 0))
    assert "even" in argument_refusal(lambda: gated(x[:3], 0))


@pytest.mark.parametrize("depth", wgan_gp.DEPTHS)
def test_a_deep_dcgan_has_so_many_layers(depth):
    units = Pair(Units(norm=batch_norm, kernel=3), Units(jnp.tanh, norm=layer_norm, kernel=3))
    pair = wgan_gp.deep_dcgan(32, 1, depth=Pair(depth, 4), filters=Pair(4, 6), units=units)
    images, params, _ = shapes(pair.gen, (2, 128))
    assert images == (2, 32, 32, 1) and len(kernels(params)) == depth
    assert len(kernels(shapes(pair.disc, images)[1])) == 4
    pair = wgan_gp.deep_dcgan(32, 1, depth=Pair(4, depth), filters=Pair(4, 6), units=units)
    scores, params, disc = shapes(pair.disc, images)
    found = kernels(params)
    assert scores == (2,) and len(found) == depth and disc.mixes == ()
    channels = sorted(shape[-1] for shape in found if len(shape) == 4)
    more = depth // 4 - 1
    assert channels == [3] * more + [6] * (1 + more) + [12] * (1 + more) + [24] * (1 + more)
    assert kernels(shapes(pair.gen, (2, 128))[1])[-1] == (128, 16 * 16)
    norms = sum(leaf.ndim == 1 for leaf in jax.tree.leaves(params)) - depth
    assert norms == 2 * (depth - 2)  # none at the first layer and the score


def test_pairs_that_cannot_be_are_refused():
    make = functools.partial(
        wgan_gp.deep_dcgan, depth=Pair(4, 4), filters=Pair(4, 4), units=Pair(Units(), Units())
    )
    assert "2 pixels or more after three halvings, got 8" in argument_refusal(lambda: make(8, 1))
    for wrong, told in (
        ({"depth": Pair(4, 6)}, "depth must be one of 4, 8, 12, 20, got 6"),
        ({"filters": Pair(0, 4)}, "filters"),
    ):
        assert told in argument_refusal(lambda wrong=wrong: make(32, 1, **wrong))
    assert "width" in argument_refusal(lambda: wgan_gp.seven_pairs(32, width=0))
    assert "channels" in argument_refusal(lambda: wgan_gp.seven_pairs(32, 0))


@pytest.mark.parametrize("stride", [1, 2])
def test_initial_weights_keep_the_size_of_signals(stride):
    """Uniform, with the variance 4 / (fan-in + fan-out), strides counted; or normal, as asked."""

    def drawn(units, make):
        class Net(nnx.Module):
            def __init__(self, rngs):
                self.layer = make(units, rngs)
                units.randomise(self, rngs)

        return Net(nnx.Rngs(0)).layer.kernel[...]

    def conv(units, rngs):
        return units.conv(batch_major, 20, 30, down=stride, rngs=rngs)

    kernel = drawn(Units(), conv)
    variance = 4 / (25 * 20 + 25 * 30 / stride**2)
    assert float(kernel.var()) == pytest.approx(variance, rel=0.03)
    assert float(abs(kernel).max()) == pytest.approx((3 * variance) ** 0.5, rel=0.01)
    dense = drawn(Units(), lambda units, rngs: units.dense(100, 200, rngs=rngs))
    assert float(dense.var()) == pytest.approx(2 / 300, rel=0.03)
    fixed = drawn(Units(stddev=0.02), conv)
    assert float(fixed.std()) == pytest.approx(0.02, rel=0.03)
    assert float(abs(fixed).max()) > 0.06


def test_a_networks_kernels_are_all_drawn_apart():
    network = bottleneck.Discriminator([4, 6], (8, 8), layers=8, rngs=nnx.Rngs(0))
    found = [leaf for leaf in jax.tree.leaves(nnx.state(network, nnx.Param)) if leaf.ndim > 1]
    numbers = np.concatenate([np.ravel(leaf / leaf.std()) for leaf in found])
    assert len(np.unique(numbers)) == len(numbers) and abs(numbers.mean()) < 0.1
