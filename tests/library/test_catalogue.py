"""Every technique of `techniques.CATALOGUE` × every invariant.

A row says how a small game is made and trained. Losses and penalties are added up in one game, in
which each has its own metric. The invariants hold for one training step of it:
compiled or not, mapped over starts, the batch in any order, in other precisions, where all
gradients are zero, on eight devices, and as the step of a discriminator that is looked ahead at.
"""

import functools
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import arrays, assert_close, perceptron, quick
from half_precision import SIZES, assert_rounded, cast, draw_in_float32
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
from techniques import ADDED_UP, JUDGED, LOOKED_AHEAD_AT, Row

from ganstab import Batch, Pair, steps, surrogates
from ganstab.game import make_game

PLAIN = Pair(perceptron(3, 2), perceptron(2, 4, 1))
SIMULTANEOUS = [name for name, row in ADDED_UP.items() if row.make_step is steps.simultaneous]
BATCH = 8
DATA = Batch(arrays(2, BATCH, 2), label=jnp.arange(BATCH) % 3), arrays(0, BATCH, 3)


def shuffled(together):
    """The data in another order, this many neighbours at a time."""
    order = np.random.default_rng(3).permutation(np.arange(BATCH).reshape(-1, together)).ravel()
    return jax.tree.map(lambda leaf: leaf[order], DATA)


@functools.cache
def pair_of(name):
    return ADDED_UP[name].players(PLAIN)


def game_of(name, latent, pair=None):
    """The row's game, on latent numbers that do not depend on the key."""
    row, pair = ADDED_UP[name], pair or pair_of(name)
    game = make_game(pair, *row.terms, joint=row.joint, prior=lambda key, n: latent)
    return row.surrogate(game)


def step(name, start, data):
    """What one training step of the row changes, random key aside."""
    row, (batch, latent) = ADDED_UP[name], data
    state, metrics = row.make_step(game_of(name, latent), row.txs)(start, batch)
    return state.params, state.carry, metrics


@functools.cache
def start_of(name, seed=1):
    return steps.init(pair_of(name), ADDED_UP[name].txs, jax.random.key(seed))


@pytest.fixture(params=ADDED_UP)
def name(request):
    return request.param


@pytest.fixture
def frozen(monkeypatch, name):
    """Draws for each sample would stay in place while the samples move: make them all equal."""
    start_of(name), start_of(name, 5)  # before that

    def constant(key, shape=(), dtype=float):
        return jnp.full(shape, 0.3, dtype)

    monkeypatch.setattr(jax.random, "uniform", constant)
    monkeypatch.setattr(jax.random, "normal", constant)


class Steps(NamedTuple):
    """One step from several starts, all in one compiled program, mapped over them."""

    plain: tuple
    moved: tuple
    """From the same start, the samples in another order."""
    other: tuple
    """From another seed."""
    zero: tuple
    """All parameters and all samples zero: every score and every gradient of a score is 0."""


@functools.cache
def mapped(name):
    plain, zeros = (start_of(name), DATA), functools.partial(jax.tree.map, jnp.zeros_like)
    cases = (
        plain,
        (plain[0], shuffled(ADDED_UP[name].together)),
        (start_of(name, 5), DATA),
        (plain[0]._replace(params=zeros(plain[0].params)), zeros(DATA)),
    )
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *cases)
    got = quick(jax.vmap(functools.partial(step, name)))(*stacked)
    return Steps(*(jax.tree.map(lambda leaf, i=i: leaf[i], got) for i in range(len(cases))))


@pytest.fixture
def results(name, frozen):
    return mapped(name)


def test_both_players_move(name, results):
    start, (params, _, metrics) = start_of(name), results.plain
    for place, player in enumerate(Pair._fields):
        moved = optax.tree.norm(optax.tree.sub(params[place], start.params[place]))
        assert (moved > 0) == (metrics[f"{player}/grad_norm"] > 0)
    assert metrics["disc/grad_norm"] > 0


def test_the_batch_in_any_order_and_another_seed(results):
    assert_close(results.moved, results.plain, rtol=1e-4, atol=1e-6)
    of_other, of_plain = (metrics["disc/loss"] for _, _, metrics in (results.other, results.plain))
    assert not np.allclose(of_other, of_plain, rtol=1e-4)


def test_zero_gradient(results):
    chex.assert_tree_all_finite(results.zero)


