"""The Dirac table: what each technique makes of the smallest GAN, against its closed form.

`dirac_table.py` builds the GAN of every technique out of the public pieces, as any GAN is. At its
equilibrium the Jacobian of the field says what training does there: eigenvalues with negative real
part draw in, imaginary ones turn without end. What has no linear answer (WGAN-GP, weight clipping)
is compared with its exact orbit.

`python -m pytest tests/library/test_dirac.py -n 0 -s` prints the table, and below it the spectral
radii of training steps.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from closed_forms import KEY, quick
from dirac_table import (
    BATCH,
    MINIMAX,
    SLOPE,
    TABLE,
    TURN,
    UNIT_TURN,
    WASSERSTEIN,
    blurred,
    dirac,
)  # fmt: skip
from jax.flatten_util import ravel_pytree

from ganstab import Pair, TrainState, dynamics, optimizers, penalties, steps, terms
from ganstab import surrogates as sur
from ganstab.players import multiplied
from ganstab.players.ema import averaged


def spectrum(matrix):
    values = np.linalg.eigvals(matrix)
    return values[np.lexsort((np.round(values.imag, 6), np.round(values.real, 6)))]


def radius(matrix):
    return np.max(np.abs(np.linalg.eigvals(matrix)))


def shown(eigenvalues):
    """A conjugate pair as `re ± im i`, to four digits, none of them a negative zero."""
    upper = [value for value in np.round(eigenvalues, 4) + 0.0 if value.imag >= 0]
    return "  ".join(
        f"{value.real:+.4f}" + (f" ± {value.imag:.4f}i" if value.imag else "") for value in upper
    )


@pytest.fixture(scope="module")
def report():
    """Lines of the two tables by their headings, printed when all tests are done."""
    lines: dict[str, list[str]] = {EIGENVALUES: [], RADII: []}
    yield lines
    for heading, rows in lines.items():
        print(f"\n\n{heading}", *rows, sep="\n")


EIGENVALUES = (
    f"{'field at the equilibrium':38}{'weight':>7}  "
    f"{'eigenvalues found':38}{'closed form':38}{'error':>6}"
)
RADII = f"{'training step':52}{'rate':>5}{'radius found':>14}{'closed form':>13}{'error':>10}"


def note(report, name, weight, found, wanted):
    found, wanted = (spectrum(matrix) for matrix in (found, wanted))
    error = np.max(np.abs(found - wanted))
    line = f"{name:38}{weight:7.3f}  {shown(found):38}{shown(wanted):38}{error:6.0e}"
    report[EIGENVALUES].append(line)


def note_radius(report, name, h, found, wanted):
    error = abs(radius(found) - radius(wanted))
    line = f"{name:52}{h:5.2f}{radius(found):14.6f}{radius(wanted):13.6f}{error:10.0e}"
    report[RADII].append(line)


@pytest.fixture
def two_points(monkeypatch):
    """Normal draws of ±1 in turn. Only the noise's second moment is in the Jacobian at 0."""

    def normal(key, shape=(), dtype=float):
        places = jnp.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))
        return jnp.broadcast_to((-1.0) ** places, shape).astype(dtype)

    monkeypatch.setattr(jax.random, "normal", normal)


@pytest.mark.parametrize("name", TABLE)
def test_the_fields_jacobian_at_the_equilibrium(x64, two_points, report, name):
    case = TABLE[name]
    found = quick(jax.vmap(lambda weight: case.gan(weight).jacobian()))(jnp.asarray(case.weights))
    for weight, got in zip(case.weights, np.asarray(found), strict=True):
        wanted = case.jacobian(weight)
        np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-7)
        # At a critical weight two eigenvalues meet, and move with the square root of an error.
        np.testing.assert_allclose(spectrum(got), spectrum(wanted), rtol=1e-5, atol=2e-3)
        note(report, name, weight, got, wanted)


