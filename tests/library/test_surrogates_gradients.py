"""`consensus`, `gradient_norm`, `symplectic_adjustment` on a quadratic game and on a small GAN."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from closed_forms import (
    POINT,
    PSI,
    THETA,
    C,
    M,
    central,
    disc_loss,
    field_of,
    gen_loss,
    pair_at,
    played,
    quadratic,
    quick,
    xi,
)  # fmt: skip
from common import batch, perceptron, prior, scalar_carry
from jax.flatten_util import ravel_pytree

from ganstab import Carry, Pair, TrainState, dynamics, games, losses, steps, surrogates, terms
from ganstab.game import make_game
from ganstab.types import Aux, Game

WEIGHT = 0.7
ETA = 0.05
SGD = optax.sgd(ETA)
KEY = jax.random.key(0)


def own(of_gen, of_disc):
    """Each player's own entries of two gradients."""
    return np.concatenate([of_gen[THETA], of_disc[PSI]])


def squared(w):
    return xi(w) @ xi(w)


def test_consensus(x64):
    game = surrogates.consensus(quadratic(), WEIGHT)
    term = WEIGHT / 2 * squared(POINT)
    expected = gen_loss(POINT) + term, disc_loss(POINT) + term
    found, slopes = played(game, POINT)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(slopes, xi(POINT) + WEIGHT * M.T @ xi(POINT), rtol=1e-12)


def test_gradient_norm(x64):
    game = surrogates.gradient_norm(quadratic(), WEIGHT)
    slope = xi(POINT)[PSI]
    expected = gen_loss(POINT) + WEIGHT * slope @ slope, disc_loss(POINT)
    found, slopes = played(game, POINT)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    expected = xi(POINT)
    expected[THETA] += 2 * WEIGHT * M[PSI, THETA].T @ slope
    np.testing.assert_allclose(slopes, expected, rtol=1e-12)


def aligned(w, m=M, epsilon=0.1):
    """The sign of algorithm 1, and Aᵀξ."""
    turned = 0.5 * (m.T - m) @ xi_of(w, m)
    to_hamiltonian = m.T @ xi_of(w, m)
    agreement = (xi_of(w, m) @ to_hamiltonian) * (turned @ to_hamiltonian) / len(w)
    return np.sign(agreement + epsilon), turned


def xi_of(w, m):
    return m @ w + C


@pytest.mark.parametrize("align", [True, False])
def test_symplectic_adjustment(x64, align):
    """At points of either sign; by jax, forward or reverse, its field's Jacobian is M + λAᵀM."""
    field = field_of(surrogates.symplectic_adjustment(quadratic(), WEIGHT, align=align))
    points = [POINT, -POINT, 3 * POINT[::-1]]
    signs = [aligned(w)[0] for w in points]
    assert {*signs} == {1.0, -1.0}
    slopes, found = quick(jax.vmap(field))(jnp.asarray(points))
    for i, (w, sign) in enumerate(zip(points, signs, strict=True)):
        expected = xi(w) + WEIGHT * (sign if align else 1.0) * aligned(w)[1]
        np.testing.assert_allclose(slopes[i], expected, rtol=1e-11)
        np.testing.assert_allclose((found.gen[i], found.disc[i]), (gen_loss(w), disc_loss(w)))
    derivative = jax.jacfwd if align else jax.jacrev
    scale = WEIGHT * (signs[0] if align else 1.0)
    got, _ = quick(derivative(field, has_aux=True))(jnp.asarray(POINT))
    np.testing.assert_allclose(got, M + scale * 0.5 * (M.T - M) @ M, rtol=1e-10)


def test_epsilon_decides_where_the_products_are_small(x64):
    w = -np.linalg.solve(M, C) + 1e-3
    game = surrogates.symplectic_adjustment(quadratic(), WEIGHT, epsilon=-0.1)
    assert aligned(w)[0] == 1.0 and aligned(w, epsilon=-0.1)[0] == -1.0
    np.testing.assert_allclose(played(game, w)[1], xi(w) - WEIGHT * aligned(w)[1], rtol=1e-9)


def test_the_products_are_a_mean_over_the_parameters(x64):
    """An ε of −0.4 times their sum outweighs a fifth of it, and not the sum."""
    turned, hamiltonian = aligned(POINT)[1], M.T @ xi(POINT)
    total = (xi(POINT) @ hamiltonian) * (turned @ hamiltonian)
    game = surrogates.symplectic_adjustment(quadratic(), WEIGHT, epsilon=-0.4 * total)
    expected = xi(POINT) - WEIGHT * np.sign(total) * turned
    np.testing.assert_allclose(played(game, POINT)[1], expected, rtol=1e-9)


