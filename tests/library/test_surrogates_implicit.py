"""`best_response` against its closed form and against `unrolled` with a large K."""

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
    played,
    quadratic,
    quick,
    xi,
)  # fmt: skip
from common import batch, perceptron, prior
from jax.flatten_util import ravel_pytree

from ganstab import Carry, Pair, games, losses, optimizers, steps, surrogates, terms
from ganstab.game import make_game
from ganstab.surrogates import unrolled

KEY = jax.random.key(0)
SGD = optax.sgd(0.1)
# To the end: by default, a solver stops at what single precision can tell.
best_response = functools.partial(
    surrogates.best_response, solve=functools.partial(jax.scipy.sparse.linalg.cg, tol=1e-13)
)
HESSIAN, MIXED = M[PSI, PSI], M[PSI, THETA]


def response(w):
    """w with ψ where ξ_D is 0."""
    return np.concatenate([w[THETA], -np.linalg.solve(HESSIAN, MIXED @ w[THETA] + C[PSI])])


def slope_in_psi(w):
    return M[THETA, PSI].T @ w[THETA] + 0.6 * w[PSI]


def test_the_response_and_the_gradient_through_it(x64):
    found, slopes = played(best_response(quadratic(), SGD, 600), POINT)
    expected = gen_loss(response(POINT)), disc_loss(POINT)
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    # A large step, since the loss is quadratic there: a small one would only add rounding.
    expected = central(lambda w: gen_loss(response(w)), POINT, h=1e-2)
    np.testing.assert_allclose(expected[PSI], 0, atol=1e-12)
    np.testing.assert_allclose(slopes[THETA], expected[THETA], rtol=1e-8)
    np.testing.assert_allclose(slopes[PSI], xi(POINT)[PSI], rtol=1e-12)
    assert np.linalg.norm(expected[THETA] - xi(response(POINT))[THETA]) > 0.1
    # The same from many steps of unrolling, and not from few.
    for K, near in ((300, True), (3, False)):
        unrolled_slopes = played(unrolled(quadratic(), SGD, K), POINT)[1]
        assert (np.linalg.norm(unrolled_slopes - slopes) < 1e-8) == near


@pytest.mark.parametrize("damping", [0.0, 0.7])
def test_where_the_discriminator_is_trusted_the_gradient_is_of_the_formula(x64, damping):
    """Zero steps: everything at the present ψ, the Hessian damped."""
    game = best_response(quadratic(), SGD, 0, damping=damping)
    found, slopes = played(game, POINT)
    np.testing.assert_allclose(found, (gen_loss(POINT), disc_loss(POINT)))
    solved = np.linalg.solve(HESSIAN + damping * np.eye(3), slope_in_psi(POINT))
    expected = xi(POINT)[THETA] - MIXED.T @ solved
    np.testing.assert_allclose(slopes[THETA], expected, rtol=1e-8)


def indefinite():
    """The quadratic game in which the discriminator's loss has a saddle in place of its minimum."""

    def losses(params):
        w = jnp.concatenate(params)
        return Pair(gen_loss(w), disc_loss(w) - 2.0 * params.disc[0] ** 2)

    return games.from_losses(losses)


def test_another_solver_for_a_hessian_that_is_not_positive(x64):
    hessian = HESSIAN - np.diag([4.0, 0, 0])
    assert np.linalg.eigvalsh(hessian)[0] < -0.1
    solve = functools.partial(jax.scipy.sparse.linalg.gmres, tol=1e-12, restart=3)
    game = best_response(indefinite(), SGD, 0, solve=solve)
    solved = np.linalg.solve(hessian, slope_in_psi(POINT))
    expected = xi(POINT)[THETA] - MIXED.T @ solved
    np.testing.assert_allclose(played(game, POINT)[1][THETA], expected, rtol=1e-8)


def test_in_a_zero_sum_game_only_the_partial_derivative_is_left(x64):
    """∂_ψ L_G is 0 at the response, so that even a wrong Hessian does no harm."""

    def losses(params):
        value = disc_loss(jnp.concatenate(params))
        return Pair(-value, value)

    game = best_response(games.from_losses(losses), SGD, 300, damping=5.0)
    expected = -MIXED.T @ response(POINT)[PSI]
    np.testing.assert_allclose(played(game, POINT)[1][THETA], expected, rtol=1e-8)


