"""Every technique × every invariant. The next technique is one row of `CATALOGUE`.

A row says how a small game is made and trained; the invariants hold for one training step of it:
compiled or not, mapped over seeds, the batch in any order, in other precisions, where all gradients
are zero, and on eight devices.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import all_finite, arrays, assert_close, perceptron, quick
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from ganstab import (
    Batch,
    Pair,
    Verdict,
    losses,
    moves,
    optimizers,
    penalties,
    steps,
    surrogates,
    terms,
)
from ganstab.averaging import averaged
from ganstab.game import make_game
from ganstab.players import ensemble, instance_noise, multiplied, spectral_norm

SGD = optax.sgd(0.1)
ADAM = optimizers.adam(0.01, b1=0.5)


class Row(NamedTuple):
    """One technique in a game that is otherwise plain."""

    terms: tuple = (terms.score_loss(losses.non_saturating),)
    players: Callable = lambda pair: pair
    surrogate: Callable = lambda game: game
    txs: Pair = Pair(SGD, SGD)
    make_step: Callable = steps.simultaneous
    joint: bool = False
    draws: bool = False  # whether its loss draws numbers of its own for each sample


def loss(fn, **options):
    return Row(terms=(terms.score_loss(functools.partial(fn, **options)),))


def penalty(fn, draws=False, **options):
    return Row(terms=(terms.disc_penalty(2.0, functools.partial(fn, **options)),), draws=draws)


def unrolled(tx=SGD, **options):
    return Row(
        surrogate=lambda game: surrogates.unrolled(game, tx, 2, **options), txs=Pair(SGD, tx)
    )


def critic(wrap, *critics_terms, **options):
    """A row with another critic, whose terms join the plain ones."""
    all_terms = (*Row().terms, *critics_terms)
    return Row(terms=all_terms, players=lambda pair: Pair(pair.gen, wrap(pair.disc)), **options)


def talkative(player):
    """Beside its scores, the critic's hidden layer and a part of it as class logits."""

    def apply(params, state, x, key, *, train=True):
        hidden = jnp.tanh(x @ params[0]["w"])
        score, state = player.apply(params, state, x, key, train=train)
        return Verdict(score, features=hidden, class_logits=hidden[:, :3]), state

    return player._replace(apply=apply)


def wrapped(player):
    return instance_noise(ensemble(spectral_norm(player), 2), optax.linear_schedule(0.5, 0.1, 4))


def surrogate(wrap, **options):
    return Row(surrogate=wrap, **options)


def alternating(game, txs):
    """Alternating updates on one batch, shown twice."""
    return shown(2, steps.alternating(game, txs))


def balanced(game, txs):
    """One generator update, and one or two of the discriminator by its loss."""
    again = Pair(lambda metrics: metrics["gen/loss"] > 9, lambda metrics: metrics["disc/loss"] > 0)
    return shown(3, moves.balanced(game, txs, again, n_disc=2))


def shown(count, step):
    return lambda start, batch: step(
        start, jax.tree.map(lambda leaf: jnp.stack([leaf] * count), batch)
    )


BOUND = optax.chain(
    optimizers.historical_averaging(0.5), optimizers.optimistic(ADAM), optimizers.clip_weights(2.0)
)
KEEPING = optax.chain(SGD, optimizers.snapshots(2))


CATALOGUE = {
    "minimax": loss(losses.minimax),
    "non-saturating": loss(losses.non_saturating),
    "non-saturating, smoothed": loss(losses.non_saturating, label_smoothing=0.1),
    "wasserstein": loss(losses.wasserstein),
    "least squares": loss(losses.least_squares),
    "hinge": loss(losses.hinge),
    "relativistic average": loss(losses.relativistic_average),
    "ebgan": loss(losses.ebgan),
    "fisher": critic(
        multiplied, terms.fisher(0.3), txs=Pair(SGD, optimizers.multiplier_ascent(SGD, 0.3))
    ),
    "features and classes": critic(
        talkative,
        terms.feature_matching(zero_sum=True),
        terms.pull_away(),
        terms.auxiliary_classifier(),
    ),
    "drift": Row(terms=(terms.score_loss(losses.wasserstein), terms.drift(0.1))),
    "wgan-gp": penalty(penalties.wgan_gp, draws=True),
    "wgan-gp, one-sided": penalty(penalties.wgan_gp, draws=True, one_sided=True, target=0.3),
    "dragan": penalty(penalties.dragan, draws=True),
    "dragan of the paper": penalty(penalties.dragan_paper, draws=True, variance=0.1),
    "js regularizer": penalty(penalties.js_regularizer),
    "r1": penalty(penalties.r1),
    "r2": penalty(penalties.r2),
    "real and fake in one batch": Row(joint=True),
    "noise on an ensemble of spectral norms": critic(wrapped, draws=True),
    "unrolled": unrolled(ADAM),
    "unrolled, first order": unrolled(second_order=False),
    "unrolled, generator, average": unrolled(player="gen", average=True),
    "adam": Row(txs=Pair(ADAM, ADAM)),
    "alternating": Row(make_step=alternating),
    "best response": surrogate(lambda game: surrogates.best_response(game, SGD, 2, damping=1.0)),
    "consensus": surrogate(lambda game: surrogates.consensus(game, 0.5)),
    "gradient norm": surrogate(lambda game: surrogates.gradient_norm(game, 0.5)),
    "symplectic adjustment": surrogate(surrogates.symplectic_adjustment),
    "smoothed": surrogate(lambda game: surrogates.smoothed(game, 0.1, 2)),
    "snapshot ensemble": surrogate(surrogates.snapshot_ensemble, txs=Pair(SGD, KEEPING)),
    "averaged generator, extragradient": Row(
        players=lambda pair: pair._replace(gen=averaged(pair.gen, 0.9)),
        make_step=moves.extragradient,
    ),
    "historical, optimistic, clipped, balanced": Row(txs=Pair(BOUND, BOUND), make_step=balanced),
}