def ahead(gradient, K, w):
    """w with ψ taken K steps down `gradient`."""
    for _ in range(K):
        w = np.concatenate([w[THETA], w[PSI] - ETA * gradient(w)[PSI]])
    return w


def with_consensus(w):
    return xi(w) + WEIGHT * M.T @ xi(w)


def adjusted(w):
    return xi(w) + WEIGHT * 0.5 * (M.T - M) @ xi(w)


def test_unrolled_consensus_looks_ahead_at_a_discriminator_that_seeks_it(x64):
    game = surrogates.unrolled(surrogates.consensus(quadratic(), WEIGHT), SGD, 3)

    def expected(w):
        there = ahead(with_consensus, 3, w)
        return gen_loss(there) + WEIGHT / 2 * squared(there)

    found, slopes = played(game, POINT)
    np.testing.assert_allclose(found.gen, expected(POINT), rtol=1e-12)
    wanted = own(central(expected, POINT), with_consensus(POINT))
    np.testing.assert_allclose(slopes, wanted, rtol=1e-7)


def test_consensus_of_an_unrolled_game_is_on_its_losses(x64):
    game = surrogates.consensus(surrogates.unrolled(quadratic(), SGD, 3), WEIGHT)
    looking = functools.partial(ahead, xi, 3)

    def term(w):
        slope = central(lambda w: gen_loss(looking(w)), w)[THETA]
        return WEIGHT / 2 * (slope @ slope + xi(w)[PSI] @ xi(w)[PSI])

    expected = gen_loss(looking(POINT)) + term(POINT), disc_loss(POINT) + term(POINT)
    found, slopes = played(game, POINT)
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    wanted = own(
        central(lambda w: gen_loss(looking(w)) + term(w), POINT, h=1e-3),
        central(lambda w: disc_loss(w) + term(w), POINT, h=1e-3),
    )
    np.testing.assert_allclose(slopes, wanted, rtol=1e-6)


def test_gradient_norm_in_an_unroll_and_around_one(x64):
    def normed(w):
        return gen_loss(w) + WEIGHT * xi(w)[PSI] @ xi(w)[PSI]

    looking = functools.partial(ahead, xi, 3)
    inside = surrogates.unrolled(surrogates.gradient_norm(quadratic(), WEIGHT), SGD, 3)
    around = surrogates.gradient_norm(surrogates.unrolled(quadratic(), SGD, 3), WEIGHT)
    for game, expected in (
        (inside, lambda w: normed(looking(w))),
        (around, lambda w: gen_loss(looking(w)) + normed(w) - gen_loss(w)),
    ):
        found, slopes = played(game, POINT)
        np.testing.assert_allclose(found.gen, expected(POINT), rtol=1e-12)
        wanted = own(central(expected, POINT), xi(POINT))
        np.testing.assert_allclose(slopes, wanted, rtol=1e-7)


def test_an_unroll_runs_through_adjusted_updates_and_is_adjusted_itself(x64):
    """The derivative through the opponent's adjusted steps is that of the adjusted steps."""
    inside = surrogates.unrolled(
        surrogates.symplectic_adjustment(quadratic(), WEIGHT, align=False), SGD, 3
    )
    looking = functools.partial(ahead, adjusted, 3)
    expected = central(lambda w: gen_loss(looking(w)), POINT)
    there = looking(POINT)
    expected[THETA] += (adjusted(there) - xi(there))[THETA]
    wanted = own(expected, adjusted(POINT))
    np.testing.assert_allclose(played(inside, POINT)[1], wanted, rtol=1e-7)

    around = surrogates.symplectic_adjustment(
        surrogates.unrolled(quadratic(), SGD, 3), WEIGHT, align=False
    )
    looking = functools.partial(ahead, xi, 3)

    def unrolled_xi(w):
        return own(central(lambda w: gen_loss(looking(w)), w, h=1e-3), xi(w))

    m = central(unrolled_xi, POINT, h=1e-3)
    wanted = unrolled_xi(POINT) + WEIGHT * 0.5 * (m.T - m) @ unrolled_xi(POINT)
    np.testing.assert_allclose(played(around, POINT)[1], wanted, rtol=1e-6)


TINY = Pair(perceptron(3, 2), perceptron(2, 2, 1))


@functools.cache
def tiny_game():
    """A GAN of 8 and 9 parameters as functions of one vector, and where it stands."""
    game = make_game(TINY, terms.score_loss(losses.non_saturating), prior=prior)
    start = steps.init(TINY, Pair(SGD, SGD), KEY)
    point, unravel = ravel_pytree(jax.tree.map(lambda x: x.astype(float), start.params))
    return game, np.asarray(point), unravel, ravel_pytree(start.params.gen)[0].size


