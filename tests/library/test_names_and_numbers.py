"""Names that users choose beside ours; scores of any shape; numbers that are traced; int priors."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import argument_refusal, arrays, assert_equal, plain_pair

from ganstab import (
    Aux,
    Batch,
    Carry,
    Game,
    Pair,
    Player,
    losses,
    penalties,
    steps,
    surrogates,
    terms,
)
from ganstab.game import make_game
from ganstab.nan_blame import first_fault, term_gradients, terms_of
from ganstab.players import instance_noise
from ganstab.training import Evaluation, Experiment, Measure

KEY = jax.random.key(0)
SGD = Pair(optax.sgd(0.1), optax.sgd(0.1))
NOTHING = Carry(Pair((), ()), Pair((), ()))
HINGE = terms.score_loss(losses.hinge)


def linear_pair():
    critic = Player(lambda key: (jnp.ones(2), ()), lambda p, s, x, key, train=True: (x @ p, s))
    maker = Player(lambda key: (jnp.ones(2), ()), lambda p, s, z, key, train=True: (p[None] * z, s))
    return Pair(maker, critic)


def called(name, value):
    """A term of this name, whose share is `value` times a parameter of each player."""

    def term(round):
        return Pair(value * round.params.gen[0], value * round.params.disc[0])

    term.__name__ = name
    return term


def ones(key, n):
    return jnp.ones((n, 2))


NAMES = [
    "loss",
    "grad_norm",
    "real_score",
    "fake_score",
    "updates",
    "gen/loss",
    "a/b",
    "parameter/a",
    "<lambda>",
]


@pytest.mark.parametrize("name", [*NAMES, "hinge", "hinge_1"])
def test_a_term_is_read_and_blamed_whatever_its_name(name):
    """Twice the same name too; every share is there, and is of one term alone."""
    pair = linear_pair()
    game = make_game(pair, HINGE, called(name, 7.0), called(name, 11.0), prior=ones)
    again = Pair(*2 * [lambda metrics: jnp.bool_(False)])
    state, data = steps.init(pair, SGD, KEY), Batch(jnp.ones((2, 4, 2)))
    make_step = functools.partial(steps.balanced, txs=SGD, again=again)
    _, metrics = make_step(game)(state, data)
    found = terms_of("gen", metrics)
    assert len(found) == 3 and {"hinge"} < {*found}
    assert sorted(float(metrics[f"gen/{term}"]) for term in found)[1:] == [7.0, 11.0]
    assert float(metrics["gen/loss"]) == sum(float(metrics[f"gen/{term}"]) for term in found)
    norms = term_gradients("disc", terms_of("disc", metrics), make_step, game, state, data)
    assert sorted(norms.values())[1:] == [7.0, 11.0]


@pytest.mark.parametrize("name", ["consensus", "gradient_norm"])
def test_a_surrogates_part_stands_beside_a_term_of_its_name(name):
    pair = linear_pair()
    game = getattr(surrogates, name)(make_game(pair, called(name, 3.0), prior=ones), 2.0)
    params = Pair(jnp.ones(2), jnp.ones(2))
    _, aux = game(params, NOTHING, Batch(jnp.ones((4, 2))), KEY)
    share = 2.0 * 0.5 * (9 + 9) if name == "consensus" else 2.0 * 9
    assert float(aux.metrics[f"gen/{name}"]) == 3.0
    np.testing.assert_allclose(aux.metrics[f"gen/{name}_2"], share)


@pytest.mark.parametrize(("make", "metric"), [
    (steps.simultaneous, "gen/grad_norm"), (steps.simultaneous, "disc/grad_norm"),
    (functools.partial(steps.balanced, again=Pair(*2 * [lambda metrics: True])), "disc/updates"),
])  # fmt: skip
def test_a_games_own_metric_cannot_be_called_as_the_steps(make, metric):
    def judge(params, carry, batch, fake, key):
        return Pair(params.gen**2, params.disc**2), Aux(carry.state, {metric: params.gen})

    game = Game(lambda gen, carry, batch, key: (None, carry.state.gen), judge)
    start = steps.init(Pair(*2 * [Player(lambda key: (jnp.ones(()), ()), None)]), SGD, KEY)
    assert metric in argument_refusal(lambda: make(game, SGD)(start, None))


def test_a_fault_in_a_metric_without_a_player_is_named():
    assert str(first_fault({"entropy": np.array([np.nan])})).startswith("entropy")
    both = {"entropy": np.array([np.nan]), "disc/loss": np.array([np.inf])}
    assert first_fault(both).what == "loss"


@pytest.mark.parametrize("name", ["step", "wall_time_s", "counts", "gen/loss"])
def test_a_measure_cannot_be_called_as_what_a_row_has(name):
    for make in (
        lambda: Measure(name, "in words"),
        lambda: Evaluation({name: 1.0}, {}),
        lambda: Experiment(linear_pair(), None, 2, None, numbers={name: 1.0}),
    ):
        assert repr(name) in argument_refusal(make)


def test_two_measures_of_one_name_and_an_array_called_file_are_refused():
    twice = (Measure("modes", "a"), Measure("modes", "b"))
    told = argument_refusal(lambda: Experiment(linear_pair(), None, 2, None, measures=twice))
    assert "modes, modes" in told
    assert "'file'" in argument_refusal(lambda: Evaluation({}, {"file": np.ones(2)}))


# Scores


def patches(w):
    """A PatchGAN of four patches whose scores are linear: D_p(x) = w_p · x."""
    return Player(
        lambda key: (jnp.asarray(w), ()),
        lambda p, s, x, key, train=True: ((x @ p.T).reshape(-1, 2, 2, 1), s),
    )


W = np.array([[1.0, 2.0], [0.0, -1.0], [3.0, 0.5], [-2.0, 1.5]])


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("joint", [False, True])
def test_a_patchgans_losses_are_means_over_patches_and_its_penalties_of_their_mean(
    x64, joint, accumulate
):
    pair = Pair(linear_pair().gen, patches(W))
    real = np.asarray(arrays(0, 6, 2))
    game = make_game(
        pair, HINGE, *(terms.disc_penalty(1.0, p) for p in (penalties.r1, penalties.wgan_gp)),
        prior=ones, joint=joint, accumulate=accumulate,
    )  # fmt: skip
    _, aux = game(Pair(jnp.ones(2), jnp.asarray(W)), NOTHING, Batch(jnp.asarray(real)), KEY)
    of_real, of_fake = real @ W.T, np.ones((6, 2)) @ W.T
    hinge = np.mean(np.maximum(0, 1 - of_real)) + np.mean(np.maximum(0, 1 + of_fake))
    slope = np.linalg.norm(W.mean(axis=0))
    expected = {"hinge": hinge, "r1": slope**2, "wgan_gp": (slope - 1) ** 2}
    for name, value in expected.items():
        np.testing.assert_allclose(aux.metrics[f"disc/{name}"], value, rtol=1e-10)


def test_scores_reach_the_terms_in_their_own_shape():
    for shape, seen in (
        ((4,), (4,)),
        ((4, 1), (4,)),
        ((4, 3), (4, 3)),
        ((4, 2, 2, 1), (4, 2, 2, 1)),
    ):
        found = []

        def look(round, found=found):
            found.append((round.real_score.shape, round.score(round.fake).shape))
            return Pair(jnp.zeros(()), jnp.zeros(()))

        disc = Player(None, lambda p, s, x, key, shape=shape, train=True: (jnp.zeros(shape), s))
        game = make_game(Pair(linear_pair().gen, disc), look, prior=ones)
        game(Pair(jnp.ones(2), ()), NOTHING, Batch(jnp.ones((4, 2))), KEY)
        assert found == [(seen, seen)]


def test_a_term_that_needs_one_score_a_sample_says_so():
    penalty = terms.disc_penalty(1.0, penalties.js_regularizer)
    game = make_game(Pair(linear_pair().gen, patches(W)), penalty, prior=ones)
    told = argument_refusal(
        lambda: game(Pair(jnp.ones(2), jnp.asarray(W)), NOTHING, Batch(jnp.ones((4, 2))), KEY)
    )
    assert "js_regularizer needs one score a sample" in told and "(4, 2, 2, 1)" in told


# Numbers

REAL, FAKE = np.linspace(-1, 2, 5), np.linspace(-2, 1, 5)
TRACED = {
    "label_smoothing": (lambda v: losses.minimax(*scores(), label_smoothing=v).disc, 0.1),
    "label_smoothing of the other": (
        lambda v: losses.non_saturating(*scores(), label_smoothing=v).disc, 0.1
    ),
    "margin": (lambda v: losses.ebgan(*scores(), margin=v).disc, 1.5),
    "target b": (lambda v: losses.least_squares(*scores(), b=v).disc, 0.7),
    "variance": (lambda v: near(penalties.dragan_paper, variance=v), 2.0),
    "penalty's target": (lambda v: near(penalties.wgan_gp, target=v), 1.3),
    "weight of a loss": (lambda v: of_game(terms.score_loss(losses.hinge, weight=v)), 0.5),
    "weight of a penalty": (lambda v: of_game(terms.disc_penalty(v, penalties.r1)), 0.5),
    "weight of drift": (lambda v: of_game(terms.drift(v)), 0.5),
    "standard deviation": (lambda v: noisy(v), 0.5),
}  # fmt: skip


def scores():
    return jnp.asarray(REAL), jnp.asarray(FAKE)


def near(penalty, **options):
    real, fake = arrays(0, 4, 2), arrays(1, 4, 2)
    return penalty(lambda x: jnp.sum(x**3, axis=1), real, fake, KEY, **options)


def of_game(term):
    game = make_game(linear_pair(), term, prior=ones)
    params = Pair(jnp.ones(2), 0.3 * jnp.ones(2))
    return game(params, NOTHING, Batch(arrays(0, 4, 2)), KEY)[0].disc


def noisy(stddev):
    player = instance_noise(linear_pair().disc, stddev)
    params, state = player.init(KEY)
    return jnp.sum(player.apply(params, state, arrays(0, 4, 2), KEY)[0])


@pytest.mark.parametrize("name", TRACED)
def test_a_number_may_be_traced_and_differentiated(x64, name):
    f, value = TRACED[name]
    np.testing.assert_allclose(jax.jit(f)(value), f(value), rtol=1e-12)
    slope = (f(value + 1e-6) - f(value - 1e-6)) / 2e-6
    assert abs(slope) > 1e-3
    np.testing.assert_allclose(jax.grad(f)(value), slope, rtol=1e-5)


def test_weights_of_terms_may_be_schedules():
    schedule = optax.linear_schedule(1.0, 0.0, 4)
    game = make_game(linear_pair(), terms.drift(schedule), prior=ones)
    params, data = Pair(jnp.ones(2), jnp.ones(2)), Batch(jnp.ones((4, 2)))
    found = [float(game(params, NOTHING._replace(step=jnp.int32(t)), data, KEY)[0].disc)
             for t in (0, 1, 4)]  # fmt: skip
    assert found == [4.0, 3.0, 0.0]


# Priors


def test_a_number_is_a_standard_normal_of_as_many_dimensions():
    pair = plain_pair()
    params = Pair(*(player.init(KEY)[0] for player in pair))
    fakes = [
        make_game(pair, HINGE, prior=prior).play(
            params.gen, NOTHING, Batch(jnp.zeros((5, 2))), KEY
        )[0]
        for prior in (3, lambda key, n: jax.random.normal(key, (n, 3)))
    ]
    assert_equal(*fakes)


@pytest.mark.parametrize("prior", [0, -3, True, 2.0, "normal", None])
def test_no_other_prior_is_taken(prior):
    told = argument_refusal(lambda: make_game(plain_pair(), HINGE, prior=prior))
    assert told.startswith("prior must be") and repr(prior) in told
