"""Field, Jacobian, spectrum, rotation, exponents and fixed points against closed forms."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import arrays, batch, perceptron, plain_pair, scalar_carry

from ganstab import (
    Pair,
    TrainState,
    dynamics,
    games,
    losses,
    optimizers,
    steps,
    surrogates,
    terms,
)
from ganstab.game import make_game

CARRY = scalar_carry()
NOTHING = {"carry": CARRY, "batch": None, "key": None}
DERIVATIVES = pytest.mark.parametrize("derivative", [dynamics.exact, dynamics.central])
# Programs here run a few times each: what they cost is their compilation.
compiled = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def pair(gen, disc):
    return Pair(jnp.asarray(gen, float), jnp.asarray(disc, float))


def linear(matrix):
    """The game of two numbers whose field is the matrix times the parameters."""
    (a, b), (c, d) = matrix

    def losses(params):
        gen, disc = params
        return Pair(-(a * gen**2 / 2 + b * gen * disc), -(c * gen * disc + d * disc**2 / 2))

    return games.from_losses(losses)


def dirac_with_r1(gamma):
    """The Dirac-GAN with `γ/2 ψ²` in the discriminator's loss."""
    plain = games.dirac()

    def losses(params):
        value = plain(params, CARRY, None, None)[0]
        return value._replace(disc=value.disc + gamma / 2 * params.disc**2)

    return games.from_losses(losses)


def dirac_eigenvalues(gamma):
    root = np.sqrt(complex(gamma**2 / 4 - 1 / 4))
    return np.array([-gamma / 2 + root, -gamma / 2 - root])


def test_field_of_dirac(x64):
    gen, disc = 0.8, -1.5
    slope = 1 / (1 + np.exp(gen * disc))
    got = dynamics.field(games.dirac(), pair(gen, disc), **NOTHING)
    np.testing.assert_allclose(got, (-slope * disc, slope * gen), rtol=1e-12)


@DERIVATIVES
def test_jacobian_of_a_field_with_a_stop_gradient(x64, derivative):
    """ψ moves K steps of h towards θ, and the first-order generator sees ψ + Khθ all the same."""
    game = surrogates.unrolled(games.bilinear(), optax.sgd(0.1), 3, second_order=False)
    got = compiled(
        lambda params: dynamics.jacobian(game, params, **NOTHING, derivative=derivative)
    )(pair(0.3, -0.7))
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
    got = compiled(
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


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.0])
def test_eigenvalues_of_dirac_with_r1(x64, gamma):
    expected = dirac_eigenvalues(gamma)
    got = dynamics.spectrum(dirac_with_r1(gamma), pair(0.0, 0.0), **NOTHING, count=2)
    # Where they meet, at γ = 1, eigenvalues are as the square root of the matrix' rounding.
    np.testing.assert_allclose(got.values, expected, atol=1e-7 if gamma == 1 else 1e-13)
    assert np.all(got.residuals < 1e-7)


def latents(key, n):
    """The same ones for every key: random numbers take long to compile."""
    return arrays(7, n, 3)


def filled(players, scale=0.5):
    """Parameters of that many normal numbers, made without compiling anything."""
    shapes = Pair(*(jax.eval_shape(player.init, jax.random.key(0))[0] for player in players))
    leaves, structure = jax.tree.flatten(shapes)
    numbers = [scale * arrays(i, *leaf.shape) for i, leaf in enumerate(leaves)]
    return jax.tree.unflatten(structure, numbers)


@functools.cache
def gan():
    """A GAN of about 500 parameters, its parameters and what it is evaluated on, in float64."""
    players = Pair(perceptron(3, 18, 10, 2), perceptron(2, 16, 10, 1))
    game = make_game(players, terms.score_loss(losses.non_saturating), prior=latents)
    with jax.enable_x64(True):
        params = filled(players)
        at = {"carry": CARRY, "batch": batch(0, 16), "key": jax.random.key(5)}
        whole = compiled(lambda params: dynamics.jacobian(game, params, **at))(params)
    return game, params, at, np.asarray(whole)


