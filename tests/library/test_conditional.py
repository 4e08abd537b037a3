"""Critics D(x, y): labels reach both players, and gradients are taken in x alone."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import argument_refusal, arrays, assert_equal, quick
from flax import linen, nnx

from ganstab import Batch, Carry, Pair, Player, losses, penalties, recipes, surrogates, terms
from ganstab.game import make_game
from ganstab.players import from_linen, from_nnx, instance_noise, packed, reference_batch
from ganstab.training import Experiment, RunConfig, make_sampler, train

KEY = jax.random.key(0)
NOTHING = Carry(Pair((), ()), Pair((), ()))
LABEL = np.array([2, 0, 1, 1, 2, 0])
V = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0], [-1.5, 0.5, 2.0]])
A = np.array([0.5, 1.0, -1.0])


def batch():
    """Six labelled data, in the precision that is on."""
    return Batch(arrays(1, 6, 3), jnp.array(LABEL))


def prior(key, n):
    return jax.random.normal(key, (n, 3))


def shifted():
    """G(z, y) = z + V_y."""
    return Player(
        lambda key: (jnp.asarray(V), ()),
        lambda params, state, x, key, train=True: (x[0] + params[x[1]], state),
    )


def linear():
    """The projection discriminator with φ(x) = x: D(x, y) = a·x + V_y·x + b_y."""

    def apply(params, state, inputs, key, *, train=True):
        x, label = inputs
        return x @ params["a"] + jnp.sum(params["v"][label] * x, axis=1) + params["b"][label], state

    params = {"a": jnp.asarray(A), "v": jnp.asarray(V), "b": jnp.arange(3.0)}
    return Player(lambda key: (params, ()), apply)


def bent():
    """The same of φ(x) = tanh x, so that slopes depend on x and on its label."""

    def apply(params, state, inputs, key, *, train=True):
        return linear().apply(params, state, (jnp.tanh(inputs[0]), inputs[1]), key)

    return linear()._replace(apply=apply)


class LinenProjection(linen.Module):
    """ψ(φ(x)) + V_y·φ(x) with φ(x) = tanh(Wx), as docs/linen.md has it."""

    @linen.compact
    def __call__(self, inputs, train):
        x, label = inputs
        features = jnp.tanh(linen.Dense(5, use_bias=False, name="hidden")(x))
        embedded = linen.Embed(3, 5, name="embed")(label)
        score = linen.Dense(1, name="score")(features)
        return score[:, 0] + jnp.sum(embedded * features, axis=-1)


class NnxProjection(nnx.Module):
    def __init__(self, rngs):
        self.hidden = nnx.Linear(3, 5, use_bias=False, rngs=rngs)
        self.score = nnx.Linear(5, 1, rngs=rngs)
        self.embed = nnx.Embed(3, 5, rngs=rngs)

    def __call__(self, inputs):
        x, label = inputs
        features = jnp.tanh(self.hidden(x))
        return self.score(features)[:, 0] + jnp.sum(self.embed(label) * features, axis=-1)


def in_linen():
    return from_linen(LinenProjection(), (jnp.zeros((1, 3)), jnp.zeros(1, int)))


PLAYERS = {"linen": in_linen, "nnx": lambda: from_nnx(NnxProjection)}
SLOPE_ONE = {
    "wgan_gp": penalties.wgan_gp, "dragan": penalties.dragan, "dragan_paper": penalties.dragan_paper
}  # fmt: skip


def evaluated(disc, *game_terms, gen=None, **options):
    """Losses and metrics of the game, and the critic's parameters."""
    gen = gen or shifted()
    game = make_game(Pair(gen, disc), *game_terms, prior=prior, conditional="both", **options)
    params = Pair(*(jax.tree.map(jnp.asarray, p.init(KEY)[0]) for p in (gen, disc)))
    state = Pair(gen.init(KEY)[1], disc.init(KEY)[1])
    return *quick(game)(params, NOTHING._replace(state=state), batch(), KEY), params


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("name", [*SLOPE_ONE, "r1", "r2"])
def test_penalties_of_a_linear_projection_in_closed_form(x64, name, joint, accumulate):
    """∇ₓD(x, y) = a + V_y wherever x is, so each penalty is a mean over the labels alone."""
    penalty = terms.disc_penalty(1.0, getattr(penalties, name))
    (_, value), _, _ = evaluated(linear(), penalty, joint=joint, accumulate=accumulate)
    norms = np.linalg.norm(A + V[LABEL], axis=1)
    expected = (norms - 1) ** 2 if name in SLOPE_ONE else norms**2
    np.testing.assert_allclose(value, np.mean(expected), rtol=1e-12)


