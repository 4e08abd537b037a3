"""MNIST from coarse to fine: the levels are those of `ganstab.stages`; what a run leaves."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import arrays, assert_equal, plain_pair, quick
from short_runs import FEW, drawn, trained

from experiments import growing_mnist as program
from experiments.growing_mnist import lapgan, networks, progressive
from ganstab import Batch, Carry, Pair, losses, steps, terms
from ganstab.game import make_game
from ganstab.stages import growing
from ganstab.training import samples

CONFIG = program.GrowingMnist(**{**FEW, "batch_size": 4}, width=1, stage_steps=1)
KEY = jax.random.key(0)


@pytest.mark.slow
@pytest.mark.parametrize("method", program.METHODS)
def test_a_run_shows_its_levels_and_measures_digits(tmp_path, method):
    config = dataclasses.replace(CONFIG, method=method)
    results = trained(program.build, config, tmp_path / "run")["results"]
    assert 1 <= results["modes"]["mean"] <= 10 == results["modes"]["ideal"]
    assert results["kl"]["mean"] > 0 and results["swd"]["mean"] > 0
    assert {"training.png", "curves.png", "modes.png"} <= drawn(tmp_path / "run")
    kept = samples.read_samples(tmp_path / "run")
    names = {"side_7", "side_14", "samples"} if method == "lapgan" else {"samples"}
    assert sorted(kept) == [0, 2] and kept[2].keys() == names
    for name, image in kept[2].items():
        assert image.shape == (64, 28, 28, 1)
        side = {"side_7": 4, "side_14": 2}.get(name, 1)
        assert np.array_equal(image, image[:, ::side, ::side].repeat(side, 1).repeat(side, 2))
    assert "LapGAN" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize("method", program.METHODS)
def test_a_step_keeps_the_states_shape_and_has_every_levels_numbers(method):
    made = program.build(dataclasses.replace(CONFIG, method=method))
    trainable = made.recipe.build(made.players, made.prior)
    state = jax.eval_shape(trainable.init, KEY)
    batches = Batch(jax.ShapeDtypeStruct((2, 4, 28, 28, 1), jnp.float32))
    after, metrics = jax.eval_shape(trainable.step, state, batches)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), after) == jax.tree.map(
        lambda x: (x.shape, x.dtype), state
    )
    sides = [f"_{side}" for side in networks.SIDES] if method == "lapgan" else [""]
    assert {f"disc/real_score{side}" for side in sides} <= metrics.keys()


def test_a_smaller_network_is_played_on_its_part_of_the_largest():
    levels = networks.growing_levels(1)
    params, state = quick(levels[-1].gen.init)(KEY)
    own = progressive_generator(levels=1)
    found, _ = quick(levels[0].gen.apply)(params, state, (arrays(0, 3, 64), 1.0), KEY)
    part = networks.part(params, jax.eval_shape(own.init, KEY)[0])
    expected, _ = quick(own.apply)(part, (), (arrays(0, 3, 64), 1.0), KEY)
    np.testing.assert_array_equal(found, expected)
    assert found.shape == (3, 7, 7, 1)


def progressive_generator(levels):
    from ganstab.networks import progressive as made
    from ganstab.players import from_nnx

    widths = [4, 2, 1][:levels]
    return from_nnx(lambda rngs: made.Generator(64, widths, channels=1, side=7, rngs=rngs))


def test_the_game_is_that_of_the_steps_level():
    """Each level's game is marked by its own loss; fades are 2 steps, and so is what follows."""

    class Stage:
        def __init__(self, level):
            self.game_at = lambda step: make_game(
                plain_pair(), terms.score_loss(losses.wasserstein, weight=10.0**level), prior=3
            )

    growth = growing.Growth([1, 1, 1], fade=2, stable=2)
    game = progressive.at_its_level([Stage(level) for level in range(3)], growth)
    state = steps.init(plain_pair(), Pair(optax.sgd(0.1), optax.sgd(0.1)), KEY)
    nothing = Carry(Pair((), ()), Pair((), ()))

    def loss(step):
        at = nothing._replace(step=step)
        return game(state.params, at, Batch(arrays(1, 4, 2)), KEY)[0].disc

    found = np.asarray(quick(jax.vmap(loss))(jnp.arange(9)))
    np.testing.assert_allclose(found / found[0], [1, 1, 10, 10, 10, 10, 100, 100, 100], rtol=1e-4)


def test_adam_begins_anew_at_each_level():
    tx, plain = progressive.restarted(optax.adam(0.1), (2,)), optax.adam(0.1)
    params, gradients = jnp.zeros(2), arrays(0, 4, 2)

    def run(tx, gradients):
        state, seen = tx.init(params), []
        for gradient in gradients:
            update, state = tx.update(gradient, state, params)
            seen.append(np.asarray(update))
        return seen

    expected = [*run(plain, gradients[:2]), *run(plain, gradients[2:])]
    np.testing.assert_allclose(run(tx, gradients), expected, rtol=1e-6)


def test_lapgans_step_is_that_of_each_level_alone():
    games = [
        make_game(plain_pair(), terms.score_loss(losses.wasserstein, weight=w), prior=3)
        for w in (1.0, 2.0, 3.0)
    ]
    game = lapgan.side_by_side(games)
    keys = jax.random.split(KEY, 3)
    own = [steps.init(plain_pair(), Pair(optax.sgd(0.1), optax.sgd(0.1)), key) for key in keys]
    params = Pair(*([state.params.of(name) for state in own] for name in ("gen", "disc")))
    carry = Carry(Pair([()] * 3, [()] * 3), Pair((), ()))
    batch = Batch(arrays(1, 4, 2))
    gradient = quick(jax.grad(lambda p: game(p, carry, batch, KEY)[0].gen))(params)
    for level, alone in enumerate(games):
        at, key = Carry(Pair((), ()), Pair((), ())), jax.random.fold_in(KEY, level)

        def loss(params, alone=alone, at=at, key=key):
            return alone(params, at, batch, key)[0].gen

        single = quick(jax.grad(loss))(own[level].params)
        for name in ("gen", "disc"):
            assert_equal(gradient.of(name)[level], single.of(name))


def test_a_table_shows_the_finest_level():
    first, *others = program.GrowingMnist(method="lapgan").views()
    assert first.label == "28 × 28" and len(others) == 2
