"""The numbers behind the gallery's games against closed forms: found, expected, tolerance."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import quick
from dirac_table import TABLE
from known_games import agree

from docs.gallery import adversarial_balance as balance
from docs.gallery import (
    bilinear,
    chaos,
    dirac,
    dirac_eigenvalues,
    dirac_phases,
    gaussians,
    learning_rates,
    lyapunov,
    point_masses,
    ring_phases,
)
from docs.gallery import rock_paper_scissors as rps
from docs.gallery.common import NOTHING, followed, pair, sgd, started, strategy, trained
from ganstab import Pair, dynamics, games, steps


def balanced():
    """A conserved circle of period 2π; steps that grow, stay or come in; one fixed point."""
    plain, decayed = (games.adversarial_balance(balance.TARGET, decay=g) for g in (0.0, 0.5))
    h, txs = balance.H, sgd(balance.H)
    turn = followed(plain, balance.START, 2 * math.pi / 400, 400)
    grown = balance.distance(trained(steps.simultaneous(plain, txs), txs, balance.START, 200))
    in_turn = balance.distance(trained(steps.alternating(plain, txs), txs, balance.START, 200))
    starts = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], balance.START)
    (rest,) = dynamics.fixed_points(decayed, starts, **NOTHING)
    return [
        ("spread of ‖w‖² + ‖θ − x*‖²", np.ptp(balance.distance(turn) ** 2), 0, 1e-8),
        ("distance after a time of 2π", np.linalg.norm(turn.gen[-1] - turn.gen[0]), 0, 1e-6),
        ("growth of a step", (grown[-1] / grown[0]) ** (1 / 200), math.hypot(1, h), 1e-10),
        ("alternating, largest over first", in_turn.max() / in_turn[0], 1, h),
        ("eigenvalue", rest.eigenvalues[0], -0.25 + 1j * math.sqrt(15 / 16), 1e-6),
        ("fixed point", np.linalg.norm(np.asarray(rest.params.gen) - balance.TARGET), 0, 1e-7),
    ]


def weighted():
    """The lecture's example and cycle; how fast weights leave uniform play."""
    game, logits, h = games.rock_paper_scissors(replicator=True), np.log([0.4, 0.3, 0.3]), rps.H
    payoffs = dynamics.field(game, Pair(jnp.zeros(3), jnp.asarray(logits)), **NOTHING).gen
    found = [
        rps.divergence(trained(make(game, sgd(h)), sgd(h), rps.START, 20_000))
        for make in (steps.simultaneous, steps.alternating)
    ]
    rate = math.log(1 + h**2 / 3)
    half = np.log([[0.5, 0.25, 0.25]])
    alone = (np.log(2) + 2 * np.log(4)) / 3 - np.log(3)
    return [
        ("best reply to (0.4, 0.3, 0.3)", np.argmax(payoffs), 1, 0),
        ("what it earns", payoffs[1], 0.1, 1e-12),
        ("length of the cycle of best replies", cycle(game), 6, 0),
        ("growth exponent of the KL", np.log(found[0][400] / found[0][0]) / 400, rate, 0.1 * rate),
        ("change of the KL in turn", np.ptp(found[1]) / found[1][0], 0, 0.1),
        ("a divergence", rps.divergence(Pair(half + 3, 0 * half))[0], alone, 1e-12),
        ("both players'", rps.divergence(Pair(half, half - 1))[0], 2 * alone, 1e-12),
    ]


def cycle(game):
    """Moves until two players who answer each other in turn are where they were."""
    hands, seen = [0, 0], []
    certain = 50.0 * np.eye(3)  # logits so far apart that the other moves are never played
    while (state := (*hands, len(seen) % 2)) not in seen:
        seen.append(state)
        mover = len(seen) % 2
        at = Pair(*(jnp.asarray(certain[hand]) for hand in hands))
        hands[mover] = int(np.argmax(dynamics.field(game, at, **NOTHING)[mover]))
    return len(seen) - seen.index(state)


def replicators():
    """Sato, Akiyama & Farmer 2002: what is conserved, and which starts are chaotic."""
    limit = 3 * math.log(chaos.TIME) / chaos.TIME
    rows = []
    for tie in (0.0, 0.5):
        found, exponents = chaos.replicators(tie, chaos.STARTS, chaos.TIME)
        kept, largest = rps.divergence(found), exponents[:, 0]
        regular = largest.max() if tie == 0 else largest[-1]
        rows += [
            (f"change of the sum of both KLs, {tie}", np.ptp(kept, axis=1).max(), 0, 2e-3),
            (f"sum of the six exponents, {tie}", np.abs(exponents.sum(axis=1)).max(), 0, 1e-4),
            (f"largest exponent of regular starts, {tie}", regular, 0, limit),
        ]
    return [*rows, ("k = 1 with pay for ties is chaotic", largest[0] > 2 * limit, True, 0)]


