"""The field, its Jacobian, and derivatives that see through every stop."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import arrays, batch, plain_pair, quick
from known_games import CARRY, NOTHING, filled, latents, pair

from ganstab import Pair, dynamics, games, losses, optimizers, surrogates, terms
from ganstab.game import make_game

DERIVATIVES = pytest.mark.parametrize("derivative", [dynamics.exact, dynamics.central])


def test_field_of_dirac(x64):
    gen, disc = 0.8, -1.5
    slope = 1 / (1 + np.exp(gen * disc))
    got = dynamics.field(games.dirac(), pair(gen, disc), **NOTHING)
    np.testing.assert_allclose(got, (-slope * disc, slope * gen), rtol=1e-12)


@DERIVATIVES
def test_jacobian_of_a_field_with_a_stop_gradient(x64, derivative):
    """ψ moves K steps of h towards θ, and the first-order generator sees ψ + Khθ all the same."""
    game = surrogates.unrolled(games.bilinear(), optax.sgd(0.1), 3, second_order=False)
    got = quick(lambda params: dynamics.jacobian(game, params, **NOTHING, derivative=derivative))(
        pair(0.3, -0.7)
    )
    np.testing.assert_allclose(got, [[-0.3, -1.0], [1.0, 0.0]], atol=1e-10)


@DERIVATIVES
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_jacobian_away_from_the_equilibrium(x64, derivative, dtype):
    gen, disc = np.array([0.8, -1.5])
    s = 1 / (1 + np.exp(gen * disc))
    bend = s - s * (1 - s) * gen * disc
    expected = [[s * (1 - s) * disc**2, -bend], [bend, -s * (1 - s) * gen**2]]
    params = Pair(dtype(gen), dtype(disc))
    params = jax.tree.map(jnp.asarray, params)
    got = quick(
        lambda params: dynamics.jacobian(games.dirac(), params, **NOTHING, derivative=derivative)
    )(params)
    assert got.dtype == dtype
    rtol = {np.float32: 3e-5, np.float64: 1e-10}[dtype]
    np.testing.assert_allclose(got, expected, rtol=rtol)


def test_through_stops_opens_loops_branches_and_functions_in_functions():
    def fn(x):
        stop = jax.lax.stop_gradient

        def body(total, weight):
            return total + weight * jax.lax.cond(weight > 1, lambda: stop(x) ** 2, lambda: x), None

        looped, _ = jax.lax.scan(jax.checkpoint(body), 0 * x, jnp.array([1.0, 2.0]))
        return looped + jax.jit(lambda x: stop(x) * x)(x)

    value, slope = dynamics.exact(fn, jnp.array(3.0), jnp.array(1.0))
    assert (value, slope) == (3 + 2 * 9 + 9, 1 + 2 * 6 + 6)
    assert jax.grad(fn)(3.0) == 1 + 3


def test_central_differences_of_nothing_are_nothing():
    got = dynamics.central(jnp.sin, jnp.array([0.4]), jnp.zeros(1))
    np.testing.assert_allclose(got, ([np.sin(0.4)], [0.0]), rtol=1e-6)


def test_derivatives_agree_on_an_unrolled_network(x64):
    """Adam in a loop of checkpoints, first order: plain differentiation is 1 % off and more."""
    players, tx = plain_pair(), optimizers.adam(0.05, b1=0.5)
    plain = make_game(players, terms.score_loss(losses.minimax), prior=latents)
    game = surrogates.unrolled(plain, tx, 2, second_order=False)
    params = filled(players)
    # Adam's first step from nothing is nearly a sign, over whose jumps differences stumble.
    running = jax.tree.map(
        lambda leaf: leaf + jnp.asarray(0.05 if leaf.ndim else 2, leaf.dtype), tx.init(params.disc)
    )
    carry = CARRY._replace(opt=Pair((), running))
    at = {"carry": carry, "batch": batch(0, 8), "key": jax.random.key(5)}

    def slopes(params, along):
        velocity, point = dynamics.flat(game, params, **at)
        ways = dynamics.exact, dynamics.central, lambda fn, at, t: jax.jvp(fn, (at,), (t,))
        return [way(velocity, point, along)[1] for way in ways]

    size = sum(leaf.size for leaf in jax.tree.leaves(params))
    exact, central, stopped = quick(slopes)(params, arrays(3, size))
    length = np.linalg.norm(central)
    assert np.linalg.norm(exact - central) < 1e-6 * length
    assert np.linalg.norm(stopped - central) > 1e-2 * length