@pytest.mark.parametrize(
    ("name", "weight", "eigenvalues"),
    [
        ("minimax", 0.0, (-0.5j, 0.5j)),
        ("wasserstein", 0.0, (-1j, 1j)),
        ("R1 γ", 1.0, (-0.5, -0.5)),
        ("R1 γ", 2.0, (-1.8660254, -0.1339746)),
        ("JS regularizer γ", 2.0, (-0.5, -0.5)),
        ("ensemble, n = 3", 0.0, (-0.2886751j, 0.0, 0.0, 0.2886751j)),
        ("EBGAN", 0.0, (-1j, 1j)),
        ("best response, R1 γ", 2.0, (-2.0, -0.25)),
        ("R2 γ", 0.3, (-0.15 - 0.4769696j, -0.15 + 0.4769696j)),
        ("instance noise σ", 2.0, (-1.8660254, -0.1339746)),
        ("consensus γ", 10.0, (-2.5 - 0.5j, -2.5 + 0.5j)),
        ("gradient norm η", 2.0, (-0.5, -0.5)),
        ("gradient norm η", 0.5, (-0.125 - 0.4841229j, -0.125 + 0.4841229j)),
        ("unrolled K = 10, η", 0.1, (-0.25 - 0.4330127j, -0.25 + 0.4330127j)),
    ],
)
def test_the_closed_forms_are_those_of_the_papers(name, weight, eigenvalues):
    """The numbers themselves, so that a slip in a matrix above cannot hide in the comparison."""
    np.testing.assert_allclose(spectrum(TABLE[name].jacobian(weight)), eigenvalues, atol=1e-6)


@pytest.mark.parametrize(("loss", "sigma"), [(WASSERSTEIN, 0.5), (MINIMAX, 1.0)])
def test_parameter_noise_slows_the_turn_and_draws_nowhere(x64, report, loss, sigma):
    """A bilinear game it leaves as it is; the logistic one turns slower: ±i√(turn² − growth²)."""
    gan = dirac(loss, surrogate=lambda game: sur.smoothed(game, sigma, 100_000))
    got = np.asarray(quick(lambda key: gan.jacobian(key, dynamics.exact))(KEY))
    wanted = UNIT_TURN if loss is WASSERSTEIN else blurred(sigma)
    np.testing.assert_allclose(got, wanted, atol=5e-3)
    assert abs(wanted[0, 0]) > 0.1 or loss is WASSERSTEIN
    note(report, f"smoothed σ, {terms.name(loss)}, 100,000 draws", sigma, got, wanted)


def started(gan, txs, params=None, turns=0):
    """A training state of the Dirac-GAN; `turns` steps on, so that optimizers have a past."""
    origin, carry = gan.start(txs)
    for _ in range(turns):
        # At the equilibrium gradients are what parameters are: 0.
        parts = zip(txs, origin, carry.opt, strict=True)
        carry = carry._replace(opt=Pair(*(tx.update(own, opt, own)[1] for tx, own, opt in parts)))
    params = origin if params is None else Pair(*(jnp.asarray(own) for own in params))
    return TrainState(params, carry, jnp.zeros((), jnp.int32), KEY)


def slopes(step, start, h=1e-5):
    """The Jacobian of a training step in all that it carries, states and optimizers included."""
    leaves, structure = jax.tree.flatten((start.params, start.carry))

    def numbers(leaves):
        return [leaf for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.floating)]

    point, unravel = ravel_pytree(numbers(leaves))

    def moved(vector):
        own = iter(unravel(vector))
        put = [next(own) if numbers([leaf]) else leaf for leaf in leaves]
        params, carry = jax.tree.unflatten(structure, put)
        after, _ = step(start._replace(params=params, carry=carry))
        return ravel_pytree(numbers(jax.tree.leaves((after.params, after.carry))))[0]

    shifts = h * jnp.eye(point.size)
    ends = jax.vmap(moved)(point[None] + jnp.concatenate([shifts, -shifts]))
    return (ends[: point.size] - ends[point.size :]).T / (2 * h)


def linear_map(step, start):
    return np.asarray(quick(lambda start: slopes(step, start))(start))


def on_batch(step, count=None):
    """The step on the one batch there is, shown as often as it asks."""
    data = BATCH if count is None else jax.tree.map(lambda leaf: jnp.stack([leaf] * count), BATCH)
    return lambda state: step(state, data)


def descent(h):
    return Pair(optax.sgd(h), optax.sgd(h))


