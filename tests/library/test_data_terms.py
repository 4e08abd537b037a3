"""Terms against a discriminator that learns its data by heart, and the numbers they move."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import arrays, assert_close, assert_equal, quick

from ganstab import Batch, Pair, Player, Round, checkpoint, losses, optimizers, players, terms
from ganstab import steps as training
from ganstab.game import make_game
from ganstab.players import AdaptivelyAugmented, Anchored, Multiplied, extension_of
from ganstab.surrogates import unrolled

KEY = jax.random.key(0)
DRAW = np.random.default_rng(0).standard_normal
REAL, FAKE = 2 * DRAW(6) + 1, DRAW(6)


def seen(own, real=REAL, fake=FAKE):
    """What a term sees of six scores each and of the numbers beside a network."""
    real, fake = jnp.asarray(real), jnp.asarray(fake)
    return Round(Pair((), own), real=None, fake=None, real_score=real, fake_score=fake,
                 score=None, key=KEY)  # fmt: skip


def line():
    """A critic of one weight a number."""
    return Player(
        lambda key: (jnp.array([1.0, -2.0]), ()), lambda p, s, x, key, *, train=True: (x @ p, s)
    )


def shift():
    """A generator that adds its parameters."""
    return Player(
        lambda key: (jnp.array([0.3, 0.1]), ()),
        lambda p, s, z, key, *, train=True: (z + p[None], s),
    )


def shaken(x, key):
    """An augmentation of points."""
    return x * (0.5 + jax.random.uniform(key, (len(x), 1), x.dtype))


WASSERSTEIN = terms.score_loss(losses.wasserstein)
POINTS, LATENT = DRAW((6, 2)) + 1, DRAW((6, 2))


def data():
    return Batch(jnp.asarray(POINTS))


def game_of(disc, *more):
    return make_game(
        Pair(shift(), disc), WASSERSTEIN, *more, prior=lambda key, n: jnp.asarray(LATENT)
    )


def trained(disc, tx, *more, count=4, **options):
    """The state before each of some steps, and each step's metrics."""
    txs = Pair(optax.sgd(0.1), tx)
    step = training.simultaneous(game_of(disc, *more), txs, **options)

    @quick
    def run(key):
        def one(state, _):
            new, metrics = step(state, data())
            return new, (state._replace(key=()), metrics)

        return jax.lax.scan(one, training.init(Pair(shift(), disc), txs, key), length=count)[1]

    return run(KEY)


@pytest.mark.parametrize("one_sided", [False, True])
def test_lecam_and_its_first_and_second_derivatives(x64, one_sided):
    a_real, a_fake, weight, n = 0.4, 0.7, 0.25, len(REAL)
    over, under = REAL - a_fake, FAKE - a_real
    if one_sided:
        over, under = np.maximum(over, 0), np.minimum(under, 0)
    term, means = terms.lecam(weight, one_sided=one_sided), jnp.array([REAL.mean(), FAKE.mean()])

    def value(real, fake, anchors):
        return term(seen(Anchored((), *anchors), real, fake)).disc

    def slopes(*at):
        return jax.grad(value, argnums=(0, 1, 2))(*at)

    at = REAL, FAKE, jnp.array([a_real, a_fake])
    found, first, second = quick(
        lambda *at: (value(*at), slopes(*at), jax.jacobian(slopes, 2)(*at))
    )(*at)
    np.testing.assert_allclose(found, weight * np.mean(over**2 + under**2), rtol=1e-12)
    expected = 2 * weight * over / n, 2 * weight * under / n, at[2] - means
    assert_close(first, jax.tree.map(jnp.asarray, expected), rtol=1e-12)
    # The critic's gradient knows the anchors: it changes as they do.
    np.testing.assert_allclose(second[0], np.outer(-2 * weight * (over != 0) / n, [0, 1]))
    np.testing.assert_allclose(second[1], np.outer(-2 * weight * (under != 0) / n, [1, 0]))
    np.testing.assert_allclose(second[2], np.eye(2), atol=1e-12)
    assert term(seen(Anchored((), a_real, a_fake))).gen == 0


