"""Parts of networks, each against its formula in NumPy, sample by sample."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import arrays, quick
from flax import nnx

from ganstab import networks, penalties, players

KEY = jax.random.key(0)
SHAPES = [(8, 6), (8, 2, 3, 6)]
PARTS = {
    "minibatch discrimination": lambda rngs, shape: networks.MinibatchDiscrimination(
        shape[1:], 3, 2, init_stddev=0.3, rngs=rngs
    ),
    "minibatch stddev": lambda rngs, shape: networks.minibatch_stddev,
    "virtual batch norm": lambda rngs, shape: networks.VirtualBatchNorm(6, 3, rngs=rngs),
    "pixel norm": lambda rngs, shape: networks.pixel_norm,
    "gated": lambda rngs, shape: networks.gated,
    "equalized": lambda rngs, shape: networks.equalized_linear(6, 2, rngs=rngs),
}


def applied(build, x, **parameters):
    """A layer's output and parameters, some of them replaced; one small program."""

    def run(x, parameters):
        layer = build(nnx.Rngs(0))
        for name, value in parameters.items():
            getattr(layer, name)[...] = value
        return layer(x), nnx.to_pure_dict(nnx.state(layer, nnx.Param))

    output, found = quick(run)(x, parameters)
    return np.asarray(output), jax.tree.map(np.asarray, found)


