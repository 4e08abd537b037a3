"""The Dirac-GAN in the plane of its two numbers: fields, and training runs on them."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.axes import Axes

from experiments.runner.records import checked
from experiments.runner.study import Exhibit
from experiments.small_games import dirac
from experiments.small_games.dirac import CONSENSUS, NOISE, PATHS, R1, gan, penalised
from experiments.small_games.moves import quick, sgd, started
from ganstab import Pair, dynamics, losses, moves, optimizers, penalties, plots, steps
from ganstab import surrogates as sur
from ganstab.style import panels, styled
from ganstab.types import Game

MESCHEDER = "Mescheder et al. 2018 (arXiv:1801.04406)"
H, STEPS, REACH, SAMPLES = 0.2, 500, 2.0, 128
FIRST = Pair(1.0, 1.0)


def in_turn(n_disc: int = 1) -> Callable:
    """Alternating steps, on one batch shown as often as they ask."""

    def make(game: Game, txs: Pair) -> Callable:
        step = steps.alternating(game, txs, n_disc=n_disc)
        return lambda state, batch: step(
            state, jax.tree.map(lambda leaf: jnp.stack([leaf] * (1 + n_disc)), batch)
        )

    return make


BOTH = (steps.simultaneous, in_turn())


class Panel(NamedTuple):
    """A game in the plane of θ and ψ, and the training runs to draw on its field."""

    game: Game
    txs: Pair = sgd(H)
    rules: tuple[Callable, ...] = BOTH
    noisy: bool = False
    unmarked: bool = False
    """Whether (0, 0) has no Jacobian: the field jumps there, or is only an estimate."""


def _ahead(K: int) -> Game:
    return PATHS[f"Unrolled, K = {K}"].game(H)


def _of_disc(last: optax.GradientTransformation) -> Pair:
    return Pair(optax.sgd(H), optax.chain(optax.sgd(H), last))


PLAIN = gan()
_PULL = optax.chain(optimizers.historical_averaging(0.5), optax.sgd(H))
_OPTIMISTIC = optimizers.optimistic(optax.sgd(H))
FIELDS = {
    "GAN": Panel(PLAIN),
    "Non-saturating": Panel(gan(losses.non_saturating)),
    "Wasserstein": Panel(gan(losses.wasserstein)),
    "Hinge": Panel(gan(losses.hinge)),
    "Least squares": Panel(gan(losses.least_squares)),
    "Relativistic": Panel(gan(losses.relativistic_average)),
    "Clipped, c = 1": Panel(gan(losses.wasserstein), _of_disc(optimizers.clip_weights(1.0))),
    "WGAN-GP, γ = 0.7": Panel(penalised(penalties.wgan_gp, losses.wasserstein)(0.7), unmarked=True),
    "DRAGAN, γ = 0.7": Panel(penalised(penalties.dragan)(0.7), unmarked=True),
    "R1 or R2, γ = 0.3": Panel(R1.game(0.3)),
    "R1, γ = 1 ★": Panel(R1.game(1.0)),
    "Non-sat. and R1, 0.3": Panel(penalised(penalties.r1, losses.non_saturating)(0.3)),
    "Noise, σ = 0.7": Panel(NOISE.game(0.7), noisy=True),
    "Noise, σ = √2 ★": Panel(NOISE.game(2**0.5), noisy=True),
    "Roth et al., γ = 2 ★": Panel(PATHS["Roth et al."].game(2.0)),
    "Consensus, γ = 1": Panel(CONSENSUS.game(1.0)),
    "Symplectic, λ = 1": Panel(PATHS["Symplectic adjustment"].game(1.0)),
    "Param. noise, σ = 1": Panel(sur.smoothed(gan(), 1.0, 64), unmarked=True),
    "Grad. norm, η = ½": Panel(PATHS["Gradient norm (NK17)"].game(0.5)),
    "Grad. norm, η = 2 ★": Panel(PATHS["Gradient norm (NK17)"].game(2.0)),
    "Unrolled, K = 1": Panel(_ahead(1)),
    "Unrolled, K = 5": Panel(_ahead(5)),
    "Unrolled, K = 10 ★": Panel(_ahead(10)),
    "Best response, R1 0.3": Panel(sur.best_response(R1.game(0.3), optax.sgd(0.5), 50)),
    "Extragradient": Panel(PLAIN, rules=(moves.extragradient,)),
    "Optimistic": Panel(PLAIN, Pair(_OPTIMISTIC, _OPTIMISTIC), (steps.simultaneous,)),
    "Five critic steps": Panel(PLAIN, rules=(steps.simultaneous, in_turn(5))),
    "Hist. averaging, ½": Panel(PLAIN, Pair(_PULL, _PULL)),
    "Five past critics": Panel(
        sur.snapshot_ensemble(PLAIN), _of_disc(optimizers.snapshots(5))
    ),
    "Label smoothing, 0.1": Panel(
        gan(lambda real, fake: losses.minimax(real, fake, label_smoothing=0.1))
    ),
}  # fmt: skip
# The field of a game whose generator answers to the past is that of the present.
PRESENT = {"Five past critics": PLAIN}


def trained(panel: Panel, count: int = STEPS) -> list[np.ndarray]:
    """The parameters along each of the panel's runs from (1, 1): `[count + 1, 2]`."""
    at = dirac.place(SAMPLES if panel.noisy else 1, panel.noisy)

    def follow(rule: Callable, start):
        advance = dynamics.training(rule(panel.game, panel.txs), lambda i: at["batch"])
        return jnp.stack(dynamics.orbit(advance, start, count).params, axis=-1)

    start = started(panel.txs, FIRST, at["carry"].state)
    found = quick(lambda start: [follow(rule, start) for rule in panel.rules])(start)
    return [np.asarray(run) for run in found]


