"""Each recipe against the same training composed by hand, with the published numbers spelt out."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import (
    assert_close,
    assert_equal,
    batch,
    normed_pair,
    perceptron,
    plain_pair,
    prior,
    quick,
    refusal,
)

from ganstab import Pair, losses, optimizers, penalties, recipes, steps, surrogates
from ganstab.game import make_game
from ganstab.players import packed, spectral_norm
from ganstab.players.ema import averaged
from ganstab.terms import disc_penalty, lazy, score_loss

KEY = jax.random.key(0)


def both(tx):
    return Pair(tx, tx)


def adam(rate, b1, b2=0.999):
    return optimizers.adam(rate, b1=b1, b2=b2)


def torch_rmsprop(rate):
    return optax.rmsprop(rate, decay=0.99, eps=1e-8, eps_in_sqrt=False)


def hand(loss, txs, *added, wrap=lambda pair: pair, around=lambda game: game, n_gen=1, n_disc=1):
    """Players, game and step of public pieces alone."""
    players = wrap(plain_pair())
    game = around(make_game(players, score_loss(loss), *added, prior=prior))
    return players, txs, steps.alternating(game, txs, n_gen=n_gen, n_disc=n_disc)


def unrolled_by_hand(steps, loss=losses.non_saturating, rates=(1e-4, 2e-4), n_gen=1, **options):
    txs = Pair(adam(rates[0], 0.5), adam(rates[1], 0.5))
    ahead = functools.partial(surrogates.unrolled, tx=txs.disc, steps=steps, **options)
    return hand(loss, txs, around=ahead, n_gen=n_gen)


def wide_pair():
    return Pair(plain_pair().gen, perceptron(4, 6, 1))


def r3gan_by_hand(gamma=2.0, steps=78_125, half_life=500_000 / 256):
    def cosine(t):
        return 0.5 * (1 + jnp.cos(jnp.pi * jnp.minimum(t, steps) / steps))

    def decay(t):
        h = half_life * (1 - cosine(t))
        return jnp.where(t == 0, 0.0, 0.5 ** (1 / jnp.where(t == 0, 1.0, h)))

    return hand(
        losses.relativistic_paired,
        both(adam(lambda t: 5e-5 + 1.5e-4 * cosine(t), 0.0, 0.99)),
        *(disc_penalty(gamma / 2, penalty) for penalty in (penalties.r1, penalties.r2)),
        wrap=lambda pair: Pair(averaged(pair.gen, decay), pair.disc),
    )


def spectral(pair):
    return Pair(pair.gen, spectral_norm(pair.disc))


GAMMA = optax.linear_schedule(1e-2, 1e-3, 3)
BY_HAND = {
    "dcgan": lambda: hand(losses.non_saturating, both(adam(2e-4, 0.5))),
    "lsgan": lambda: hand(losses.least_squares, both(adam(2e-4, 0.5))),
    "sngan": lambda: hand(losses.hinge, both(adam(2e-4, 0.0, 0.9)), wrap=spectral, n_disc=5),
    "pacgan": lambda: hand(
        losses.non_saturating,
        both(adam(2e-4, 0.5)),
        wrap=lambda _: Pair(plain_pair().gen, packed(wide_pair().disc, 2)),
        n_gen=2,
    ),
    "wgan": lambda: hand(
        losses.wasserstein,
        Pair(
            torch_rmsprop(5e-5),
            optax.chain(torch_rmsprop(5e-5), optimizers.clip_weights(0.01)),
        ),
        n_disc=5,
    ),
    "wgan_gp": lambda: hand(
        losses.wasserstein,
        both(adam(1e-4, 0.0, 0.9)),
        disc_penalty(10.0, penalties.wgan_gp),
        n_disc=5,
    ),
    "dragan": lambda: hand(
        losses.non_saturating, both(adam(1e-4, 0.5, 0.9)), disc_penalty(10.0, penalties.dragan)
    ),
    "r1": lambda: hand(
        losses.non_saturating,
        both(torch_rmsprop(1e-4)),
        disc_penalty(5.0, penalties.r1),
        wrap=lambda pair: Pair(averaged(pair.gen, 0.999), pair.disc),
    ),
    "r3gan": r3gan_by_hand,
    "unrolled": lambda: unrolled_by_hand(5),
    "gradient_norm": lambda: hand(
        losses.minimax,
        both(adam(1e-4, 0.5)),
        around=lambda game: surrogates.gradient_norm(game, 0.5),
    ),
}


def trained(players, txs, step, updates):
    """The state and metrics after three steps, on other data each."""
    state, step = steps.init(players, txs, KEY), quick(step)
    for seed in range(3):
        state, metrics = step(state, batch(seed, updates, 8))
    return state, metrics


def trained_as_built(recipe):
    built = recipe.build(wide_pair() if recipe.name == "pacgan" else plain_pair(), prior)
    assert_equal(built.init(KEY), steps.init(built.players, built.txs, KEY))
    return trained(built.players, built.txs, built.step, recipe.n_gen + recipe.n_disc)


@pytest.mark.parametrize("name", BY_HAND)
def test_a_recipe_is_what_its_paper_says(name):
    recipe = recipes.by_name[name]()
    assert recipe.name == name and "arXiv:" in recipe.source
    expected = trained(*BY_HAND[name](), recipe.n_gen + recipe.n_disc)
    got = trained_as_built(recipe)
    if name == "r3gan":  # whose cosines are rounded otherwise by hand
        assert_same_but_for_rounding(got[0], expected[0])
    else:
        assert_equal(got, expected)


def assert_same_but_for_rounding(got, expected):
    assert_close((got.params, got.carry), (expected.params, expected.carry), rtol=1e-5, atol=1e-7)


def test_consensus_moves_both_at_once_each_on_its_own_batch():
    recipe = recipes.consensus()
    tx = optax.rmsprop(1e-4, decay=0.9, eps=1e-10, initial_scale=1.0)
    game = make_game(plain_pair(), score_loss(losses.non_saturating), prior=prior)
    step = steps.simultaneous(surrogates.consensus(game, 10.0), both(tx))

    def by_hand(state, batches):
        of_gen, of_disc = (
            step(state, jax.tree.map(lambda x, i=i: x[i], batches))[0] for i in (0, 1)
        )
        opt, params = (
            Pair(pick(of_gen).gen, pick(of_disc).disc)
            for pick in (lambda new: new.carry.opt, lambda new: new.params)
        )
        carry = state.carry._replace(opt=opt)
        return state._replace(params=params, carry=carry, step=state.step + 1), {}

    got, metrics = trained_as_built(recipe)
    assert_same_but_for_rounding(got, trained(plain_pair(), both(tx), by_hand, 2)[0])
    assert {"gen/consensus", "disc/consensus", "gen/loss", "disc/loss"} <= {*metrics}


CHOICES = {
    "unrolled, minimax, first order, twice": (
        recipes.unrolled(
            2, loss=losses.minimax, gen_learning_rate=1e-3, disc_learning_rate=3e-3,
            second_order=False, average=True, live=False, n_gen=2,
        ),
        lambda: unrolled_by_hand(
            2, losses.minimax, (1e-3, 3e-3), n_gen=2, second_order=False, average=True, live=False
        ),
    ),
    "unrolled by nothing": (
        recipes.unrolled(0),
        lambda: hand(losses.non_saturating, Pair(adam(1e-4, 0.5), adam(2e-4, 0.5))),
    ),
    "one-sided wgan-gp": (
        recipes.wgan_gp(weight=0.1, one_sided=True, b1=0.5, n_disc=2),
        lambda: hand(
            losses.wasserstein, both(adam(1e-4, 0.5, 0.9)),
            disc_penalty(0.1, functools.partial(penalties.wgan_gp, one_sided=True)), n_disc=2,
        ),
    ),
    "lazy r1 with schedules": (
        recipes.r1(gamma=GAMMA, learning_rate=GAMMA, every=2, ema_decay=0.9),
        lambda: hand(
            losses.non_saturating, both(torch_rmsprop(GAMMA)),
            lazy(disc_penalty(lambda step: GAMMA(step) / 2, penalties.r1), 2),
            wrap=lambda pair: Pair(averaged(pair.gen, 0.9), pair.disc),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("choice", CHOICES)
def test_hyperparameters_reach_their_places(choice):
    recipe, by_hand = CHOICES[choice]
    got = trained_as_built(recipe)
    assert_equal(got, trained(*by_hand(), recipe.n_gen + recipe.n_disc))


@pytest.mark.parametrize("length", [2, 5])
def test_r3gans_cosines_end_where_it_is_told(length):
    recipe = recipes.r3gan(gamma=1.0, decay_steps=length, ema_half_life=3.0)
    by_hand = r3gan_by_hand(1.0, steps=length, half_life=3.0)
    got, expected = trained_as_built(recipe)[0], trained(*by_hand, 2)[0]
    assert_same_but_for_rounding(got, expected)


def test_r3gan_has_the_schedules_it_is_given():
    constant = optax.constant_schedule
    recipe = recipes.r3gan(gamma=constant(1.0), learning_rate=constant(1e-3), ema_half_life=0.0)
    built = recipe.build(plain_pair(), prior)
    state = built.init(KEY)
    new, metrics = quick(built.step)(state, batch(0, 2, 8))
    slope = optax.tree.norm(optax.tree.sub(new.params.gen, state.params.gen))
    # Adam's first step is the rate for every parameter with a gradient.
    np.testing.assert_allclose(slope, 1e-3 * optax.tree.size(state.params.gen) ** 0.5, rtol=1e-3)
    assert_equal(new.carry.state.gen.params, state.params.gen)
    assert metrics["disc/r1"] > 0 and metrics["disc/r2"] > 0


def test_make_step_makes_the_same_step_of_another_game():
    recipe = recipes.wgan_gp(n_disc=2)
    built, plain = (
        each.build(plain_pair(), prior)
        for each in (recipe, dataclasses.replace(recipe, terms=recipe.terms[:1]))
    )
    state, data = built.init(KEY), batch(0, 3, 8)
    assert_equal(*(quick(step)(state, data) for step in (built.make_step(plain.game), plain.step)))


def test_joint_and_conditional_reach_the_game():
    recipe = dataclasses.replace(recipes.dcgan(), conditional=True)
    built = recipe.build(plain_pair(), prior)
    with pytest.raises(ValueError, match="conditional game needs batches with a label"):
        built.step(built.init(KEY), batch(0, 2, 8))
    for joint in (False, True):
        built = recipes.unrolled(2, joint=joint).build(normed_pair(), prior)
        game = make_game(normed_pair(), score_loss(losses.non_saturating), prior=prior, joint=joint)
        state, data = built.init(KEY), batch(0, 8)
        got, expected = (
            quick(each.__call__)(state.params, state.carry, data, KEY)[0].disc
            for each in (built.game, game)
        )
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_an_unknown_name_is_refused_with_those_there_are():
    assert refusal(lambda: recipes.by_name["biggan"]).startswith(
        "there is no recipe 'biggan'; there are dcgan, lsgan, "
    )
    assert {*recipes.by_name} == {*BY_HAND, "consensus"} <= {*recipes.__all__}
    assert all(recipes.by_name[name] is getattr(recipes, name) for name in recipes.by_name)
