"""A step in micro-batches is the step of the whole batch."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import arrays, assert_close, normed_pair, perceptron, plain_pair, prior, quick, refusal
from flax import nnx

from ganstab import Batch, Pair, Verdict, losses, networks, penalties, players, recipes
from ganstab import steps, surrogates, terms
from ganstab.game import make_game
from ganstab.players import from_nnx, instance_noise, packed
from ganstab.types import MicroBatches

KEY = jax.random.key(0)
SGD = Pair(optax.sgd(0.1), optax.sgd(0.3))
LOSS = terms.score_loss(losses.non_saturating)


def batches(updates, size=8):
    return Batch(arrays(3, updates, size, 2))


def double(players):
    """The same players from float64 parameters."""

    def init(player):
        def wide(key):
            return jax.tree.map(
                lambda x: x.astype(float) if jnp.issubdtype(x.dtype, jnp.floating) else x,
                player.init(key),
            )

        return wide

    return Pair(*(player._replace(init=init(player)) for player in players))


def ended(step, state, updates, size=8):
    step = quick(step)
    for _ in range(2):
        state, metrics = step(state, batches(updates, size))
    return (state.params, state.carry.state, state.carry.opt), metrics


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("name", recipes.by_name)
def test_a_recipe_in_micro_batches_is_the_recipe(x64, name, count):
    pair = double(plain_pair())
    if name == "pacgan":
        pair = pair._replace(disc=perceptron(4, 6, 1))
    found = []
    for accumulate in (1, count):
        recipe = dataclasses.replace(recipes.by_name[name](), accumulate=accumulate)
        built = recipe.build(pair, prior)
        found.append(ended(built.step, built.init(KEY), recipe.n_gen + recipe.n_disc))
    assert_close(found[1], found[0], rtol=1e-9, atol=1e-12)
