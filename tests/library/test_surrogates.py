"""`unrolled` in closed form, and against central differences through real optimizers and networks.

On the bilinear game V = θψ, K steps of size η take ψ to ψ + Kηθ, so that the generator's loss is
θ(ψ + Kηθ), its gradient ψ + 2Kηθ, and ψ + Kηθ where the gradient through the steps is cut.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import arrays, assert_close, batch, normed_pair, prior, quick, scalar_carry

from ganstab import Aux, Batch, Carry, Game, Pair, games, losses, optimizers, players, steps, terms
from ganstab.game import make_game
from ganstab.networks import stacked_mnist
from ganstab.networks.convolution import batch_major
from ganstab.surrogates import unrolled

ETA = 0.1
SGD = optax.sgd(ETA)
THETA, PSI = np.array([0.7, -1.2]), np.array([0.4, 2.0])
KEY = jax.random.key(0)


def on_bilinear(surrogate, carry=None):
    """Both losses, and each player's gradient of its own."""
    params = Pair(jnp.asarray(THETA), jnp.asarray(PSI))

    def evaluate(params):
        return surrogate(params, carry or scalar_carry(), None, KEY)[0]

    own = jax.jacobian(evaluate)(params)
    return evaluate(params), Pair(own.gen.gen, own.disc.disc)


@pytest.mark.parametrize("K", [0, 1, 2, 5])
@pytest.mark.parametrize("remat", [True, False])
def test_bilinear(x64, K, remat):
    found, grads = on_bilinear(unrolled(games.bilinear(), SGD, K, remat=remat))
    moved = PSI + K * ETA * THETA
    np.testing.assert_allclose(found, (THETA @ moved, -THETA @ PSI), rtol=1e-12)
    np.testing.assert_allclose(grads.gen, PSI + 2 * K * ETA * THETA, rtol=1e-12)
    np.testing.assert_allclose(grads.disc, -THETA, rtol=1e-12)


@pytest.mark.parametrize("K", [1, 2, 5])
def test_bilinear_first_order(x64, K):
    found, grads = on_bilinear(unrolled(games.bilinear(), SGD, K, second_order=False))
    moved = PSI + K * ETA * THETA
    np.testing.assert_allclose(found, (THETA @ moved, -THETA @ PSI), rtol=1e-12)
    np.testing.assert_allclose(grads.gen, moved, rtol=1e-12)


@pytest.mark.parametrize("K", [1, 3])
@pytest.mark.parametrize("second_order", [True, False])
def test_bilinear_average_over_the_updates(x64, K, second_order):
    game = unrolled(games.bilinear(), SGD, K, average=True, second_order=second_order)
    found, grads = on_bilinear(game)
    mean_steps = (K + 1) / 2
    np.testing.assert_allclose(found.gen, THETA @ (PSI + mean_steps * ETA * THETA), rtol=1e-12)
    times = 2 if second_order else 1
    np.testing.assert_allclose(grads.gen, PSI + times * mean_steps * ETA * THETA, rtol=1e-12)
    np.testing.assert_allclose(found.disc, -THETA @ PSI, rtol=1e-12)


@pytest.mark.parametrize("K", [1, 4])
def test_bilinear_looking_ahead_at_the_generator(x64, K):
    found, grads = on_bilinear(unrolled(games.bilinear(), SGD, K, player="gen"))
    moved = THETA - K * ETA * PSI
    np.testing.assert_allclose(found, (THETA @ PSI, -moved @ PSI), rtol=1e-12)
    np.testing.assert_allclose(grads.gen, PSI, rtol=1e-12)
    np.testing.assert_allclose(grads.disc, -THETA + 2 * K * ETA * PSI, rtol=1e-12)


MOMENTUM = 0.8
HEAVY = optax.sgd(ETA, momentum=MOMENTUM)