def on_tiny(surrogate):
    """Jitted `w -> (the own gradients in a row, losses)`."""
    game, _, unravel, split = tiny_game()
    data = batch(2, 4)

    def losses(w):
        found, _ = surrogate(game)(unravel(w), scalar_carry(), data, KEY)
        return found, found

    def both(w):
        own, found = jax.jacrev(losses, has_aux=True)(w)
        return jnp.concatenate([own.gen[:split], own.disc[split:]]), jnp.stack(found)

    return quick(both)


@functools.cache
def plain_tiny():
    return on_tiny(lambda game: game)


@pytest.mark.parametrize("name", ["consensus", "gradient_norm"])
def test_on_networks_the_values_are_of_the_plain_gradients_and_the_gradient_of_the_values(
    x64, name
):
    surrogate = functools.partial(getattr(surrogates, name), weight=WEIGHT)
    _, point, _, split = tiny_game()
    slope, plain = (np.asarray(found) for found in plain_tiny()(point))
    both = on_tiny(surrogate)
    slopes, found = both(point)
    added = {
        "consensus": (WEIGHT / 2 * slope @ slope,) * 2,
        "gradient_norm": (WEIGHT * slope[split:] @ slope[split:], 0.0),
    }[name]
    np.testing.assert_allclose(found, plain + added, rtol=1e-12)
    assert min(added[0], slope[:split] @ slope[:split]) > 1e-3
    difference = central(lambda w: np.asarray(both(w)[1]), point)
    wanted = np.concatenate([difference[0, :split], difference[1, split:]])
    np.testing.assert_allclose(slopes, wanted, rtol=1e-6, atol=1e-9)


def test_on_networks_the_adjustment_is_of_the_dense_jacobian(x64):
    _, point, _, _ = tiny_game()
    h = central(lambda w: np.asarray(plain_tiny()(w)[0]), point)
    slope = np.asarray(plain_tiny()(point)[0])
    both = on_tiny(lambda game: surrogates.symplectic_adjustment(game, WEIGHT, align=False))
    wanted = slope + WEIGHT * 0.5 * (h.T - h) @ slope
    assert np.linalg.norm(wanted - slope) > 1e-2
    np.testing.assert_allclose(both(point)[0], wanted, rtol=1e-5, atol=1e-9)


def without_own(m, split):
    """The mixed second derivatives alone."""
    mixed = np.array(m)
    mixed[:split, :split] = 0.0
    mixed[split:, split:] = 0.0
    return mixed


EXACT = functools.partial(jax.scipy.sparse.linalg.gmres, tol=1e-13)


@pytest.mark.parametrize("derivative", [jax.jacfwd, jax.jacrev])
def test_competitive_gradient(x64, derivative):
    """(I + ηN)⁻¹ξ with N the mixed part of M, and the same of its Jacobian; not zero-sum."""
    field = field_of(surrogates.competitive_gradient(quadratic(), WEIGHT, solve=EXACT))
    met = np.eye(5) + WEIGHT * without_own(M, THETA.stop)
    slopes, found = quick(field)(jnp.asarray(POINT))
    np.testing.assert_allclose(slopes, np.linalg.solve(met, xi(POINT)), rtol=1e-10)
    np.testing.assert_allclose(found, (gen_loss(POINT), disc_loss(POINT)), rtol=1e-12)
    got, _ = quick(derivative(field, has_aux=True))(jnp.asarray(POINT))
    np.testing.assert_allclose(got, np.linalg.solve(met, M), rtol=1e-9)


@pytest.mark.parametrize("rate", [0.2, 1.0, 30.0])
def test_competitive_descent_of_a_bilinear_game(x64, rate):
    """Descent with the same η is (I + ηK)⁻¹: all singular values s shrink by 1/√(1 + η²s²)."""
    cross = np.random.default_rng(0).standard_normal((3, 3))

    def value(params):
        return Pair(params.gen @ cross @ params.disc, -params.gen @ cross @ params.disc)

    solve = functools.partial(jax.scipy.sparse.linalg.cg, tol=1e-14)
    game = surrogates.competitive_gradient(games.from_losses(value), rate, solve=solve)
    w = np.concatenate([POINT, [0.3]])
    params = Pair(jnp.asarray(w[:3]), jnp.asarray(w[3:]))
    tx = optax.sgd(rate)
    carry = Carry(Pair((), ()), Pair(*(tx.init(own) for own in params)))
    state = TrainState(params, carry, jnp.int32(0), KEY)
    state, _ = quick(steps.simultaneous(game, Pair(tx, tx)))(state, None)
    turn = np.block([[np.zeros((3, 3)), cross], [-cross.T, np.zeros((3, 3))]])
    expected = np.linalg.solve(np.eye(6) + rate * turn, w)
    np.testing.assert_allclose(jnp.concatenate(state.params), expected, rtol=1e-8, atol=1e-12)