@pytest.mark.parametrize("make", PLAYERS.values(), ids=PLAYERS)
def test_a_projection_discriminators_penalty_is_that_of_its_gradient_by_hand(x64, make):
    """∇ₓD = W diag(1 − φ²)(w + V_y) at points between datum i and sample i, under label i."""
    seen = []

    def look(round):
        seen.append(round)
        return Pair(jnp.zeros(()), jnp.zeros(()))

    wgan_gp = terms.disc_penalty(10.0, penalties.wgan_gp)
    disc = make()
    params = Pair(jnp.asarray(V), jax.tree.map(lambda leaf: leaf.astype(float), disc.init(KEY)[0]))
    game = make_game(Pair(shifted(), disc), wgan_gp, look, prior=prior, conditional="both")
    carry = NOTHING._replace(state=Pair((), disc.init(KEY)[1]))
    (_, value), _ = game(params, carry, batch(), KEY)
    fake, real = (np.asarray(x) for x in (seen[0].fake, batch().real))
    # The term's key is the first of the game's keys for terms.
    u = np.asarray(jax.random.uniform(jax.random.fold_in(jax.random.split(KEY, 4)[3], 0), (6, 1)))
    x = u * real + (1 - u) * fake
    w, out, embed = (
        np.asarray(params.disc[name][leaf])
        for name, leaf in (("hidden", "kernel"), ("score", "kernel"), ("embed", "embedding"))
    )
    features = np.tanh(x @ w)
    slopes = ((1 - features**2) * (out[:, 0] + embed[LABEL])) @ w.T
    expected = 10 * np.mean((np.linalg.norm(slopes, axis=1) - 1) ** 2)
    np.testing.assert_allclose(value, expected, rtol=1e-10)


def test_label_channels_beside_x_are_another_penalty(x64):
    """What D(x, y) is for: channels of y would add V_y's own gradient to the norm."""

    def beside(inputs):
        return inputs @ jnp.concatenate([jnp.asarray(A), jnp.array([3.0, 4.0, 0.0])])

    channels = jnp.concatenate([batch().real, jax.nn.one_hot(LABEL, 3, dtype=float)], axis=1)
    wrong = penalties.r1(beside, channels, channels, KEY)
    right = penalties.r1(lambda x: beside(jnp.concatenate([x, channels[:, 3:]], axis=1)),
                         batch().real, batch().real, KEY)  # fmt: skip
    np.testing.assert_allclose((wrong, right), (A @ A + 25, A @ A), rtol=1e-12)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_penalty_of_both_kinds_at_once_judges_each_row_under_its_label(x64, accumulate):
    """V_y differs by label, so that rows under other labels have other slopes."""
    apart = terms.disc_penalty(1.0, penalties.r1), terms.disc_penalty(1.0, penalties.r2)
    found = []
    for added in (apart, (terms.disc_penalty(1.0, penalties.r1_r2),)):
        game = make_game(
            Pair(shifted(), bent()), *added,
            prior=prior, conditional="both", accumulate=accumulate,
        )  # fmt: skip
        params = Pair(jnp.asarray(V), bent().init(KEY)[0])
        found.append(quick(game.__call__)(params, NOTHING, batch(), KEY)[0].disc)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)
    assert found[0] > 1


@pytest.mark.parametrize("joint", [False, True])
def test_both_kinds_are_judged_under_the_batchs_labels(joint):
    """D(x, y) = 10 y + x·1 tells which label stood beside which sample."""
    disc = Player(
        lambda key: ((), ()),
        lambda params, state, x, key, train=True: (10.0 * x[1] + jnp.sum(x[0], 1), state),
    )
    found = []

    def look(round):
        found.append((round, round.score(round.fake), round.score(round.fake, round.label[::-1])))
        return Pair(jnp.zeros(()), jnp.zeros(()))

    game = make_game(Pair(shifted(), disc), look, prior=prior, conditional="both", joint=joint)
    game(Pair(jnp.asarray(V), ()), NOTHING, batch(), KEY)
    ((round, again, turned),) = found
    sums = np.sum(np.asarray(round.fake), 1)
    np.testing.assert_allclose(round.real_score, 10 * LABEL + batch().real.sum(1), rtol=1e-5)
    np.testing.assert_allclose(round.fake_score, 10 * LABEL + sums, rtol=1e-5)
    np.testing.assert_array_equal(again, round.fake_score)
    np.testing.assert_allclose(turned, 10 * LABEL[::-1] + sums, rtol=1e-5)