@pytest.mark.parametrize("live", [True, False])
def test_bilinear_with_momentum_live_or_fresh(x64, live):
    trace = np.array([2.0, -3.0])
    carry = Carry(Pair((), ()), Pair((), HEAVY.init(jnp.asarray(PSI))))
    carry = jax.tree.map(lambda leaf: leaf + trace, carry)
    found, grads = on_bilinear(unrolled(games.bilinear(), HEAVY, 3, live=live), carry)
    velocity, moved, slope = trace * live, PSI, 0.0
    weight = 0.0
    for _ in range(3):
        velocity = MOMENTUM * velocity - THETA
        weight = MOMENTUM * weight - 1
        moved, slope = moved - ETA * velocity, slope - ETA * weight
    np.testing.assert_allclose(found.gen, THETA @ moved, rtol=1e-12)
    np.testing.assert_allclose(grads.gen, moved + slope * THETA, rtol=1e-12)


def small_game(pair, joint=False):
    return make_game(pair, terms.score_loss(losses.non_saturating), prior=prior, joint=joint)


def under_way(pair, tx):
    """Parameters and a carry as after some training: live optimizer, moved statistics."""
    start = as_double(jax.jit(lambda key: steps.init(pair, Pair(SGD, tx), key))(KEY))
    rng = np.random.default_rng(1)

    def moved(leaf):
        return leaf + rng.uniform(0.01, 0.1, leaf.shape) if leaf.dtype == float else leaf + 3

    return start.params, jax.tree.map(moved, start.carry)


def as_double(tree):
    return jax.tree.map(lambda x: x.astype(float) if x.dtype == jnp.float32 else x, tree)


def called(game):
    """The game as a function that `jax.jit` takes."""
    return jax.jit(lambda params, carry, batch, key: game(params, carry, batch, key))


@pytest.mark.parametrize(
    ("tx", "joint"), [(HEAVY, False), (optimizers.adam(ETA), True)], ids=["momentum", "adam"]
)
def test_the_future_discriminator_is_the_one_that_its_own_updates_lead_to(x64, tx, joint):
    """Live state, fixed batch and key, batch norm: against updates taken one by one."""
    pair = normed_pair()
    params, carry = under_way(pair, tx)
    game, data, key = small_game(pair, joint), batch(2, 6), KEY

    @jax.jit
    def update(params, carry):
        def own(disc):
            found, aux = game(params._replace(disc=disc), carry, data, key)
            return found.disc, aux.carry_state.disc

        grads, state = jax.grad(own, has_aux=True)(params.disc)
        updates, opt = tx.update(grads, carry.opt.disc, params.disc)
        moved = params._replace(disc=optax.apply_updates(params.disc, updates))
        return moved, Carry(carry.state._replace(disc=state), carry.opt._replace(disc=opt))

    ahead = params, carry
    for _ in range(3):
        ahead = update(*ahead)
    expected = called(game)(*ahead, data, key)[0].gen
    (gen, disc), aux = called(unrolled(game, tx, 3))(params, carry, data, key)
    (now_gen, now_disc), now = called(game)(params, carry, data, key)
    np.testing.assert_allclose(gen, expected, rtol=1e-10)
    assert abs(gen - now_gen) > 1e-3
    np.testing.assert_allclose(disc, now_disc, rtol=1e-12)
    # What the K updates did to the statistics is dropped.
    assert_close(aux.carry_state, now.carry_state, rtol=1e-12)
    np.testing.assert_allclose(aux.metrics["gen/non_saturating"], gen)
    np.testing.assert_allclose(aux.metrics["disc/fake_score"], now.metrics["disc/fake_score"])


def counting_game():
    """The discriminator's state counts its evaluations, and its gradient is in proportion."""

    def judge(params, carry, batch, fake, key):
        count = carry.state.disc
        found = Pair(params.gen * params.disc * count, -params.gen * params.disc * count)
        return found, Aux(carry.state._replace(disc=count + 1), {})

    return Game(lambda gen, carry, batch, key: (None, carry.state.gen), judge)


def test_state_passes_from_update_to_update_and_is_dropped(x64):
    carry = Carry(Pair((), jnp.array(1.0)), Pair((), ()))
    game = unrolled(counting_game(), SGD, 3)
    found, aux = game(Pair(jnp.array(0.5), jnp.array(2.0)), carry, None, KEY)
    moved = 2.0 + ETA * 0.5 * (1 + 2 + 3)
    np.testing.assert_allclose(found, (0.5 * moved * 4, -0.5 * 2.0), rtol=1e-12)
    assert aux.carry_state.disc == 2


