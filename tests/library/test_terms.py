"""Terms of more than scores, against NumPy on the same numbers; and who is told what is missing."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import arrays, assert_close, perceptron, prior, quick
from scipy.special import log_softmax
from techniques import CATALOGUE, Row

from ganstab import (
    Batch,
    Carry,
    Pair,
    Player,
    Round,
    Verdict,
    losses,
    optimizers,
    penalties,
    steps,
    terms,
)
from ganstab.game import make_game
from ganstab.players import Multiplied, multiplied
from ganstab.surrogates import unrolled

KEY = jax.random.key(0)
LABEL = np.array([2, 0, 1, 2, 2])


def seen(**changes):
    """What a term sees of 5 real and 5 generated samples, with all that a network may give."""
    given = Round(
        params=Pair((), Multiplied((), jnp.asarray(0.7))), real=None, fake=None, score=None,
        real_score=2 * arrays(0, 5) + 1, fake_score=arrays(1, 5), key=KEY, label=jnp.array(LABEL),
        real_features=arrays(2, 5, 3, 2), fake_features=arrays(3, 5, 3, 2),
        real_class_logits=3 * arrays(4, 5, 3), fake_class_logits=3 * arrays(5, 5, 3),
    )  # fmt: skip
    return given._replace(**changes)


def with_multiplier(value):
    return Pair((), Multiplied((), value))


def gap(round):
    """Mean square of the difference of mean features."""
    real, fake = (np.asarray(x) for x in (round.real_features, round.fake_features))
    return np.mean([(np.mean(real[:, i, j]) - np.mean(fake[:, i, j])) ** 2
                    for i in range(3) for j in range(2)])  # fmt: skip


def square_cosines(round):
    vectors = [np.ravel(x) for x in np.asarray(round.fake_features)]
    pairs = [(v, w) for i, v in enumerate(vectors) for j, w in enumerate(vectors) if i != j]
    return np.mean([(v @ w / np.linalg.norm(v) / np.linalg.norm(w)) ** 2 for v, w in pairs])


def wrong_class(logits):
    """Mean of minus the log probability of each sample's label."""
    return np.mean([-log_softmax(row)[c] for row, c in zip(np.asarray(logits), LABEL, strict=True)])


def lagrangian(round, rho):
    real, fake = (np.asarray(x) for x in (round.real_score, round.fake_score))
    omega = (np.mean(real**2) + np.mean(fake**2)) / 2
    multiplier = np.asarray(round.params.disc.multiplier)
    penalty = rho / 2 * (1 - omega) ** 2
    return np.mean(real) - np.mean(fake) + multiplier * (1 - omega) - penalty


CASES = {
    "feature matching": (terms.feature_matching(3.0), lambda r: (3 * gap(r), 0)),
    "feature matching, zero-sum": (
        terms.feature_matching(3.0, zero_sum=True), lambda r: (3 * gap(r), -3 * gap(r)),
    ),
    "pull-away": (terms.pull_away(0.4), lambda r: (0.4 * square_cosines(r), 0)),
    "auxiliary classifier": (
        terms.auxiliary_classifier(),
        lambda r: (0.1 * wrong_class(r.fake_class_logits), wrong_class(r.real_class_logits)),
    ),
    "auxiliary classifier, on both": (
        terms.auxiliary_classifier(0.5, 2.0, on_fake=True),
        lambda r: (
            2 * wrong_class(r.fake_class_logits),
            0.5 * (wrong_class(r.real_class_logits) + wrong_class(r.fake_class_logits)),
        ),
    ),
    "fisher": (
        terms.fisher(rho=0.3), lambda r: (-np.mean(r.fake_score), -lagrangian(r, 0.3)),
    ),
    "drift": (terms.drift(0.2), lambda r: (0, 0.2 * np.mean(np.square(r.real_score)))),
    "top-k": (
        terms.top_k(losses.non_saturating, 0.6),
        lambda r: (
            np.mean(np.logaddexp(0, -np.sort(np.asarray(r.fake_score))[2:])),
            losses.non_saturating(r.real_score, r.fake_score).disc,
        ),
    ),
    "only the discriminator": (
        terms.only("disc", terms.score_loss(losses.wasserstein)),
        lambda r: (0, np.mean(r.fake_score) - np.mean(r.real_score)),
    ),
    "only the generator": (
        terms.only("gen", terms.score_loss(losses.wasserstein)),
        lambda r: (-np.mean(r.fake_score), 0),
    ),
}  # fmt: skip