def test_anchors_are_exponential_moving_averages_of_mean_scores(x64):
    decay, weight, rate = 0.7, 0.5, 0.1
    disc, tx = players.anchored(line(), 0.2), optimizers.anchor_averages(optax.sgd(rate), decay)
    states, metrics = trained(disc, tx, terms.lecam(weight))
    own = states.params.disc
    for place, kind in enumerate(("real", "fake")):
        expected = [0.2]
        for mean in metrics[f"disc/{kind}_score"][:-1]:
            expected.append(decay * expected[-1] + (1 - decay) * float(mean))
        np.testing.assert_allclose(own[1 + place], expected, rtol=1e-10)
        np.testing.assert_allclose(metrics[f"disc/parameter/{kind}_anchor"], expected, rtol=1e-10)
    real, fake = POINTS, LATENT + np.asarray(states.params.gen[0])
    w = np.array([1.0, -2.0])
    pull = 2 * weight * (real.T @ (real @ w - 0.2) + fake.T @ (fake @ w - 0.2)) / 6
    np.testing.assert_allclose(
        own.net[1], w + rate * (real.mean(0) - fake.mean(0) - pull), rtol=1e-10
    )


def test_the_gradient_through_a_look_ahead_knows_that_the_anchors_move(x64):
    disc = players.anchored(line(), 0.2)
    txs = Pair(optax.sgd(0.1), optimizers.anchor_averages(optax.sgd(0.2), 0.3))
    game = unrolled(game_of(disc, terms.lecam(1.0)), txs.disc, 3)
    start = training.init(Pair(shift(), disc), txs, KEY)
    towards = jnp.array([1.0, -0.5])

    @quick
    def look(shift):
        def loss(gen):
            return game(start.params._replace(gen=gen), start.carry, data(), KEY)[0].gen

        at = start.params.gen
        return jax.grad(loss)(at), loss(at + shift * towards), loss(at - shift * towards)

    slope, ahead, behind = look(1e-5)
    np.testing.assert_allclose(slope @ towards, (ahead - behind) / 2e-5, rtol=1e-7)


def test_lecam_on_parts_of_a_batch_under_pmap(x64):
    term = terms.lecam(0.5)

    def slopes(anchors, real, fake):
        return jax.grad(lambda a: term(seen(Anchored((), *a), real, fake)).disc)(anchors)

    def part(real, fake):
        return jax.lax.pmean(slopes(jnp.array([0.4, 0.7]), real, fake), "data")

    got = jax.pmap(part, axis_name="data")(REAL.reshape(2, 3), FAKE.reshape(2, 3))
    expected = np.array([0.4, 0.7]) - [REAL.mean(), FAKE.mean()]
    np.testing.assert_allclose(got, [expected, expected], rtol=1e-12)


def curved(x, w):
    return x @ w + (x @ w) ** 2


def test_balanced_consistency_and_its_gradient(x64):
    def added(x, key):
        return x + 1

    def doubled(x, key):
        return 2 * x

    real, fake, w, v = (arrays(i, *s) for i, s in enumerate([(5, 2), (5, 2), (2,), (2,)]))
    term = terms.balanced_consistency(0.7, 0.3, augmentations=(added, doubled))

    def loss(w):
        scores = curved(real, w), curved(fake, w)
        round = seen((), *scores)._replace(real=real, fake=fake, score=lambda x: curved(x, w))
        return term(round)

    def by_hand(w):
        gaps = [curved(x, w) - curved(2 * (x + 1), w) for x in map(np.asarray, (real, fake))]
        return 0.7 * np.mean(gaps[0] ** 2) + 0.3 * np.mean(gaps[1] ** 2)

    value, slope = quick(jax.value_and_grad(lambda w: loss(w).disc))(w)
    w, v = np.asarray(w), np.asarray(v)
    np.testing.assert_allclose(value, by_hand(w), rtol=1e-12)
    ends = by_hand(w + 1e-6 * v) - by_hand(w - 1e-6 * v)
    np.testing.assert_allclose(slope @ v, ends / 2e-6, rtol=1e-7)
    assert loss(w).gen == 0


