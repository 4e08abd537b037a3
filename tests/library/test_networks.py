"""All convolution layouts against XLA's operations and each other, and the networks' shapes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

from ganstab.networks import mlp, stacked_mnist
from ganstab.networks.convolution import (
    batch_major,
    batch_minor,
    default_convolutions,
    im2col,
    same_padding,
)

LAYOUTS = {"minor": batch_minor, "major": batch_major, "im2col": im2col}
DIMENSIONS = ("NHWC", "HWIO", "NHWC")

# Compiling is what takes the time here, and nothing in these tests has to run fast.
QUICK = {"xla_backend_optimization_level": 0}


def jit(function):
    return jax.jit(function, compiler_options=QUICK)


def normal(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape))


def seen_from_outside(ops, op, x, *args):
    arrays, sizes = args[:1], args[1:]
    run = jit(lambda x, *arrays: ops.from_internal(op(ops.to_internal(x), *arrays, *sizes)))
    return run(x, *arrays)


def relative(a, b):
    """Largest difference of two trees of arrays over the largest entry of each array."""
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return max(float(abs(x - y).max() / abs(y).max()) for x, y in pairs)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "channels"),
    [((28, 28), (3, 3), 2, (3, 2)), ((7, 7), (3, 3), 2, (4, 8)), ((14, 14), (3, 3), 1, (8, 3)),
     ((5, 8), (3, 2), 1, (2, 3)), ((9, 6), (5, 4), 3, (3, 2)), ((6, 5), (1, 1), 2, (2, 2))],
)  # fmt: skip
def test_conv_is_the_same_padded_convolution(x64, layout, size, kernel, stride, channels):
    ops = LAYOUTS[layout]
    x, weights = normal(0, 5, *size, channels[0]), normal(1, *kernel, *channels)
    expected = lax.conv_general_dilated(
        x, weights, (stride, stride), "SAME", dimension_numbers=DIMENSIONS
    )
    assert relative(seen_from_outside(ops, ops.conv, x, weights, stride), expected) < 1e-13
    first = jit(lambda *arrays: ops.from_internal(ops.first_conv(*arrays, stride)))
    assert relative(first(x, weights), expected) < 1e-13


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("size", "kernel", "stride"), [((7, 6), (3, 3), 2), ((9, 6), (5, 4), 3)])
def test_first_conv_has_the_derivatives_of_a_convolution(x64, layout, size, kernel, stride):
    ops = LAYOUTS[layout]
    x, weights = normal(0, 5, *size, 3), normal(1, *kernel, 3, 2)
    along = normal(2, *x.shape), normal(3, *weights.shape)

    def first(x, weights):
        return ops.from_internal(ops.first_conv(x, weights, stride))

    def plain(x, weights):
        return lax.conv_general_dilated(
            x, weights, (stride, stride), "SAME", dimension_numbers=DIMENSIONS
        )

    def derivatives(conv, x, weights):
        def loss(*arrays):
            return jnp.sum(jnp.sin(conv(*arrays)))

        grads = jax.grad(loss, (0, 1))
        forward = jax.jvp(grads, (x, weights), along)
        backward = jax.vjp(grads, x, weights)[1](along)
        each = jax.vmap(lambda x: grads(x[None], weights)[1])(x)
        return *forward, backward, each

    found, known = (
        jit(functools.partial(derivatives, conv))(x, weights) for conv in (first, plain)
    )
    assert relative(found, known) < 1e-12


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("small", "size", "kernel", "stride", "channels"),
    [((4, 4), (7, 7), (3, 3), 2, (8, 4)), ((7, 7), (14, 14), (3, 3), 2, (4, 2)),
     ((3, 4), (9, 11), (5, 4), 3, (2, 3)), ((5, 6), (5, 6), (3, 3), 1, (3, 2)),
     ((3, 3), (6, 5), (1, 1), 2, (2, 2))],
)  # fmt: skip
def test_conv_transpose_is_the_transposed_convolution(
    x64, layout, small, size, kernel, stride, channels
):
    ops = LAYOUTS[layout]
    x, weights = normal(0, 5, *small, channels[0]), normal(1, *kernel, *channels)

    def conv(y):
        flipped = weights[::-1, ::-1].swapaxes(2, 3)
        return lax.conv_general_dilated(
            y, flipped, (stride, stride), "SAME", dimension_numbers=DIMENSIONS
        )

    (expected,) = jax.linear_transpose(conv, jnp.zeros((5, *size, channels[1])))(x)
    got = seen_from_outside(ops, ops.conv_transpose, x, weights, stride, size)
    assert relative(got, expected) < 1e-13


@pytest.mark.parametrize("layout", LAYOUTS)
def test_conv_transpose_doubling_is_that_of_lax(layout):
    ops = LAYOUTS[layout]
    x, weights = normal(0, 2, 7, 7, 4), normal(1, 3, 3, 4, 2)
    expected = lax.conv_transpose(x, weights, (2, 2), "SAME", dimension_numbers=DIMENSIONS)
    got = seen_from_outside(ops, ops.conv_transpose, x, weights, 2, (14, 14))
    assert relative(got, expected) < 1e-5


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_wide_layers_are_windows_and_products_but_on_a_tpu(monkeypatch, backend):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    assert default_convolutions() is batch_minor
    assert default_convolutions(63) is batch_minor
    assert default_convolutions(64) is im2col
    monkeypatch.setattr(jax, "default_backend", lambda: "tpu")
    assert default_convolutions() is default_convolutions(64) is batch_major


def test_paddings_are_those_of_tensorflow():
    assert [same_padding(n, 3, 2) for n in (28, 14, 7)] == [(0, 1), (0, 1), (1, 1)]
    assert same_padding(28, 3, 1) == (1, 1)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_conv_transpose_refuses_sizes_that_no_stride_leads_to(layout):
    ops = LAYOUTS[layout]
    with pytest.raises(ValueError, match="7 to 8 pixels, not 9"):
        ops.conv_transpose(ops.to_internal(normal(0, 2, 4, 4, 3)), normal(1, 3, 3, 3, 2), 2, (9, 8))


def stirred(params, dtype):
    """Every parameter moved from its initial value, so that each one matters."""
    leaves, tree = jax.tree.flatten(params)
    moved = [leaf + 0.3 * normal(i, *leaf.shape) for i, leaf in enumerate(leaves)]
    return jax.tree.unflatten(tree, [leaf.astype(dtype) for leaf in moved])


def pure(module, dtype):
    graphdef, params, rest = nnx.split(module, nnx.Param, ...)
    rest = jax.tree.map(lambda leaf: leaf.astype(dtype), rest)
    return stirred(params, dtype), lambda p, x: nnx.merge(graphdef, p, rest, copy=True)(x)


def images_gradient_and_unrolled_gradient(ops, dtype):
    """The generator's images and gradients, against D as it is and two of its steps later."""
    gen_params, gen = pure(
        stacked_mnist.Generator(8, (5, 4), (4, 7), rngs=nnx.Rngs(0), convolutions=ops), dtype
    )
    disc_params, disc = pure(
        stacked_mnist.Discriminator(channels=(8,), side=7, rngs=nnx.Rngs(1), convolutions=ops),
        dtype,
    )
    z, real = normal(5, 6, 8).astype(dtype), jnp.tanh(normal(6, 6, 7, 7, 3)).astype(dtype)

    def disc_loss(params, fake):
        scores = disc(params, jnp.concatenate([real, fake]))
        return jax.nn.softplus(-scores[:6]).mean() + jax.nn.softplus(scores[6:]).mean()

    def gen_loss(gen_params, steps):
        fake = gen(gen_params, z)

        def step(params, _):
            gradient = jax.grad(disc_loss)(params, fake)
            return jax.tree.map(lambda p, g: p - 0.05 * g, params, gradient), None

        last, _ = lax.scan(jax.checkpoint(step, prevent_cse=False), disc_params, length=steps)
        return -disc_loss(last, fake)

    def everything(gen_params):
        gradients = [jax.grad(gen_loss)(gen_params, steps) for steps in (0, 2)]
        return gen(gen_params, z), *gradients

    return jit(everything)(gen_params)


