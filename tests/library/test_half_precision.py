"""float16 and bfloat16 against float64: values and slopes of small, ordinary and large numbers."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import arrays, perceptron, quick
from flax import nnx
from half_precision import HALVES, SIZES, assert_rounded, beside_float64, draw_in_float32

from ganstab import Pair, Player, games, losses, networks, optimizers, penalties, steps
from ganstab._precision import wide
from ganstab.networks import convolutional, norms, progressive, recurrent, resolutions
from ganstab.networks.conditional import ConditionalBatchNorm, Projection
from ganstab.networks.convolution import batch_major
from ganstab.players import Multiplied, from_nnx, instance_noise, spectral_norm

KEY = jax.random.key(0)
LOSSES = {
    "minimax": losses.minimax,
    "smoothed": functools.partial(losses.non_saturating, label_smoothing=0.1),
    "wasserstein": losses.wasserstein,
    "least squares": losses.least_squares,
    "hinge": losses.hinge,
    "relativistic average": losses.relativistic_average,
    "relativistic paired": losses.relativistic_paired,
    "ebgan": losses.ebgan,
}
PENALTIES = {
    "wgan-gp": penalties.wgan_gp,
    "wgan-gp, one-sided": functools.partial(penalties.wgan_gp, one_sided=True),
    "dragan": penalties.dragan,
    "dragan of the paper": penalties.dragan_paper,
    "r1": penalties.r1,
    "r2": penalties.r2,
    "r1 and r2": penalties.r1_r2,
    "js regularizer": penalties.js_regularizer,
}


@pytest.fixture(autouse=True)
def draws(monkeypatch, x64):
    draw_in_float32(monkeypatch)


def pattern(output):
    """Weights of either sign, so that no slope is a plain sum."""
    return jnp.sin(jnp.arange(1.0, output.size + 1)).reshape(output.shape).astype(output.dtype)


def with_slopes(f):
    """Outputs of f, and the slopes of a weighted sum of them in all that f takes."""

    def both(inputs):
        outputs, pull = jax.vjp(f, inputs)
        return {"outputs": outputs, "slopes": pull(jax.tree.map(pattern, outputs))[0]}

    return both


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("count", [7, 2**16])
def test_losses(loss, count):
    """Of scores that are exact: a float32 value is right to more than half precision."""
    inputs = [(size * arrays(0, count), size * arrays(1, count)) for size in SIZES]
    assert_rounded(with_slopes(lambda scores: LOSSES[loss](*scores)), inputs, 2)
    for got, expected in beside_float64(lambda scores: LOSSES[loss](*scores), inputs).values():
        assert {leaf.dtype for leaf in got} == {jnp.dtype(jnp.float32)}
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("width", [16, 12288])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_penalties_on_a_linear_critic(penalty, width):
    """Whose gradient is its parameter."""
    real, fake = arrays(0, 4, width), arrays(1, 4, width)

    def penalized(inputs):
        w, real, fake = inputs

        def value(w):
            return PENALTIES[penalty](lambda x: x @ w, real, fake, KEY)

        found, slope = jax.value_and_grad(value)(w)
        return {"value": found, "slope": slope}

    inputs = [(size * arrays(2, width), real, fake) for size in SIZES]
    assert_rounded(penalized, inputs, 6)


def of_function(function):
    return Player(lambda key: ((), ()), lambda p, s, x, key, *, train=True: (function(x), s))


def module(build, *arguments, **options):
    return from_nnx(lambda rngs: build(*arguments, **options, rngs=rngs))


class Faded(nnx.Module):
    """A network that grows, at one share of its newest level."""

    def __init__(self, build, *arguments, rngs, **options):
        self.network = build(*arguments, rngs=rngs, **options)

    def __call__(self, x):
        return self.network((x, 0.3))


class Labelled(nnx.Module):
    """A part that is told each sample's class."""

    def __init__(self, build, *arguments, rngs):
        self.part = build(*arguments, rngs=rngs)

    def __call__(self, x):
        return self.part(x, jnp.arange(x.shape[0]) % 3)


def of_norm(norm):
    """A norm of images whose channels are last."""
    return module(norm, batch_major, 6)


PARTS = {
    "pixel norm": (of_function(networks.pixel_norm), (8, 6)),
    "minibatch stddev": (of_function(networks.minibatch_stddev), (8, 6)),
    "gated": (of_function(networks.gated), (8, 6)),
    "blend": (of_function(lambda x: resolutions.blend(x[:4], x[4:], 0.3)), (8, 6)),
    "down": (of_function(resolutions.down), (2, 4, 4, 3)),
    "lstm": (of_function(lambda x: recurrent.lstm(x[:, :2], x[:, 2:])), (4, 10)),
    "minibatch discrimination": (
        module(networks.MinibatchDiscrimination, (6,), 3, 2, init_stddev=0.3),
        (8, 6),
    ),
    "virtual batch norm": (module(networks.VirtualBatchNorm, 6, 3), (8, 2, 2, 6)),
    "batch norm": (of_norm(norms.batch_norm), (4, 3, 3, 6)),
    "layer norm": (of_norm(norms.layer_norm), (4, 3, 3, 6)),
    "equalized": (module(networks.equalized_linear, 2**14, 8), (2, 2**14)),
    "equalized convolution": (module(networks.equalized_conv, 2, 3, (3, 3)), (2, 4, 4, 2)),
    "projection": (module(Labelled, Projection, 64, 3), (8, 64)),
    "conditional batch norm": (module(Labelled, ConditionalBatchNorm, 6, 3), (8, 2, 2, 6)),
    "spectral norm": (spectral_norm(perceptron(6, 1)), (8, 6)),
    "instance noise": (instance_noise(of_function(lambda x: x), 0.1), (8, 6)),
}
NETWORKS = {
    "recurrent": (module(recurrent.Generator, 4, 6, 5, 3), (3, 4)),
    "convolutional": (module(convolutional.Generator, 4, (4, 2), (3, 5)), (4, 4)),
    "growing generator": (module(Faded, progressive.Generator, 4, (3, 2), side=2), (2, 4)),
    "growing discriminator": (
        module(Faded, progressive.Discriminator, (3, 2), side=2),
        (4, 4, 4, 3),
    ),
}


