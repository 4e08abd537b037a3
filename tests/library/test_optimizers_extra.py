"""Optimizers that are given the loss, against updates by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import argument_refusal, assert_close, quick

from ganstab import Carry, Pair, TrainState, games, steps, surrogates

KEY = jax.random.key(0)
START = Pair(jnp.array([0.6, -0.3]), jnp.array([0.5, 0.2]))


def loss(disc, gen=START.gen):
    """The discriminator's: a bowl around the generator."""
    return 1.0 + jnp.sum(jnp.array([1.0, 3.0]) * (disc - gen) ** 2)


GAME = games.from_losses(lambda at: Pair(jnp.sum(at.disc**3), loss(at.disc, at.gen)))


def start(tx):
    opt = Pair(optax.sgd(0.0).init(START.gen), tx.init(START.disc))
    return TrainState(START, Carry(Pair((), ()), opt), jnp.int32(0), KEY)


def moved(step, tx):
    return quick(step(GAME, Pair(optax.sgd(0.0), tx)))(start(tx), None)[0].params.disc


def by_hand(tx, **extra):
    value, grad = jax.value_and_grad(loss)(START.disc)
    known = {"value": value, "grad": grad, "value_fn": loss}
    given = {name: known.get(name, extra.get(name)) for name in extra}
    return START.disc + tx.update(grad, tx.init(START.disc), START.disc, **given)[0]


def times_the_loss():
    """An update of −L∇L that takes nothing but what it asks for."""

    def update(grads, state, params=None, *, value):
        return jax.tree.map(lambda g: -value * g, grads), state

    return optax.GradientTransformationExtraArgs(lambda params: (), update)


def test_polyaks_step_is_the_loss_over_the_gradients_square():
    value, grad = jax.value_and_grad(loss)(START.disc)
    expected = START.disc - value / jnp.sum(grad**2) * grad
    tx = optax.polyak_sgd()
    for each in (tx, optax.chain(tx), optax.masked(tx, True), optax.MultiSteps(tx, 1)):
        np.testing.assert_allclose(moved(steps.simultaneous, each), expected, rtol=1e-5)


WANTING = {
    "line search": (optax.lbfgs(), {"value": 0, "grad": 0, "value_fn": 0}),
    "backtracking": (
        optax.chain(optax.sgd(1.0), optax.scale_by_backtracking_linesearch(10)),
        {"value": 0, "grad": 0, "value_fn": 0},
    ),
    "momo": (optax.contrib.momo(), {"value": 0}),
    "sharpness": (
        optax.contrib.sam(optax.sgd(0.1), optax.sgd(0.2), opaque_mode=True),
        {"grad_fn": lambda at, _: jax.grad(loss)(at)},
    ),
    "sophia": (optax.contrib.sophia(0.1), {"obj_fn": loss}),
}


@pytest.mark.parametrize("name", WANTING)
def test_each_is_given_what_it_asks_for(name):
    tx, extra = WANTING[name]
    got = moved(steps.simultaneous, tx)
    np.testing.assert_allclose(got, by_hand(tx, **extra), rtol=1e-5)
    assert not np.allclose(got, START.disc)


def test_a_plateau_ends_the_large_steps():
    tx = optax.chain(
        optax.sgd(1e-3), optax.contrib.reduce_on_plateau(factor=0.5, patience=1, rtol=0.9)
    )
    step = quick(steps.simultaneous(GAME, Pair(optax.sgd(0.0), tx)))
    state, sizes = start(tx), []
    for _ in range(4):
        state, _ = step(state, None)
        sizes.append(float(state.carry.opt.disc[1].scale))
    assert sizes[0] == 1 and sizes[-1] < 1


def test_the_loss_in_an_unrolled_update_is_differentiated():
    tx = times_the_loss()
    ahead = surrogates.unrolled(GAME, tx, 1)

    def got(gen):
        at = start(tx)
        return ahead(Pair(gen, START.disc), at.carry, None, KEY)[0].gen

    def expected(gen):
        value, grad = jax.value_and_grad(loss)(START.disc, gen)
        return jnp.sum((START.disc - value * grad) ** 3)

    assert_close(*(quick(jax.value_and_grad(f))(START.gen) for f in (got, expected)), rtol=1e-5)


def test_a_best_response_is_sought_with_the_loss():
    response = surrogates.best_response(GAME, optax.lbfgs(), 10)
    state = start(optax.lbfgs())
    slope = quick(
        jax.grad(lambda gen: response(Pair(gen, START.disc), state.carry, None, KEY)[0].gen)
    )
    np.testing.assert_allclose(slope(START.gen), 3 * START.gen**2, rtol=1e-3)


def unheard():
    def update(grads, state, params=None, *, temperature, **_):
        return grads, state

    return optax.GradientTransformationExtraArgs(lambda params: (), update)


def test_what_a_step_does_not_know_is_refused_by_name():
    assert "unheard" in argument_refusal(lambda: moved(steps.simultaneous, unheard()))
    words = argument_refusal(
        lambda: moved(steps.simultaneous, optax.lookahead(optax.sgd(0.1), 5, 0.5))
    )
    assert "optax.lookahead" in words and "fast" in words
    words = argument_refusal(lambda: moved(steps.extragradient, optax.lbfgs()))
    assert "the disc's optimizer evaluates the loss" in words
    tx = optax.lbfgs()
    ahead = surrogates.unrolled(GAME, tx, 1)
    words = argument_refusal(lambda: ahead(START, start(tx).carry, None, KEY))
    assert "scale_by_zoom_linesearch" in words and "second_order=False" in words