def test_spectrum_is_the_dense_answer_at_each_edge_once(x64):
    game, params, at, whole = gan()
    assert 450 < len(whole) < 550
    dense = np.linalg.eigvals(whole)
    edges = [dense[np.argsort(rank(dense))[::-1][:4]] for rank in (np.abs, np.real)]
    expected = np.unique(np.concatenate(edges).round(9))
    got = dynamics.spectrum(game, params, **at, count=4, which=("LM", "LR"), subspace=120)
    assert 4 < len(expected) == len(got.values)
    np.testing.assert_allclose(np.sort_complex(got.values), np.sort_complex(expected), rtol=1e-6)
    assert np.all(np.diff(got.values.real) <= 0)
    residuals = np.linalg.norm(whole @ got.vectors - got.vectors * got.values, axis=0)
    assert np.all(got.residuals < 1e-6) and np.all(residuals < 1e-6)
    np.testing.assert_allclose(np.linalg.norm(got.vectors, axis=0), 1.0, rtol=1e-6)


@pytest.mark.parametrize("rate", [0.4, 3.9, 4.1])
def test_multipliers_of_alternating_steps_on_the_dirac_gan(x64, rate):
    """1 − α²/2 ± √((1 − α²/2)² − 1) with α = hf′, on the unit circle up to α = 2."""
    txs = Pair(optax.sgd(rate), optax.sgd(rate))
    carry = CARRY._replace(opt=Pair(txs.gen.init(0.0), txs.disc.init(0.0)))
    state = TrainState(pair(0.0, 0.0), carry, jnp.zeros((), jnp.int32), jax.random.key(0))
    step = steps.alternating(games.dirac(), txs)
    got = dynamics.step_spectrum(step, state, None, count=2)
    middle = 1 - (rate / 2) ** 2 / 2
    expected = middle + np.array([1, -1]) * np.sqrt(complex(middle**2 - 1))
    np.testing.assert_allclose(np.sort_complex(got.values), np.sort_complex(expected), atol=1e-9)
    assert np.all(got.residuals < 1e-9)
    assert (np.abs(got.values).max() > 1 + 1e-6) == (rate > 4)


def test_spectrum_refuses_what_it_cannot_do():
    game = linear([[1, 0], [0, 1]])
    with pytest.raises(ValueError, match=r"count must be in \[1, 2\]"):
        dynamics.spectrum(game, pair(0.0, 0.0), **NOTHING, count=3)
    with pytest.raises(ValueError, match="which must be"):
        dynamics.spectrum(game, pair(0.0, 0.0), **NOTHING, count=1, which="XX")


def test_spectrum_says_when_nothing_converges(x64):
    game, params, at, _ = gan()
    with pytest.raises(ValueError, match="none of 2 eigenvalues converged"):
        dynamics.spectrum(
            game, params, **at, count=2, which="LR", tolerance=1e-15, restarts=1, subspace=5
        )


@pytest.mark.parametrize(
    ("game", "share"),
    [
        (games.bilinear(), 1.0),
        (linear([[-1, 2], [2, 3]]), 0.0),
        (linear([[-3, 2], [-2, 4]]), 8 / 33),
        (dirac_with_r1(0.5), 2 * 0.25 / (2 * 0.25 + 0.25)),
    ],
    ids=["bilinear", "potential", "both", "dirac with r1"],
)
def test_share_of_rotation(x64, game, share):
    parts = dynamics.helmholtz(game, pair(0.0, 0.0), **NOTHING)
    np.testing.assert_allclose(parts.rotation, share, atol=1e-12)
    whole = dynamics.jacobian(game, pair(0.0, 0.0), **NOTHING)
    x = jnp.array([0.4, -1.1])
    np.testing.assert_allclose(parts.symmetric(x), (whole + whole.T) @ x / 2, atol=1e-12)
    np.testing.assert_allclose(parts.antisymmetric(x), (whole - whole.T) @ x / 2, atol=1e-12)


