"""The games of two weights, with both biases 0."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.one_parameter_gans import closed_forms
from experiments.one_parameter_gans.planes import (
    ESSAY,
    NOTHING,
    WEIGHTS,
    at,
    curves,
    draw,
    followed,
    rates,
    velocity,
    whole,
)  # fmt: skip
from experiments.runner.records import checked
from experiments.runner.study import Exhibit
from ganstab import Pair, TrainState, dynamics, games, plots, steps
from ganstab.types import Game

REACH = 2.0


def gaussian_weights(seed: int) -> Exhibit:
    """Gaussian discriminator, weights: the generator collapses to a point."""
    game = games.weight_gan(games.gaussian())
    sampled = games.weight_gan(games.gaussian(), samples=draw(seed, 2500))
    starts = [(1.0, 1.0), (-1.6, 0.6), (1.6, -1.6)]
    runs = [until_collapse(run) for run in followed(game, starts, 0.001, 1000)]
    step, count = 0.001, 3000
    trained = descended(game, (1.0, 1.0), step, count)
    figure, axes = plots.panels(1, 3)
    for axis, shown, title in (
        (axes[0, 0], game, "exact"), (axes[0, 1], sampled, "2,500 samples"),
    ):  # fmt: skip
        plane = whole(shown, REACH)
        plots.vector_field(axis, plane, trajectories=runs, title=title, names=WEIGHTS)
    curves(
        axes[0, 2], step * np.arange(count + 1),
        {"W_g": trained[:, 0], "W_d": trained[:, 1]},
        title=f"gradient descent, steps of {step:g}", names=("time", "weight"),
    )  # fmt: skip
    caption = (
        "The weights with the biases at 0, W_g across (in the essay it is the vertical axis). The "
        "right answer, (±1, ±1), is no fixed point: W_g falls to 0 from everywhere, in a finite "
        "time, so that all samples are one point. Then W_d goes to ±1. Close to W_g = 0 the pull "
        "is 2 / W_g: steps of gradient descent, of size h, leap over it and are thrown out again, "
        "as x is by the map x − 1 / x for x = W_g / √(2h)."
    )
    return Exhibit(figure, caption, _collapse_findings(game, runs[0], trained))


def sigmoid_weights() -> Exhibit:
    """Sigmoid discriminator, weights: the discriminator gives up."""
    game = games.weight_gan(games.sigmoid())
    starts = [(1.0, 1.0), (0.3, -1.5), (-1.0, 1.7)]
    runs = followed(game, starts, 0.05, 600)
    figure, axes = plots.panels(1, 2)
    plots.vector_field(
        axes[0, 0], whole(game, REACH), trajectories=runs, title="exact", names=WEIGHTS
    )
    curves(
        axes[0, 1], 0.05 * np.arange(601), {"W_g": runs[0][:, 0], "W_d": runs[0][:, 1]},
        title="the run from (1, 1)", names=("time", "weight"),
    )  # fmt: skip
    findings = (
        checked("W_d at time 30, from (1, 1)", runs[0][-1, 1], expected=0.0, tolerance=1e-3,
                source="closed form", reading="samples and data have one mean: d sees nothing"),
        checked("W_g at time 30, from (1, 1)", runs[0][-1, 0],
                reading="above 1: the generator drifted outward until the discriminator gave up"),
        checked("speed on the line W_d = 0, at W_g = 1.5",
                float(np.abs(velocity(game, 1.5, 0.0)).max()),
                expected=0.0, tolerance=1e-9, source="closed form", reading="all of it is at rest"),
        checked("rate towards that line, at W_g = 1.5", rates(game, 1.5, 0.0)[-1],
                expected=-(1 + 1.5**2) / 4, tolerance=1e-6, source="closed form: −(1 + W_g²) / 4",
                reading="the other eigenvalue is 0, along the line"),
    )  # fmt: skip
    caption = (
        "The same with a sigmoid, which the essay leaves out. Data and samples have the same "
        "mean, and a sigmoid can only tell means apart: W_d goes to 0, and where it is 0 nothing "
        "moves. What width the generator then has is an accident of the start."
    )
    return Exhibit(figure, caption, findings)


def until_collapse(run: np.ndarray, least: float = 0.1) -> np.ndarray:
    """The run up to where |W_g| is below the least: there it ends, but its integrator does not."""
    small = np.flatnonzero(np.abs(run[:, 0]) < least)
    return run[: small[0] + 1] if small.size else run


def descended(game: Game, start: tuple[float, float], step: float, count: int) -> np.ndarray:
    """Simultaneous gradient descent: `[count + 1, 2]`."""
    txs = Pair(optax.sgd(step), optax.sgd(step))
    params = at(*start)
    carry = NOTHING["carry"]._replace(opt=Pair(*map(optax.sgd(step).init, params)))
    state = TrainState(params, carry, jnp.int32(0), jax.random.key(0))
    advance = dynamics.training(steps.simultaneous(game, txs))
    points = jax.jit(lambda state: dynamics.orbit(advance, state, count).params)(state)
    return np.stack(points, axis=-1)


def collapse_time(run: np.ndarray, dt: float) -> float:
    """When W_g is 0: from the run's last point, W_g² falls at rate 4."""
    return float(dt * (len(run) - 1) + run[-1, 0] ** 2 / 4)


def _collapse_findings(game: Game, run: np.ndarray, trained: np.ndarray) -> tuple:
    a, end = closed_forms.curvature(1.0), closed_forms.collapse(1.0, 1.0)
    gen, disc = velocity(game, 1.0, 1.0)
    near = velocity(game, 0.001, 1.0)
    thrown = np.abs(trained[len(run) :, 0]).max()
    return (
        checked("velocity of W_g at (1, 1)", gen, expected=-a, tolerance=1e-6,
                source="closed form: −a", reading="the right answer is no fixed point"),
        checked("velocity of W_d at (1, 1)", disc, expected=a - 2, tolerance=1e-6,
                source="closed form: a − 2", reading="neither player rests there"),
        checked("time at which W_g is 0, from (1, 1)", collapse_time(run, 0.001),
                expected=end.time, tolerance=1e-3, source="closed form, integrated over W_g²",
                reading="the collapse is over in a finite time"),
        checked("W_d at that time", run[-1, 1], expected=end.disc, tolerance=5e-3,
                source="the same", reading="it has hardly moved"),
        checked("d(W_g²)/dt where W_g = 0.001 and W_d = 1", 2 * 0.001 * near[0], expected=-4.0,
                tolerance=1e-2, source="closed form", reading="W_g² falls at a constant rate"),
        checked("velocity of W_d there", near[1], expected=0.0, tolerance=1e-2, source=ESSAY,
                reading="W_d = ±1 is where the discriminator of a collapsed generator rests"),
        checked("largest |W_g| after that, gradient descent in steps of 0.001", thrown,
                reading="the flow would stay at 0, steps of any size do not"),
    )  # fmt: skip
