"""`make_game` and terms, against games of linear players written out in NumPy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import arrays, assert_equal, batch, normed_pair, plain_pair, prior
from flax import nnx

from ganstab import Batch, Carry, Pair, Player, losses, penalties, players, terms
from ganstab.game import make_game
from ganstab.types import metrics_of

KEY = jax.random.key(0)
WASSERSTEIN = terms.score_loss(losses.wasserstein)
Z = np.random.default_rng(0).standard_normal((4, 2))


def scale(params, state, x, key, *, train=True):
    return x * params, state


def dot(params, state, x, key, *, train=True):
    return x @ params, state


LINEAR = Pair(Player(lambda key: (jnp.float32(2), ()), scale), Player(lambda key: ((), ()), dot))
NOTHING = Carry(Pair((), ()), Pair((), ()))
PARAMS = Pair(gen=jnp.float32(2), disc=jnp.array([1.0, -3.0]))


def fixed_prior(key, n):
    return jnp.asarray(Z[:n], dtype=jnp.float32)


def test_losses_are_the_sums_of_the_terms():
    game = make_game(
        LINEAR, WASSERSTEIN, terms.disc_penalty(0.5, penalties.r1),
        lambda round: Pair(gen=7.0, disc=jnp.mean(round.label)),
        prior=fixed_prior,
    )  # fmt: skip
    data = Batch(arrays(1, 4, 2), label=jnp.array([1.0, 2.0, 3.0, 6.0]))
    w = np.array([1.0, -3.0])
    real, fake = np.mean(np.asarray(data.real) @ w), np.mean(2 * Z @ w)
    got, _ = game(PARAMS, NOTHING, data, KEY)
    np.testing.assert_allclose(got, (7 - fake, fake - real + 0.5 * 10 + 3), rtol=1e-5)


def test_the_generators_gradient_goes_through_its_samples_the_discriminators_through_terms():
    game = make_game(LINEAR, WASSERSTEIN, terms.disc_penalty(0.5, penalties.r1), prior=fixed_prior)
    data = Batch(arrays(1, 4, 2))
    gen, disc = jax.jacobian(lambda params: game(params, NOTHING, data, KEY)[0])(PARAMS)
    np.testing.assert_allclose(gen.gen, -np.mean(Z @ [1, -3]), rtol=1e-5)
    np.testing.assert_allclose(
        disc.disc,
        np.mean(2 * Z, axis=0) - np.mean(np.asarray(data.real), axis=0) + PARAMS.disc,
        rtol=1e-5,
    )


def test_calling_a_game_is_judge_after_play():
    pair = normed_pair()
    game = make_game(
        pair, WASSERSTEIN, terms.disc_penalty(10, penalties.dragan, allow_mixing=True),
        prior=prior, joint=True,
    )  # fmt: skip
    (gen, gen_state), (disc, disc_state) = (p.init(KEY) for p in pair)
    params, carry = Pair(gen, disc), Carry(Pair(gen_state, disc_state), Pair((), ()))
    data = batch(1, 6)

    @jax.jit
    def both_ways(key):
        fake, state = game.play(gen, carry, data, key)
        moved = carry._replace(state=carry.state._replace(gen=state))
        by_hand = game.judge(params, moved, data, fake, key)
        return game(params, carry, data, key), by_hand, state

    (found, aux), by_hand, state = both_ways(KEY)
    assert_equal(by_hand, (found, aux))
    assert not np.allclose(*(s["norm"]["mean"] for s in (state, gen_state)))
    assert_equal(aux.carry_state.gen, state)
    assert found != both_ways(jax.random.key(1))[0][0]


def normalised(x, over):
    return (x - over.mean()) / np.sqrt(over.var() + 1e-5)


@pytest.mark.parametrize("joint", [False, True])
def test_real_and_fake_as_two_batches_or_one(joint):
    """A discriminator that is a batch norm and nothing else shows which statistics it took."""
    disc = players.from_nnx(
        lambda rngs: nnx.BatchNorm(1, momentum=0.9, use_bias=False, use_scale=False, rngs=rngs)
    )
    game = make_game(
        Pair(LINEAR.gen, disc), lambda round: Pair(round.real_score[0], round.fake_score[1]),
        prior=lambda key, n: fixed_prior(key, n)[:, :1], joint=joint,
    )  # fmt: skip
    data = Batch(arrays(2, 4, 1) + 5)
    _, state = disc.init(KEY)
    real, fake = np.asarray(data.real)[:, 0], 2 * Z[:, 0]
    got, aux = game(Pair(PARAMS.gen, {}), Carry(Pair((), state), Pair((), ())), data, KEY)
    both = np.concatenate([real, fake])
    seen = (both, both) if joint else (real, fake)
    expected = normalised(real, seen[0])[0], normalised(fake, seen[1])[1]
    np.testing.assert_allclose(got, expected, rtol=1e-4)
    moved = 0.1 * both.mean() if joint else 0.09 * real.mean() + 0.1 * fake.mean()
    np.testing.assert_allclose(aux.carry_state.disc["mean"], [moved], rtol=1e-5)


def test_without_batch_statistics_one_batch_is_two():
    pair = plain_pair()
    params = Pair(*(p.init(KEY)[0] for p in pair))
    games = [make_game(pair, WASSERSTEIN, prior=prior, joint=joint) for joint in (False, True)]
    both = jax.jit(lambda: [game(params, NOTHING, batch(1, 5), KEY)[0] for game in games])()
    np.testing.assert_allclose(*both, rtol=1e-5)


def test_metrics_are_named_after_terms_and_players():
    partial = functools.partial(penalties.wgan_gp, target=2.0)
    game = make_game(
        LINEAR, WASSERSTEIN, terms.disc_penalty(2.0, partial),
        terms.disc_penalty(3.0, penalties.wgan_gp), prior=fixed_prior,
    )  # fmt: skip
    (gen_loss, _disc_loss), aux = game(PARAMS, NOTHING, Batch(arrays(1, 4, 2)), KEY)
    size = 10**0.5
    assert set(metrics_of(aux, "gen")) == {"gen/wasserstein", "gen/wgan_gp", "gen/wgan_gp_2"}
    disc = metrics_of(aux, "disc")
    assert set(disc) == {
        "disc/wasserstein", "disc/wgan_gp", "disc/wgan_gp_2", "disc/real_score", "disc/fake_score"
    }  # fmt: skip
    assert set(aux.metrics) == {*metrics_of(aux, "gen"), *disc}
    np.testing.assert_allclose(disc["disc/wgan_gp"], 2 * (size - 2) ** 2, rtol=1e-5)
    np.testing.assert_allclose(disc["disc/wgan_gp_2"], 3 * (size - 1) ** 2, rtol=1e-5)
    np.testing.assert_allclose(aux.metrics["gen/wasserstein"], gen_loss)
    np.testing.assert_allclose(
        disc["disc/fake_score"] - disc["disc/real_score"], disc["disc/wasserstein"], rtol=1e-5
    )


def test_terms_draw_apart_and_do_not_disturb_each_other():
    def draw(round):
        value = jax.random.uniform(round.key)
        return Pair(value, value)

    def draws(*terms):
        aux = make_game(LINEAR, *terms, prior=fixed_prior)(
            PARAMS, NOTHING, Batch(arrays(1, 4, 2)), KEY
        )[1]
        return [float(value) for name, value in aux.metrics.items() if "gen/" in name]

    first, second = draws(draw, draw)
    assert first != second
    assert draws(draw) == [first]


def test_the_score_that_a_term_sees_is_the_games_own():
    def again(round):
        return Pair(
            jnp.sum(jnp.abs(round.score(round.real) - round.real_score)),
            jnp.sum(jnp.abs(round.score(round.fake) - round.fake_score)),
        )

    pair = plain_pair()
    params = Pair(*(p.init(KEY)[0] for p in pair))
    got, _ = make_game(pair, again, prior=prior)(params, NOTHING, batch(1, 5), KEY)
    np.testing.assert_allclose(got, 0, atol=1e-6)


def test_scores_of_one_column_are_taken_as_scores():
    column = Player(LINEAR.disc.init, lambda params, state, x, key: ((x @ params)[:, None], state))
    games = [
        make_game(Pair(LINEAR.gen, disc), WASSERSTEIN, prior=fixed_prior)
        for disc in (LINEAR.disc, column)
    ]
    both = [game(PARAMS, NOTHING, Batch(arrays(1, 4, 2)), KEY) for game in games]
    assert_equal(both[0], both[1])


def test_a_generator_of_another_shape_is_refused_with_both_named():
    game = make_game(LINEAR, WASSERSTEIN, prior=fixed_prior)
    with pytest.raises(ValueError, match=r"samples of shape \(4, 2\), the data have \(4, 3\)"):
        game(PARAMS, NOTHING, Batch(jnp.zeros((4, 3))), KEY)


@pytest.mark.parametrize("shape", [(8,), (1, 4), ()])
@pytest.mark.parametrize("joint", [False, True])
def test_scores_of_another_shape_are_refused_with_both_named(shape, joint):
    disc = Player(LINEAR.disc.init, lambda params, state, x, key: (jnp.zeros(shape), state))
    game = make_game(Pair(LINEAR.gen, disc), WASSERSTEIN, prior=fixed_prior, joint=joint)
    if joint and shape == (8,):
        return
    with pytest.raises(ValueError) as error:
        game(PARAMS, NOTHING, Batch(jnp.zeros((4, 2))), KEY)
    assert str((8,) if joint else (4,)) in str(error.value) and str(shape) in str(error.value)


def test_a_term_of_more_than_a_number_is_refused_by_its_name():
    def unreduced(round):
        return Pair(jnp.mean(round.fake_score), round.real_score)

    game = make_game(LINEAR, WASSERSTEIN, unreduced, prior=fixed_prior)
    with pytest.raises(ValueError, match=r"unreduced gave \(\) \(gen\) and \(4,\) \(disc\)"):
        game(PARAMS, NOTHING, Batch(jnp.zeros((4, 2))), KEY)


def test_a_game_needs_a_term():
    with pytest.raises(ValueError, match="at least one term"):
        make_game(LINEAR, prior=fixed_prior)


NO_PAIRS = {
    "one number": lambda round: jnp.mean(round.fake_score),
    "three": lambda round: (round.fake_score[0],) * 3,
    "nothing for one": lambda round: Pair(None, jnp.mean(round.fake_score)),
}


@pytest.mark.parametrize("kind", NO_PAIRS)
def test_a_term_of_no_pair_is_refused_by_its_name(kind):
    def odd(round):
        return NO_PAIRS[kind](round)

    game = make_game(LINEAR, WASSERSTEIN, odd, prior=fixed_prior)
    with pytest.raises(ValueError, match="a term must give a Pair of numbers, but odd gave"):
        game(PARAMS, NOTHING, Batch(jnp.zeros((4, 2))), KEY)


def test_players_and_batches_of_another_kind_are_refused():
    with pytest.raises(ValueError, match=r"^players must be a ganstab\.Pair\(.*got tuple"):
        make_game(tuple(LINEAR), WASSERSTEIN, prior=fixed_prior)
    game = make_game(LINEAR, WASSERSTEIN, prior=fixed_prior)
    with pytest.raises(ValueError, match=r"^the batch must be a ganstab\.Batch, got "):
        game(PARAMS, NOTHING, jnp.zeros((4, 2)), KEY)


def test_a_priors_dimensions_may_be_a_number_of_numpy():
    fakes = [
        make_game(LINEAR, WASSERSTEIN, prior=d).play(
            PARAMS.gen, NOTHING, Batch(jnp.zeros((4, 2))), KEY
        )[0]
        for d in (2, np.int64(2))
    ]
    np.testing.assert_array_equal(*fakes)


def test_an_error_in_a_network_is_noted_with_its_player_and_what_it_was_given():
    """Such as inputs of another size."""
    params = Pair(gen=jnp.float32(2), disc=jnp.ones(3))
    game = make_game(LINEAR, WASSERSTEIN, prior=fixed_prior)
    with pytest.raises(TypeError) as caught:
        game(params, NOTHING, Batch(jnp.zeros((4, 2))), KEY)
    note = "This is an error of the discriminator's network, which was given inputs of (4, 2)."
    assert note in caught.value.__notes__

    def fails(params, state, x, key, *, train=True):
        raise KeyError("a layer")

    game = make_game(LINEAR._replace(gen=LINEAR.gen._replace(apply=fails)), WASSERSTEIN, prior=2)
    with pytest.raises(KeyError) as caught:
        game(PARAMS, NOTHING, Batch(jnp.zeros((4, 2))), KEY)
    assert "generator's network, which was given inputs of (4, 2)" in caught.value.__notes__[0]