def test_share_of_rotation_of_a_network(x64):
    game, params, at, whole = gan()
    exact = np.sum((whole - whole.T) ** 2 / 4) / np.sum(whole**2)
    parts = dynamics.helmholtz(game, params, **at)
    np.testing.assert_allclose(parts.rotation, exact, rtol=0.2)
    x = arrays(2, len(whole))
    np.testing.assert_allclose(parts.antisymmetric(x), (whole - whole.T) @ x / 2, atol=1e-10)
    with pytest.raises(ValueError, match="probes must be 1 or more"):
        dynamics.helmholtz(game, params, **at, probes=0)


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ([[-0.5, 0.0], [0.7, 0.3]], [0.3, -0.5]),
        ([[0.0, -1.0], [1.0, 0.0]], [0.0, 0.0]),
        ([[0.0, -1.0], [1.0, -0.6]], [-0.3, -0.3]),
    ],
    ids=["saddle", "bilinear", "damped"],
)
def test_exponents_of_a_linear_field(x64, matrix, expected):
    advance = dynamics.flow(linear(matrix), 0.05, **NOTHING)
    got = dynamics.lyapunov(advance, pair(0.3, 0.1), 4000, count=2, time=0.05, discard=2000)
    np.testing.assert_allclose(got.exponents, expected, atol=6e-3)
    # Volume shrinks at the trace, at every moment; of each step the 4th order is left out.
    np.testing.assert_allclose(got.growth.sum(axis=1) / 0.05, np.trace(matrix), atol=1e-6)
    assert got.growth.shape == (4000, 2)


def run(make_step, tx, h=0.1):
    txs = Pair(tx(h), tx(h))
    params = pair(0.6, 0.8)
    opt = Pair(*(tx.init(own) for tx, own in zip(txs, params, strict=True)))
    start = TrainState(params, CARRY._replace(opt=opt), jnp.int32(0), jax.random.key(0))
    return dynamics.training(make_step(games.bilinear(), txs)), start


@pytest.mark.parametrize(
    ("make_step", "expected"),
    [(steps.simultaneous, 0.5 * np.log(1 + 0.1**2)), (steps.alternating, 0.0)],
)
def test_exponents_of_steps_on_bilinear(x64, make_step, expected):
    advance, start = run(make_step, optax.sgd)
    got = dynamics.lyapunov(advance, start, 2000, count=2)
    np.testing.assert_allclose(got.exponents, expected, atol=1e-4)
    assert got.end.step == 2000
    np.testing.assert_allclose(
        got.end.params, jax.tree.map(lambda x: x[-1], dynamics.orbit(advance, start, 2000).params)
    )


def test_exponents_of_steps_with_momentum_count_the_velocities(x64):
    """The map of heavy-ball steps is linear: exponents are logs of its eigenvalues' moduli."""
    h, beta = 0.1, 0.5
    advance, start = run(steps.simultaneous, lambda h: optax.sgd(h, momentum=beta))
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    whole = np.block([[np.eye(2) + h * turn, h * beta * np.eye(2)], [turn, beta * np.eye(2)]])
    expected = np.sort(np.log(np.abs(np.linalg.eigvals(whole))))[::-1]
    got = dynamics.lyapunov(advance, start, 1000, count=4, discard=500)
    np.testing.assert_allclose(got.exponents, expected, atol=2e-3)
    with pytest.raises(ValueError, match=r"count must be in \[1, 4\]"):
        dynamics.lyapunov(advance, start, 10, count=5)
    with pytest.raises(ValueError, match="steps=0"):
        dynamics.lyapunov(advance, start, 0)


def test_flow_is_of_fourth_order(x64):
    ends = []
    for dt, count in ((0.1, 10), (0.05, 20)):
        advance = dynamics.flow(games.bilinear(), dt, **NOTHING)
        points = dynamics.orbit(advance, pair(0.6, 0.8), count)
        assert points.gen.shape == (count + 1,) and points.gen[0] == 0.6
        ends.append(np.array([points.gen[-1], points.disc[-1]]))
    turn = np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    errors = [np.linalg.norm(end - turn @ [0.6, 0.8]) for end in ends]
    assert errors[0] < 1e-5
    np.testing.assert_allclose(errors[0] / errors[1], 16, rtol=0.05)
    with pytest.raises(ValueError, match="dt must be above 0"):
        dynamics.flow(games.bilinear(), 0.0, **NOTHING)


def test_the_one_fixed_point_of_dirac(x64):
    starts = Pair(arrays(0, 8), arrays(1, 8))
    for gamma, answer in ((0.0, "neutral"), (0.3, "stable"), (-0.3, "unstable")):
        (found,) = dynamics.fixed_points(dirac_with_r1(gamma), starts, **NOTHING)
        np.testing.assert_allclose(found.params, (0, 0), atol=1e-7)
        assert found.speed < 1.5e-8
        np.testing.assert_allclose(found.eigenvalues, dirac_eigenvalues(gamma), atol=1e-7)
        assert dynamics.stability(found.eigenvalues) == answer


