"""The optimizers that an unroll refuses: those without a finite derivative at a gradient of 0."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import batch, plain_pair, prior

from ganstab import Pair, losses, optimizers, steps, terms
from ganstab.game import make_game
from ganstab.surrogates import unrolled
from ganstab.surrogates.probe import check_differentiable

KEY = jax.random.key(0)
WITHOUT_DERIVATIVE = {
    "optax.scale_by_adam": optax.adam(0.1),
    "optax.scale_by_amsgrad": optax.amsgrad(0.1),
    "optax.scale_by_trust_ratio": optax.lamb(0.1),
    "optax.adaptive_grad_clip": optax.adaptive_grad_clip(0.1),
    "optax.clip_by_global_norm + ganstab.scale_by_adam": optax.chain(
        optax.clip_by_global_norm(1.0), optimizers.adam(optax.linear_schedule(0.1, 0.01, 5))
    ),
}
ODD_SHAPES = [{"w": np.ones((7, 9)), "b": np.ones(9)}] * 2


def with_parts(tx):
    """A transform of the weights alone, by the structure of a perceptron's layers."""
    parts = {"w": tx, "b": optax.sgd(0.1)}
    return optax.partition(parts, lambda params: [{name: name for name in at} for at in params])


@pytest.mark.parametrize("named", WITHOUT_DERIVATIVE)
def test_an_optimizer_without_a_derivative_is_refused_by_name(named):
    tx, pair = WITHOUT_DERIVATIVE[named], plain_pair()
    state = steps.init(pair, Pair(optax.sgd(0.1), tx), KEY)
    game = make_game(pair, terms.score_loss(losses.hinge), prior=prior)

    def evaluated(**options):
        ahead = unrolled(game, tx, 1, **options)
        return jax.eval_shape(ahead.__call__, state.params, state.carry, batch(0, 4), KEY)

    words = f"{re.escape(named)}.*not finite.*ganstab.optimizers.adam.*second_order=False"
    with pytest.raises(ValueError, match=words):
        evaluated()
    evaluated(second_order=False)


@pytest.mark.parametrize(
    "tx",
    [
        optax.chain(optax.clip(1.0), optimizers.adam(optax.cosine_decay_schedule(0.1, 5))),
        optax.adam(0.1, eps_root=1e-8),
        with_parts(optimizers.adam(0.1)),
        optax.masked(optax.add_decayed_weights(0.1), [{"w": True, "b": False}] * 2),
        optax.stateless(
            lambda updates, params: jax.tree.map(jnp.matmul, updates, ODD_SHAPES)
        ),
    ],
)  # fmt: skip
def test_an_optimizer_with_one_or_that_cannot_be_tried_is_not_refused(tx):
    params, _ = plain_pair().disc.init(KEY)
    check_differentiable(tx, params)
    jax.jit(lambda params: check_differentiable(tx, params))(params)


def test_a_part_without_a_derivative_is_refused_too():
    params, _ = plain_pair().disc.init(KEY)
    with pytest.raises(ValueError, match=r"optax\.partition is not finite"):
        jax.jit(lambda params: check_differentiable(with_parts(optax.adam(0.1)), params))(params)


def test_an_optimizer_is_tried_once():
    params, _ = plain_pair().disc.init(KEY)
    tries = []
    plain = optimizers.adam(0.1)
    counted = plain._replace(init=lambda params: tries.append(1) or plain.init(params))
    for _ in range(3):
        jax.jit(lambda params: check_differentiable(counted, params))(params)
    assert len(tries) == 1