PLAIN = Pair(perceptron(3, 2), perceptron(2, 4, 1))
BATCH = 8
DATA = Batch(arrays(2, BATCH, 2), label=jnp.arange(BATCH) % 3), arrays(0, BATCH, 3)
ORDER = np.random.default_rng(3).permutation(BATCH)
SHUFFLED = jax.tree.map(lambda leaf: leaf[ORDER], DATA)


@functools.cache
def pair_of(name):
    return CATALOGUE[name].players(PLAIN)


def game_of(name, latent):
    """The row's game, on latent numbers that do not depend on the key."""
    row = CATALOGUE[name]
    game = make_game(pair_of(name), *row.terms, joint=row.joint, prior=lambda key, n: latent)
    return row.surrogate(game)


def step(name, start, data):
    """What one training step of the row changes, random key aside."""
    row, (batch, latent) = CATALOGUE[name], data
    state, metrics = row.make_step(game_of(name, latent), row.txs)(start, batch)
    return state.params, state.carry, metrics


@functools.cache
def start_of(name, seed=1):
    return steps.init(pair_of(name), CATALOGUE[name].txs, jax.random.key(seed))


@functools.cache
def compiled(name, frozen=False):
    """The jitted step; `frozen` tells apart the one that is traced while all draws are equal."""
    del frozen
    return quick(functools.partial(step, name))


@pytest.fixture(params=CATALOGUE)
def name(request):
    return request.param


@pytest.fixture
def frozen(monkeypatch, name):
    """Draws for each sample would stay in place while the samples move: make them all equal."""
    for seed in (1, 5):
        start_of(name, seed)

    def constant(key, shape=(), dtype=float):
        return jnp.full(shape, 0.3, dtype)

    monkeypatch.setattr(jax.random, "uniform", constant)
    monkeypatch.setattr(jax.random, "normal", constant)


def test_moves_and_is_the_same_compiled_or_not(name):
    start, (batch, latent) = start_of(name), DATA
    params, _, metrics = compiled(name)(start, DATA)
    for place, player in enumerate(Pair._fields):
        moved = optax.tree.norm(optax.tree.sub(params[place], start.params[place]))
        assert (moved > 0) == (metrics[f"{player}/grad_norm"] > 0)
    if CATALOGUE[name].make_step is steps.simultaneous:
        key = jax.random.fold_in(start.key, start.step)
        losses, _ = game_of(name, latent)(start.params, start.carry, batch, key)
        np.testing.assert_allclose(
            losses, (metrics["gen/loss"], metrics["disc/loss"]), rtol=1e-4, atol=1e-6
        )


def test_mapped_over_seeds_and_batches_in_any_order(name, frozen):
    expected = compiled(name, frozen=CATALOGUE[name].draws)(start_of(name), DATA)
    starts = [start_of(name, seed) for seed in (5, 1, 1)]
    stacked = [
        jax.tree.map(lambda *leaves: jnp.stack(leaves), *cases)
        for cases in (starts, [DATA, DATA, SHUFFLED])
    ]
    got = quick(jax.vmap(functools.partial(step, name)))(*stacked)
    other, same, shuffled = (jax.tree.map(lambda leaf, i=i: leaf[i], got) for i in range(3))
    assert_close(same, expected, rtol=1e-4, atol=1e-6)
    assert_close(shuffled, expected, rtol=1e-4, atol=1e-6)
    assert not np.allclose(other[2]["disc/loss"], same[2]["disc/loss"], rtol=1e-4)


def cast(tree, dtype):
    return jax.tree.map(
        lambda leaf: leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf, tree
    )


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.bfloat16, jnp.float16])
def test_dtype(name, dtype):
    with jax.enable_x64(dtype == jnp.float64):
        start = cast(start_of(name), dtype)
        params, carry, metrics = jax.eval_shape(
            functools.partial(step, name), start, cast(DATA, dtype)
        )
    kinds = jax.tree.map(lambda leaf: leaf.dtype, (params, carry))
    assert kinds == jax.tree.map(lambda leaf: leaf.dtype, (start.params, start.carry))
    assert {leaf.dtype for leaf in metrics.values()} == {jnp.dtype(dtype)}


def test_zero_gradient(name):
    """All parameters and all samples zero: every score and every gradient of a score is 0."""
    start, data = start_of(name), jax.tree.map(jnp.zeros_like, DATA)
    start = start._replace(params=jax.tree.map(jnp.zeros_like, start.params))
    assert all_finite(compiled(name)(start, data))


def test_eight_devices(name, mesh):
    start = jax.device_put(start_of(name), NamedSharding(mesh, P()))
    data = jax.device_put(DATA, NamedSharding(mesh, P("data")))
    got = compiled(name)(start, data)
    assert all(leaf.sharding.device_set == {*jax.devices()} for leaf in jax.tree.leaves(got))
    assert_close(got, compiled(name)(start_of(name), DATA), rtol=1e-4, atol=1e-6)