def test_balanced_consistency_draws_for_each_kind_and_each_augmentation():
    drawn = []

    def noted(x, key):
        drawn.append(jax.random.key_data(key).tolist())
        return x

    x = arrays(0, 6, 2)
    round = seen(())._replace(real=x, fake=x, score=lambda x: x[:, 0])
    found = terms.balanced_consistency(augmentations=(noted, noted))(round).disc
    assert len({tuple(key) for key in drawn}) == 4
    gaps = np.mean((REAL - x[:, 0]) ** 2), np.mean((FAKE - x[:, 0]) ** 2)
    np.testing.assert_allclose(found, 10 * sum(gaps), rtol=1e-5)  # the paper's weights


def test_the_sign_of_pairs_sees_differences_alone_and_is_twice_auc_less_one():
    ranks = np.random.default_rng(0)
    real, fake = ranks.normal(0.8416, 1, (2, 200_000)) * [[1], [-1]]  # 0.8416: Φ⁻¹(0.8)
    paper, pairs = (
        float(quick(fn)(real, fake)) for fn in (terms.sign_of_real, terms.sign_of_pairs)
    )
    assert paper == pytest.approx(0.6, abs=0.01)
    assert pairs == pytest.approx(0.766, abs=0.01)
    few = real[:500], fake[:500]
    auc = np.mean(few[0][:, None] > few[1][None])
    assert pairs == pytest.approx(2 * auc - 1, abs=0.05)
    assert float(terms.sign_of_pairs(real + 9, fake + 9)) == pairs
    assert float(terms.sign_of_real(real + 9, fake + 9)) == 1
    assert float(terms.sign_of_pairs(fake, real)) == -pairs


def test_the_probability_follows_the_running_mean_of_overfitting_within_0_and_1(x64):
    """Of a critic that stands still, and is above 0 on two thirds of the data."""
    disc = players.adaptively_augmented(line(), (), start=0.25)
    tx = optimizers.augmentation_steps(optax.sgd(0.0), 6, images=60)
    share = np.mean(np.sign(POINTS @ [1.0, -2.0]))
    target = 0.9 * share
    states, metrics = trained(disc, tx, terms.adaptive_augmentation(target), count=25)
    p, running, path = 0.25, 0.0, []
    for _ in range(25):
        path.append((p, running))
        p = np.clip(p + 0.1 * np.sign(running - target), 0, 1)
        running += (share - running) / 4
    own = states.params.disc
    found = np.stack([own.augment_probability, own.overfitting], axis=1)
    np.testing.assert_allclose(found, path, atol=1e-12)
    assert np.max(found[:, 0]) == 1 and np.min(found[:, 0]) == 0
    np.testing.assert_array_equal(metrics["disc/parameter/augment_probability"], found[:, 0])
    np.testing.assert_array_equal(metrics["disc/parameter/overfitting"], found[:, 1])
    np.testing.assert_array_equal(metrics["disc/adaptive_augmentation"], np.zeros(25))


def test_the_probability_falls_while_nothing_is_learnt_by_heart():
    own = AdaptivelyAugmented((), jnp.asarray(0.5), jnp.asarray(0.1))
    tx = optimizers.augmentation_steps(optax.sgd(0.1), 64)
    grads = quick(jax.grad(lambda own: terms.adaptive_augmentation()(seen(own)).disc))(own)
    updates, _ = tx.update(grads, tx.init(own), own)
    assert float(updates.augment_probability) == pytest.approx(-64 / 500_000, rel=1e-3)


BESIDE = {
    Anchored: (players.anchored, optimizers.anchor_averages),
    Multiplied: (players.multiplied, functools.partial(optimizers.multiplier_ascent, rate=0.3)),
    AdaptivelyAugmented: (
        functools.partial(players.adaptively_augmented, augmentations=(shaken,), start=1.0),
        functools.partial(optimizers.augmentation_steps, batch_size=6, images=60),
    ),
}
ALL = terms.lecam(), terms.fisher(0.3), terms.adaptive_augmentation()


