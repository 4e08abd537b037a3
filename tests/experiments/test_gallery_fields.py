"""The numbers behind the gallery's vector fields against closed forms."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import quick
from known_games import agree
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from docs.gallery import (
    few_samples,
    gaussian_biases,
    gaussian_weights,
    heavy_tails,
    other_widths,
    parameter_noise,
    two_parts,
)
from docs.gallery.common import NOTHING, pair, sgd, trained
from docs.gallery.one_parameter import resting, runs, samples
from ganstab import Pair, dynamics, games, steps, surrogates

GAUSSIAN, SIGMOID = games.gaussian(), games.sigmoid()
BIASES = games.bias_gan(GAUSSIAN)


def width(w, **options):
    clip = options.pop("clip", 0.0)
    return games.bias_gan(games.gaussian(clip), Pair(1.0, w), **options)


def velocity(game, gen, disc):
    return np.array(quick(lambda at: dynamics.field(game, at, **NOTHING))(pair(gen, disc)))


def slopes(game, gen=0.0, disc=0.0):
    return np.array(quick(lambda at: dynamics.jacobian(game, at, **NOTHING))(pair(gen, disc)))


def upper(matrix):
    """The rightmost eigenvalue, of a conjugate pair the upper one."""
    values = np.linalg.eigvals(matrix).astype(complex)
    return values[np.lexsort((-values.imag, np.round(-values.real, 9)))][0]


def sigmoids():
    """No fixed point for biases; for weights, W_d = 0 is a line of them."""
    game, biases = games.weight_gan(SIGMOID), games.bias_gan(SIGMOID)
    (run,) = runs(game, [(1.0, 1.0)], 0.05, 600)
    growth = [velocity(biases, *at).sum() for at in ((-4, -4), (-4, 4), (4, -4), (4, 4), (0, 0))]
    along, towards = sorted(np.linalg.eigvals(slopes(game, 1.5, 0.0)).real, key=abs)
    return [
        ("fixed points of biases", len(resting(biases, gaussian_biases.STARTS)), 0, 0),
        ("b_g + b_d grows everywhere", min(growth) > 0, True, 0),
        ("W_d at time 30", run[-1, 1], 0, 1e-3),
        ("W_g at time 30 is above 1", run[-1, 0] > 1, True, 0),
        ("speed at (1.5, 0)", np.abs(velocity(game, 1.5, 0.0)).max(), 0, 1e-9),
        ("rate along the line", along, 0, 1e-9),
        ("rate towards it", towards, -(1 + 1.5**2) / 4, 1e-6),
    ]


def wide_and_narrow():
    """Guttenberg 2016: the fixed point of the Gaussian's biases for other widths."""
    found = resting(BIASES, gaussian_biases.STARTS)
    (narrow,) = runs(width(2.0), [(0.1, 0.0)], 0.02, 800)
    start, end = (np.linalg.norm(narrow[round(time / 0.02)]) for time in (14, 15))
    cycles = [period(run) for run in runs(width(0.5), [(3.0, -2.5), (0.1, 0.0)], 0.02, 1500)]
    clipped = [np.trace(slopes(width(0.5, clip=clip))) for clip in (0.01, 0.49)]
    half = other_widths.slopes(1.0) * np.array([[1.0], [0.5]])  # D's loss a mean
    return [
        ("fixed points near (0, 0)", sum(np.hypot(*each.params) < 5 for each in found), 1, 0),
        *((f"eigenvalue, W_d = {w}", upper(slopes(width(w))), upper(other_widths.slopes(w)), 1e-6)
          for w in (0.5, 1.0, 2.0)),
        ("the same, a mean", upper(slopes(width(1.0, average=True))), upper(half), 1e-6),
        ("rate of a run", np.log(end / start), upper(other_widths.slopes(2.0)).real, 0.01),
        ("least width", width_without_trace(False), 0.67145, 1e-5),
        ("least width, a mean", width_without_trace(True), 0.56295, 1e-5),
        ("period of the cycle", cycles[1], 7.557, 0.01),
        ("the same from afar", cycles[0], cycles[1], 0.01),
        ("no clip makes 0.5 stable", clipped[0] > clipped[1] > 0, True, 0),
    ]  # fmt: skip


