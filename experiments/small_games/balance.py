"""A point that chases a target with a critic's help, and the bilinear game under four rules."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.axes import Axes

from experiments.runner.records import checked
from experiments.runner.study import Exhibit
from experiments.small_games.moves import NOTHING, followed, quick, run, sgd, started
from ganstab import Pair, dynamics, games, moves, optimizers, steps
from ganstab.style import ALONG, BLUE, FAINT, GREEN, GROUND, INK, PURPLE, VERMILION, panels, styled

LECTURE = "Striner, Generative Adversarial Networks part 2 (CMU lecture, 2019)"
TARGET = (0.5, 0.25)
START = Pair(np.array([1.5, 0.25]), np.array([0.0, 0.8]))
H = 0.1


@styled
def adversarial_balance() -> Exhibit:
    """Adversarial balance: one point, one target, one linear critic."""
    plain, decayed = (games.adversarial_balance(TARGET, decay=decay) for decay in (0.0, 0.5))
    runs = {
        "simultaneous": run(steps.simultaneous(plain, sgd(H)), sgd(H), START, 200),
        "alternating": run(steps.alternating(plain, sgd(H)), sgd(H), START, 200),
        "critic's weight decay ½": run(steps.alternating(decayed, sgd(H)), sgd(H), START, 200),
    }
    figure, axes = panels(2, 4, width=2.5, height=2.35)
    for axis, moment in zip(axes[0], (0, 16, 32, 48), strict=True):
        _frame(axis, runs["simultaneous"], moment)
    for axis, (name, found) in zip(axes[1], runs.items(), strict=False):
        _path(axis, name, found)
    _distances(axes[1, 3], runs)
    caption = (
        "Above, four moments of simultaneous training: the data are one point (cross), so is the "
        "generator (disc, with the way it came), and the critic is linear, light where it sees "
        "samples and dark where it sees data. The critic always points from where the generator "
        "was, so the point overshoots. Below, 200 steps of size 0.1: simultaneous steps spiral "
        "out, alternating steps circle for ever, and weight decay in the critic draws the point "
        "in. Right, the distance of both players from their equilibrium."
    )
    return Exhibit(figure, caption, balance_findings())


def balance_findings() -> tuple[dict, ...]:
    """Conserved circle, its period, growth of steps, decay's eigenvalues, the one fixed point."""
    game = games.adversarial_balance(TARGET)
    turn = followed(game, START, 2 * math.pi / 400, 400)
    grown = _radius(run(steps.simultaneous(game, sgd(H)), sgd(H), START, 200))
    in_turn = _radius(run(steps.alternating(game, sgd(H)), sgd(H), START, 200))
    starts = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], START)
    (rest,) = dynamics.fixed_points(games.adversarial_balance(TARGET, decay=0.5), starts, **NOTHING)
    source = "θ̇ = w, ẇ = x* − θ − γw; idea: " + LECTURE
    return (
        checked(
            "spread of ‖w‖² + ‖θ − x*‖² along the continuous motion",
            float(np.ptp(_radius(turn) ** 2)), expected=0.0, tolerance=1e-8, source=source,
            reading="the motion is a circle",
        ),
        checked(
            "distance between start and end of one time 2π",
            float(np.linalg.norm(turn.gen[-1] - turn.gen[0])), expected=0.0, tolerance=1e-6,
            reading="one turn takes 2π", source=source,
        ),
        checked(
            "growth of the distance in one simultaneous step",
            float((grown[-1] / grown[0]) ** (1 / 200)), expected=math.sqrt(1 + H**2),
            tolerance=1e-10, reading="√(1 + h²): smaller steps only take longer to diverge",
            source=source,
        ),
        checked(
            "largest distance of alternating steps over the first",
            float(in_turn.max() / in_turn[0]), expected=1.0, tolerance=H,
            reading="bounded by the ellipse that they conserve", source=source,
        ),
        checked(
            "eigenvalue at the equilibrium under weight decay γ = ½", complex(rest.eigenvalues[0]),
            expected=-0.25 + 1j * math.sqrt(1 - 1 / 16), tolerance=1e-6,
            reading="−γ/2 ± √(γ²/4 − 1)", source=source,
        ),
        checked(
            "distance of the fixed point from the data",
            float(np.linalg.norm(np.asarray(rest.params.gen) - TARGET)), expected=0.0,
            tolerance=1e-7, reading="the only place to rest is right", source=source,
        ),
    )  # fmt: skip


def _radius(found: Pair) -> np.ndarray:
    """Of both players from (x*, 0): `[T]`."""
    return np.hypot(*(np.linalg.norm(own, axis=-1) for own in (found.gen - TARGET, found.disc)))


def _frame(axis: Axes, found: Pair, moment: int) -> None:
    grid = np.linspace(-1.7, 2.7, 60)
    x, y = np.meshgrid(grid, grid - 0.25)
    weight = found.disc[moment]
    axis.pcolormesh(
        grid, grid - 0.25, weight[0] * x + weight[1] * y, cmap=GROUND, vmin=-2, vmax=2,
        shading="gouraud", rasterized=True,
    )  # fmt: skip
    _path(axis, f"step {moment}", Pair(found.gen[: moment + 1], found.disc))
    axis.plot(*found.gen[moment], "o", color=VERMILION, markeredgecolor="white", markersize=7)