def lookahead():
    """Lyapunov exponents of four rules, and what alternating steps conserve."""
    h, rows = bilinear.H, []
    for name, (make, tx, factor) in bilinear.RULES.items():
        txs = Pair(tx(h), tx(h))
        advance = dynamics.training(make(games.bilinear(), txs))
        exponent = quick(
            lambda at, advance=advance: dynamics.lyapunov(advance, at, 2000, discard=200).exponents
        )(started(txs, Pair(1.0, 1.0)))
        rows.append((name, exponent[0], math.log(factor), 2e-3))
    step = steps.alternating(games.bilinear(), sgd(h))
    theta, psi = trained(step, sgd(h), Pair(1.0, 1.0), 2000)
    return [*rows, ("conserved", np.ptp(theta**2 + psi**2 - h * theta * psi), 0, 1e-10)]


def divergences():
    """KL, Jensen-Shannon, total variation and Wasserstein distance of two point masses."""
    kl, js, variation, wasserstein = point_masses.distances().values()
    away = point_masses.GRID != 0
    at_0 = max(values[~away].max() for values in (kl, js, variation, wasserstein))
    return [
        ("Jensen-Shannon", np.abs(js[away] - math.log(2)).max(), 0, 1e-12),
        ("places where KL is finite", np.isfinite(kl[away]).sum(), 0, 0),
        ("total variation", np.abs(variation[away] - 1).max(), 0, 1e-12),
        ("Wasserstein", np.abs(wasserstein - np.abs(point_masses.GRID)).max(), 0, 1e-12),
        ("all of them at 0", at_0, 0, 1e-12),
    ]


def critics():
    """Slopes among the samples, of each of four starts, against the best linear critics'."""
    scores = {name: gaussians.trained(name) for name in gaussians.CRITICS}
    line, apart = gaussians.LINE, gaussians.APART
    among = np.abs(line - apart) <= 1
    mean = {name: np.gradient(own, line, axis=1)[:, among].mean(1) for name, own in scores.items()}
    fake = np.exp(-((line - apart) ** 2) / 2)
    fake /= fake.sum()
    gan = scores["GAN"]
    pull = (np.abs(np.gradient(gan, line, axis=1)) / (1 + np.exp(-gan)) @ fake).mean()
    best = fake @ (apart / (1 + np.exp(apart * line - apart**2 / 2)))
    give = apart / (2 * gaussians.PENALTY)
    either = np.minimum(*(np.abs(mean["WGAN-GP"] - slope) for slope in (-1 - give, 1 - give)))
    return [
        ("E |slope of ln(1 − D)|", pull, best, 0.5 * best),
        ("WGAN-GP, from either of −1.2 and 0.8", either.max(), 0, 0.1),
        ("WGAN-GP, starts with the slope turned round", np.sum(mean["WGAN-GP"] > 0), 2, 1),
        ("one-sided, from −1.2", np.abs(mean["one-sided"] + 1 + give).max(), 0, 0.1),
    ]


def exponents():
    """Each Lyapunov exponent, what the GAN conserves, and how slowly the NS-GAN comes in."""
    slow_decay = 3 * math.log(lyapunov.STEPS * lyapunov.DT) / (lyapunov.STEPS * lyapunov.DT)
    tolerances = (1e-9, 1e-3, 0.01, 0.01, slow_decay)
    found = lyapunov.exponents().items()
    at_200 = lyapunov.distance(lyapunov.NON_SATURATING)[round(200 / lyapunov.DT)]
    return [
        *((name, running[-1], expected, tolerance)
          for (name, (running, expected)), tolerance in zip(found, tolerances, strict=True)),
        ("spread of the GAN's distance", np.ptp(lyapunov.distance(lyapunov.PLAIN)), 0, 1e-4),
        ("NS-GAN's distance at time 200", at_200, (0.5 + 200 / 8) ** -0.5, 5e-3),
    ]  # fmt: skip


CHECKS = [
    balanced, weighted, lookahead, divergences, exponents,
    *(pytest.param(check, marks=pytest.mark.slow) for check in (replicators, critics)),
]  # fmt: skip


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_numbers(x64, check):
    agree(check())