@pytest.mark.parametrize("part", PARTS)
def test_derivative_is_the_central_difference(x64, part):
    shape = (5, 2, 1, 6) if part != "minibatch stddev" else (4, 2, 1, 6)
    x, towards = arrays(0, *shape), arrays(1, *shape)

    def total(x):
        output = PARTS[part](nnx.Rngs(0), shape)(x)
        return jnp.sum(output * jnp.sin(jnp.arange(1.0, output.size + 1)).reshape(output.shape))

    @quick
    def slope_and_ends(x):
        ends = jax.lax.map(lambda h: total(x + h * towards), jnp.array([1e-6, -1e-6]))
        return jnp.vdot(jax.grad(total)(x), towards), ends

    got, ends = slope_and_ends(x)
    assert abs(got) > 1e-3
    np.testing.assert_allclose(got, (ends[0] - ends[1]) / 2e-6, rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_minibatch_discrimination(x64, shape):
    x, bias = arrays(2, *shape), np.array([0.5, -1.0, 2.0], np.float32)
    build = PARTS["minibatch discrimination"]
    got, parameters = applied(lambda rngs: build(rngs, shape), x, bias=bias)
    rows = [
        np.einsum("f,fbc->bc", np.ravel(sample), parameters["kernel"]) for sample in np.asarray(x)
    ]
    np.testing.assert_array_equal(got[..., :6], x)
    for i, row in enumerate(rows):
        closeness = [
            np.exp(-np.abs(row - other).sum(axis=1)) for j, other in enumerate(rows) if j != i
        ]
        expected = np.sum(closeness, axis=0) + bias
        np.testing.assert_allclose(
            got[i, ..., 6:], np.broadcast_to(expected, (*shape[1:-1], 3)), rtol=1e-6
        )


def test_minibatch_discrimination_starts_as_published():
    def build(rngs):
        return networks.MinibatchDiscrimination((40, 10), rngs=rngs)

    _, parameters = applied(build, jnp.zeros((1, 40, 10)))
    assert parameters["kernel"].shape == (400, 100, 5)
    np.testing.assert_allclose(np.std(parameters["kernel"]), 0.05, rtol=0.02)
    np.testing.assert_array_equal(parameters["bias"], -np.ones(100))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("group", [4, 2, 100])
def test_minibatch_stddev(x64, shape, group):
    x = arrays(3, *shape)
    got = np.asarray(quick(networks.minibatch_stddev, static_argnums=1)(x, group))
    np.testing.assert_array_equal(got[..., :6], x)
    size = min(group, 8)
    for i in range(8):
        first = i // size * size
        own = np.asarray(x)[first : first + size]
        expected = np.mean(np.sqrt(own.var(axis=0) + 1e-8))
        np.testing.assert_allclose(got[i, ..., 6], expected, rtol=1e-12)


def test_minibatch_stddev_of_a_collapse_is_almost_nothing_with_a_finite_slope():
    value, slope = jax.value_and_grad(lambda x: networks.minibatch_stddev(x)[0, -1])(
        jnp.ones((4, 3))
    )
    np.testing.assert_allclose(value, 1e-4, rtol=1e-5)
    assert np.all(np.isfinite(slope))


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
@pytest.mark.parametrize("part", [networks.minibatch_stddev, networks.pixel_norm])
def test_half_precision_has_an_epsilon_too(part, dtype):
    x = jnp.zeros((2, 3), dtype)

    @quick
    def value_and_slope(x):
        return jax.value_and_grad(lambda x: jnp.sum(part(x)[:, -1]))(x)

    value, slope = value_and_slope(x)
    assert value.dtype == slope.dtype == dtype
    expected = (2e-4, 0) if part is networks.minibatch_stddev else (0, 1e4)
    np.testing.assert_allclose(float(value), expected[0], rtol=0.01)
    np.testing.assert_allclose(np.asarray(slope[:, -1], float), expected[1], rtol=0.01)


def test_minibatch_stddev_refuses_a_batch_that_its_group_does_not_divide():
    with pytest.raises(ValueError, match=r"group=4\) wants a batch that 4 divides, got 6"):
        networks.minibatch_stddev(jnp.zeros((6, 2)))
    with pytest.raises(ValueError, match="group must be 1 or more, got 0"):
        networks.minibatch_stddev(jnp.zeros((6, 2)), 0)


@pytest.mark.parametrize("shape", SHAPES)
def test_virtual_batch_norm(x64, shape):
    x, bias = 2 * arrays(4, *shape) + 1, np.arange(6, dtype=np.float32)
    build = PARTS["virtual batch norm"]
    got, parameters = applied(lambda rngs: build(rngs, shape), x, bias=bias)
    got = got.reshape(8, -1, 6)
    pixels = np.asarray(x).reshape(8, -1, 6)
    reference = pixels[:3].reshape(-1, 6)
    for i, sample in enumerate(pixels):
        # The sample counts as one more batch of its own pixels beside the three of the reference.
        weight = 0 if i < 3 else 1 / 4
        mean, square = (
            weight * np.mean(sample**p, axis=0) + (1 - weight) * np.mean(reference**p, axis=0)
            for p in (1, 2)
        )
        expected = (sample - mean) / np.sqrt(square - mean**2 + 1e-5) * parameters["scale"] + bias
        np.testing.assert_allclose(got[i], expected, rtol=1e-6)


def test_virtual_batch_norm_starts_as_published():
    def build(rngs):
        return networks.VirtualBatchNorm(20_000, 1, rngs=rngs)

    scale = applied(build, jnp.zeros((2, 20_000)))[1]["scale"]
    np.testing.assert_allclose([np.mean(scale), np.std(scale)], [1, 0.02], rtol=0.02)


def test_virtual_batch_norm_far_from_zero_is_that_of_the_distances(x64):
    """Mean square minus squared mean would be off by the size of the variance, or below 0."""
    shape = (5, 3, 2, 6)
    x = arrays(16, *shape)
    build = PARTS["virtual batch norm"]
    near, _ = applied(lambda rngs: build(rngs, shape), x)
    far, _ = applied(lambda rngs: build(rngs, shape), (x + 4096).astype(jnp.float32))
    np.testing.assert_allclose(far, near, atol=5e-3)


def virtually_normed(reference):
    def build(rngs):
        return nnx.Sequential(
            nnx.Linear(2, 4, rngs=rngs),
            networks.VirtualBatchNorm(4, reference.shape[0], rngs=rngs),
            jnp.tanh,
            nnx.Linear(4, 1, rngs=rngs),
        )

    return players.reference_batch(players.from_nnx(build), reference)


def test_virtual_batch_norm_keeps_samples_apart_and_a_penalty_takes_it():
    player = virtually_normed(arrays(5, 5, 2))
    assert player.mixes == ()
    x = arrays(6, 3, 2)

    @quick
    def look(key):
        params, state = player.init(key)

        def score(x):
            return player.apply(params, state, x, key)[0][:, 0]

        return jax.jacobian(score)(x), score(x), score(x[:1]), penalties.r1(score, x, x, key)

    jacobian, scores, alone, penalty = look(KEY)
    own = np.eye(3)[:, :, None] > 0
    assert np.all(np.where(own, jacobian, 0) == jacobian) and np.any(jacobian != 0)
    np.testing.assert_allclose(scores[:1], alone, rtol=1e-5)
    squares = [np.sum(np.square(jacobian[i, i])) for i in range(3)]
    np.testing.assert_allclose(penalty, np.mean(squares), rtol=1e-5)


def test_virtual_batch_norm_without_its_reference_is_refused():
    layer = nnx.eval_shape(lambda: networks.VirtualBatchNorm(2, 3, rngs=nnx.Rngs(0)))
    with pytest.raises(ValueError, match=r"reference=3\).*got 3 in all.*players.reference_batch"):
        layer(jnp.zeros((3, 2)))
    with pytest.raises(ValueError, match="reference must be 1 sample or more, got 0"):
        networks.VirtualBatchNorm(2, 0, rngs=nnx.Rngs(0))


@pytest.mark.parametrize("shape", SHAPES)
def test_layer_norm_of_flax_is_that_of_the_critics(x64, shape):
    """Over all of a sample but with a scale and offset a channel, each sample alone."""
    axes = tuple(range(1, len(shape)))
    x, count = 2 * arrays(7, *shape) + 3, np.arange(6, dtype=np.float32)

    def build(rngs):
        return nnx.LayerNorm(6, epsilon=1e-5, reduction_axes=axes, rngs=rngs)

    outputs, _ = applied(build, x, scale=count + 1, bias=count)
    for got, sample in zip(outputs, np.asarray(x), strict=True):
        expected = (sample - sample.mean()) / np.sqrt(sample.var() + 1e-5)
        np.testing.assert_allclose(got, expected * np.arange(1, 7) + np.arange(6), rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_pixel_norm(x64, shape):
    x = 3 * arrays(8, *shape)

    @quick
    def norms(x):
        plain = networks.pixel_norm(x), networks.pixel_norm(jnp.zeros(shape))
        return networks.pixel_norm(x, epsilon=0.5), *plain

    got, plain, of_nothing = norms(x)
    flat = np.asarray(x).reshape(-1, 6)
    expected = [pixel / np.sqrt(np.sum(pixel**2) / 6 + 0.5) for pixel in flat]
    np.testing.assert_allclose(got, np.reshape(expected, shape), rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(plain, axis=-1), 6**0.5, rtol=1e-6)
    assert np.all(of_nothing == 0)


def test_equalized_dense_layer(x64):
    x, bias = arrays(9, 200, 400), np.arange(300, dtype=np.float32)

    def build(rngs):
        return networks.equalized_linear(400, 300, rngs=rngs)

    got, parameters = applied(build, x, bias=bias)
    kernel = parameters["layer"]["kernel"]
    np.testing.assert_allclose(np.std(kernel), 1, rtol=0.02)
    expected = np.asarray(x) @ (kernel * np.sqrt(2 / 400)) + bias
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-5)
    # Numbers of unit size in, of √2 out: He's constant keeps them so through ReLUs.
    np.testing.assert_allclose(np.std(got - bias), np.sqrt(2), rtol=0.05)


def test_equalized_convolution_is_one_with_a_scaled_kernel(x64):
    x, bias = arrays(13, 2, 6, 6, 3), np.arange(5, dtype=np.float32)

    def build(rngs):
        return networks.equalized_conv(3, 5, (3, 3), gain=0.7, strides=2, rngs=rngs)

    got, parameters = applied(build, x, bias=bias)
    kernel = parameters["layer"]["kernel"]
    assert kernel.shape == (3, 3, 3, 5)
    by_default = nnx.eval_shape(lambda: networks.equalized_conv(3, 5, (3, 3), rngs=nnx.Rngs(0)))
    np.testing.assert_allclose(by_default.constant, np.sqrt(2 / 27))
    padded = np.pad(x, [(0, 0), (0, 1), (0, 1), (0, 0)])
    for row in range(3):
        for column in range(3):
            window = padded[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            pixel = np.einsum("nhwi,hwio->no", window, 0.7 / 27**0.5 * kernel) + bias
            np.testing.assert_allclose(got[:, row, column], pixel, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_gated(x64, shape):
    x = 2 * arrays(14, *shape)
    a, b = np.asarray(x)[..., :3], np.asarray(x)[..., 3:]
    # Fully open, shut, and as far as a number goes.
    ends = jnp.array([1e4, -1e4, 1e4, 1e4, 1e4, -1e4])
    got, at_the_ends = quick(lambda: (networks.gated(x), networks.gated(ends)))()
    np.testing.assert_allclose(got, np.tanh(b) / (1 + np.exp(-a)), rtol=1e-12)
    np.testing.assert_array_equal(at_the_ends, [1, 0, -1])


def test_gated_refuses_an_odd_number_of_channels():
    with pytest.raises(ValueError, match=r"must be even, got shape \(2, 3\)"):
        networks.gated(jnp.zeros((2, 3)))


def test_parts_stand_in_a_network_that_trains():
    def build(rngs):
        return nnx.Sequential(
            networks.equalized_conv(2, 8, (3, 3), rngs=rngs), networks.gated, networks.pixel_norm,
            networks.minibatch_stddev,
            networks.MinibatchDiscrimination((4, 4, 5), 3, 2, rngs=rngs),
            lambda x: x.reshape(x.shape[0], -1),
            networks.equalized_linear(4 * 4 * 8, 1, gain=1.0, rngs=rngs),
        )  # fmt: skip

    player = players.from_nnx(build)
    x = arrays(15, 4, 4, 4, 2)

    @quick
    def gradient(key):
        params, state = player.init(key)
        return jax.grad(lambda p: jnp.sum(player.apply(p, state, x, key)[0] ** 2))(params)

    assert player.mixes == ()
    assert all(np.any(leaf != 0) for leaf in jax.tree.leaves(gradient(KEY)))