def width_without_trace(average):
    """Where the Jacobian at (0, 0), by differentiation and in closed form, has no trace."""

    def closed(w):
        (a, _), (_, d) = other_widths.slopes(w)
        return a + (0.5 if average else 1.0) * d

    found = brentq(lambda w: np.trace(slopes(width(w, average=average))), 0.3, 1.0, xtol=1e-9)
    assert found == pytest.approx(brentq(closed, 0.3, 1.0, xtol=1e-9), abs=1e-6)
    return found


def period(run):
    """The time between the last two passages through b_g = 0 on the way up."""
    gen = run[:, 0]
    before = np.flatnonzero((gen[:-1] < 0) & (gen[1:] >= 0))[-2:]
    return 0.02 * np.diff(before + gen[before] / (gen[before] - gen[before + 1]))[0]


def collapse():
    """W_g is 0 after a finite time; in squares u and v, u̇ = −2g and v̇ = −4v + 2g, g = uv a(√uv)."""
    game, a = games.weight_gan(GAUSSIAN), other_widths.curvature(1.0)

    def over_u(u, state):
        product = max(u * state[1], 1e-12)
        pull = product * other_widths.curvature(math.sqrt(product))
        return -1 / (2 * pull), (4 * state[1] - 2 * pull) / (2 * pull)

    time, square = solve_ivp(over_u, (1.0, 0.0), (0.0, 1.0), rtol=1e-9, atol=1e-12).y[:, -1]
    (run,) = map(gaussian_weights.until_collapse, runs(game, [(1.0, 1.0)], 0.002, 160))
    near = velocity(game, 0.001, 1.0)
    descended = trained(steps.simultaneous(game, sgd(1e-3)), sgd(1e-3), Pair(1.0, 1.0), 3000)
    return [
        ("velocity of W_g at (1, 1)", velocity(game, 1.0, 1.0)[0], -a, 1e-6),
        ("velocity of W_d at (1, 1)", velocity(game, 1.0, 1.0)[1], a - 2, 1e-6),
        ("time, W_g² falling at rate 4", 0.002 * (len(run) - 1) + run[-1, 0] ** 2 / 4, time, 1e-3),
        ("that time", time, 0.3044, 1e-4),
        ("W_d at that time", run[-1, 1], math.sqrt(square), 5e-3),
        ("d(W_g²)/dt near the end", 0.002 * near[0], -4, 1e-2),
        ("velocity of W_d there", near[1], 0, 1e-2),
        ("steps are thrown out again", np.abs(descended.gen[400:]).max() > 0.5, True, 0),
    ]


def saddles(count):
    """Between any two poles there is one fixed point, and it is a saddle."""
    drawn = samples(0, count)
    found = resting(games.bias_gan(GAUSSIAN, samples=drawn), few_samples.between_poles(drawn))
    signs = [np.prod(np.sort(each.eigenvalues.real)) < 0 for each in found]
    return [("fixed points", len(found), count - 1, 0), ("saddles", sum(signs), count - 1, 0)]


def tails():
    """The scatter of the pull is 4π φ(1) for any number of samples, unless d is clipped."""
    sharp, clipped = (heavy_tails.scatters(0, clip) for clip in (0.0, heavy_tails.CLIP))
    limit, sizes = heavy_tails.LIMIT, heavy_tails.SIZES
    scatter = zip(sizes[1:], sharp[1:], strict=True)
    return [
        *((f"{size} samples", found, limit, 0.1 * limit) for size, found in scatter),
        ("clipped, 100 times the samples", clipped[1] / clipped[-1], 10, 1),
    ]