def seen_inputs(wrap):
    """What a wrapped player's network is shown of `(x, label)`."""
    shown = []

    def apply(params, state, x, key, *, train=True):
        shown.append(x)
        return jnp.zeros(x[0].shape[0]), state

    wrapped = wrap(Player(lambda key: ((), ()), apply))
    params, state = wrapped.init(KEY)
    output, _ = wrapped.apply(params, state, tuple(batch()), KEY)
    assert output.shape == (6,)
    return shown[0]


def test_wrappers_keep_labels_beside_their_samples():
    x, label = seen_inputs(functools.partial(packed, m=2))
    np.testing.assert_array_equal(x[1], np.ravel(batch().real[2:4]))
    np.testing.assert_array_equal(label, LABEL.reshape(3, 2))
    x, label = seen_inputs(lambda player: instance_noise(player, 1.0))
    assert np.all(x != batch().real)
    np.testing.assert_array_equal(label, LABEL)
    reference = batch().real[:2] + 1, batch().label[:2]
    x, label = seen_inputs(lambda player: reference_batch(player, reference))
    np.testing.assert_array_equal(x, np.concatenate([reference[0], batch().real]))
    np.testing.assert_array_equal(label, [2, 0, *LABEL])


def test_the_old_value_is_the_generators_alone():
    gen, disc = shifted(), Player(lambda key: (jnp.ones(3), ()),
                                  lambda p, s, x, key, train=True: (x @ p, s))  # fmt: skip
    term = terms.score_loss(losses.hinge)
    params = Pair(jnp.asarray(V), jnp.ones(3))
    old, new = (
        make_game(Pair(gen, disc), term, prior=prior, conditional=value)(
            params, NOTHING, batch(), KEY
        )
        for value in (True, "gen")
    )
    assert_equal(old, new)


def test_what_is_refused():
    term = terms.score_loss(losses.hinge)
    pair = Pair(shifted(), linear())
    told = argument_refusal(lambda: make_game(pair, term, prior=prior, conditional="disc"))
    assert "conditional must be False, 'gen' or 'both', got 'disc'" in told
    game = make_game(pair, term, prior=prior, conditional="both")
    params = Pair(jnp.asarray(V), linear().init(KEY)[0])
    for label, words in ((None, "label=None"), (batch().label[:4], "6 labels, got shape (4,)")):
        data = batch()._replace(label=label)
        assert words in argument_refusal(lambda d=data: game(params, NOTHING, d, KEY))


def test_unrolled_the_look_ahead_sees_the_labels_too(x64):
    """One step of gradient descent on a linear critic, by hand."""
    game = make_game(
        Pair(shifted(), linear()), terms.score_loss(losses.wasserstein), prior=prior,
        conditional="both",
    )  # fmt: skip
    params = Pair(jnp.asarray(V), linear().init(KEY)[0])
    ahead = surrogates.unrolled(game, optax.sgd(0.1), 1)
    losses_, _ = ahead(params, NOTHING, batch(), KEY)
    grads = jax.grad(lambda d: game(params._replace(disc=d), NOTHING, batch(), KEY)[0].disc)(
        params.disc
    )
    moved = jax.tree.map(lambda w, g: w - 0.1 * g, params.disc, grads)
    expected, _ = game(params._replace(disc=moved), NOTHING, batch(), KEY)
    np.testing.assert_allclose(losses_.gen, expected.gen, rtol=1e-12)


def test_a_conditional_run_and_its_samples(tmp_path):
    """Without an evaluation of its own; the averaged generator is shown the labels it is given."""
    gen, disc = shifted(), linear()
    recipe = dataclasses.replace(recipes.r1(), conditional="both")
    data = Batch(np.asarray(arrays(2, 60, 3)), np.arange(60) % 3)
    experiment = Experiment(players=Pair(gen, disc), recipe=recipe, prior=3, data=data)
    config = RunConfig(num_steps=2, batch_size=8, eval_every=2, log_every=2, accumulate=2)
    run = train(experiment, config, tmp_path)
    assert run.status == "finished"
    wrapped = recipe.build(Pair(gen, disc), 3).players.gen
    label = jnp.arange(3)
    shown = [
        make_sampler(wrapped, 3, samples=7, at_once=4, label=given)(run.state, KEY)[0]
        for given in (label, jnp.zeros(3, int))
    ]
    learnt = np.asarray(run.state.carry.state.gen.params)
    np.testing.assert_allclose(
        shown[0] - shown[1], (learnt[np.arange(7) % 3] - learnt[0])[:4], rtol=1e-4, atol=1e-5
    )