NUMBERS = {
    "real_score": lambda x: {"real_score": x},
    "fake_score": lambda x: {"fake_score": x},
    "real_features": lambda x: {"real_features": x},
    "fake_features": lambda x: {"fake_features": x},
    "real_class_logits": lambda x: {"real_class_logits": x},
    "fake_class_logits": lambda x: {"fake_class_logits": x},
    "params": lambda x: {"params": with_multiplier(x)},
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def number(round, name):
    return round.params.disc.multiplier if name == "params" else getattr(round, name)


def test_values_and_gradients_are_those_of_the_formula(x64, case):
    """The derivative in everything that a term sees, along one direction each."""
    term, reference = case
    start = seen()
    at = {name: number(start, name) for name in NUMBERS}
    towards = {name: arrays(7 + i, *x.shape) for i, (name, x) in enumerate(at.items())}

    def filled(values):
        return seen(**functools.reduce(dict.__or__, (NUMBERS[n](x) for n, x in values.items())))

    @quick
    def value_and_slopes(at):
        def on(values):
            return term(filled(values))

        def slope(name):
            ahead = {n: t if n == name else jnp.zeros_like(t) for n, t in towards.items()}
            return jax.jvp(on, (at,), (ahead,))[1]

        return on(at), {name: slope(name) for name in at}

    value, slopes = value_and_slopes(at)
    np.testing.assert_allclose(value, reference(start), rtol=1e-12)
    for name in at:
        ends = [
            np.asarray(reference(filled({**at, name: at[name] + h * towards[name]})))
            for h in (1e-6, -1e-6)
        ]
        np.testing.assert_allclose(
            slopes[name], (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-9, err_msg=name
        )


def test_weights_that_are_not_given_are_the_published_ones(x64):
    start = seen()
    found = quick(lambda: [
        terms.feature_matching()(start).gen, terms.pull_away()(start).gen,
        terms.drift()(start).disc, terms.fisher()(start).disc,
    ])()  # fmt: skip
    expected = [
        gap(start), 0.1 * square_cosines(start), 1e-3 * np.mean(np.square(start.real_score)),
        -lagrangian(start, 1e-6),
    ]  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: terms.score_loss("hinge"), "loss must be a function, such as .*, got 'hinge'"),
        (
            lambda: terms.disc_penalty(penalties.r1, 10.0),
            "penalty must be a function, .*, got 10.0",
        ),
        (
            lambda: make_game(Pair(*[perceptron(2, 1)] * 2), 3, prior=2),
            "term 0 must be a function, .* got 3",
        ),
    ],
)
def test_what_is_no_function_is_refused_where_it_is_given(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_terms_are_called_by_their_own_names():
    made = [make() for make in (
        terms.feature_matching, terms.pull_away, terms.auxiliary_classifier, terms.fisher,
        terms.drift,
    )]  # fmt: skip
    names = ["feature_matching", "pull_away", "auxiliary_classifier", "fisher", "drift"]
    assert [terms.name(term) for term in made] == names
    assert terms.name(terms.only("gen", terms.score_loss(losses.hinge))) == "hinge"
    compiled = functools.partial(jax.jit(functools.partial(losses.ebgan, margin=2.0)))
    assert terms.name(terms.score_loss(compiled)) == "ebgan"

    class Own:
        def matched(self, round):
            return Pair(round.fake_score.mean(), round.real_score.mean())

    assert terms.name(Own().matched) == terms.name(jax.jit(Own().matched)) == "matched"


def test_pull_away_of_equal_and_of_orthogonal_samples_and_of_nothing():
    def on(features):
        return terms.pull_away(1.0)(seen(fake_features=features)).gen

    @quick
    def values():
        equal = on(jnp.ones((4, 3))), on(-jnp.arange(1.0, 4)[:, None] * jnp.ones((3, 2)))
        orthogonal = on(jnp.diag(jnp.arange(1.0, 4)))
        return equal, orthogonal, jax.value_and_grad(on)(jnp.zeros((3, 2)))

    equal, orthogonal, (nothing, gradient) = values()
    np.testing.assert_allclose(equal, [1, 1], rtol=1e-6)
    assert orthogonal == 0 == nothing
    chex.assert_tree_all_finite(gradient)


@pytest.mark.parametrize("right", [0, 1])
def test_classes_far_apart(right):
    logits = jnp.array([[1e4, -1e4]]) * (1 if right else -1)
    term = terms.auxiliary_classifier(1.0, 1.0)

    def on(logits):
        there = seen(label=jnp.array([0]), real_class_logits=logits, fake_class_logits=logits)
        return term(there).disc

    value, slope = quick(jax.value_and_grad(on))(logits)
    np.testing.assert_allclose(value, 0 if right else 2e4)
    np.testing.assert_allclose(slope, [[0, 0]] if right else [[-1, 1]])


MEANS = {
    "minimax": losses.minimax, "non-saturating": losses.non_saturating,
    "wasserstein": losses.wasserstein, "hinge": losses.hinge,
    "least squares": functools.partial(losses.least_squares, a=-1.0, c=0.5),
    "relativistic paired": losses.relativistic_paired,
}  # fmt: skip


@pytest.mark.parametrize("patches", [(), (2, 3)])
@pytest.mark.parametrize("loss", MEANS)
def test_top_k_is_the_loss_of_the_best_samples_by_themselves(x64, loss, patches):
    """At every k, without another compilation, under a schedule."""
    loss, compiled = MEANS[loss], []
    round = seen(real_score=arrays(0, 7, *patches), fake_score=arrays(1, 7, *patches))
    term = terms.top_k(loss, optax.linear_schedule(0.0, 1.0, 7))

    @quick
    def on(step, fake):
        compiled.append(step)
        return jax.jacrev(lambda fake: term(round._replace(fake_score=fake, step=step)))(fake)

    best = np.argsort(-np.mean(np.asarray(round.fake_score).reshape(7, -1), axis=1))
    for step in range(8):
        kept = best[: max(step, 1)]

        def chosen(fake, kept=kept):
            of_all = loss(round.real_score, fake)
            return of_all._replace(gen=loss(round.real_score[kept], fake[kept]).gen)

        expected = jax.jacrev(chosen)(round.fake_score)
        assert_close(on(jnp.int32(step), round.fake_score), expected, rtol=1e-10, atol=1e-14)
    assert len(compiled) == 1


def test_top_k_takes_the_earlier_of_equals_and_refuses_what_has_no_best():
    slope = jax.grad(lambda fake: terms.top_k(losses.wasserstein, 0.5)(seen(fake_score=fake)).gen)
    np.testing.assert_allclose(slope(jnp.array([0.0, 1, 0, 0, 0])), [-0.5, -0.5, 0, 0, 0])
    with pytest.raises(ValueError, match="mean over samples; relativistic_average is not"):
        terms.top_k(losses.relativistic_average, 0.5)
    for share in (0.0, 1.5):
        with pytest.raises(ValueError, match=rf"share must be in \(0, 1\], got {share}"):
            terms.top_k(losses.hinge, share)
    with pytest.raises(ValueError, match="needs the training step's number"):
        terms.top_k(losses.hinge, optax.constant_schedule(0.5))(seen())

    @jax.jit
    def traced(target):
        term = terms.top_k(functools.partial(losses.least_squares, c=target), 0.4)
        return term(seen(fake_score=jnp.arange(5.0))).gen

    np.testing.assert_allclose(traced(1.0), (2**2 + 3**2) / 4)


MISSING = {
    "Verdict(score, features=": (terms.feature_matching(), {"fake_features": None}),
    "the discriminator's features": (terms.pull_away(), {"fake_features": None}),
    "needs 2 or more, got 1": (terms.pull_away(), {"fake_features": jnp.ones((1, 4))}),
    "the discriminator's class_logits": (terms.auxiliary_classifier(), {"real_class_logits": None}),
    "got label=None": (terms.auxiliary_classifier(), {"label": None}),
    "players.multiplied": (terms.fisher(), {"params": Pair((), ())}),
}


@pytest.mark.parametrize("message", MISSING)
def test_what_is_missing_is_named(message):
    term, changes = MISSING[message]
    with pytest.raises(ValueError) as error:
        term(seen(**changes))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_only_of_another_player_is_refused():
    with pytest.raises(ValueError, match=r"player must be one of \('gen', 'disc'\), got 'critic'"):
        terms.only("critic", terms.drift())


def talkative():
    """A critic of one weight a number that gives features and class logits beside its scores."""

    def init(key):
        return jnp.array([1.0, -2.0]), ()

    def apply(params, state, x, key, *, train=True):
        return Verdict(x @ params, features=2 * x, class_logits=x * params[None]), state

    return Player(init, apply)


def labelled():
    """A generator that adds its parameter to the label's entry of the latent."""

    def apply(params, state, x, key, *, train=True):
        z, label = x
        return z[:, :2] + params * jax.nn.one_hot(label, 2), state

    return Player(lambda key: (jnp.float32(3), ()), apply)


@pytest.mark.parametrize("joint", [False, True])
def test_a_game_hands_over_what_the_networks_give(joint):
    data = Batch(arrays(0, 4, 2), label=jnp.array([0, 1, 1, 0]))
    params = Pair(jnp.float32(3), jnp.array([1.0, -2.0]))
    carry = Carry(Pair((), ()), Pair((), ()))

    @quick
    def play(key):
        found = []

        def look(round):
            found.append(round._replace(score=round.score(round.fake)))
            return Pair(jnp.zeros(()), jnp.zeros(()))

        game = make_game(
            Pair(labelled(), talkative()), look, terms.feature_matching(), prior=prior,
            joint=joint, conditional=True,
        )  # fmt: skip
        losses, _ = game(params, carry, data, key)
        return found[0]._replace(mixes=()), losses

    round, losses = play(KEY)
    fake = round.fake
    z = fake - 3 * np.eye(2)[data.label]
    assert not np.allclose(z, fake) and np.all(np.abs(z) < 4)
    for name, factor in (("features", 2), ("class_logits", np.array([1.0, -2.0]))):
        for kind in ("real", "fake"):
            samples = np.asarray(number(round, kind))
            np.testing.assert_allclose(number(round, f"{kind}_{name}"), samples * factor, rtol=1e-6)
    np.testing.assert_allclose(round.score, round.fake_score, rtol=1e-6)
    means = np.mean(2 * np.asarray(fake), 0) - np.mean(2 * np.asarray(data.real), 0)
    np.testing.assert_allclose(losses.gen, np.mean(means**2), rtol=1e-5)


def test_a_conditional_game_needs_labels():
    game = make_game(Pair(labelled(), talkative()), terms.drift(), prior=prior, conditional=True)
    with pytest.raises(ValueError, match="label, got label=None"):
        carry = Carry(Pair((), ()), Pair((), ()))
        jax.eval_shape(game.play, jnp.float32(3), carry, Batch(jnp.zeros((4, 2))), KEY)


def reworked(row):
    """Whether a technique evaluates the game elsewhere, or in another order."""
    return row.surrogate is not Row().surrogate or row.make_step is not Row().make_step


# Fractions of four are exact in float32 too, in which newer versions of jax divide whole numbers.
WEIGHTS = optax.linear_schedule(4.0, 1.0, 4)


def trained(game, count, start, data):
    """So many steps of the game, compiled as one scan."""
    step = steps.alternating(game, Pair(optax.sgd(0.1), optax.sgd(0.2)))
    return jax.lax.scan(lambda state, _: step(state, data), start, length=count)


@pytest.mark.parametrize("ahead", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_lazy_and_scheduled_terms_are_steps_of_different_games(x64, ahead):
    """Against each step's own game, weights as numbers; mapped over starts at different steps."""
    pair = Pair(perceptron(3, 4, 2), perceptron(2, 4, 1))
    data = Batch(arrays(6, 2, 5, 2))

    def game(*added, weight=1.0):
        score = terms.score_loss(losses.non_saturating, weight=weight)
        game = make_game(pair, score, *added, prior=prior)
        return unrolled(game, optax.sgd(0.2), 2, live=False) if ahead else game

    whole = game(
        terms.lazy(terms.disc_penalty(WEIGHTS, penalties.r1), 2),
        weight=optax.linear_schedule(1.0, 3.0, 2),
    )

    def by_hand(start, first):
        metrics = []
        for at in range(first, first + 4):
            penalty = terms.disc_penalty(2 * max(4.0 - 0.75 * at, 1.0), penalties.r1)
            own = game(*[] if at % 2 else [penalty], weight=min(1.0 + at, 3.0))
            start, seen = trained(own, 1, start, data)
            metrics.append(seen["disc/r1"][0] if "disc/r1" in seen else 0.0)
        return start, jnp.array(metrics)

    starts = [
        steps.init(pair, Pair(optax.sgd(0.1), optax.sgd(0.2)), jax.random.key(seed))._replace(
            step=jnp.int32(seed)
        )
        for seed in (0, 1)
    ]
    expected = [quick(by_hand, static_argnums=1)(start, i) for i, start in enumerate(starts)]

    @quick
    def alone_and_mapped(starts):
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *starts)
        mapped = jax.vmap(functools.partial(trained, whole, 4, data=data))(stacked)
        return [trained(whole, 4, start, data) for start in starts], mapped

    alone, mapped = alone_and_mapped(starts)
    for i, (state, penalty) in enumerate(expected):
        for got in (alone[i], jax.tree.map(lambda leaf, i=i: leaf[i], mapped)):
            assert_close(got[0].params, state.params, rtol=1e-9)
            np.testing.assert_allclose(got[1]["disc/r1"], penalty, rtol=1e-9)
            assert got[0].carry.step is None


@pytest.mark.parametrize("name", [name for name, row in CATALOGUE.items() if reworked(row)])
def test_the_steps_number_passes_through_surrogates_and_moves(name):
    row, pair = CATALOGUE[name], Pair(perceptron(3, 2), perceptron(2, 4, 1))
    pair = row.players(pair)
    game = make_game(pair, *row.terms, terms.lazy(terms.drift(), 2), prior=prior)
    state = jax.eval_shape(functools.partial(steps.init, pair, row.txs), KEY)
    new, _ = jax.eval_shape(
        row.make_step(row.surrogate(game), row.txs), state, Batch(arrays(6, 4, 2))
    )
    assert jax.tree.structure(new) == jax.tree.structure(state)


def test_a_lazy_term_is_not_computed_in_between():
    calls = []

    def counted(round):
        jax.debug.callback(lambda: calls.append(1))
        return Pair(jnp.zeros(()), jnp.zeros(()))

    lazy = jax.jit(lambda step: terms.lazy(counted, 3)(seen(step=step)))
    for at in range(7):
        jax.block_until_ready(lazy(jnp.int32(at)))
    jax.effects_barrier()
    assert len(calls) == 3
    assert terms.lazy(counted, 1) is counted
    assert terms.name(terms.lazy(counted, 3)) == "counted"


def test_a_lazy_penaltys_gradient_is_the_central_difference(x64):
    term = terms.lazy(terms.disc_penalty(WEIGHTS, penalties.r1), 2)
    x, w = arrays(8, 4, 2), arrays(9, 2)

    def value(w):
        round = seen(real=x, score=lambda x: jnp.tanh(x @ w), step=jnp.int32(2))
        return term(round).disc

    slope = jax.jit(jax.grad(value))(w)
    ends = [[value(w + h * unit) for unit in jnp.eye(2)] for h in (1e-6, -1e-6)]
    np.testing.assert_allclose(slope, (np.array(ends[0]) - ends[1]) / 2e-6, rtol=1e-7)
    assert np.all(np.abs(slope) > 1e-3)


@pytest.mark.parametrize("every", [0, -2, 1.5])
def test_a_lazy_term_comes_every_so_many_whole_steps(every):
    with pytest.raises(ValueError, match=f"every must be a whole number, 1 or more, got {every}"):
        terms.lazy(terms.drift(), every)


@pytest.mark.parametrize(
    "term", [terms.lazy(terms.drift(), 2), terms.score_loss(losses.hinge, weight=WEIGHTS)]
)
def test_without_a_steps_number_it_is_said_who_gives_it(term):
    with pytest.raises(ValueError, match=r"step's number.*ganstab.steps.*_replace\(step="):
        term(seen())


def test_the_multiplier_goes_down_by_rho_times_the_slack():
    """And the network goes its own optimizer's way."""
    rho, rate = 0.25, 0.1
    line = Player(
        lambda key: (jnp.array([1.0, -2.0]), ()), lambda p, s, x, key, *, train=True: (x @ p, s)
    )
    shift = Player(
        lambda key: (jnp.zeros(2), ()), lambda p, s, z, key, *, train=True: (z[:, :2] + p[None], s)
    )
    pair = Pair(shift, multiplied(line, start=0.5))
    txs = Pair(optax.sgd(rate), optimizers.multiplier_ascent(optax.sgd(rate), rho))
    game = make_game(pair, terms.fisher(rho), prior=prior)
    data = Batch(arrays(6, 5, 2))

    @quick
    def moved_and_samples(key):
        start = steps.init(pair, txs, key)
        own_key = jax.random.fold_in(start.key, start.step)
        fake, _ = game.play(start.params.gen, start.carry, data, own_key)
        return steps.simultaneous(game, txs)(start, data)[0], fake

    moved, fake = moved_and_samples(KEY)
    fake = np.asarray(fake)
    real, w = np.asarray(data.real), np.array([1.0, -2.0])
    slack = 1 - (np.mean((real @ w) ** 2) + np.mean((fake @ w) ** 2)) / 2
    assert abs(slack) > 0.1
    np.testing.assert_allclose(moved.params.disc.multiplier, 0.5 - rho * slack, rtol=1e-5)
    pull = -(0.5 - rho * slack) * (real.T @ (real @ w) + fake.T @ (fake @ w)) / 5
    ascent = real.mean(0) - fake.mean(0) + pull
    np.testing.assert_allclose(moved.params.disc.net, w + rate * ascent, rtol=1e-4)


LOGITS = jnp.array([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [1.0, 0.0, 2.0]])


def class_loss(label, logits=LOGITS):
    there = seen(label=label, real_class_logits=logits, fake_class_logits=logits)
    return terms.auxiliary_classifier(1.0, 1.0)(there)


@pytest.mark.parametrize("label", [[0, 1, -1], [0, -1, -1], [-1, 1, 2], [2, 1, 0]])
def test_samples_without_a_label_are_left_out_of_the_class_loss(label):
    label = np.array(label)
    known = np.flatnonzero(label >= 0)
    rows = np.asarray(LOGITS)[known]
    expected = np.mean(np.log(np.exp(rows).sum(1)) - rows[np.arange(len(known)), label[known]])
    np.testing.assert_allclose(class_loss(jnp.array(label)), [expected] * 2, rtol=1e-5)
    slope = quick(jax.grad(lambda logits: class_loss(jnp.array(label), logits).disc))(LOGITS)
    np.testing.assert_array_equal(np.any(slope != 0, axis=1), label >= 0)


def test_a_batch_without_labels_has_no_class_loss():
    nobody = jnp.full(3, -1)
    value, slope = jax.value_and_grad(lambda logits: class_loss(nobody, logits).disc)(LOGITS)
    assert value == 0 and not slope.any()


@pytest.mark.parametrize(
    "label", [jnp.array([0, 1, 3]), jnp.array([-2, 0, 1]), jnp.array([0, 1, 255], jnp.uint8)]
)
def test_a_label_that_is_no_class_gives_nan(label):
    assert all(np.isnan(class_loss(label)))


@pytest.mark.parametrize(
    ("label", "got"),
    [
        (jnp.array([0.0, 1.0, 2.0]), "float32 (3,)"),
        (jnp.eye(3, dtype=jnp.int32), "int32 (3, 3)"),
        (jnp.array([0, 1]), "int32 (2,)"),
        ((jnp.array([0, 1, 2]), jnp.array([0, 1, 2])), "int32 (3,) and int32 (3,)"),
    ],
    ids=["float", "one hot", "too few", "two"],
)
def test_labels_that_are_no_classes_are_refused(label, got):
    with pytest.raises(ValueError) as error:
        class_loss(label)
    asked = "auxiliary_classifier needs a whole number a sample as label, shape (3,)"
    assert str(error.value) == f"{asked}, got {got}"


@pytest.mark.parametrize("every", [float("nan"), float("inf"), "2", None])
def test_a_lazy_term_refuses_what_counts_nothing(every):
    with pytest.raises(ValueError, match=f"every must be a whole number, 1 or more, got {every!r}"):
        terms.lazy(terms.drift(), every)
