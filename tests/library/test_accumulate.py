"""A step in micro-batches is the step of the whole batch."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import argument_refusal, arrays, assert_close, perceptron, plain_pair, prior, quick

from ganstab import Batch, Carry, Pair, Player, losses, penalties, recipes, steps, surrogates, terms
from ganstab._micro_batches import in_micro_batches
from ganstab.game import make_game
from ganstab.players.ema import averaged
from ganstab.training import RunConfig

KEY = jax.random.key(0)
SGD = Pair(optax.sgd(0.1), optax.sgd(0.3))
LOSS = terms.score_loss(losses.non_saturating)


def batches(updates, size=8):
    return Batch(arrays(3, updates, size, 2))


@pytest.mark.parametrize("name", recipes.by_name)
def test_a_recipe_in_micro_batches_is_the_recipe(x64, name):
    """Parameters, optimizers, averages and metrics after two steps, with the same draws."""
    pair = Pair(plain_pair().gen, perceptron(4 if name == "pacgan" else 2, 6, 1))
    found = []
    for count in (1, 4):
        recipe = dataclasses.replace(recipes.by_name[name](), accumulate=count)
        built = recipe.build(pair, prior)
        state, step = built.init(KEY), quick(built.step)
        for _ in range(2):
            state, metrics = step(state, batches(recipe.n_gen + recipe.n_disc))
        found.append((state.params, state.carry, metrics))
    assert_close(found[1], found[0], rtol=1e-9, atol=1e-12)


STEPS = {
    "alternating": (lambda game, **of: steps.alternating(game, SGD, n_disc=2, **of), 3),
    "simultaneous": (lambda game, **of: steps.simultaneous(game, SGD, **of), 0),
    "extragradient": (lambda game, **of: steps.extragradient(game, SGD, **of), 0),
    "balanced": (
        lambda game, **of: steps.balanced(game, SGD, Pair(*2 * [lambda _: True]), **of), 2
    ),
}  # fmt: skip
BATCH_LOSSES = {
    "relativistic average": (terms.score_loss(losses.relativistic_average),),
    "lazy, joint": (LOSS, terms.lazy(terms.disc_penalty(2.0, penalties.dragan), 2)),
}


QUICK = (
    ("alternating", "lazy, joint"),
    ("alternating", "relativistic average"),
    ("extragradient", "lazy, joint"),
)


@pytest.mark.parametrize(
    ("name", "of"),
    [
        pytest.param(*both, marks=() if both in QUICK else pytest.mark.slow)
        for both in itertools.product(STEPS, BATCH_LOSSES)
    ],
)
def test_every_steps_argument(x64, name, of):
    """Also with losses that depend on the batch as a whole."""
    make_step, updates = STEPS[name]
    pair = plain_pair()._replace(gen=averaged(plain_pair().gen, 0.9))
    game = make_game(pair, *BATCH_LOSSES[of], prior=prior, joint=of == "lazy, joint")
    data = batches(updates) if updates else Batch(arrays(3, 8, 2))
    found = []
    for count in (None, 4):
        state, step = steps.init(pair, SGD, KEY), quick(make_step(game, accumulate=count))
        for _ in range(2):
            state, metrics = step(state, data)
        found.append((state.params, state.carry, metrics))
    assert_close(found[1], found[0], rtol=1e-9, atol=1e-12)


def test_the_unrolled_updates_are_those_of_the_whole_batch(x64):
    """With batches drawn anew as well, on which the generator is replayed."""
    plain = make_game(plain_pair(), LOSS, prior=prior)
    found = []
    for count in (None, 2):
        game = surrogates.unrolled(
            plain, SGD.disc, 2, resample=lambda key: Batch(jax.random.normal(key, (8, 2)))
        )
        step = quick(steps.alternating(game, SGD, accumulate=count))
        found.append(step(steps.init(plain_pair(), SGD, KEY), batches(2))[0].params)
    assert_close(found[1], found[0], rtol=1e-9, atol=1e-12)


def test_a_part_at_a_time_needs_the_memory_of_a_part():
    """Of first and second order: scores, their slope in x, and a look-ahead."""

    def memory(surrogate, count):
        pair = Pair(perceptron(3, 2), perceptron(2, 256, 256, 1))
        game = surrogate(
            make_game(
                pair, LOSS, terms.disc_penalty(1.0, penalties.r1), prior=prior, accumulate=count
            )
        )
        state = steps.init(pair, SGD, KEY)
        compiled = quick(steps.alternating(game, SGD)).lower(state, batches(2, 4096)).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    for surrogate in (lambda game: game, lambda game: surrogates.gradient_norm(game, 0.5)):
        assert memory(surrogate, 16) < 0.3 * memory(surrogate, 1)


def centred():
    """D(x) = x − E x, with the mean in its state, and how many batches it saw."""

    def apply(params, state, x, key, *, train=True):
        mean = jnp.mean(x, axis=0, keepdims=True)
        return (x - mean) @ params, (mean, state[1] + 1)

    return Player(lambda key: (jnp.ones(2), (jnp.zeros((1, 2)), jnp.int32(0))), apply)


def test_what_mixes_samples_sees_a_part(x64):
    """Statistics are the parts' own, their running mean is that of the batch, counts go by one."""
    x = arrays(0, 6, 2)
    player = centred()
    params, state = player.init(KEY)

    def network(state, x, key):
        return player.apply(params, state, x, key)

    got, (mean, count) = in_micro_batches(network, 3, state, x, KEY)
    parts = np.asarray(x).reshape(3, 2, 2)
    expected = (parts - parts.mean(axis=1, keepdims=True)).sum(axis=2).ravel()
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(mean[0], np.mean(x, axis=0), rtol=1e-12)
    assert count == 1 and count.dtype == jnp.int32


def test_each_part_draws_its_own():
    def network(state, x, key):
        return x + jax.random.normal(key, x.shape), state

    noise, _ = in_micro_batches(network, 2, (), jnp.zeros((4, 3)), KEY)
    assert len(np.unique(noise)) == 12


def test_what_is_refused():
    game = make_game(plain_pair(), LOSS, prior=prior)
    step = steps.simultaneous(game, SGD, accumulate=3)
    told = argument_refusal(
        lambda: step(steps.init(plain_pair(), SGD, KEY), Batch(jnp.ones((8, 2))))
    )
    assert told == "accumulate=3 does not divide a batch of 8"
    for make in (
        lambda: make_game(plain_pair(), LOSS, prior=prior, accumulate=0),
        lambda: steps.alternating(game, SGD, accumulate=0),
    ):
        assert "accumulate must be a whole number, 1 or more, got 0" in argument_refusal(make)
    told = argument_refusal(lambda: RunConfig(batch_size=64, accumulate=3))
    assert told == "accumulate must divide batch_size=64, got 3"


def test_between_two_steps_the_carry_is_as_it_was():
    step = steps.simultaneous(make_game(plain_pair(), LOSS, prior=prior), SGD, accumulate=2)
    start = steps.init(plain_pair(), SGD, KEY)
    end, _ = jax.eval_shape(step, start, Batch(jnp.ones((4, 2))))
    assert jax.tree.structure(end) == jax.tree.structure(start)
    assert isinstance(end.carry, Carry) and end.carry.accumulate is None
