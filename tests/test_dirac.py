"""The Dirac table: what each technique makes of the smallest GAN, against its closed form.

The Dirac-GAN of Mescheder et al. 2018 (arXiv 1801.04406): data at 0, a generator that puts all its
samples at θ, a critic D(x) = ψx. It is built here out of the public pieces, as any GAN is. At the
equilibrium (0, 0) the Jacobian of the field says what training does there: eigenvalues with
negative real part draw in, imaginary ones turn without end. f′ = ½ and f″ = −¼ are those of the
logistic loss.

`python -m pytest tests/test_dirac.py -n 0 -s` prints the table.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from closed_forms import KEY, quick
from common import scalar_carry

from ganstab import Batch, Carry, Pair, Player, losses, moves, optimizers, penalties, steps, terms
from ganstab import surrogates as sur
from ganstab.game import make_game

BATCH = Batch(real=jnp.zeros((2, 1)))
SLOPE, CURVATURE = 0.5, -0.25
TURN = np.array([[0.0, SLOPE], [-SLOPE, 0.0]])
"""The field's Jacobian in the plain GAN: D is high on data here, low in the paper's own signs."""


def scalar_player(apply):
    return Player(lambda key: (jnp.zeros(()), ()), apply)


def dirac_pair(noise=0.0):
    """θ, whatever the latent numbers; and ψx, of an x that is moved by ±noise in turn."""

    def generate(params, state, z, key, *, train=True):
        return params + z, state

    def score(params, state, x, key, *, train=True):
        # Only the second moment of the noise is in the Jacobian: two points have it exactly.
        return params * (x[:, 0] + noise * jnp.array([1.0, -1.0])), state

    return Pair(scalar_player(generate), scalar_player(score))


def dirac(loss=losses.minimax, *more_terms, noise=0.0):
    return make_game(
        dirac_pair(noise), terms.score_loss(loss), *more_terms,
        prior=lambda key, n: jnp.zeros((n, 1)),
    )  # fmt: skip


def jacobian(field, h=1e-5):
    """Of a field of one vector, at 0, by central differences: they see a stopped gradient too."""
    ends = jax.vmap(field)(h * jnp.concatenate([jnp.eye(2), -jnp.eye(2)]))
    return (ends[:2] - ends[2:]).T / (2 * h)


def field(game, key=KEY):
    def at(point):
        def own(params):
            return game(params, scalar_carry(), BATCH, key)[0]

        both = jax.jacrev(own)(Pair(*point))
        return -jnp.stack([both.gen.gen, both.disc.disc])

    return at


class Case(NamedTuple):
    """A technique: its game at a weight, the Jacobian that it should have, and what to try."""

    game: Callable
    jacobian: Callable
    weights: tuple = (0.0,)


def penalised(penalty, **options):
    """A penalty of weight γ/2."""
    fn = functools.partial(penalty, **options)
    return lambda gamma: dirac(losses.minimax, terms.disc_penalty(gamma / 2, fn))


def plain(matrix, loss, **options):
    return Case(
        lambda weight: dirac(functools.partial(loss, **options)), lambda weight: np.array(matrix)
    )


def damped(gamma):
    """Of R1, R2 and what equals them here."""
    return TURN + np.array([[0.0, 0.0], [0.0, -gamma]])


def pulled(strength):
    """Of what pulls the generator alone."""
    return TURN - np.array([[strength, 0.0], [0.0, 0.0]])


def unrolled(K, *, inner=lambda eta: dirac(), **options):
    return lambda eta: sur.unrolled(inner(eta), optax.sgd(eta), K, **options)


def unrolled_r1(eta, K=3, gamma=0.6):
    """ψ_K = aψ − bθ, so that L_G = ½θψ_K to second order: its slope is ½(aψ − 2bθ)."""
    a = (1 - eta * gamma) ** K
    b = SLOPE * (1 - a) / gamma
    return np.array([[-2 * SLOPE * b, SLOPE * a], [-SLOPE, -gamma]])


def blurred(sigma):
    """E over both parameters' noise ε, δ: growth a = E[−f″(εδ) ε²], turn E[f′(εδ) + εδ f″(εδ)]."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    e, d = sigma * nodes[:, None], sigma * nodes[None, :]
    mass = weights[:, None] * weights[None, :] / np.sum(weights) ** 2
    s = 1 / (1 + np.exp(-e * d))
    growth = np.sum(mass * s * (1 - s) * e**2)
    turn = np.sum(mass * (s + e * d * s * (1 - s)))
    return np.array([[growth, turn], [-turn, -growth]])