def whole(tree):
    """A tree's arrays as one vector: a bias in front of batch norm has no gradient but rounding."""
    return jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(tree)])


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [pytest.param("float32", 3e-5, marks=pytest.mark.slow), ("float64", 1e-12)],
)
def test_layouts_agree_on_images_gradients_and_unrolled_gradients(x64, dtype, tolerance):
    major, *others = (
        images_gradient_and_unrolled_gradient(ops, dtype)
        for ops in (batch_major, batch_minor, im2col)
    )
    for other in others:
        for ours, reference in zip(other, major, strict=True):
            assert whole(ours).dtype == dtype
            assert relative(whole(ours), whole(reference)) < tolerance
    plain, unrolled = (whole(gradient) for gradient in major[1:])
    assert relative(plain, unrolled) > 0.01


@pytest.mark.parametrize("layout", LAYOUTS)
def test_seeds_can_be_mapped_over(layout):
    ops = LAYOUTS[layout]
    module = stacked_mnist.Discriminator(channels=(8,), side=9, rngs=nnx.Rngs(0), convolutions=ops)
    params, disc = pure(module, "float32")
    both = jax.tree.map(lambda leaf: jnp.stack([leaf, 1.5 * leaf]), params)
    images = jnp.tanh(normal(0, 4, 9, 9, 3))
    mapped = jit(jax.vmap(disc, (0, None)))(both, images)
    alone = jit(disc)(jax.tree.map(lambda leaf: leaf[1], both), images)
    assert relative(mapped[1], alone) < 1e-5