def extended_by(kinds, order):
    """The critic with all numbers beside it, and its transform with theirs in another order."""
    disc, tx = line(), optax.sgd(0.1)
    for kind in kinds:
        disc = BESIDE[kind][0](disc)
    for kind in order:
        tx = BESIDE[kind][1](tx)
    return disc, tx


def numbers(params):
    return {kind: extension_of(params, kind)[1:] for kind in BESIDE}


def test_numbers_beside_a_network_nest_in_any_order():
    kinds = list(BESIDE)
    (one, _), (other, metrics) = (
        trained(*extended_by(kinds, order), *ALL) for order in (kinds, kinds[::-1])
    )
    assert_close(one.params, other.params, rtol=1e-6)
    names = ("multiplier", "real_anchor", "fake_anchor", "augment_probability", "overfitting")
    for values in numbers(one.params.disc).values():
        assert all(np.all(value[1:] != value[0]) for value in values)
    shown = sorted(float(metrics[f"disc/parameter/{name}"][2]) for name in names)
    own = numbers(one.params.disc)
    assert shown == sorted(float(value[2]) for values in own.values() for value in values)


@pytest.mark.parametrize(
    "term", [terms.lecam(), terms.balanced_consistency(augmentations=[shaken])]
)
def test_a_batch_in_parts_is_the_same(term):
    tx = optimizers.anchor_averages(optax.sgd(0.1))
    whole, parts = (trained(players.anchored(line()), tx, term, accumulate=n) for n in (1, 3))
    assert_close(parts, whole, rtol=1e-5, atol=1e-6)


def test_a_run_goes_on_from_a_checkpoint_with_the_same_bits(tmp_path):
    disc, tx = extended_by(list(BESIDE), list(BESIDE))
    txs = Pair(optax.sgd(0.1), tx)
    step = quick(training.simultaneous(game_of(disc, *ALL), txs))
    start = training.init(Pair(shift(), disc), txs, KEY)
    state, _ = step(start, data())
    checkpoint.save(tmp_path, state, 1)
    restored = checkpoint.restore(tmp_path, start).state
    assert_equal(step(restored, data()), step(state, data()))
    chex.assert_trees_all_equal_structs(restored, state)


REFUSED = {
    "hold one Anchored, but hold 0: wrap the player in ganstab.players.anchored, once": (
        lambda: terms.lecam()(seen(()))
    ),
    "but hold 0: wrap the player in ganstab.players.adaptively_augmented": (
        lambda: terms.adaptive_augmentation()(seen(()))
    ),
    "the player has a parameter multiplier beside its network already": (
        lambda: players.multiplied(players.anchored(players.multiplied(line())))
    ),
    "target must be from -1 to 1, got 60": lambda: terms.adaptive_augmentation(60),
    "start must be from 0 to 1, got 2": lambda: players.adaptively_augmented(line(), start=2),
    r"decay must be in [0, 1), got 1.5": lambda: optimizers.anchor_averages(optax.sgd(0.1), 1.5),
    "batch_size must be positive, got 0": lambda: optimizers.augmentation_steps(optax.sgd(0.1), 0),
    "images must be positive, got -1": (
        lambda: optimizers.augmentation_steps(optax.sgd(0.1), 1, images=-1)
    ),
    "batches must be 1 or more, got 0": (
        lambda: optimizers.augmentation_steps(optax.sgd(0.1), 1, batches=0)
    ),
    "Multiplied must have the fields net, rate, got net, multiplier": (
        lambda: players.extended(line(), Multiplied, rate=0.0)
    ),
    "Anchored needs a transform for each of real_anchor, fake_anchor, got none": (
        lambda: optimizers.extended(optax.sgd(0.1), Anchored)
    ),
    "must hold one Anchored, but hold 0": (
        lambda: optimizers.anchor_averages(optax.sgd(0.1)).init(jnp.zeros(2))
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_missing_or_out_of_range_is_named(message):
    with pytest.raises(ValueError) as error:
        REFUSED[message]()
    assert message in str(error.value) and "\n" not in str(error.value)