UNIT_TURN = [[0.0, 1.0], [-1.0, 0.0]]
TABLE = {
    "minimax": plain(TURN, losses.minimax),
    "non-saturating": plain(TURN, losses.non_saturating),
    "minimax, smoothed labels": plain(TURN, losses.minimax, label_smoothing=0.1),
    "wasserstein": plain(UNIT_TURN, losses.wasserstein),
    "hinge": plain(UNIT_TURN, losses.hinge),
    "least squares (0, 1, 1)": plain([[0.0, 1.0], [0.0, 0.0]], losses.least_squares),
    "least squares (−1, 1, 0)": plain(
        [[0.0, 0.0], [-1.0, 0.0]], losses.least_squares, a=-1.0, b=1.0, c=0.0
    ),
    "R1 γ": Case(penalised(penalties.r1), damped, (0.3, 1.0, 2.0)),
    "R2 γ": Case(penalised(penalties.r2), damped, (0.3, 1.0, 2.0)),
    "WGAN-GP, target 0": Case(penalised(penalties.wgan_gp, target=0.0), damped, (0.3, 2.0)),
    "DRAGAN, target 0": Case(penalised(penalties.dragan, target=0.0), damped, (0.3, 2.0)),
    "WGAN-GP, one-sided": Case(
        penalised(penalties.wgan_gp, one_sided=True), lambda gamma: TURN, (2.0,)
    ),
    "instance noise σ": Case(
        lambda sigma: dirac(noise=sigma),
        lambda sigma: damped(-2 * CURVATURE * sigma**2), (0.7, 2**0.5, 2.0),
    ),
    "consensus γ": Case(
        lambda gamma: sur.consensus(dirac(), gamma),
        lambda gamma: TURN - gamma * SLOPE**2 * np.eye(2), (0.3, 1.0, 10.0),
    ),
    "gradient norm η": Case(
        lambda eta: sur.gradient_norm(dirac(), eta),
        lambda eta: pulled(2 * eta * SLOPE**2), (0.5, 2.0, 3.0),
    ),
    "symplectic λ": Case(
        lambda weight: sur.symplectic_adjustment(dirac(), weight),
        lambda weight: TURN - weight * SLOPE**2 * np.eye(2), (0.5, 1.0, 3.0),
    ),
    **{
        f"unrolled K = {K}, η": Case(
            unrolled(K), lambda eta, K=K: pulled(2 * K * eta * SLOPE**2), (0.1, 2.0 / K, 1.0)
        )
        for K in (1, 5, 10)
    },
    "unrolled K = 5, first order": Case(
        unrolled(5, second_order=False), lambda eta: pulled(5 * eta * SLOPE**2), (0.1, 1.0)
    ),
    "unrolled K = 5, average": Case(
        unrolled(5, average=True), lambda eta: pulled(2 * 3 * eta * SLOPE**2), (0.1, 1.0)
    ),
    "unrolled K = 3 and R1": Case(
        unrolled(3, inner=lambda eta: penalised(penalties.r1)(0.6)), unrolled_r1, (0.1, 1.0)
    ),
    "best response, R1 γ": Case(
        lambda gamma: sur.best_response(penalised(penalties.r1)(gamma), optax.sgd(0.5), 200),
        lambda g: np.array([[-2 * SLOPE**2 / g, 0.0], [-SLOPE, -g]]), (0.3, 1.0, 2.0),
    ),
    "best response of the present D, R1 γ": Case(
        lambda gamma: sur.best_response(penalised(penalties.r1)(gamma), optax.sgd(0.5), 0),
        lambda g: np.array([[-(SLOPE**2) / g, SLOPE], [-SLOPE, -g]]), (0.3, 1.0, 2.0),
    ),
}  # fmt: skip


