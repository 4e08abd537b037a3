"""Closed-form games: values, fields, spectra at the equilibrium, and what steps make of them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special
from common import scalar_carry

from ganstab import Pair, TrainState, dynamics, games, steps

CARRY = scalar_carry()
# Programs here run once: what they cost is their compilation.
compiled = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


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


def velocity(game, gen, disc):
    params = Pair(jnp.asarray(gen, float), jnp.asarray(disc, float))
    at = compiled(lambda params: dynamics.field(game, params, carry=CARRY, batch=None, key=None))
    return np.array(at(params))


def eigenvalues(game, gen=0.0, disc=0.0):
    at = Pair(jnp.asarray(gen, float), jnp.asarray(disc, float))
    whole = compiled(lambda at: dynamics.jacobian(game, at, carry=CARRY, batch=None, key=None))
    values = np.linalg.eigvals(whole(at))
    return in_order(values)


def in_order(values):
    return values[np.lexsort((values.real, values.imag))]


def followed(game, params, dt, count):
    advance = dynamics.flow(game, dt, carry=CARRY, batch=None, key=None)
    params = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), params)
    return jax.jit(lambda params: dynamics.orbit(advance, params, count))(params)


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_adversarial_balance_circles_its_target(x64, decay):
    target = np.array([1.0, -2.0])
    game = games.adversarial_balance(target, decay=decay)
    point, critic = np.array([1.5, 0.0]), np.array([0.3, -0.4])
    np.testing.assert_allclose(
        velocity(game, point, critic), [critic, target - point - decay * critic]
    )
    assert losses_of(game, point, critic).disc == pytest.approx(-0.65 + decay / 2 * 0.25)
    found = eigenvalues(game, point, critic)
    turn = np.sqrt(1 - decay**2 / 4)
    expected = -decay / 2 + 1j * turn * np.array([-1, -1, 1, 1])
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_rock_paper_scissors_pays_winners(x64):
    gen, disc = np.array([0.4, 0.3, 0.3]), np.array([0.2, 0.3, 0.5])
    logs = np.log(gen), np.log(disc)
    wins = gen[0] * disc[2] + gen[1] * disc[0] + gen[2] * disc[1]
    defeats = disc[0] * gen[2] + disc[1] * gen[0] + disc[2] * gen[1]
    game = games.rock_paper_scissors()
    np.testing.assert_allclose(losses_of(game, *logs), (defeats - wins, wins - defeats))
    tied = games.rock_paper_scissors(Pair(0.5, -0.25))
    tie = gen @ disc
    np.testing.assert_allclose(
        losses_of(tied, *logs), (defeats - wins - tie / 2, wins - defeats + tie / 4)
    )
    np.testing.assert_allclose(
        velocity(game, np.ones(3), np.zeros(3)), np.zeros((2, 3)), atol=1e-16
    )
    # Against (0.4, 0.3, 0.3) paper is the best reply, with payoff 0.4 − 0.3.
    payoffs = velocity(games.rock_paper_scissors(replicator=True), np.zeros(3), logs[0])[0]
    np.testing.assert_allclose(payoffs, [0.0, 0.1, -0.1], atol=1e-15)


def divergence_from_uniform(logits):
    """`KL(uniform ‖ softmax)` of each player, added up."""
    own = jnp.stack(logits)
    return jnp.sum(-jnp.mean(jax.nn.log_softmax(own), axis=-1) - jnp.log(3.0), axis=0)


def test_replicators_conserve_their_distance_from_uniform_play(x64):
    game = games.rock_paper_scissors(Pair(0.5, -0.5), replicator=True)
    start = Pair(jnp.log(jnp.array([0.5, 0.1, 0.4])), jnp.log(jnp.array([0.5, 0.25, 0.25])))
    points = followed(game, start, 0.05, 400)
    sums = np.asarray(divergence_from_uniform(points))
    np.testing.assert_allclose(sums, sums[0], rtol=1e-6)
    assert np.ptp(np.asarray(jax.nn.softmax(points.gen)[:, 0])) > 0.2


@pytest.mark.parametrize(
    ("make_step", "leaves"), [(steps.simultaneous, True), (steps.alternating, False)]
)
def test_multiplicative_weights_leave_uniform_play_unless_in_turn(x64, make_step, leaves):
    txs = Pair(optax.sgd(0.05), optax.sgd(0.05))
    params = Pair(jnp.log(jnp.array([0.5, 0.25, 0.25])), jnp.zeros(3))
    start = TrainState(
        params, CARRY._replace(opt=Pair(*map(optax.sgd(0.05).init, params))),
        jnp.int32(0), jax.random.key(0),
    )  # fmt: skip
    game = games.rock_paper_scissors(replicator=True)
    advance = dynamics.training(make_step(game, txs))
    points = jax.jit(lambda start: dynamics.orbit(advance, start, 1000).params)(start)
    before, after = np.asarray(divergence_from_uniform(points))[[0, -1]]
    assert (after > 1.5 * before) if leaves else abs(after - before) < 0.1 * before


NODES = np.linspace(-12, 12, 24001)
NORMAL = np.exp(-(NODES**2) / 2) / np.sqrt(2 * np.pi) * (NODES[1] - NODES[0])


def test_field_of_sigmoids_biases(x64):
    """`ḃ_g = m(b_g + b_d)` and `ḃ_d = 1 − m(b_d) − m(b_g + b_d)` with `m(t) = E σ(z + t)`."""

    def mean(t):
        return np.sum(NORMAL / (1 + np.exp(-NODES - t)))

    game = games.bias_gan(games.sigmoid())
    for gen, disc in ((0.4, -0.9), (6.0, -2.0), (-3.0, 30.0)):
        expected = mean(gen + disc), 1 - mean(disc) - mean(gen + disc)
        np.testing.assert_allclose(velocity(game, gen, disc), expected, rtol=1e-9, atol=1e-12)


def test_sigmoids_biases_run_away_logarithmically(x64):
    points = followed(games.bias_gan(games.sigmoid()), Pair(0.0, 0.0), 0.5, 2000)
    assert points.gen[-1] == pytest.approx(998.5, abs=0.1)
    assert points.disc[-1] == pytest.approx(-7.388, abs=2e-3)


def curvature(weight):
    """`d²/ds² E log(1 − exp(−(wz + s)²))` at s = 0, the Gaussian game's one number.

    `log(1 − q) = −Σ q^k / k`, and each power is a Gaussian integral: `2 Σ (1 + 2kw²)^(−3/2)`.
    """
    return 2 * (2 * weight**2) ** -1.5 * scipy.special.zeta(1.5, 1 + 1 / (2 * weight**2))


@pytest.mark.parametrize(
    ("weight", "stable"), [(1.0, True), (2.0, True), (0.7, True), (0.65, False), (0.5, False)]
)
def test_gaussian_biases_at_their_fixed_point(x64, weight, stable):
    """`J = [[−w²a, −wa], [wa, a − 2]]`, stable where `a(1 − w²) < 2`: w > 0.6715."""
    a = curvature(weight)
    whole = np.array([[-(weight**2) * a, -weight * a], [weight * a, a - 2]])
    game = games.bias_gan(games.gaussian(), Pair(1.0, weight))
    found = eigenvalues(game)
    expected = np.linalg.eigvals(whole)
    np.testing.assert_allclose(found, in_order(expected), rtol=1e-8)
    np.testing.assert_allclose(velocity(game, 0.0, 0.0), (0, 0), atol=1e-12)
    assert (max(found.real) < 0) == stable


def test_gaussian_biases_summed_and_averaged(x64):
    np.testing.assert_allclose(
        eigenvalues(games.bias_gan(games.gaussian())), [-1 - 1.325j, -1 + 1.325j], atol=1e-3
    )
    np.testing.assert_allclose(
        eigenvalues(games.bias_gan(games.gaussian(), average=True)),
        [-0.844 - 0.815j, -0.844 + 0.815j], atol=1e-3,
    )  # fmt: skip


def test_field_of_gaussian_weights(x64):
    """At (1, 1) as published by hand; `W_g` then falls to 0 at `t ≈ 0.31`, before `W_d` is at 1."""
    game = games.weight_gan(games.gaussian())
    pull = curvature(1.0)  # here 2 E[q / (exp(q) − 1)] with q = z², the same series
    np.testing.assert_allclose(velocity(game, 1.0, 1.0), [-pull, pull - 2], rtol=1e-9)
    np.testing.assert_allclose(velocity(game, 1.0, 1.0), [-1.378, -0.622], atol=1e-3)
    points = followed(game, Pair(1.0, 1.0), 0.0025, 122)
    assert 0 < points.gen[-1] < 0.2 and points.disc[-1] == pytest.approx(0.95, abs=0.01)


def test_sampled_games_are_means_over_their_samples(x64):
    rng = np.random.default_rng(0)
    latents, data = rng.standard_normal(5), rng.standard_normal(7)
    gen, disc = 0.3, -0.2
    for average, share in ((False, 1), (True, 0.5)):
        options = {"samples": Pair(latents, data), "average": average}
        fake = 2.0 * (1.5 * latents + gen) + disc
        real = 2.0 * data + disc
        game = games.bias_gan(games.gaussian(), Pair(1.5, 2.0), **options)
        value = np.mean(np.log1p(-np.exp(-(fake**2))))
        expected = value, share * (np.mean(real**2) - value)
        np.testing.assert_allclose(losses_of(game, gen, disc), expected, rtol=1e-12)
        fake, real = disc * gen * latents, disc * data
        game = games.weight_gan(games.sigmoid(), **options)
        value = np.mean(-np.log1p(np.exp(fake)))
        expected = value, share * (np.mean(np.log1p(np.exp(-real))) - value)
        np.testing.assert_allclose(losses_of(game, gen, disc), expected, rtol=1e-12)


def test_a_clip_bounds_the_pull_of_a_pole(x64):
    at_pole = {"samples": Pair(np.array([-0.5]), np.array([0.0]))}
    sharp = games.bias_gan(games.gaussian(), **at_pole)
    clipped = games.bias_gan(games.gaussian(clip=0.01), **at_pole)
    assert velocity(sharp, 0.5, 0.001)[0] == pytest.approx(-2000, rel=1e-3)
    np.testing.assert_allclose(velocity(clipped, 0.5, 0.001), (0, 0), atol=1e-12)
    assert losses_of(clipped, 0.5, 0.001).gen == pytest.approx(np.log(0.01))
    np.testing.assert_allclose(velocity(clipped, 1.0, 0.2), velocity(sharp, 1.0, 0.2), rtol=1e-12)
    assert losses_of(clipped, 9.0, 0.0).gen == pytest.approx(np.log(0.99))


def test_one_parameter_gans_refuse_what_they_cannot_do():
    with pytest.raises(ValueError, match="clip must be in"):
        games.gaussian(clip=0.5)
    with pytest.raises(ValueError, match="weights must not be 0"):
        games.bias_gan(games.sigmoid(), Pair(0.0, 1.0))
    with pytest.raises(ValueError, match="two vectors"):
        games.weight_gan(games.sigmoid(), samples=Pair(np.zeros(3), np.zeros((3, 1))))