DISCRETE = {
    "minimax": [(0.0, 0.2)],
    "wasserstein": [(0.0, 0.2)],
    "least squares (0, 1, 1)": [(0.0, 0.5)],
    "R1 γ": [(0.3, 0.2), (2.0, 1.5)],
    "JS regularizer γ": [(0.5, 0.2), (4.0, 1.5)],
    "instance noise σ": [(0.7, 0.2), (2.0, 1.5)],
    "consensus γ": [(1.0, 0.2), (10.0, 1.0)],
    "gradient norm η": [(0.5, 0.2), (3.0, 0.2)],
    "unrolled K = 5, η": [(0.1, 0.1), (0.6, 1.5)],
    "symplectic λ": [(1.0, 0.2), (3.0, 1.5)],
    "competitive gradient η": [(0.2, 0.2), (1.5, 1.5)],
}
"""Weights with the rate of the gradient steps."""


@pytest.mark.parametrize("name", DISCRETE)
def test_gradient_steps_simultaneous_and_alternating(x64, two_points, report, name):
    """1 + hλ at once; one half after the other, the product of the halves."""

    def both(weight, h):
        gan, txs = TABLE[name].gan(weight), descent(h)
        start = started(gan, txs)
        at_once = on_batch(steps.simultaneous(gan.game, txs))
        in_turn = on_batch(steps.alternating(gan.game, txs), 2)
        return slopes(at_once, start), slopes(in_turn, start)

    found = quick(jax.vmap(both))(*jnp.asarray(DISCRETE[name]).T)
    of_gen, of_disc = np.diag([1.0, 0.0]), np.diag([0.0, 1.0])
    for (weight, h), *pair in zip(DISCRETE[name], *np.asarray(found), strict=True):
        wanted = TABLE[name].jacobian(weight)
        at_once = np.eye(2) + h * wanted
        in_turn = (np.eye(2) + h * of_disc @ wanted) @ (np.eye(2) + h * of_gen @ wanted)
        np.testing.assert_allclose(
            radius(at_once), np.max(np.abs(1 + h * spectrum(wanted))), rtol=1e-6
        )
        orders = ("simultaneous", "alternating")
        for order, got, expected in zip(orders, pair, (at_once, in_turn), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)
            note_radius(report, f"{name} {weight:g}, {order}", h, got, expected)


@pytest.mark.parametrize(
    ("h", "n_gen", "n_disc"), [(0.2, 1, 5), (3.9, 1, 1), (4.1, 1, 1), (1.1, 3, 2)]
)
def test_alternating_steps_of_the_plain_gan_stay_on_the_circle_up_to_a_rate(
    x64, report, h, n_gen, n_disc
):
    """1 − α²/2 ± √((1 − α²/2)² − 1) with α = √(n_g n_d)·h·f′: of modulus 1 while α ≤ 2."""
    gan = dirac()
    step = steps.alternating(gan.game, descent(h), n_gen=n_gen, n_disc=n_disc)
    got = linear_map(on_batch(step, n_gen + n_disc), started(gan, descent(h)))
    half = 1 - n_gen * n_disc * (h * SLOPE) ** 2 / 2
    root = np.emath.sqrt(half**2 - 1)
    expected = max(abs(half + root), abs(half - root))
    # Slopes of 1e-7 in the matrix are 1e-5 and more in eigenvalues that almost meet.
    np.testing.assert_allclose(radius(got), expected, rtol=1e-5)
    note_radius(report, f"minimax, n_gen = {n_gen}, n_disc = {n_disc}", h, got, [[expected]])
    assert (expected > 1 + 1e-9) == (np.sqrt(n_gen * n_disc) * h * SLOPE > 2)


def test_published_radii():
    for h, expected in ((3.9, 1.0), (4.1, 1.5625)):
        half = 1 - (h * SLOPE) ** 2 / 2
        np.testing.assert_allclose(abs(half - np.emath.sqrt(half**2 - 1)), expected, rtol=1e-4)


@pytest.mark.parametrize("h", [0.4, 1.5, 2.5])
def test_extragradient_steps(x64, report, h):
    """1 + hλ + h²λ² with λ = ±½i: inside the circle while h < 2, where gradient steps never are."""
    gan = dirac()
    step = on_batch(steps.extragradient(gan.game, descent(h)))
    got, wanted = (
        linear_map(step, started(gan, descent(h))),
        np.eye(2) + h * TURN + (h * TURN) @ (h * TURN),
    )
    np.testing.assert_allclose(got, wanted, atol=1e-6)
    note_radius(report, "minimax, extragradient", h, got, wanted)
    assert (radius(got) < 1) == (h * SLOPE < 1)


