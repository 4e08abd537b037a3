"""`smoothed` and `snapshot_ensemble` in closed form, alone and with `unrolled`."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from closed_forms import POINT, PSI, THETA, M, pair_at, played, quadratic, quick, xi
from common import scalar_carry

from ganstab import Aux, Carry, Game, Pair, TrainState, games, optimizers, steps
from ganstab.surrogates import smoothed, snapshot_ensemble, unrolled

KEY = jax.random.key(0)
SIGMA = 0.2
ETA = 0.1
SGD = optax.sgd(ETA)


def moments(samples, key=KEY, stddev=SIGMA):
    """A smoothed game's losses E Σw³ and E Σw², and means over its samples of what w is."""

    def judge(params, carry, batch, fake, key):
        w = jnp.concatenate(params)
        seen = {"gen/w": w, "gen/squares": jnp.outer(w, w), "gen/fourth": (w - POINT) ** 4}
        return Pair(jnp.sum(w**3), jnp.sum(w**2)), Aux(carry.state, seen)

    game = smoothed(Game(lambda gen, carry, batch, key: (None, ()), judge), stddev, samples)
    (cubes, squares), aux = quick(game)(pair_at(POINT), scalar_carry(), None, key)
    return cubes, squares, aux.metrics


def test_a_single_sample_is_the_game_at_noisy_parameters_drawn_anew_with_each_key(x64):
    cubes, squares, seen = moments(1)
    w = np.asarray(seen["gen/w"])
    np.testing.assert_allclose((cubes, squares), (np.sum(w**3), np.sum(w**2)), rtol=1e-12)
    other = np.asarray(moments(1, jax.random.key(1))[2]["gen/w"])
    assert np.min(np.abs(w - POINT)) > 1e-4 and np.min(np.abs(w - other)) > 1e-4


def test_the_noise_is_none_of_the_games_own_draws(x64):
    """A game splits the key it is given, as the noise is split from another."""
    seen = np.asarray(moments(1)[2]["gen/w"])
    for count in (1, 2, 4):
        for key in jax.random.split(KEY, count):
            own = optax.tree.random_like(key, pair_at(POINT))
            drawn = POINT + SIGMA * np.concatenate([own.gen, own.disc])
            assert np.max(np.abs(drawn - seen)) > 1e-2


def test_losses_are_means_over_normal_noise_on_every_parameter(x64):
    """E w³ = p³ + 3pσ², E w² = p² + σ²; independent entries, and the tails of a normal."""
    cubes, squares, seen = moments(20_000)
    expected = np.sum(POINT**3 + 3 * POINT * SIGMA**2), np.sum(POINT**2 + SIGMA**2)
    np.testing.assert_allclose((cubes, squares), expected, rtol=0.01)
    np.testing.assert_allclose(seen["gen/w"], POINT, atol=0.01)
    covariance = seen["gen/squares"] - np.outer(seen["gen/w"], seen["gen/w"])
    np.testing.assert_allclose(covariance / SIGMA**2, np.eye(5), atol=0.04)
    np.testing.assert_allclose(seen["gen/fourth"] / SIGMA**4, 3, rtol=0.15)


def test_a_linear_field_is_shifted_by_the_mean_noise_in_an_unroll_too(x64):
    """Within an unroll the noise stays, as the batch does; around one it is the same."""
    noise = np.asarray(moments(5)[2]["gen/w"]) - POINT
    shift = M @ noise
    game = smoothed(quadratic(), SIGMA, 5)
    # d/dθ of L_G(θ, ψ + step) with step = −η(ξ_D + shift): the rest of L_G's slope in ψ is 0.6ψ.
    w = POINT.copy()
    w[PSI] -= ETA * (xi(POINT) + shift)[PSI]
    in_psi = M[THETA, PSI].T @ (w + noise)[THETA] + 0.6 * (w + noise)[PSI]
    expected = xi(POINT) + shift
    np.testing.assert_allclose(played(game, POINT)[1], expected, rtol=1e-10)
    expected[THETA] = (xi(w) + shift)[THETA] - ETA * M[PSI, THETA].T @ in_psi
    for looking in (unrolled(game, SGD, 1), smoothed(unrolled(quadratic(), SGD, 1), SIGMA, 5)):
        np.testing.assert_allclose(played(looking, POINT)[1], expected, rtol=1e-10)


def test_without_noise_a_smoothed_game_is_the_game(x64):
    np.testing.assert_allclose(
        played(smoothed(quadratic(), 0.0, 2), POINT)[0], played(quadratic(), POINT)[0], rtol=1e-12
    )


def test_no_samples_and_no_key_are_refused():
    with pytest.raises(ValueError, match="samples must be 1 or more, got 0"):
        smoothed(games.bilinear(), SIGMA, 0)
    with pytest.raises(ValueError, match=r"smoothed draws random .* got key=None"):
        smoothed(games.bilinear(), SIGMA, 2)(pair_at(POINT), scalar_carry(), None, None)


def trained(tx, steps_before):
    """Bilinear θψ after a few updates of ψ alone: params, carry, and all ψ so far."""
    psi, opt = jnp.asarray(2.0), tx.init(jnp.asarray(2.0))
    history = [2.0]
    for i in range(steps_before):
        updates, opt = tx.update(jnp.asarray(float(i + 1)), opt, psi)
        psi = optax.apply_updates(psi, updates)
        history.append(float(psi))
    return Pair(jnp.asarray(0.5), psi), Carry(Pair((), ()), Pair((), opt)), history


