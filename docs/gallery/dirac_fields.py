"""The Dirac-GAN under every technique: field and training runs.

The smallest GAN: data at 0, samples at θ, critic ψx. Each panel has the field, darker where it is
fast, and two runs: orange with both players at once, blue with one after the other.

Setting: start (1, 1), 500 gradient steps of size 0.2. A full disc marks a stable equilibrium; at a
half one the field's linear part turns without damping, and without a disc the field has no Jacobian
there. A star marks the critical weight, at which the rotation just stops. In the last row, but for
smoothed labels, the field is the plain one and training follows it in another way.

Source: Mescheder et al. 2018 (arXiv:1801.04406), figure 3, and the papers that the library's
functions name. Our critic is high on data, theirs on samples: our pictures are theirs turned over.

What to see: a technique that damps either player leads the runs to the equilibrium. A loss alone,
clipped weights and a penalty that asks for slopes of 1 do not. Spectral norm has no panel: it makes
of a single weight its sign.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs.gallery import dirac
from docs.gallery.common import pair, quick, sgd, started
from docs.gallery.dirac import R1, TECHNIQUES, gan, in_turn, penalised
from ganstab import Game, Pair, dynamics, losses, optimizers, penalties, plots, steps
from ganstab import surrogates as sur
from ganstab.style import panels, styled

H, STEPS, REACH, SAMPLES = 0.2, 500, 2.0, 128


class Panel(NamedTuple):
    """A game in the plane of θ and ψ, and the training runs to draw on its field."""

    game: Game
    txs: Pair = sgd(H)
    rules: tuple[Callable, ...] = (steps.simultaneous, in_turn())
    noisy: bool = False
    unmarked: bool = False
    """Whether (0, 0) has no Jacobian: the field jumps there, or is only an estimate."""
    field: Game | None = None
    """The game whose field is drawn, if not the one that is played."""


def _weighted(name: str, weight: float) -> Panel:
    return Panel(TECHNIQUES[name].game(weight), noisy=TECHNIQUES[name].noisy)


PLAIN = gan()
_CLIP, _PAST = (
    Pair(optax.sgd(H), optax.chain(optax.sgd(H), last))
    for last in (optimizers.clip_weights(1.0), optimizers.snapshots(5))
)
_PULL = optax.chain(optimizers.historical_averaging(0.5), optax.sgd(H))
_OPTIMISTIC = optimizers.optimistic(optax.sgd(H))
PANELS = {
    "GAN": Panel(PLAIN),
    "Non-saturating": Panel(gan(losses.non_saturating)),
    "Wasserstein": Panel(gan(losses.wasserstein)),
    "Hinge": Panel(gan(losses.hinge)),
    "Least squares": Panel(gan(losses.least_squares)),
    "Relativistic": Panel(gan(losses.relativistic_average)),
    "Clipped, c = 1": Panel(gan(losses.wasserstein), _CLIP),
    "WGAN-GP, γ = 0.7": Panel(penalised(penalties.wgan_gp, losses.wasserstein)(0.7), unmarked=True),
    "DRAGAN, γ = 0.7": Panel(penalised(penalties.dragan)(0.7), unmarked=True),
    "R1 or R2, γ = 0.3": Panel(R1.game(0.3)),
    "R1, γ = 1 ★": Panel(R1.game(1.0)),
    "Non-sat. and R1, 0.3": Panel(penalised(penalties.r1, losses.non_saturating)(0.3)),
    "Noise, σ = 0.7": _weighted("Instance noise", 0.7),
    "Noise, σ = √2 ★": _weighted("Instance noise", 2**0.5),
    "Roth et al., γ = 2 ★": _weighted("Roth et al.", 2.0),
    "Consensus, γ = 1": _weighted("Consensus", 1.0),
    "Symplectic, λ = 1": _weighted("Symplectic adjustment", 1.0),
    "Param. noise, σ = 1": Panel(sur.smoothed(gan(), 1.0, 64), unmarked=True),
    "Grad. norm, η = ½": _weighted("Gradient norm (NK17)", 0.5),
    "Grad. norm, η = 2 ★": _weighted("Gradient norm (NK17)", 2.0),
    "Unrolled, K = 1": _weighted("Unrolled, K = 1", H),
    "Unrolled, K = 5": _weighted("Unrolled, K = 5", H),
    "Unrolled, K = 10 ★": _weighted("Unrolled, K = 10", H),
    "Best response, R1 0.3": Panel(sur.best_response(R1.game(0.3), optax.sgd(0.5), 50)),
    "Extragradient": Panel(PLAIN, rules=(steps.extragradient,)),
    "Optimistic": Panel(PLAIN, Pair(_OPTIMISTIC, _OPTIMISTIC), (steps.simultaneous,)),
    "Five critic steps": Panel(PLAIN, rules=(steps.simultaneous, in_turn(5))),
    "Hist. averaging, ½": Panel(PLAIN, Pair(_PULL, _PULL)),
    "Five past critics": Panel(sur.snapshot_ensemble(PLAIN), _PAST, field=PLAIN),
    "Label smoothing, 0.1": Panel(gan(functools.partial(losses.minimax, label_smoothing=0.1))),
}  # fmt: skip


def trained(panel: Panel, count: int = STEPS) -> list[np.ndarray]:
    """The parameters along each of the panel's runs: `[count + 1, 2]`."""
    at = dirac.place(SAMPLES if panel.noisy else 1, panel.noisy)

    def follow(rule: Callable, start):
        advance = dynamics.training(rule(panel.game, panel.txs), lambda i: at["batch"])
        return jnp.stack(dynamics.orbit(advance, start, count).params, axis=-1)

    start = started(panel.txs, Pair(1.0, 1.0), at["carry"].state)
    found = quick(lambda start: [follow(rule, start) for rule in panel.rules])(start)
    return [np.asarray(run) for run in found]