@pytest.mark.parametrize("h", [0.4, 1.1, 1.3])
def test_optimistic_steps(x64, report, h):
    """z² − (1 + 2hλ)z + hλ = 0 with λ = ±½i: inside the circle while h < 2/√3."""
    gan, tx = dirac(), optimizers.optimistic(optax.sgd(h))
    step = on_batch(steps.simultaneous(gan.game, Pair(tx, tx)))
    got = linear_map(step, started(gan, Pair(tx, tx), turns=1))
    roots = np.roots([1, -(1 + 1j * h), 0.5j * h])
    np.testing.assert_allclose(radius(got), np.max(np.abs(roots)), rtol=1e-5)
    note_radius(report, "minimax, optimistic", h, got, np.diag(roots))
    assert (radius(got) < 1) == (h * SLOPE < 1 / np.sqrt(3))


@pytest.mark.parametrize(("h", "every", "rate"), [(0.4, 5, 0.5), (1.5, 3, 0.3), (0.4, 5, 0.99)])
def test_steps_that_go_back(x64, report, h, every, rate):
    """k steps are (1 − α)I + α(I + hT)ᵏ: inside the circle for suitable k and α."""
    tx = optax.chain(optax.sgd(h), optimizers.slow_weights())
    gan = dirac()
    step = on_batch(steps.lookahead(steps.simultaneous(gan.game, Pair(tx, tx)), every, rate))

    def turn(state):
        for _ in range(every):
            state, metrics = step(state)
        return state, metrics

    fast = rate * np.linalg.matrix_power(np.eye(2) + h * TURN, every)
    expected = np.block([[fast, (1 - rate) * np.eye(2)]] * 2)
    got = linear_map(turn, started(gan, Pair(tx, tx)))
    np.testing.assert_allclose(got, expected, atol=1e-7)
    note_radius(report, f"minimax, lookahead k = {every}, α = {rate}", h, got, expected)
    whole = fast + (1 - rate) * np.eye(2)
    np.testing.assert_allclose(radius(got), radius(whole), rtol=1e-6)
    assert (radius(got) < 1) == (rate < 0.9)


@pytest.mark.parametrize("count", [1, 3])
def test_steps_against_the_last_discriminators(x64, report, count):
    """θ⁺ = θ + hf′·mean ψ, ψ⁺ = ψ − hf′θ, and the past moves on by one."""
    h = 0.5
    txs = Pair(optax.sgd(h), optax.chain(optax.sgd(h), optimizers.snapshots(count)))
    gan = dirac(surrogate=sur.snapshot_ensemble)
    step = on_batch(steps.simultaneous(gan.game, txs))
    expected = np.eye(2 + count)
    expected[0, 1], expected[0, 2:] = 0.0, h * SLOPE / count
    expected[1, 0] = -h * SLOPE
    expected[2:] = 0.0
    expected[2, :2] = -h * SLOPE, 1.0
    for row in range(3, 2 + count):
        expected[row, row - 1] = 1.0
    got = linear_map(step, started(gan, txs))
    np.testing.assert_allclose(got, expected, atol=1e-7)
    note_radius(report, f"minimax, last {count} discriminators", h, got, expected)
    # The older the discriminators, the faster the spiral outwards.
    alone = np.sqrt(1 + (h * SLOPE) ** 2)
    assert radius(got) > alone + 1e-3 if count > 1 else abs(radius(got) - alone) < 1e-6