@pytest.mark.parametrize("before", [0, 2, 5])
def test_an_ensemble_of_the_last_discriminators(x64, before):
    tx = optax.chain(SGD, optimizers.snapshots(3))
    params, carry, history = trained(tx, before)
    last = ([2.0, 2.0, *history])[-3:]
    game = snapshot_ensemble(games.bilinear())

    def loss(gen):
        found, aux = game(Pair(gen, params.disc), carry, None, KEY)
        return found.gen, (found, aux)

    slope, ((gen, disc), aux) = quick(jax.grad(loss, has_aux=True))(params.gen)
    np.testing.assert_allclose(gen, 0.5 * np.mean(last), rtol=1e-12)
    np.testing.assert_allclose(disc, -0.5 * history[-1], rtol=1e-12)
    np.testing.assert_allclose(aux.metrics["gen/loss"], gen)
    np.testing.assert_allclose(aux.metrics["disc/loss"], disc)
    np.testing.assert_allclose(slope, np.mean(last), rtol=1e-12)
    if before == 5:
        assert abs(np.mean(last) - history[-1]) > 0.1


def test_a_delayed_ensemble_takes_a_new_one_every_so_many_updates(x64):
    tx = optax.chain(SGD, optimizers.snapshots(2, every=3))
    for before, members in ((2, (0, 0)), (3, (0, 3)), (8, (3, 6)), (9, (6, 9))):
        params, carry, history = trained(tx, before)
        (gen, _), _ = snapshot_ensemble(games.bilinear())(params, carry, None, KEY)
        np.testing.assert_allclose(gen, 0.5 * np.mean([history[i] for i in members]), rtol=1e-12)


@pytest.mark.parametrize("K", [1, 3])
def test_an_unrolled_ensemble_is_of_the_snapshots_that_the_updates_would_take(x64, K):
    """ψ_k = ψ + kηθ; of the last 3 the first come from the past."""
    tx = optax.chain(SGD, optimizers.snapshots(3))
    params, carry, history = trained(tx, 4)
    game = unrolled(snapshot_ensemble(games.bilinear()), tx, K)

    def loss(theta):
        past = [*history, *(history[-1] + k * ETA * theta for k in range(1, K + 1))][-3:]
        return theta * np.mean(past)

    def found(theta):
        return game(Pair(theta, params.disc), carry, None, KEY)[0].gen

    value, slope = quick(jax.value_and_grad(found))(params.gen)
    np.testing.assert_allclose(value, loss(0.5), rtol=1e-12)
    expected = (loss(0.5 + 1e-5) - loss(0.5 - 1e-5)) / 2e-5
    np.testing.assert_allclose(slope, expected, rtol=1e-8)


def test_an_unroll_from_a_fresh_optimizer_faces_the_snapshots_that_there_are(x64):
    """The look-ahead moves ψ by an optimizer of its own, and the live one's past stays."""
    tx = optax.chain(SGD, optimizers.snapshots(3))
    params, carry, history = trained(tx, 4)
    game = unrolled(snapshot_ensemble(games.bilinear()), SGD, 2, live=False)
    gen = quick(game)(params, carry, None, KEY)[0].gen
    np.testing.assert_allclose(gen, 0.5 * np.mean(history[-3:]), rtol=1e-12)


def test_each_member_of_an_ensemble_is_looked_ahead_from(x64):
    tx = optax.chain(SGD, optimizers.snapshots(3))
    params, carry, history = trained(tx, 4)
    game = snapshot_ensemble(unrolled(games.bilinear(), SGD, 2, live=False))
    gen = quick(game)(params, carry, None, KEY)[0].gen
    np.testing.assert_allclose(gen, 0.5 * (np.mean(history[-3:]) + 2 * ETA * 0.5), rtol=1e-12)


def test_an_ensemble_trains_by_the_public_steps_and_the_generator_plays_once():
    """θ falls along the mean of the last two ψ, by hand; one play for both members."""
    calls = []

    def judge(params, carry, batch, fake, key):
        value = fake * params.disc
        return Pair(value, -value), Aux(carry.state, {})

    def play(gen, carry, batch, key):
        calls.append(1)
        return gen, carry.state.gen

    txs = Pair(SGD, optax.chain(SGD, optimizers.snapshots(2)))
    step = steps.simultaneous(snapshot_ensemble(Game(play, judge)), txs)
    # With a dtype of their own, or the second step would be traced anew, for numbers that have one.
    params = Pair(jnp.asarray(1.0, float), jnp.asarray(0.5, float))
    opt = Pair(*(tx.init(own) for tx, own in zip(txs, params, strict=True)))
    state = TrainState(params, Carry(Pair((), ()), opt), jnp.int32(0), KEY)
    step = quick(step)
    theta, psis = 1.0, [0.5, 0.5]
    for _ in range(6):
        theta, psi = theta - ETA * np.mean(psis[-2:]), psis[-1] + ETA * theta
        psis.append(psi)
        state, _ = step(state, None)
        np.testing.assert_allclose(state.params, (theta, psi), rtol=1e-5)
    assert len(calls) == 2  # In the one trace: once for either player's update.


def test_without_snapshots_the_ensemble_is_refused():
    with pytest.raises(ValueError, match=r"must hold one optimizers.snapshots.*but holds 0"):
        snapshot_ensemble(games.bilinear())(
            Pair(jnp.ones(()), jnp.ones(())), scalar_carry(), None, KEY
        )


def test_numbers_of_python_are_parameters_as_arrays_are():
    game = smoothed(games.bilinear(), SIGMA, 3)
    found, _ = game(Pair(0.5, -2.0), scalar_carry(), None, KEY)
    expected, _ = game(Pair(jnp.float32(0.5), jnp.float32(-2)), scalar_carry(), None, KEY)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("samples", [1.5, float("nan"), "3"])
def test_samples_are_a_whole_number(samples):
    with pytest.raises(ValueError, match=f"^samples must be a whole number, .*got {samples!r}"):
        smoothed(games.bilinear(), SIGMA, samples)