def applied(player):
    """A player's output as a function of `(params, x)`, and its parameters and state."""
    params, state = player.init(KEY)
    return lambda inputs: player.apply(inputs[0], inputs[1], inputs[2], KEY)[0], params, state


@pytest.mark.parametrize("name", PARTS)
def test_parts_of_networks(name):
    player, shape = PARTS[name]
    apply, params, state = applied(player)
    inputs = [(params, state, size * arrays(0, *shape)) for size in SIZES]

    def both(inputs):
        params, state, x = inputs
        return with_slopes(lambda own: apply((own[0], state, own[1])))((params, x))

    assert_rounded(both, inputs, 6)
    for name, half in HALVES.items():
        got, _ = beside_float64(apply, inputs)[name]
        assert {leaf.dtype for leaf in jax.tree.leaves(got)} == {jnp.dtype(half)}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_parts(name):
    """Their layers round what they hand on: more roundings, of ordinary and large numbers."""
    player, shape = NETWORKS[name]
    apply, params, state = applied(player)
    inputs = [(params, state, size * arrays(0, *shape)) for size in SIZES[1:]]
    assert_rounded(lambda inputs: {"output": apply(inputs)}, inputs, 10)


OPTIMIZERS = {
    "adam": optimizers.adam(0.1, b1=0.5),
    "clip_weights": optax.chain(optax.sgd(0.1), optimizers.clip_weights(0.01)),
    "historical_averaging": optax.chain(optimizers.historical_averaging(0.3), optax.sgd(0.1)),
    "optimistic": optimizers.optimistic(optimizers.adam(0.1)),
    "multiplier_ascent": optimizers.multiplier_ascent(optax.sgd(0.1), 1e-6),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name):
    """Four updates at given parameters, where each leads, and the slopes in the gradients."""
    tx = OPTIMIZERS[name]

    def shaped(numbers):
        return optimizers_params(numbers) if name == "multiplier_ascent" else numbers

    def updated(inputs):
        path, grads = inputs

        def updates(grads):
            state, found = tx.init(shaped(path[0])), []
            for params, grad in zip(path, grads, strict=True):
                update, state = tx.update(shaped(grad), state, shaped(params))
                found.append(wide(jax.tree.leaves(update)))
            return found

        outputs, pull = jax.vjp(updates, grads)
        moved = [
            (wide(params) + update[0]).astype(params.dtype)
            for params, update in zip(path, outputs, strict=True)
        ]
        slopes = pull(jax.tree.map(pattern, outputs))[0]
        return {"updates": outputs, "moved": moved, "slopes": slopes}

    inputs = [(size * arrays(0, 4, 6), size * arrays(1, 4, 6)) for size in SIZES]
    assert_rounded(updated, inputs, 4)


def optimizers_params(numbers):
    return Multiplied(net=numbers, multiplier=numbers[0])


@pytest.mark.parametrize("decay", [0.9, 0.999])
def test_what_is_remembered_does_not_stand_still(decay):
    """Two thousand equal gradients: b2 and 1/t are lost in half precision, and the mean with it."""
    for half in HALVES.values():
        ones = jnp.ones(2, half)
        adam = optimizers.adam(0.1, b2=decay)
        averaging = optimizers.historical_averaging(1.0)

        @quick
        def remembered(ones, adam=adam, averaging=averaging):
            def step(states, params):
                _, first = adam.update(ones, states[0])
                _, second = averaging.update(ones, states[1], params)
                return (first, second), None

            path = jnp.concatenate([jnp.tile(ones, (1000, 1)), jnp.tile(2 * ones, (1000, 1))])
            start = adam.init(ones), averaging.init(ones)
            (first, second), _ = jax.lax.scan(step, start, path)
            return first[0].nu, second.mean

        square, mean = remembered(ones)
        np.testing.assert_allclose(square, 1 - decay**2000, rtol=1e-3)
        np.testing.assert_allclose(mean, 1.5, rtol=1e-3)


@pytest.mark.parametrize("size", SIZES)
def test_the_gradients_norm_that_a_step_notes(size):
    game = games.from_losses(lambda params: Pair(size * jnp.sum(params.gen), params.disc))
    for half in HALVES.values():
        params = Pair(jnp.ones(64, half), jnp.ones((), half))
        txs = Pair(optax.sgd(0.0), optax.sgd(0.0))
        state = steps.init(Pair(*(held(own) for own in params)), txs, KEY)
        _, metrics = steps.simultaneous(game, txs)(state, None)
        expected = 8 * float(jnp.asarray(size, half))
        np.testing.assert_allclose(metrics["gen/grad_norm"], expected, rtol=1e-3)


def held(own):
    return Player(lambda key: (own, ()), lambda params, state, x, key, *, train=True: (x, state))