def test_the_gradient_runs_through_the_states_as_well(x64):
    """Each evaluation adds ψ to the state, and both losses are in proportion to it."""

    def judge(params, carry, batch, fake, key):
        value = params.gen * params.disc * carry.state.disc
        state = carry.state._replace(disc=carry.state.disc + params.disc)
        return Pair(value, -value), Aux(state, {})

    def by_hand(theta):
        psi, state = 2.0, 1.0
        for _ in range(3):
            psi, state = psi + ETA * theta * state, state + psi
        return theta * psi * state

    game = unrolled(counting_game()._replace(judge=judge), SGD, 3)
    carry = Carry(Pair((), jnp.array(1.0)), Pair((), ()))

    def loss(theta):
        return game(Pair(theta, jnp.array(2.0)), carry, None, KEY)[0].gen

    slope = jax.grad(loss)(jnp.array(0.5))
    np.testing.assert_allclose(slope, (by_hand(0.5 + 1e-5) - by_hand(0.5 - 1e-5)) / 2e-5, rtol=1e-8)


def noisy_game():
    """θψ plus a number that the batch brings to the discriminator's slope and to the samples."""

    def judge(params, carry, batch, fake, key):
        value = params.gen * params.disc
        return Pair(value + fake, -value - batch * params.disc), Aux(carry.state, {})

    return Game(lambda gen, carry, batch, key: (10 * batch * gen, carry.state.gen), judge)


def test_resampling_draws_for_each_update_and_for_the_last_loss(x64):
    drawn = []

    def resample(key):
        value = jax.random.normal(key)
        jax.debug.callback(drawn.append, value, ordered=True)
        return value

    game = unrolled(noisy_game(), SGD, 3, resample=resample)
    found, _ = game(Pair(jnp.array(0.5), jnp.array(2.0)), scalar_carry(), jnp.array(7.0), KEY)
    jax.effects_barrier()
    *updates, last = (float(value) for value in drawn)
    assert len({*updates, last}) == 4
    moved = 2.0 + ETA * (3 * 0.5 + sum(updates))
    np.testing.assert_allclose(found, (0.5 * moved + 5 * last, -1.0 - 14.0), rtol=1e-10)


def test_resampling_without_a_key_is_refused():
    game = unrolled(games.bilinear(), SGD, 1, resample=jax.random.normal)
    with pytest.raises(ValueError, match=r"unrolled\(resample=…\) draws .* got key=None"):
        game(Pair(jnp.asarray(0.5), jnp.asarray(2.0)), scalar_carry(), None, None)


def test_without_resampling_the_batch_stays(x64):
    game = unrolled(noisy_game(), SGD, 3)
    found, _ = game(Pair(jnp.array(0.5), jnp.array(2.0)), scalar_carry(), jnp.array(7.0), KEY)
    np.testing.assert_allclose(found, (0.5 * (2 + ETA * 3 * 7.5) + 35, -15.0), rtol=1e-10)


def test_the_generator_runs_once_whatever_K():
    calls = []
    game = counting_game()
    counted = game._replace(play=lambda *args: (calls.append(1), game.play(*args))[1])
    carry = Carry(Pair((), jnp.array(1.0)), Pair((), ()))
    unrolled(counted, SGD, 5)(Pair(jnp.array(0.5), jnp.array(2.0)), carry, None, KEY)
    assert len(calls) == 1


def test_no_steps_are_the_game_itself():
    game = games.bilinear()
    assert unrolled(game, SGD, 0) is game


def test_surrogates_wrap_surrogates(x64):
    """The opponent of an unrolled game moves by its loss, which unrolling leaves alone."""
    game = unrolled(unrolled(games.bilinear(), SGD, 2), SGD, 3)
    found, _ = on_bilinear(game)
    np.testing.assert_allclose(found.gen, THETA @ (PSI + 5 * ETA * THETA), rtol=1e-12)