SAME = {
    "R1 and R2": "R1 γ",
    "Instance noise": "instance noise σ",
    "Roth et al.": "JS regularizer γ",
    "Gradient norm (NK17)": "gradient norm η",
    "Unrolled, K = 1": "unrolled K = 1, η",
    "Unrolled, K = 5": "unrolled K = 5, η",
    "Unrolled, K = 10": "unrolled K = 10, η",
    "Unrolled, K = 5, first order": "unrolled K = 5, η, first order",
    "Best response, of R1": "best response, R1 γ",
    "Consensus": "consensus γ",
    "Symplectic adjustment": "symplectic λ",
}
"""The gallery's techniques, and their rows in the Dirac table, whose games are tested."""


@pytest.mark.parametrize("name", dirac.TECHNIQUES)
def test_eigenvalues_drawn_are_the_closed_forms(x64, name):
    technique = dirac.TECHNIQUES[name]
    critical = technique.critical
    ends = technique.first or technique.last / 2, critical or technique.last / 3, technique.last
    expected = np.stack([technique.jacobian(weight) for weight in ends])
    if name in SAME:
        np.testing.assert_allclose(
            expected, [TABLE[SAME[name]].jacobian(weight) for weight in ends], atol=1e-12
        )
    if critical:
        half = np.trace(expected[1]) / 2
        assert abs(half**2 - np.linalg.det(expected[1])) < 1e-12
    # A mean over draws is as good as they are many, see the figure's setting.
    tolerance = {"Instance noise": 0.047, "Parameter noise": 0.06}.get(name, 1e-9)
    found = dirac_eigenvalues.jacobians(technique, ends)
    np.testing.assert_allclose(found, expected, atol=tolerance)
    assert np.abs(expected - dirac.TURN).max() > 2 * tolerance


@pytest.mark.parametrize("rules", ["TOGETHER", "APART"])
def test_steps_have_their_radius_and_their_longest_rate(x64, rules):
    for name, rule in getattr(learning_rates, rules).items():
        rates = np.array([0.5, 0.99, 1.01]) * (rule.limit or 1.0)
        found = learning_rates.radius(learning_rates.matrices(rule, rates))
        exact = [learning_rates.radius(rule.exact(h)) for h in rates]
        np.testing.assert_allclose(found, exact, atol=1e-6, err_msg=name)
        assert found[2] > 1 + 1e-6, name
        assert (found[:2] < 1 + 1e-6).all() == (rule.limit > 0), name


def test_radii_of_alternating_steps(x64):
    """1 − α²/2 ± √((1 − α²/2)² − 1) with α = h/2."""
    found = learning_rates.matrices(learning_rates.APART["GAN"], np.array([3.9, 4.1]))
    np.testing.assert_allclose(learning_rates.radius(found), [1.0, 1.5625], atol=1e-4)


def test_strategies_are_probabilities():
    np.testing.assert_allclose(strategy(np.log([[1.0, 2.0, 5.0]])), [[0.125, 0.25, 0.625]])


def test_players_of_the_dirac_gan_play_its_formula(x64):
    """The paper's critic is high on what is generated, the library's on data."""
    at = dirac.place(samples=3)
    found, _ = dirac.gan()(pair(0.8, -1.5), at["carry"], at["batch"], at["key"])
    expected, _ = games.dirac()(pair(0.8, 1.5), **NOTHING)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    made = [player.init(jax.random.key(0)) for player in games.dirac_players(Pair(2.0, -3.0))]
    assert made == [(2.0, ()), (-3.0, ())]


@pytest.mark.parametrize("name", dirac_phases.SHOWN)
def test_training_converges_within_the_line_of_the_closed_form(name, x64):
    technique, weights = dirac.TECHNIQUES[name], dirac_phases.SHOWN[name][::6]
    found = dirac_phases.diagram(technique, weights)
    radius = dirac_phases.radius(technique)
    exact = np.array([[radius(a, b) for a in weights] for b in dirac_phases.RATES])
    within = found.outcomes == dynamics.Outcome.CONVERGES
    clear = np.abs(np.log(exact)) * dirac_phases.STEPS > 1
    assert clear.mean() > 0.7 and within[clear].any() and not within[clear].all()
    np.testing.assert_array_equal(within[clear], exact[clear] < 1)


def test_a_run_on_the_ring_counts_its_samples():
    near, distance = quick(lambda rate: ring_phases.run(rate, 1, steps=20))(1e-3)
    assert near.shape == (20, 8) and distance.shape == (20,)
    assert np.all(near.sum(axis=1) <= 1) and np.isfinite(distance).all()
