"""Closed-form games: values, fields, spectra at the equilibrium, and what steps make of them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import scalar_carry

from ganstab import Pair, TrainState, games, steps

CARRY = scalar_carry()


def losses_of(game, gen, disc):
    return game(Pair(jnp.asarray(gen), jnp.asarray(disc)), CARRY, None, None)[0]


def field(game):
    """The direction in which each player moves, as one vector of a two-number game."""

    def at(point):
        own = jax.jacobian(lambda params: game(params, CARRY, None, None)[0])(Pair(*point))
        return -jnp.stack([own.gen.gen, own.disc.disc])

    return at


def test_bilinear_is_the_inner_product(x64):
    gen, disc = np.array([1.0, -2.0, 0.5]), np.array([3.0, 1.0, 4.0])
    np.testing.assert_allclose(losses_of(games.bilinear(), gen, disc), (3.0, -3.0))
    np.testing.assert_allclose(field(games.bilinear())(jnp.array([0.3, 0.7])), [-0.7, 0.3])


def test_dirac_is_the_gan_of_two_points(x64):
    gen, disc = 0.8, -1.5
    sigmoid = 1 / (1 + np.exp(-gen * disc))
    value = np.log(sigmoid) - np.log(2)
    np.testing.assert_allclose(losses_of(games.dirac(), gen, disc), (value, -value), rtol=1e-12)
    slope = 1 - sigmoid
    np.testing.assert_allclose(
        field(games.dirac())(jnp.array([gen, disc])), [-slope * disc, slope * gen], rtol=1e-12
    )


@pytest.mark.parametrize(
    ("game", "turn"),
    [(games.dirac(), 0.5), (games.dirac(lambda t: t), 1.0), (games.bilinear(), 1.0)],
    ids=["gan", "wgan", "bilinear"],
)
def test_the_field_turns_around_the_equilibrium(x64, game, turn):
    jacobian = jax.jacobian(field(game))(jnp.zeros(2))
    np.testing.assert_allclose(jacobian, [[0, -turn], [turn, 0]], atol=1e-15)


def test_from_losses_takes_any_parameters():
    game = games.from_losses(
        lambda params: Pair(params.gen["a"] * 2, params.disc[0] + params.gen["a"])
    )
    params = Pair({"a": jnp.float32(3)}, [jnp.float32(5)])
    fake, state = game.play(params.gen, CARRY, None, None)
    assert fake is None and state == ()
    got, aux = game(params, CARRY, None, None)
    assert got == (6, 8)
    assert aux.metrics == {"gen/loss": 6, "disc/loss": 8} and aux.carry_state == CARRY.state


def run(make_step, count, h=0.1):
    txs = Pair(optax.sgd(h), optax.sgd(h))
    params = Pair(jnp.asarray(0.6), jnp.asarray(0.8))
    opt = Pair(*(tx.init(own) for tx, own in zip(txs, params, strict=True)))
    start = TrainState(params, CARRY._replace(opt=opt), jnp.int32(0), jax.random.key(0))
    step = jax.jit(make_step(games.bilinear(), txs))
    for _ in range(count):
        start, _ = step(start, None)
    return start.params


def test_simultaneous_steps_spiral_out_of_bilinear(x64):
    gen, disc = run(steps.simultaneous, 50)
    np.testing.assert_allclose(np.hypot(gen, disc), (1 + 0.1**2) ** (50 / 2), rtol=1e-12)


def test_alternating_steps_stay_on_their_ellipse(x64):
    # θ' = θ - hψ, ψ' = ψ + hθ' keeps θ² + ψ² - hθψ as it is.
    gen, disc = run(steps.alternating, 200)
    invariant = 0.6**2 + 0.8**2 - 0.1 * 0.6 * 0.8
    np.testing.assert_allclose(gen**2 + disc**2 - 0.1 * gen * disc, invariant, rtol=1e-12)
    assert abs(gen - 0.6) > 0.1