def spectrum(matrix):
    return np.sort_complex(np.linalg.eigvals(matrix))


def shown(eigenvalues):
    return "  ".join(f"{value.real:+.4f}{value.imag:+.4f}i" for value in eigenvalues)


@pytest.mark.parametrize("name", TABLE)
def test_the_fields_jacobian_at_the_equilibrium(x64, name):
    case = TABLE[name]
    weights = jnp.asarray(case.weights)
    found = quick(jax.vmap(lambda weight: jacobian(field(case.game(weight)))))(weights)
    for weight, got in zip(case.weights, np.asarray(found), strict=True):
        wanted = case.jacobian(weight)
        np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-7)
        # At a critical weight two eigenvalues meet, and move with the square root of an error.
        np.testing.assert_allclose(spectrum(got), spectrum(wanted), rtol=1e-5, atol=2e-3)
        print(f"{name:38} {weight:6.3f}   {shown(spectrum(got))}   {shown(spectrum(wanted))}")


@pytest.mark.parametrize(
    ("name", "weight", "eigenvalues"),
    [
        ("minimax", 0.0, (-0.5j, 0.5j)),
        ("wasserstein", 0.0, (-1j, 1j)),
        ("R1 γ", 1.0, (-0.5, -0.5)),
        ("R1 γ", 2.0, (-1.8660254, -0.1339746)),
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


@pytest.mark.parametrize(("loss", "sigma"), [("wasserstein", 0.5), ("minimax", 1.0)])
def test_parameter_noise_slows_the_turn_and_draws_nowhere(x64, loss, sigma):
    """A bilinear game it leaves as it is; the logistic one turns slower: ±i√(turn² − growth²)."""
    game = sur.smoothed(dirac(getattr(losses, loss)), sigma, 100_000)
    got = np.asarray(quick(lambda key: jacobian(field(game, key)))(KEY))
    wanted = np.array(UNIT_TURN) if loss == "wasserstein" else blurred(sigma)
    np.testing.assert_allclose(got, wanted, atol=5e-3)
    assert abs(wanted[0, 0]) > 0.1 or loss == "wasserstein"
    print(f"smoothed {loss}, σ = {sigma}: {shown(spectrum(got))}   {shown(spectrum(wanted))}")


def started(txs, params=(0.0, 0.0), turns=0, step=None):
    """A training state of the Dirac-GAN; `turns` steps on, so that optimizers have a past."""
    state = steps.init(dirac_pair(), txs, KEY)
    params = Pair(*(jnp.asarray(own) for own in params))
    opt = Pair(*(tx.init(own) for tx, own in zip(txs, params, strict=True)))
    state = state._replace(params=params, carry=Carry(state.carry.state, opt))
    for _ in range(turns):
        state, _ = step(state, None)
    return state


def linear_map(step, start, h=1e-5):
    """The Jacobian of a training step in all that it carries, parameters and optimizers."""
    leaves, structure = jax.tree.flatten((start.params, start.carry.opt))
    numbers = [jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in leaves]
    shapes = [leaf.shape for leaf, real in zip(leaves, numbers, strict=True) if real]
    sizes = [int(np.prod(shape)) for shape in shapes]

    def moved(vector):
        parts = iter(jnp.split(vector, np.cumsum(sizes)[:-1]))
        shaped = (part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
        put = [next(shaped) if real else leaf for leaf, real in zip(leaves, numbers, strict=True)]
        params, opt = jax.tree.unflatten(structure, put)
        state, _ = step(start._replace(params=params, carry=start.carry._replace(opt=opt)))
        after = jax.tree.leaves((state.params, state.carry.opt))
        return jnp.concatenate(
            [leaf.ravel() for leaf, real in zip(after, numbers, strict=True) if real]
        )

    eye = h * jnp.eye(sum(sizes))
    ends = quick(jax.vmap(moved))(jnp.concatenate([eye, -eye]))
    return np.asarray(ends[: len(eye)] - ends[len(eye) :]).T / (2 * h)


def radius(matrix):
    return np.max(np.abs(np.linalg.eigvals(matrix)))


def on_batch(step, count):
    """The step on the one batch there is, shown as often as it asks."""
    data = BATCH if count is None else jax.tree.map(lambda leaf: jnp.stack([leaf] * count), BATCH)
    return lambda state, _=None: step(state, data)


DISCRETE = [
    ("minimax", 0.0, 0.2),
    ("wasserstein", 0.0, 0.2),
    ("R1 γ", 0.3, 0.2),
    ("R1 γ", 2.0, 1.5),
    ("consensus γ", 1.0, 0.2),
    ("consensus γ", 10.0, 1.0),
    ("gradient norm η", 3.0, 0.2),
    ("unrolled K = 5, η", 0.1, 0.1),
    ("symplectic λ", 1.0, 0.2),
]


@pytest.mark.parametrize(("name", "weight", "h"), DISCRETE)
def test_gradient_steps_simultaneous_and_alternating(x64, name, weight, h):
    """1 + hλ at once; one half after the other, the product of the halves."""
    game, wanted = TABLE[name].game(weight), TABLE[name].jacobian(weight)
    txs = Pair(optax.sgd(h), optax.sgd(h))
    of_gen, of_disc = np.diag([1.0, 0.0]), np.diag([0.0, 1.0])
    at_once = np.eye(2) + h * wanted
    in_turn = (np.eye(2) + h * of_disc @ wanted) @ (np.eye(2) + h * of_gen @ wanted)
    for step, expected in (
        (on_batch(steps.simultaneous(game, txs), None), at_once),
        (on_batch(steps.alternating(game, txs), 2), in_turn),
    ):
        got = linear_map(step, started(txs))
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(radius(at_once), np.max(np.abs(1 + h * spectrum(wanted))), rtol=1e-6)
    print(f"{name:24} {weight:5.2f}  h = {h}: {radius(at_once):.6f} {radius(in_turn):.6f}")


@pytest.mark.parametrize(
    ("h", "n_gen", "n_disc"), [(0.2, 1, 5), (3.9, 1, 1), (4.1, 1, 1), (1.1, 3, 2)]
)
def test_alternating_steps_of_the_plain_gan_stay_on_the_circle_up_to_a_rate(x64, h, n_gen, n_disc):
    """1 − α²/2 ± √((1 − α²/2)² − 1) with α = √(n_g n_d)·h·f′: of modulus 1 while α ≤ 2."""
    txs = Pair(optax.sgd(h), optax.sgd(h))
    step = on_batch(steps.alternating(dirac(), txs, n_gen=n_gen, n_disc=n_disc), n_gen + n_disc)
    half = 1 - n_gen * n_disc * (h * SLOPE) ** 2 / 2
    root = np.emath.sqrt(half**2 - 1)
    expected = max(abs(half + root), abs(half - root))
    # Slopes of 1e-7 in the matrix are 1e-5 and more in eigenvalues that almost meet.
    np.testing.assert_allclose(radius(linear_map(step, started(txs))), expected, rtol=1e-5)
    assert (expected > 1 + 1e-9) == (np.sqrt(n_gen * n_disc) * h * SLOPE > 2)


def test_published_radii():
    for h, expected in ((3.9, 1.0), (4.1, 1.5625)):
        half = 1 - (h * SLOPE) ** 2 / 2
        np.testing.assert_allclose(abs(half - np.emath.sqrt(half**2 - 1)), expected, rtol=1e-4)


@pytest.mark.parametrize("h", [0.4, 1.5, 2.5])
def test_extragradient_steps(x64, h):
    """1 + hλ + h²λ² with λ = ±½i: inside the circle while h < 2, where gradient steps never are."""
    txs = Pair(optax.sgd(h), optax.sgd(h))
    got = linear_map(on_batch(moves.extragradient(dirac(), txs), None), started(txs))
    np.testing.assert_allclose(got, np.eye(2) + h * TURN + h**2 * TURN @ TURN, atol=1e-6)
    assert (radius(got) < 1) == (h * SLOPE < 1)


@pytest.mark.parametrize("h", [0.4, 1.1, 1.3])
def test_optimistic_steps(x64, h):
    """z² − (1 + 2hλ)z + hλ = 0 with λ = ±½i: inside the circle while h < 2/√3."""
    tx = optimizers.optimistic(optax.sgd(h))
    step = on_batch(steps.simultaneous(dirac(), Pair(tx, tx)), None)
    got = linear_map(step, started(Pair(tx, tx), turns=1, step=step))
    roots = np.roots([1, -(1 + 1j * h), 0.5j * h])
    np.testing.assert_allclose(radius(got), np.max(np.abs(roots)), rtol=1e-5)
    assert (radius(got) < 1) == (h * SLOPE < 1 / np.sqrt(3))


@pytest.mark.parametrize("count", [1, 3])
def test_steps_against_the_last_discriminators(x64, count):
    """θ⁺ = θ + hf′·mean ψ, ψ⁺ = ψ − hf′θ, and the past moves on by one."""
    h = 0.5
    txs = Pair(optax.sgd(h), optax.chain(optax.sgd(h), optimizers.snapshots(count)))
    step = on_batch(steps.simultaneous(sur.snapshot_ensemble(dirac()), txs), None)
    expected = np.eye(2 + count)
    expected[0, 1], expected[0, 2:] = 0.0, h * SLOPE / count
    expected[1, 0] = -h * SLOPE
    expected[2:] = 0.0
    expected[2, :2] = -h * SLOPE, 1.0
    for row in range(3, 2 + count):
        expected[row, row - 1] = 1.0
    got = linear_map(step, started(txs))
    np.testing.assert_allclose(got, expected, atol=1e-7)
    # The older the discriminators, the faster the spiral outwards.
    alone = np.sqrt(1 + (h * SLOPE) ** 2)
    assert radius(got) > alone + 1e-3 if count > 1 else abs(radius(got) - alone) < 1e-6


def orbit(game, txs, start, count):
    step = on_batch(steps.simultaneous(game, txs), None)

    def turn(state, _):
        state, _ = step(state)
        return state, jnp.stack(state.params)

    return np.asarray(quick(lambda: jax.lax.scan(turn, started(txs, start), length=count)[1])())


def test_wgan_gp_orbits_and_never_arrives(x64):
    """In either half plane the step is affine about (∓γ, 0): powers of one matrix between turns."""
    h, gamma = 0.2, 0.7
    penalty = terms.disc_penalty(gamma / 2, penalties.wgan_gp)
    txs = Pair(optax.sgd(h), optax.sgd(h))
    got = orbit(dirac(losses.wasserstein, penalty), txs, (1.0, 1.0), 400)
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
    got = orbit(dirac(losses.wasserstein), txs, (1.0, 0.5), 2000)
    theta, psi = 1.0, 0.5
    for point in got:
        theta, psi = theta + h * psi, float(np.clip(psi - h * theta, -c, c))
        np.testing.assert_allclose(point, (theta, psi), rtol=1e-9, atol=1e-11)
    last = got[-int(2 * np.pi / h) :]
    np.testing.assert_allclose(np.linalg.norm(last, axis=1), c, rtol=0.1)
    assert np.max(np.abs(got[:, 1])) <= c + 1e-15
    assert np.sum(np.abs(np.abs(got[:, 1]) - c) < 1e-12) > 10