def test_all_fixed_points_of_a_double_well(x64):
    """`θ̇ = θ − θ³, ψ̇ = −ψ`: a saddle between two stable points."""
    game = games.from_losses(
        lambda params: Pair(params.gen**4 / 4 - params.gen**2 / 2, params.disc**2 / 2)
    )
    starts = Pair(jnp.linspace(-2, 2, 9), jnp.full(9, 0.5))
    found = dynamics.fixed_points(game, starts, **NOTHING)
    places = {round(float(point.params.gen), 6): point for point in found}
    assert set(places) == {-1.0, 0.0, 1.0}
    np.testing.assert_allclose(places[0.0].eigenvalues, [1, -1], atol=1e-7)
    np.testing.assert_allclose(places[1.0].eigenvalues, [-1, -2], atol=1e-7)


def test_slice_of_a_game_of_two_numbers_is_the_game(x64):
    plane = dynamics.parameter_plane(pair(0.0, 0.0))
    a, b = jnp.linspace(-1, 1, 3), jnp.linspace(-2, 2, 5)
    got = dynamics.cut(games.bilinear(), plane, a, b, **NOTHING)
    gen, disc = np.meshgrid(a, b)
    np.testing.assert_allclose(got.losses, (gen * disc, -gen * disc))
    np.testing.assert_allclose(got.velocity, np.stack([-disc, gen], axis=-1))
    np.testing.assert_allclose(got.shown, np.ones((5, 3)))
    with pytest.raises(ValueError, match="one number each"):
        dynamics.parameter_plane(Pair(jnp.zeros(2), jnp.zeros(())))


def test_slice_of_a_network_along_its_biases():
    players = plain_pair()
    params = filled(players)
    game = make_game(players, terms.score_loss(losses.non_saturating), prior=latents)
    at = {"carry": CARRY, "batch": batch(0, 4), "key": jax.random.key(1)}
    plane = dynamics.random_plane(params, jax.random.key(2), keep=lambda path: "'b'" in path)
    products = [
        sum(jnp.vdot(u, w) for u, w in zip(*map(jax.tree.leaves, axes), strict=True))
        for axes in [(plane.first, plane.first), (plane.first, plane.second)]
    ]
    np.testing.assert_allclose(products, (1, 0), atol=1e-6)
    assert all(not layer["w"].any() and layer["b"].any() for own in plane.first for layer in own)
    a, b = jnp.array([0.0, 0.3]), jnp.array([0.0, -0.2])
    moved = jax.tree.map(lambda o, u, w: o + 0.3 * u - 0.2 * w, params, plane.first, plane.second)

    @compiled
    def looked_at(plane, moved):
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), plane.origin, moved)
        there = game(moved, *at.values())[0], dynamics.field(game, moved, **at)
        return dynamics.cut(game, plane, a, b, **at), there, dynamics.project(plane, stacked)

    got, (value, velocity), places = looked_at(plane, moved)
    np.testing.assert_allclose([loss[1, 1] for loss in got.losses], value, rtol=1e-5)
    inside = [
        sum(jnp.vdot(u, v) for u, v in zip(*map(jax.tree.leaves, (axis, velocity)), strict=True))
        for axis in (plane.first, plane.second)
    ]
    np.testing.assert_allclose(got.velocity[1, 1], inside, rtol=1e-4)
    square = sum(jnp.vdot(v, v) for v in jax.tree.leaves(velocity))
    np.testing.assert_allclose(got.shown[1, 1], np.sum(np.square(inside)) / square, rtol=1e-4)
    assert got.shown[1, 1] < 0.9
    np.testing.assert_allclose(places, [[0, 0], [0.3, -0.2]], atol=1e-6)
    with pytest.raises(ValueError, match="two numbers that may move"):
        dynamics.random_plane(params, jax.random.key(2), keep=lambda path: False)


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
    exact, central, stopped = compiled(slopes)(params, arrays(3, size))
    length = np.linalg.norm(central)
    assert np.linalg.norm(exact - central) < 1e-6 * length
    assert np.linalg.norm(stopped - central) > 1e-2 * length