@functools.cache
def field(game: Game, noisy: bool) -> tuple[dynamics.Slice, np.ndarray]:
    """The field over the plane and its Jacobian at (0, 0), once for all panels that share it."""
    at = dirac.place(SAMPLES if noisy else 1, noisy)
    grid = jnp.linspace(-REACH, REACH, 25)

    def both(params: Pair):
        seen = dynamics.cut(game, dynamics.parameter_plane(params), grid, grid, **at)
        # By differences, so that the field need not be differentiated and compiled again.
        return seen, dynamics.jacobian(game, params, derivative=dynamics.central, **at)

    seen, slopes = quick(both)(pair(0, 0))
    return seen, np.asarray(slopes)


@styled
def draw(_seed: int = 0) -> Figure:
    figure, axes = panels(5, 6, width=1.85, height=1.8)
    for i, (axis, (name, panel)) in enumerate(zip(axes.flat, PANELS.items(), strict=True)):
        _draw(axis, name, panel)
        axis.set(xlabel="θ" if i >= 24 else "", ylabel="ψ" if i % 6 == 0 else "")
    return figure


def _draw(axis: Axes, name: str, panel: Panel) -> None:
    seen, slopes = field(panel.field or panel.game, panel.noisy)
    middle = dynamics.FixedPoint(pair(0, 0), 0.0, np.linalg.eigvals(slopes).astype(complex))
    plots.vector_field(
        axis, seen, trajectories=[_within(run) for run in trained(panel)],
        fixed_points=[] if panel.unmarked else [middle], title=name,
    )  # fmt: skip
    axis.set_aspect("equal")
    axis.title.set_fontsize(7.5)
    axis.set(xticks=[-2, 0, 2], yticks=[-2, 0, 2])
    axis.tick_params(labelsize=6, length=2)


def _within(run: np.ndarray) -> np.ndarray:
    """The run until it leaves the picture for good."""
    inside = np.flatnonzero(np.max(np.abs(run), axis=1) <= 1.3 * REACH)
    return run[: inside[-1] + 2]