def test_dtype(name, x64):
    """In bfloat16, with float64 allowed: a constant of another type would show. Losses are wide."""
    start, data = cast((start_of(name), DATA), jnp.bfloat16)
    params, carry, metrics = jax.eval_shape(functools.partial(step, name), start, data)
    kinds = jax.tree.map(lambda leaf: leaf.dtype, (params, carry))
    assert kinds == jax.tree.map(lambda leaf: leaf.dtype, (start.params, start.carry))
    floating = {leaf.dtype for leaf in metrics.values() if leaf.dtype != jnp.int32}  # but counts
    assert floating == {jnp.dtype(jnp.float32)}


def louder(critic, size):
    """The critic with all that it says, and its gradients, times the size."""

    def apply(params, state, x, key, *, train=True):
        said, state = critic.apply(params, state, x, key, train=train)
        return jax.tree.map(lambda leaf: size * leaf, said), state

    return critic._replace(apply=apply)


def halves():
    """The rows; of the surrogates, which take long to compile, two are in the default suite."""
    quick_ones = ("unrolled, first order", "consensus")
    for name, row in JUDGED.items():
        plain = row.surrogate is Row().surrogate
        slow = [] if plain or name in quick_ones else [pytest.mark.slow]
        yield pytest.param(name, marks=slow)


@pytest.mark.parametrize("name", list(halves()))
def test_half_precision(name, monkeypatch):
    """Every metric and its slopes at small, ordinary and large scores, in two types of 16 bits.

    A surrogate's are of the third order in the scores and in what the networks have rounded.
    """
    start = start_of(name)
    sizes = SIZES if JUDGED[name].surrogate is Row().surrogate else (*SIZES[:2], 8.0)
    draw_in_float32(monkeypatch)

    def judged(inputs):
        start, data, size = inputs
        pair = pair_of(name)
        game = game_of(name, data[1], pair._replace(disc=louder(pair.disc, size)))
        fresh = (tx.init(own) for tx, own in zip(JUDGED[name].txs, start.params, strict=True))
        carry = steps.numbered(start)._replace(opt=Pair(*fresh))  # optax states that are wide

        def values(params):
            losses, aux = game(params, carry, data[0], start.key)
            found = {**aux.metrics, **losses._asdict()}
            shown = [key for key in found if not key.endswith("_score")]  # means near 0
            return found, {f"{key}'s value": found[key] for key in shown}

        slopes, found = jax.jacrev(values, has_aux=True)(start.params)
        return slopes | found

    with jax.enable_x64(True):
        assert_rounded(judged, [(start, DATA, jnp.asarray(size)) for size in sizes], 10)


def test_eight_devices(name, results, mesh):
    start = jax.device_put(start_of(name), NamedSharding(mesh, P()))
    data = jax.device_put(DATA, NamedSharding(mesh, P("data")))
    got = quick(functools.partial(step, name))(start, data)
    assert all(leaf.sharding.device_set == {*jax.devices()} for leaf in jax.tree.leaves(got))
    assert_close(got, results.plain, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", SIMULTANEOUS)
def test_the_same_compiled_or_not(name, results):
    start, (batch, latent), (_, _, metrics) = start_of(name), DATA, results.plain
    with jax.disable_jit():
        key = jax.random.fold_in(start.key, start.step)
        losses, _ = game_of(name, latent)(start.params, steps.numbered(start), batch, key)
    expected = metrics["gen/loss"], metrics["disc/loss"]
    np.testing.assert_allclose(losses, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", LOOKED_AHEAD_AT)
def test_inside_unrolled(x64, name):
    """The generator's loss at the discriminator one own update later, and its slope."""
    start, (batch, latent) = cast((start_of(name), DATA), float)
    towards = jax.tree.map(lambda leaf: arrays(leaf.size, *leaf.shape), start.params.gen)
    txs = ADDED_UP[name].txs

    @quick
    def both_ways(start, batch, latent):
        game, carry = game_of(name, latent), steps.numbered(start)

        def ahead(gen):
            looking = surrogates.unrolled(game, txs.disc, 1)
            return looking(start.params._replace(gen=gen), carry, batch, start.key)[0].gen

        def by_hand(shift):
            gen = optax.tree.add_scale(start.params.gen, shift, towards)
            params = start.params._replace(gen=gen)
            moved, _ = steps.move(game, txs, "disc", params, carry, batch, start.key)
            return game(*moved, batch, start.key)[0].gen

        value, grads = jax.value_and_grad(ahead)(start.params.gen)
        values = jax.lax.map(by_hand, jnp.array([0, 1e-5, -1e-5]))
        return value, optax.tree.vdot(grads, towards), values

    value, slope, (now, *ends) = both_ways(start, batch, latent)
    np.testing.assert_allclose(value, now, rtol=1e-9)
    assert abs(slope) > 1e-3
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-5, rtol=1e-5)