def test_on_networks_the_competitive_gradient_is_of_the_dense_jacobian(x64):
    _, point, _, split = tiny_game()
    h = central(lambda w: np.asarray(plain_tiny()(w)[0]), point)
    slope = np.asarray(plain_tiny()(point)[0])
    both = on_tiny(lambda game: surrogates.competitive_gradient(game, WEIGHT, solve=EXACT))
    wanted = np.linalg.solve(np.eye(len(point)) + WEIGHT * without_own(h, split), slope)
    assert np.linalg.norm(wanted - slope) > 1e-2
    np.testing.assert_allclose(both(point)[0], wanted, rtol=1e-5, atol=1e-9)


def test_a_rate_that_is_none_is_refused():
    with pytest.raises(ValueError, match="rate must be positive, got 0"):
        surrogates.competitive_gradient(quadratic(), 0.0)


ALL = {
    "consensus": lambda game: surrogates.consensus(game, WEIGHT),
    "gradient_norm": lambda game: surrogates.gradient_norm(game, WEIGHT),
    "symplectic_adjustment": surrogates.symplectic_adjustment,
    "competitive_gradient": lambda game: surrogates.competitive_gradient(game, WEIGHT),
    "smoothed": lambda game: surrogates.smoothed(game, 0.1, 2),
    "best_response": lambda game: surrogates.best_response(game, SGD, 2, damping=1.0),
}


@pytest.mark.parametrize("name", ALL)
def test_the_players_states_and_metrics_go_on_as_in_a_plain_evaluation(name):
    """Play adds 1 to the generator's state, an evaluation doubles the discriminator's."""

    def judge(params, carry, batch, fake, key):
        value = fake * params.disc * carry.state.disc
        return Pair(value, -value), Aux(
            carry.state._replace(disc=2 * carry.state.disc), {"disc/v": value}
        )

    game = Game(lambda gen, carry, batch, key: (gen, carry.state.gen + 1), judge)
    params, state = (
        Pair(jnp.asarray(0.5), jnp.asarray(2.0)),
        Pair(jnp.asarray(7.0), jnp.asarray(3.0)),
    )
    carry = scalar_carry()._replace(state=state)
    _, aux = quick(ALL[name](game))(params, carry, None, KEY)
    assert aux.carry_state == (8.0, 6.0)
    assert "disc/v" in aux.metrics


@pytest.mark.parametrize(("name", "seen"), [("consensus", 2), ("gradient_norm", 1)])
def test_the_added_terms_are_metrics_of_those_who_have_them(x64, name, seen):
    game = getattr(surrogates, name)(quadratic(), WEIGHT)
    (gen, _), aux = quick(game)(pair_at(POINT), scalar_carry(), None, KEY)
    terms_seen = [value for label, value in aux.metrics.items() if label.endswith(name)]
    np.testing.assert_allclose(terms_seen, [gen - gen_loss(POINT)] * seen, rtol=1e-10)


def test_the_generator_plays_once_where_its_own_gradient_is_not_needed():
    calls = []

    def judge(params, carry, batch, fake, key):
        value = jnp.sum(fake * params.disc)
        return Pair(value, -value), Aux(carry.state, {})

    def play(gen_params, carry, batch, key):
        calls.append(1)
        return gen_params, carry.state.gen

    at = Pair(jnp.asarray(0.5), jnp.asarray(2.0)), scalar_carry(), None, KEY
    surrogates.gradient_norm(Game(play, judge), 1.0)(*at)
    assert len(calls) == 1
    # V = θψ, so that ½‖ξ‖² = ½(ψ² + θ²): the generator's own gradient is there as well.
    (gen, _), _ = surrogates.consensus(Game(play, judge), 1.0)(*at)
    np.testing.assert_allclose(gen, 1.0 + 0.5 * (4.0 + 0.25))


def test_a_player_without_parameters_changes_no_competitive_gradient():
    def losses_of(params):
        return Pair(jnp.float32(0), params.disc**2)

    game = surrogates.competitive_gradient(games.from_losses(losses_of), WEIGHT)
    carry = Carry(Pair((), ()), Pair((), ()))
    found = dynamics.field(game, Pair({}, jnp.float32(3)), carry=carry, batch=None, key=None)
    assert found == Pair({}, -6)


def test_a_competitive_gradient_at_numbers_of_python():
    carry = Carry(Pair((), ()), Pair((), ()))
    game = surrogates.competitive_gradient(games.bilinear(), 0.5)
    at = {"carry": carry, "batch": None, "key": None}
    found = dynamics.field(game, Pair(2.0, -1.0), **at)
    # By hand: p = (ψ + ηθ) / (1 + η²), q = (ηψ − θ) / (1 + η²), and the field is minus both.
    np.testing.assert_allclose(found, [0.0, 2.0], atol=1e-6)