def _path(axis: Axes, title: str, found: Pair) -> None:
    colours = ALONG(np.linspace(0, 1, len(found.gen)))
    for i in range(len(found.gen) - 1):
        axis.plot(*found.gen[i : i + 2].T, color=colours[i], linewidth=1.2)
    axis.plot(*TARGET, "P", color=GREEN, markersize=9, markeredgecolor="white")
    axis.set(title=title, xlim=(-1.7, 2.7), ylim=(-1.95, 2.45), aspect="equal")
    axis.set_xticks([-1, 0, 1, 2])
    axis.set_yticks([-1, 0, 1, 2])
    axis.grid(False)


def _distances(axis: Axes, runs: dict[str, Pair]) -> None:
    for (name, found), colour in zip(runs.items(), (VERMILION, BLUE, GREEN), strict=True):
        axis.semilogy(_radius(found), color=colour, label=name)
    axis.set(title="distance from equilibrium", xlabel="step", ylim=(3e-3, 60))
    axis.legend(loc="upper left", fontsize=6.5)


RULES: dict[str, tuple[Callable, Callable]] = {
    "simultaneous": (steps.simultaneous, optax.sgd),
    "alternating": (steps.alternating, optax.sgd),
    "extragradient": (moves.extragradient, optax.sgd),
    "optimistic": (steps.simultaneous, lambda h: optimizers.optimistic(optax.sgd(h))),
}
COLOURS = (VERMILION, BLUE, GREEN, PURPLE)


def bilinear_factor(rule: str, h: float) -> float:
    """By how much one step changes the distance from 0 in the long run, in closed form."""
    optimistic = np.roots([1, -(1 + 2j * h), 1j * h])
    return {
        "simultaneous": math.sqrt(1 + h**2),
        "alternating": 1.0,
        "extragradient": math.sqrt((1 - h**2) ** 2 + h**2),
        "optimistic": float(np.max(np.abs(optimistic))),
    }[rule]


@styled
def bilinear() -> Exhibit:
    """The bilinear game: one field, four ways to follow it."""
    h, count = 0.2, 300
    figure, axes = panels(1, 2, width=3.5, height=3.1)
    left, right = axes[0]
    for (name, (make, tx)), colour in zip(RULES.items(), COLOURS, strict=True):
        txs = Pair(tx(h), tx(h))
        found = run(make(games.bilinear(), txs), txs, Pair(1.0, 1.0), count)
        radius = np.hypot(*found)
        left.plot(found.gen, found.disc, color=colour, linewidth=1.3)
        right.semilogy(radius, color=colour, label=name)
        ideal = radius[20] * bilinear_factor(name, h) ** (np.arange(count + 1) - 20)
        right.semilogy(ideal, "--", color=INK, linewidth=0.8)
    left.plot(1, 1, "o", color=INK, markersize=4)
    left.plot(0, 0, "+", color=FAINT)
    left.set(xlim=(-3, 3), ylim=(-3, 3), xlabel="θ", ylabel="ψ", title="V = θψ, h = 0.2")
    left.set_aspect("equal")
    right.set(xlabel="step", title="distance from the equilibrium", ylim=(1e-4, 1e3))
    right.legend(loc="lower left")
    caption = (
        "Gradient steps of both players of V = θψ from (1, 1). The field turns about the "
        "equilibrium and never points to it: simultaneous steps leave on a tangent, alternating "
        "steps stay on an ellipse, and those that look ahead (extragradient) or take back the last "
        "step (optimistic) come in. Dashed: the closed form's rate."
    )
    return Exhibit(figure, caption, bilinear_findings(h))


def bilinear_findings(h: float) -> tuple[dict, ...]:
    """Every rule's Lyapunov exponent, and what alternating steps conserve."""
    found = [
        checked(
            f"growth exponent per step, {name}", _exponent(name, h),
            expected=math.log(bilinear_factor(name, h)), tolerance=2e-3,
            source="eigenvalues of the step's matrix",
        )
        for name in RULES
    ]  # fmt: skip
    theta, psi = run(steps.alternating(games.bilinear(), sgd(h)), sgd(h), Pair(1.0, 1.0), 2000)
    kept = checked(
        "spread of θ² + ψ² − hθψ over 2,000 alternating steps",
        float(np.ptp(theta**2 + psi**2 - h * theta * psi)), expected=0.0, tolerance=1e-10,
        reading="conserved exactly: steps lie on an ellipse", source="by substitution",
    )  # fmt: skip
    return (*found, kept)


def _exponent(rule: str, h: float) -> float:
    make, tx = RULES[rule]
    txs = Pair(tx(h), tx(h))
    advance = dynamics.training(make(games.bilinear(), txs))
    start = started(txs, Pair(1.0, 1.0))
    found = quick(lambda at: dynamics.lyapunov(advance, at, 2000, discard=200).exponents)(start)
    return float(found[0])