def test_steps_that_are_held_to_their_average(x64, report):
    """w⁺ = w + hTw − a(w − m), m⁺ = m + (w − m)/t, with a = 2λh(1 − 1/t), here at t = 4."""
    h, weight, t = 0.5, 0.3, 4
    tx = optax.chain(optimizers.historical_averaging(weight), optax.sgd(h))
    gan = dirac()
    step = on_batch(steps.simultaneous(gan.game, Pair(tx, tx)))
    pull, eye = 2 * weight * h * (1 - 1 / t), np.eye(2)
    expected = np.block([[(1 - pull) * eye + h * TURN, pull * eye], [eye / t, (1 - 1 / t) * eye]])
    got = linear_map(step, started(gan, Pair(tx, tx), turns=t - 1))
    np.testing.assert_allclose(got, expected, atol=1e-7)
    note_radius(report, f"minimax, historical averaging {weight}, t = {t}", h, got, expected)


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_an_average_follows_and_changes_nothing(x64, report, decay):
    """a⁺ = da + (1 − d)θ beside the steps as they were: one eigenvalue more, which is d."""
    h = 0.5
    gan = dirac(generator=lambda generator: averaged(generator, decay))
    expected = np.eye(3) + h * np.pad(TURN, (0, 1))
    expected[2] = 1 - decay, 0.0, decay
    step = on_batch(steps.simultaneous(gan.game, descent(h)))
    got = linear_map(step, started(gan, descent(h)))
    np.testing.assert_allclose(got, expected, atol=1e-7)
    note_radius(report, f"minimax, averaged generator {decay}", h, got, expected)


def test_the_multiplier_of_fisher_gan_takes_steps_of_its_own(x64, report):
    """θ and ψ turn as they do without it, and λ⁺ = λ − ρ(1 − Ω) with Ω = 0 where they are 0."""
    h, rho = 0.5, 0.01
    gan = dirac(terms.fisher(rho), critic=lambda critic: multiplied(critic, 0.7))
    txs = Pair(optax.sgd(h), optimizers.multiplier_ascent(optax.sgd(h), rho))
    step = on_batch(steps.simultaneous(gan.game, txs))
    expected = np.eye(3) + h * np.pad(UNIT_TURN, (0, 1))
    got = linear_map(step, started(gan, txs))
    np.testing.assert_allclose(got, expected, atol=1e-7)
    note_radius(report, f"Fisher {rho}", h, got, expected)
    after, _ = quick(step)(started(gan, txs))
    np.testing.assert_allclose(after.params.disc.multiplier, 0.7 - rho, rtol=1e-12)


def orbit(gan, txs, start, count):
    step = on_batch(steps.simultaneous(gan.game, txs))

    def turn(state, _):
        state, _ = step(state)
        return state, jnp.stack(state.params)

    return np.asarray(
        quick(lambda: jax.lax.scan(turn, started(gan, txs, start), length=count)[1])()
    )


def test_wgan_gp_orbits_and_never_arrives(x64):
    """In either half plane the step is affine about (∓γ, 0): powers of one matrix between turns."""
    h, gamma = 0.2, 0.7
    penalty = terms.disc_penalty(gamma / 2, penalties.wgan_gp)
    got = orbit(dirac(WASSERSTEIN, penalty), descent(h), (1.0, 1.0), 400)
    matrix = np.eye(2) + h * np.array([[0.0, 1.0], [-1.0, -gamma]])
    point, side, turns = np.array([1.0, 1.0]), 0.0, 0
    for found in got:
        if np.sign(point[1]) != side:
            start, side, count, turns = point, np.sign(point[1]), 0, turns + 1
        count += 1
        centre = np.array([gamma * side, 0.0])
        point = centre + np.linalg.matrix_power(matrix, count) @ (start - centre)
        np.testing.assert_allclose(found, point, rtol=1e-9, atol=1e-11)
    assert turns > 5
    distance = np.linalg.norm(got[-100:], axis=1)
    assert np.min(distance) > 0.2 and np.max(distance) < 2.0


def test_weight_clipping_orbits_on_the_circle_that_touches_its_bounds(x64):
    """θ⁺ = θ + hψ, ψ⁺ = clip(ψ − hθ): in the limit of small steps, the circle of radius c."""
    h, c = 0.02, 0.6
    txs = Pair(optax.sgd(h), optax.chain(optax.sgd(h), optimizers.clip_weights(c)))
    got = orbit(dirac(WASSERSTEIN), txs, (1.0, 0.5), 2000)
    theta, psi = 1.0, 0.5
    for point in got:
        theta, psi = theta + h * psi, float(np.clip(psi - h * theta, -c, c))
        np.testing.assert_allclose(point, (theta, psi), rtol=1e-9, atol=1e-11)
    last = got[-int(2 * np.pi / h) :]
    np.testing.assert_allclose(np.linalg.norm(last, axis=1), c, rtol=0.1)
    assert np.max(np.abs(got[:, 1])) <= c + 1e-15
    assert np.sum(np.abs(np.abs(got[:, 1]) - c) < 1e-12) > 10