def parameters(module):
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(module, nnx.Param)))


def outlined(build):
    """A module with shapes for arrays, which costs no computation."""
    return nnx.eval_shape(lambda: build(rngs=nnx.Rngs(0)))


def output_shape(module, *shape):
    graphdef, variables = nnx.split(module)
    run = jax.eval_shape(
        lambda variables, x: nnx.merge(graphdef, variables)(x), variables, jnp.zeros(shape)
    )
    return run.shape


@pytest.mark.parametrize("ops", [batch_minor, batch_major, im2col, None])
def test_sizes_are_the_papers(ops):
    gen = outlined(functools.partial(stacked_mnist.Generator, convolutions=ops))
    assert parameters(gen) == 287_875
    assert output_shape(gen, 5, 256) == (5, 28, 28, 3)
    for width, count in ((0.25, 585), (0.5, 1_889)):
        build = functools.partial(stacked_mnist.Discriminator, width, convolutions=ops)
        disc = outlined(build)
        assert parameters(disc) == count
        assert output_shape(disc, 5, 28, 28, 3) == (5,)


def test_initial_kernels_have_the_asked_deviation_and_biases_none():
    params = nnx.state(stacked_mnist.Generator(rngs=nnx.Rngs(0), init_stddev=0.2), nnx.Param)
    assert abs(params["dense"]["kernel"][...].std() - 0.2) < 0.002
    assert abs(params["convs"][0]["kernel"][...].std() - 0.2) < 0.01
    assert not params["convs"][0]["bias"][...].any()
    assert (params["norms"][0]["scale"][...] == 1).all()


def test_without_batch_norm_each_sample_is_scored_by_itself():
    build = functools.partial(stacked_mnist.Discriminator, channels=(8,), side=9, init_stddev=0.5)
    images = jnp.tanh(normal(0, 6, 9, 9, 3))
    apart, together = (build(norm=norm, rngs=nnx.Rngs(0)) for norm in (False, True))
    assert relative(apart(images)[:2], apart(images[:2])) < 1e-6
    assert relative(together(images)[:2], together(images[:2])) > 0.01
    assert not nnx.state(apart, nnx.BatchStat) and nnx.state(together, nnx.BatchStat)


