"""Which player and term a failed step is blamed on."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ganstab import (
    Aux,
    Batch,
    Carry,
    Game,
    Pair,
    Player,
    TrainState,
    losses,
    steps,
    surrogates,
    terms,
)
from ganstab.game import make_game
from ganstab.nan_blame import blame, first_fault, term_gradients


@pytest.mark.parametrize(
    "bad, told",
    [
        ({"disc/loss", "disc/wgan_gp", "disc/grad_norm"}, "wgan_gp in the discriminator's loss"),
        ({"gen/grad_norm", "disc/hinge"}, "the gradient of hinge, generator"),
        ({"disc/grad_norm"}, "the gradient of hinge + wgan_gp, discriminator"),
        ({"disc/fake_score", "disc/hinge", "disc/loss"}, "hinge in the discriminator's loss"),
    ],
)
def test_first_fault_follows_the_order_of_a_step(bad, told):
    names = ["gen/hinge", "gen/loss", "gen/grad_norm", "disc/hinge", "disc/wgan_gp", "disc/loss"]
    names += ["disc/grad_norm", "disc/fake_score"]
    metrics = {name: np.array([1.0, np.nan if name in bad else 1.0]) for name in names}
    assert str(first_fault(metrics)) == told


def sharp(player):
    """A term that is 0 with an infinite slope at 0, where that player's parameter starts."""

    def root(round):
        return Pair(**{player: jnp.sqrt(jnp.abs(getattr(round.params, player)))}, **{
            other: jnp.zeros(()) for other in Pair._fields if other != player
        })  # fmt: skip

    return root


def flat(round):
    return Pair(round.params.gen**2, round.params.disc**2)


@pytest.mark.parametrize(("player", "unroll"), [("gen", 2), ("disc", 0)])
def test_blame_names_the_one_term_whose_gradient_is_not_finite(player, unroll):
    scalar = Player(lambda key: (jnp.zeros(()), ()), lambda p, s, x, key, *, train=True: (p + x, s))
    first_coordinate = scalar._replace(
        apply=lambda p, s, x, key, *, train=True: (p + x[:, 0], s)
    )  # the critic's scores
    txs = Pair(optax.sgd(0.1), optax.sgd(0.1))
    parts = terms.score_loss(losses.wasserstein), sharp(player), flat
    game = make_game(
        Pair(scalar, first_coordinate), *parts, prior=lambda key, n: jax.random.normal(key, (n, 2))
    )
    game = surrogates.unrolled(game, txs.disc, unroll)
    make_step = functools.partial(steps.alternating, txs=txs)
    batches = Batch(jnp.ones((2, 4, 2)))
    state = steps.init(Pair(scalar, first_coordinate), txs, jax.random.key(0))
    _, metrics = make_step(game)(state, batches)
    fault = first_fault({name: np.asarray(value)[None] for name, value in metrics.items()})
    assert (fault.player, fault.what, len(fault.terms)) == (player, "grad_norm", 3)
    found = blame(fault, make_step, game, state, batches)
    assert found.terms == ("root",)
    assert str(found).startswith("the gradient of root, ")


def test_term_gradients_are_those_of_each_term_alone():
    game = Game(
        lambda params, carry, batch, key: (None, carry.state.gen),
        lambda params, carry, batch, fake, key: (
            Pair(3 * params.gen + params.gen**2, params.disc),
            Aux(carry.state, {"gen/a": 3 * params.gen, "gen/b": params.gen**2}),
        ),
    )
    txs = Pair(optax.sgd(0.1), optax.sgd(0.1))
    opt = Pair(*(tx.init(jnp.ones(())) for tx in txs))
    state = TrainState(
        Pair(jnp.asarray(0.25), jnp.ones(())), Carry(Pair((), ()), opt), jnp.zeros((), int),
        jax.random.key(0),
    )  # fmt: skip
    make_step = functools.partial(steps.simultaneous, txs=txs)
    norms = term_gradients("gen", ("a", "b"), make_step, game, state, None)
    assert norms == {"a": 3.0, "b": 0.5}
