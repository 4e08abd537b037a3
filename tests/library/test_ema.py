"""The averaged player: parameters and batch-norm statistics against a loop by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import arrays, assert_close, assert_equal, batch, normed_pair, prior

from ganstab import Pair, Player, losses, steps, terms
from ganstab.game import make_game
from ganstab.players.ema import averaged, half_life

KEY = jax.random.key(0)
DECAY = 0.8


def test_a_trained_generators_average_and_its_statistics():
    """Four steps of a game with batch norm: the live players as without averaging, to the bit."""
    pair = normed_pair()
    held = Pair(averaged(pair.gen, DECAY), pair.disc)
    txs = Pair(optax.sgd(0.3), optax.sgd(0.3))

    def trainer(players):
        game = make_game(players, terms.score_loss(losses.non_saturating), prior=prior)
        return jax.jit(steps.simultaneous(game, txs))

    plain, tracked = steps.init(pair, txs, KEY), steps.init(held, txs, KEY)
    average = jax.tree.map(np.asarray, (plain.params.gen, plain.carry.state.gen))
    step, tracking = trainer(pair), trainer(held)
    for seed in range(4):
        seen_at = plain.params.gen
        plain, _ = step(plain, batch(seed, 6))
        tracked, _ = tracking(tracked, batch(seed, 6))
        latest = seen_at, plain.carry.state.gen
        average = jax.tree.map(lambda a, w: DECAY * a + (1 - DECAY) * w, average, latest)
    own = tracked.carry.state.gen
    live = plain.params, plain.carry.state.gen
    assert_close((tracked.params, own.live), live, rtol=1e-5, atol=1e-7)
    assert_close((own.params, own.state), jax.tree.map(jnp.asarray, average), rtol=1e-5, atol=1e-7)
    moved = optax.tree.norm(optax.tree.sub(own.params, plain.params.gen))
    assert moved > 1e-2

    z = arrays(1, 5, 3)
    samples, after = held.gen.apply(tracked.params.gen, own, z, KEY, train=False)
    wanted, _ = pair.gen.apply(*jax.tree.map(jnp.asarray, average), z, KEY, train=False)
    np.testing.assert_allclose(samples, wanted, rtol=1e-4, atol=1e-6)
    assert_equal(after, own)
    live, _ = pair.gen.apply(plain.params.gen, plain.carry.state.gen, z, KEY, train=False)
    assert np.max(np.abs(live - samples)) > 1e-2


def counter():
    """A player whose state is an integer count and a float mean."""

    def apply(params, state, x, key, *, train=True):
        return params * x, (state[0] + 1, state[1] + 2.0) if train else state

    return Player(lambda key: (jnp.asarray(1.0), (jnp.int32(0), jnp.asarray(0.0))), apply)


def test_counts_are_the_latest_and_no_gradient_runs_into_the_average():
    player = averaged(counter(), 0.5)
    _, state = player.init(KEY)

    def through(params):
        _, after = player.apply(params, state, jnp.ones(()), KEY)
        return after.params, after

    (_, after), slope = jax.value_and_grad(through, has_aux=True)(jnp.asarray(3.0))
    assert slope == 0.0
    assert after.live == (1, 2.0) and after.state == (1, 1.0) and after.params == 2.0
    assert after.state[0].dtype == jnp.int32


def test_a_half_life_that_grows_from_nothing():
    """Decays of 0, then ½^1 and ½^½: the start is forgotten at the first update."""
    player = averaged(counter(), half_life(lambda count: jnp.asarray(count, float)))
    params, state = player.init(KEY)
    update = jax.jit(lambda params, state: player.apply(params, state, jnp.ones(()), KEY)[1])
    expected = None
    for decay, latest in ((0.0, 3.0), (0.5, 5.0), (0.5**0.5, 2.0)):
        state = update(jnp.asarray(latest), state)
        expected = latest if expected is None else decay * expected + (1 - decay) * latest
        np.testing.assert_allclose(state.params, expected, rtol=1e-6)
    assert state.updates == 3
    assert player.apply(params, state, jnp.ones(()), KEY, train=False)[1].updates == 3


def test_gradients_run_through_the_live_state():
    """An unroll of the generator goes through it, as it does without an average."""

    def apply(params, state, x, key, *, train=True):
        return x, state + 2.0 * params

    player = averaged(Player(lambda key: (jnp.ones(()), jnp.zeros(())), apply), 0.5)
    params, state = player.init(KEY)
    slopes = jax.jacobian(lambda params: player.apply(params, state, params, KEY)[1])(params)
    assert slopes == (2.0, 0.0, 0.0, None)


def test_an_averaged_critic_still_names_what_mixes():
    critic = normed_pair().disc
    assert averaged(critic, 0.9).mixes == critic.mixes != ()


def test_a_state_that_is_donated_holds_no_array_twice():
    params, state = averaged(counter(), 0.9).init(KEY)
    jax.jit(lambda tree: jax.tree.map(lambda x: x + 1, tree), donate_argnums=0)((params, state))


@pytest.mark.parametrize("decay", [1.0, -0.1, float("nan")])
def test_bad_decays_are_refused(decay):
    with pytest.raises(ValueError, match=rf"decay must be in \[0, 1\), got {decay}"):
        averaged(counter(), decay)


def test_an_average_of_half_precision_moves():
    player = Player(
        lambda key: (jnp.ones((), jnp.bfloat16), ()),
        lambda params, state, x, key, *, train=True: (params * x, state),
    )
    held = averaged(player, 0.999)
    params, state = held.init(KEY)
    one, latest = jnp.ones((), jnp.bfloat16), 2 * params
    update = jax.jit(lambda state: held.apply(latest, state, one, KEY)[1])
    for _ in range(2000):
        state = update(state)
    output, _ = held.apply(params, state, one, KEY, train=False)
    assert float(output) == pytest.approx(2 - 0.999**2000, abs=0.01)  # 1.865
    assert output.dtype == jnp.bfloat16


def test_a_key_in_the_state_is_the_latest():
    player = Player(
        lambda key: (jnp.ones(2), {"noise": key}), lambda p, s, x, k, train=True: (x, s)
    )
    held = averaged(player, 0.9)
    params, state = held.init(KEY)
    for train in (True, False):
        _, state = jax.jit(lambda s, t=train: held.apply(params, s, params, KEY, train=t))(state)
    assert_equal(state.state, {"noise": KEY})