def test_batch_norm_in_the_first_layer_takes_the_contrast_away():
    """Whatever the biases have become: without it they and the contrast meet in the first ReLU."""
    build = functools.partial(stacked_mnist.Discriminator, init_stddev=0.5, epsilon=1e-12)
    images = jnp.tanh(normal(0, 6, 28, 28, 3))
    blind, sees = (build(first_norm=first, rngs=nnx.Rngs(0)) for first in (True, False))
    assert [norm.num_features for norm in blind.norms] == [2, 4, 8]
    assert [norm.num_features for norm in sees.norms] == [4, 8]
    for disc in (blind, sees):
        disc.convs[0].bias[...] += 0.5
    assert relative(blind(0.3 * images), blind(images)) < 1e-4
    assert relative(sees(0.3 * images), sees(images)) > 0.01


@pytest.mark.parametrize("layout", LAYOUTS)
def test_batch_norm_uses_the_batch_in_training_and_running_statistics_after(layout):
    build = functools.partial(
        stacked_mnist.Discriminator, channels=(8,), side=9, momentum=0.0, init_stddev=0.5
    )
    disc = build(convolutions=LAYOUTS[layout], rngs=nnx.Rngs(0))
    one = jnp.tanh(normal(0, 6, 9, 9, 3))
    two = jnp.concatenate([one, jnp.tanh(2 + normal(1, 6, 9, 9, 3))])
    graphdef, *_ = nnx.split(disc)

    @functools.partial(jax.jit, static_argnums=2)
    def run(variables, x, train):
        module = nnx.merge(graphdef, variables)
        module.train() if train else module.eval()
        return module(x), nnx.state(module)

    start = nnx.state(disc)
    in_training, after = run(start, one, True)
    assert relative(run(start, two, True)[0][:6], in_training) > 0.01
    assert relative(run(start, one, False)[0], in_training) > 0.01
    assert relative(run(after, one, False)[0], in_training) < 1e-4
    assert relative(run(after, two, False)[0][:6], in_training) < 1e-4


@pytest.mark.parametrize("width", [0.0, -0.25, 0.3, 1 / 16, float("nan")])
def test_discriminator_refuses_widths_without_whole_channels(width):
    with pytest.raises(ValueError, match=f"width {width} has to make whole numbers"):
        stacked_mnist.Discriminator(width, rngs=nnx.Rngs(0))


def test_generator_refuses_a_size_too_many():
    with pytest.raises(ValueError, match="one size for each of its channels"):
        stacked_mnist.Generator(channels=(8, 4), sizes=(4, 7, 14), rngs=nnx.Rngs(0))


def test_mlp_pair_is_the_papers():
    gen, disc = mlp.Generator(rngs=nnx.Rngs(0)), outlined(mlp.Discriminator)
    assert parameters(gen) == 256 * 128 + 128 + 128 * 128 + 128 + 128 * 2 + 2
    assert parameters(disc) == 2 * 128 + 128 + 128 + 1
    assert output_shape(gen, 5, 256) == (5, 2) and output_shape(disc, 5, 2) == (5,)
    kernel = gen.mlp.layers[1].kernel[...]
    np.testing.assert_allclose(kernel.T @ kernel, 0.64 * np.eye(128), atol=1e-5)
    assert not gen.mlp.layers[1].bias[...].any()


def test_mlp_discriminator_is_two_layers_of_a_quarter_of_its_input():
    disc = mlp.Discriminator(rngs=nnx.Rngs(1))
    first, second = disc.mlp.layers
    x = np.asarray(normal(0, 5, 2))
    hidden = np.maximum(x / 4 @ np.asarray(first.kernel) + np.asarray(first.bias), 0)
    expected = hidden @ np.asarray(second.kernel) + np.asarray(second.bias)
    np.testing.assert_allclose(disc(x), expected[:, 0], rtol=1e-5)