@functools.cache
def field(game: Game, noisy: bool) -> tuple[dynamics.Slice, np.ndarray]:
    """The game's field over the plane, and its Jacobian at (0, 0); once for all that share it."""
    at = dirac.place(SAMPLES if noisy else 1, noisy)
    grid = jnp.linspace(-REACH, REACH, 25)

    def both(params: Pair):
        plane = dynamics.parameter_plane(params)
        seen = dynamics.cut(game, plane, grid, grid, **at)
        # By differences, for which the field need not be differentiated and compiled again.
        return seen, dynamics.jacobian(game, params, derivative=dynamics.central, **at)

    seen, slopes = quick(both)(dirac.origin())
    return seen, np.asarray(slopes)


@styled
def fields() -> Exhibit:
    """The Dirac-GAN under every technique: field and training runs."""
    figure, axes = panels(5, 6, width=1.85, height=1.8)
    runs = {}
    for place, (axis, name) in enumerate(zip(axes.flat, FIELDS, strict=True)):
        runs[name] = trained(FIELDS[name])
        _draw(axis, name, runs[name], place)
    caption = (
        f"The smallest GAN: data at 0, samples at θ, critic ψx. Runs of {STEPS} gradient steps of "
        f"size {H} from (1, 1), orange with both players at once, blue with one after the other; "
        "the ground is darker where the field is fast, and a full disc in the middle marks an "
        "equilibrium that is stable, a half one that turns without end; a star in the title is "
        "the critical weight. The field is the "
        "loss's own in the last row, where training follows it in another way. Whatever damps "
        "either player comes in; a loss alone, clipping, and a penalty that wants slopes of 1 do "
        "not. Spectral norm has no picture: it makes of a single weight its sign. Signs are those "
        "of a critic that is high on data, which turns the paper's pictures over."
    )
    return Exhibit(figure, caption, field_findings(runs))


def _draw(axis: Axes, name: str, runs: list[np.ndarray], place: int) -> None:
    panel = FIELDS[name]
    seen, slopes = field(PRESENT.get(name, panel.game), panel.noisy)
    middle = [] if panel.unmarked else [_middle(slopes)]
    plots.vector_field(
        axis, seen, trajectories=[_within(run) for run in runs], fixed_points=middle,
        title=name, names=("θ" if place >= 24 else "", "ψ" if place % 6 == 0 else ""),
    )  # fmt: skip
    axis.set_aspect("equal")
    axis.title.set_fontsize(7.5)
    axis.set_xticks([-2, 0, 2])
    axis.set_yticks([-2, 0, 2])
    axis.tick_params(labelsize=6, length=2)


def _middle(slopes: np.ndarray) -> dynamics.FixedPoint:
    return dynamics.FixedPoint(dirac.origin(), 0.0, np.linalg.eigvals(slopes).astype(complex))


def _within(run: np.ndarray) -> np.ndarray:
    """The run until it leaves the picture for good."""
    inside = np.flatnonzero(np.max(np.abs(run), axis=1) <= 1.3 * REACH)
    return run[: inside[-1] + 2]


def field_findings(runs: dict[str, list[np.ndarray]]) -> tuple[dict, ...]:
    """What the runs in the picture should do, by their closed forms."""
    far = {name: [np.linalg.norm(run, axis=1) for run in own] for name, own in runs.items()}
    grown = (far["Wasserstein"][0][-1] / far["Wasserstein"][0][0]) ** (1 / STEPS)
    left = [name for name, own in far.items() if own[-1][-1] > 0.2]
    rates = {
        name: float((far[name][0][400] / far[name][0][200]) ** (1 / 200))
        for name in ("R1 or R2, γ = 0.3", "Non-sat. and R1, 0.3", "Consensus, γ = 1")
    }
    expected = {
        name: float(np.max(np.abs(1 + H * np.linalg.eigvals(slopes))))
        for name, slopes in zip(
            rates, (dirac.damped(0.3), dirac.damped(0.3), dirac.drawn(0.25)), strict=True
        )
    }
    clipped, penalty = far["Clipped, c = 1"][0][-100:], far["WGAN-GP, γ = 0.7"][0][-100:]
    return (
        checked(
            "WGAN, growth of the distance in a simultaneous step", float(grown),
            expected=(1 + H**2) ** 0.5, tolerance=1e-9, reading="√(1 + h²)", source=MESCHEDER,
        ),
        *(
            checked(
                f"{name}: contraction in a simultaneous step", rates[name],
                expected=expected[name], tolerance=2e-3, reading="|1 + hλ|", source=MESCHEDER,
            )
            for name in rates
        ),
        checked(
            "clipped WGAN, mean distance over the last 100 steps", float(clipped.mean()),
            expected=1.0, tolerance=0.2, source="the circle that touches the bounds ±c",
            reading="circles for ever where its bounds allow",
        ),
        checked(
            "WGAN-GP, least distance over the last 100 steps", float(penalty.min()),
            reading="never arrives" if penalty.min() > 0.1 else "arrives, against the paper",
            source=MESCHEDER,
        ),
        checked(
            f"farther than 0.2 after {STEPS} steps, one player after the other",
            ", ".join(left), reading="the others are at the equilibrium, or on their way",
        ),
    )  # fmt: skip