@pytest.mark.parametrize("options", [{"steps": -1}, {"steps": 1, "player": "critic"}])
def test_bad_settings_are_refused(options):
    with pytest.raises(ValueError, match="-1" if options["steps"] < 0 else "critic"):
        unrolled(games.bilinear(), SGD, **options)


def test_a_live_state_of_another_optimizer_is_refused():
    carry = Carry(Pair((), ()), Pair((), optax.adam(ETA).init(jnp.asarray(PSI))))
    game = unrolled(games.bilinear(), HEAVY, 1)
    with pytest.raises(ValueError, match=r"live=True.*TraceState.*ScaleByAdamState.*live=False"):
        on_bilinear(game, carry)
    on_bilinear(unrolled(games.bilinear(), HEAVY, 1, live=False), carry)


# Both layouts compute the same numbers (test_networks); this one compiles faster.
STACKED_MNIST = Pair(
    players.from_nnx(
        lambda rngs: stacked_mnist.Generator(16, (8, 8, 4, 4), convolutions=batch_major, rngs=rngs)
    ),
    players.from_nnx(
        lambda rngs: stacked_mnist.Discriminator(0.25, convolutions=batch_major, rngs=rngs)
    ),
)


@functools.cache
def stacked_mnist_start():
    start = jax.jit(lambda key: steps.init(STACKED_MNIST, Pair(SGD, SGD), key))(KEY)
    return as_double((start.params, start.carry.state))


@pytest.mark.parametrize(
    ("tx", "try_cut"),
    [
        pytest.param(optax.sgd(0.3), True, id="sgd"),
        pytest.param(optax.rmsprop(0.01), False, id="rmsprop", marks=pytest.mark.slow),
        pytest.param(optimizers.adam(0.01, b1=0.5), False, id="adam", marks=pytest.mark.slow),
    ],
)
def test_the_real_networks_gradient_is_the_central_difference(x64, tx, try_cut):
    """And is not where the second-order term is cut: this test fails without it."""
    params, state = stacked_mnist_start()
    carry = Carry(state, Pair((), tx.init(params.disc)))
    data = Batch(jnp.tanh(arrays(3, 3, 28, 28, 3)))
    game = make_game(
        STACKED_MNIST, terms.score_loss(losses.non_saturating),
        prior=lambda key, n: jax.random.normal(key, (n, 16)), joint=True,
    )  # fmt: skip

    @functools.partial(quick, static_argnames="second_order")
    def value_and_slope(shift, towards, second_order=True):
        def loss(gen):
            surrogate = unrolled(game, tx, 2, second_order=second_order)
            return surrogate(params._replace(gen=gen), carry, data, KEY)[0].gen

        gen = jax.tree.map(lambda x, d: x + shift * d, params.gen, towards)
        value, grads = jax.value_and_grad(loss)(gen)
        return value, optax.tree.vdot(grads, towards)

    for seed in (0, 1):
        towards = jax.tree.map(lambda x, seed=seed: arrays(seed + x.size, *x.shape), params.gen)
        ends = [value_and_slope(shift, towards)[0] for shift in (1e-7, -1e-7)]
        expected = float(ends[0] - ends[1]) / 2e-7
        np.testing.assert_allclose(value_and_slope(0.0, towards)[1], expected, rtol=1e-5)
    if try_cut:
        first_order = value_and_slope(0.0, towards, second_order=False)[1]
        assert abs(first_order - expected) > 1e-3 * abs(expected)


@pytest.mark.parametrize("count", [-1, 2.5])
def test_steps_are_a_whole_number(count):
    with pytest.raises(ValueError, match=f"a whole number, 0 or more, got {count}"):
        unrolled(games.bilinear(), SGD, count)


@pytest.mark.parametrize("count", [float("nan"), float("inf"), "3", None])
def test_steps_that_count_nothing_are_refused(count):
    with pytest.raises(ValueError, match=f"a whole number, 0 or more, got {count!r}"):
        unrolled(games.bilinear(), SGD, count)