def noise():
    """A Gaussian blur: eigenvalues of the population, losses of three samples."""
    wide = math.sqrt(1 + 2 * parameter_noise.STDDEV**2)
    turn = math.sqrt(2 * other_widths.curvature(wide) - 1)
    population = games.bias_gan(GAUSSIAN, Pair(wide, 1.0))
    drawn, gen, disc, stddev = samples(0, 3), 0.7, -0.4, 0.2
    z = np.linspace(-12, 12, 24000)  # an even number, so that 0 is not among them
    normal = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    s = np.asarray(drawn.gen)[:, None] + gen + disc + 2**0.5 * stddev * z
    fake = np.mean(np.sum(normal * np.log(-np.expm1(-(s**2))), axis=1))
    real = np.mean((np.asarray(drawn.disc) + disc) ** 2) + stddev**2
    found = parameter_noise.blurred(drawn, stddev)(pair(gen, disc), **NOTHING)[0]
    return [
        ("blurred population", upper(slopes(population)), -1 + 1j * turn, 1e-6),
        ("blurred loss, gen", found.gen, fake, 2e-3 * abs(fake)),
        ("blurred loss, disc", found.disc, real - fake, 2e-3 * abs(real - fake)),
    ]


def scatter_under_noise():
    """The mean over 30 draws of noise, 100 latents each, has the scatter of 3,000 poles."""
    wide = math.sqrt(1 + 2 * parameter_noise.STDDEV**2)
    limit = 4 * math.pi * math.exp(-1 / (2 * wide**2)) / (math.sqrt(2 * math.pi) * wide)

    def drawn(key):
        latents = Pair(jax.random.normal(key, (100,)), jnp.zeros(1))
        sharp = games.bias_gan(GAUSSIAN, samples=latents)
        noisy = surrogates.smoothed(sharp, parameter_noise.STDDEV, parameter_noise.DRAWS)
        return dynamics.field(noisy, pair(1.0, 0.0), **{**NOTHING, "key": key}).gen

    keys = jax.random.split(jax.random.key(0), 500)
    found = jax.jit(lambda keys: jax.lax.map(drawn, keys, batch_size=50))(keys)
    return [("scatter", np.subtract(*np.percentile(found, [75, 25])), limit, 0.15 * limit)]


def decomposition():
    """div v = −2, S = diag(−a, a − 2) and A = a at (0, 0); of the Dirac-GAN S = 0."""
    a = other_widths.curvature(1.0)
    _, _, rest = two_parts.parts()
    across = np.gradient(np.asarray(rest.velocity[..., 0]), np.asarray(rest.a), axis=1)
    along = np.gradient(np.asarray(rest.velocity[..., 1]), np.asarray(rest.b), axis=0)
    biases, dirac_gan = (
        dynamics.helmholtz(game, pair(0, 0), **NOTHING) for game in (BIASES, games.dirac())
    )
    symmetric = np.stack([biases.symmetric(axis) for axis in jnp.eye(2)])
    share = 2 * a**2 / (2 * a**2 + a**2 + (a - 2) ** 2)
    return [
        ("divergence left", np.abs((across + along)[1:-1, 1:-1]).mean(), 0, 0.01),
        ("S, generator", symmetric[0, 0], -a, 1e-6),
        ("S, discriminator", symmetric[1, 1], a - 2, 1e-6),
        ("A", biases.antisymmetric(jnp.eye(2)[0])[1], a, 1e-6),
        ("share of rotation", biases.rotation, share, 1e-6),
        ("share of rotation, Dirac-GAN", dirac_gan.rotation, 1, 1e-6),
    ]


CHECKS = [
    sigmoids, wide_and_narrow, collapse, noise, decomposition,
    *(pytest.param(check, marks=pytest.mark.slow) for check in (tails, scatter_under_noise)),
]  # fmt: skip


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_numbers(x64, check):
    agree(check())


@pytest.mark.parametrize("count", [5, pytest.param(100, marks=pytest.mark.slow)])
def test_between_any_two_poles_there_is_one_saddle(x64, count):
    agree(saddles(count))


def test_curvature_is_an_expectation():
    """`w² a(w) = 2 E[q / (exp(q) − 1)]` with `q = w²z²`."""
    z = np.linspace(-12, 12, 24000)
    normal = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    for w in (0.3, 1.0, 2.0):
        q = (w * z) ** 2
        expected = 2 * np.sum(normal * q / np.expm1(q))
        np.testing.assert_allclose(w**2 * other_widths.curvature(w), expected, rtol=1e-6)