def test_the_fields_jacobian_is_that_of_the_limit(x64):
    """Forward over reverse: H_θθ of L_G(θ, ψ*(θ)), and nothing in ψ."""
    game = best_response(quadratic(), SGD, 300)
    expected = central(
        lambda w: central(lambda w: gen_loss(response(w)), w, h=1e-2)[THETA], POINT, h=1e-2
    )
    got, _ = quick(jax.jacfwd(field_of(game), has_aux=True))(jnp.asarray(POINT))
    np.testing.assert_allclose(got[THETA], expected, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(got[PSI], M[PSI], rtol=1e-10)


def ridge(round):
    """Weight decay of the discriminator: its loss then has one minimum."""
    weight = optax.tree.norm(round.params.disc, squared=True)
    return Pair(jnp.zeros_like(weight), 0.2 * weight)


@functools.cache
def logistic_start():
    pair = Pair(perceptron(3, 2), perceptron(2, 1))
    start = jax.jit(lambda key: steps.init(pair, Pair(SGD, SGD), key))(KEY)
    params = jax.tree.map(lambda x: x.astype(float), start.params)
    return make_game(pair, terms.score_loss(losses.non_saturating), ridge, prior=prior), params


def test_on_networks_it_is_the_limit_of_unrolled(x64):
    """Whoever seeks the response; and not where the gradient through the steps is cut."""
    game, params = logistic_start()

    def generator(surrogate, tx, **options):
        carry = Carry(Pair((), ()), Pair((), tx.init(params.disc)))

        def loss(gen):
            made = surrogate(game, tx, 1000, **options)
            return made(params._replace(gen=gen), carry, batch(2, 4), KEY)[0].gen

        loss, grads = quick(jax.value_and_grad(loss))(params.gen)
        return loss, ravel_pytree(grads)[0]

    tx = optax.sgd(0.3)
    limit, at_limit = generator(unrolled, tx)
    for seeker in (tx, optimizers.adam(0.02, b1=0.5)):
        loss, grads = generator(best_response, seeker)
        np.testing.assert_allclose(loss, limit, rtol=1e-6)
        assert np.linalg.norm(grads - at_limit) < 1e-4 * np.linalg.norm(at_limit)
    cut = generator(unrolled, tx, second_order=False)[1]
    assert np.linalg.norm(cut - at_limit) > 0.05 * np.linalg.norm(at_limit)


def test_composed_with_the_others(x64):
    """The response to a loss that unrolling and the gradient norm leave alone is the same."""
    for wrap in (
        lambda game: unrolled(game, SGD, 2),
        lambda game: surrogates.gradient_norm(game, 0.7),
    ):
        game = best_response(wrap(quadratic()), SGD, 300)
        # At the response ξ_D is 0, so that neither a further step nor the norm adds anything.
        np.testing.assert_allclose(
            played(game, POINT)[0], (gen_loss(response(POINT)), disc_loss(POINT)), rtol=1e-8
        )
    around = unrolled(best_response(quadratic(), SGD, 300), SGD, 2)
    np.testing.assert_allclose(played(around, POINT)[0].gen, gen_loss(response(POINT)), rtol=1e-8)


def test_bad_settings_are_refused(x64):
    with pytest.raises(ValueError, match="steps must be 0 or more, got -1"):
        best_response(games.bilinear(), SGD, -1)
    heavy = optax.sgd(0.1, momentum=0.9)
    carry = Carry(Pair((), ()), Pair((), heavy.init(jnp.asarray(POINT[PSI]))))
    with pytest.raises(ValueError, match=r"live=True starts.*live=False"):
        played(best_response(quadratic(), optax.adam(0.1), 1), POINT, carry)


@pytest.mark.parametrize("live", [True, False])
def test_the_search_starts_from_the_live_optimizer_or_anew(x64, live):
    heavy = optax.sgd(0.1, momentum=0.9)
    carry = Carry(Pair((), ()), Pair((), heavy.init(jnp.asarray(POINT[PSI]))))
    carry = jax.tree.map(lambda leaf: leaf + 1.0, carry)
    w, velocity = POINT.copy(), float(live)
    for _ in range(2):
        velocity = 0.9 * velocity + xi(w)[PSI]
        w[PSI] -= 0.1 * velocity
    game = best_response(quadratic(), heavy, 2, live=live)
    np.testing.assert_allclose(played(game, POINT, carry)[0].gen, gen_loss(w), rtol=1e-10)


@pytest.mark.parametrize("count", [1.5, float("nan"), "3"])
def test_steps_are_a_whole_number(count):
    with pytest.raises(ValueError, match=f"^steps must be a whole number, .*got {count!r}"):
        best_response(games.bilinear(), SGD, count)


def test_a_discriminator_without_parameters_is_at_its_best():
    def fall(params):
        return Pair(params.gen**2, jnp.float32(0))

    def loss(gen):
        carry = Carry(Pair((), ()), Pair((), ()))
        game = best_response(games.from_losses(fall), SGD, 2)
        return game(Pair(gen, {}), carry, None, None)[0].gen

    assert jax.value_and_grad(loss)(jnp.float32(3)) == (9, 6)
