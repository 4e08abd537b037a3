"""The games of two biases, of the whole population and beside it of 2,500 samples."""

import numpy as np

from experiments.one_parameter_gans import closed_forms
from experiments.one_parameter_gans.planes import (
    BIASES,
    ESSAY,
    curves,
    draw,
    followed,
    rates,
    resting,
    slopes,
    whole,
)  # fmt: skip
from experiments.runner.records import checked
from experiments.runner.study import Exhibit
from ganstab import Pair, games, plots
from ganstab.types import Game

CLIP = 0.01
STARTS = [(x, y) for x in (-2.5, 0.1, 2.5) for y in (-2.5, 0.1, 2.5)]


def gaussian_biases_of(w: float, *, average: bool = False, clip: float = 0.0) -> Game:
    """The population's game of biases, Gaussian, W_g = 1 and W_d = w."""
    return games.bias_gan(games.gaussian(clip), Pair(1.0, w), average=average)


def sigmoid_biases(seed: int) -> Exhibit:
    """Sigmoid discriminator, biases: the generator runs away for ever."""
    game = games.bias_gan(games.sigmoid())
    field, steps, dt = whole(game), 2000, 0.5
    sampled = whole(games.bias_gan(games.sigmoid(), samples=draw(seed, 2500)))
    runs = followed(game, [(-3.0, 3.0), (0.0, 0.0)], dt, steps)
    gen, disc = runs[1][1:].T
    time = dt * np.arange(1, steps + 1)
    figure, axes = plots.panels(1, 3)
    for axis, plane, title in zip(
        axes[0], (field, sampled), ("exact", "2,500 samples"), strict=False
    ):
        plots.vector_field(axis, plane, trajectories=runs, title=title, names=BIASES)
    curves(
        axes[0, 2], time, {"b_d, from (0, 0)": disc}, laws={"−ln t − ½": -np.log(time) - 0.5},
        title="the discriminator follows, ever slower", names=("time", BIASES[1]),
    )  # fmt: skip
    axes[0, 2].set_xscale("log")
    findings = (
        checked(
            "fixed points found from nine starts", len(resting(game, STARTS)),
            expected=0, tolerance=0, source=ESSAY, reading="there is no place to rest",
        ),
        checked(
            "slowest growth of b_g + b_d on the plane", np.min(np.sum(field.velocity, axis=-1)),
            reading="above 0: the generator gains everywhere, since db_g/dt = E σ(x + b_g + b_d)",
        ),
        checked(
            "b_g at time 1,000, from (0, 0)", gen[-1], expected=time[-1], tolerance=3.0,
            reading="it moves to +∞ at speed 1", source="closed form: b_g ≈ t",
        ),
        checked(
            "b_d at time 1,000, from (0, 0)", disc[-1], expected=-np.log(time[-1]) - 0.5,
            tolerance=0.05, reading="it moves to −∞ too", source="closed form: b_d ≈ −ln t − ½",
        ),
    )  # fmt: skip
    caption = (
        "The streamlines of the two biases, weights fixed at 1; darker is faster. Whatever a "
        "sigmoid says of a sample, it says more firmly of a larger one, so the generator hides at "
        "+∞: there is no fixed point, with the whole population or with 2,500 samples. Two runs "
        "in colour."
    )
    return Exhibit(figure, caption, findings)


def gaussian_biases(seed: int) -> Exhibit:
    """Gaussian discriminator, biases: a stable focus, which samples take apart."""
    samples, game = draw(seed, 2500), gaussian_biases_of(1.0)
    runs = followed(game, [(3.0, -2.5), (-3.0, 2.5)], 0.02, 500)
    found = [point for point in resting(game, STARTS) if np.hypot(*point.params) < 5]
    figure, axes = plots.panels(1, 3)
    plots.vector_field(
        axes[0, 0], whole(game), trajectories=runs, fixed_points=found, title="exact", names=BIASES
    )
    for axis, clip in zip(axes[0, 1:], (0.0, CLIP), strict=True):
        sampled = games.bias_gan(games.gaussian(clip), samples=samples)
        title = "2,500 samples" + (f", d within [{clip:g}, {1 - clip:g}]" if clip else "")
        plots.vector_field(axis, whole(sampled), title=title, names=BIASES)
    findings = (
        checked("fixed points within 5, from nine starts", len(found), expected=1, tolerance=0,
                source=ESSAY, 
                reading="one, at (0, 0); far out, where the pull fades, others seem to be"),
        checked("its upper eigenvalue", rates(game)[0], expected=closed_forms.bias_rates(1.0)[0],
                tolerance=1e-6, source="closed form: −1 ± √(1 − 2a)",
                reading="stable, and it turns, as the essay has it"),
        checked("the same, the discriminator's loss a mean",
                rates(gaussian_biases_of(1.0, average=True))[0],
                expected=closed_forms.bias_rates(1.0, average=True)[0], tolerance=1e-6,
                source="closed form", reading="the essay does not say whether it sums or averages"),
    )  # fmt: skip
    caption = (
        "Now real is what is near 0, and the biases spiral to (0, 0), the full disc. The field of "
        "2,500 samples is not the exact one with a little noise: every latent at which the "
        "discriminator is certain is a pole of the field, and the poles crowd. Where d is held "
        f"within [{CLIP:g}, {1 - CLIP:g}] the poles are cut off, and the field is smooth."
    )
    return Exhibit(figure, caption, findings)


def other_widths() -> Exhibit:
    """A discriminator of the wrong width: W_d = 2 is stable, W_d = 0.5 is not."""
    figure, axes = plots.panels(1, 3)
    starts = {2.0: [(3.0, -2.5), (-3.0, 2.5)], 0.5: [(3.0, -2.5), (0.1, 0.0)]}
    runs = {w: followed(gaussian_biases_of(w), starts[w], 0.02, 1500) for w in starts}
    for axis, w in zip(axes[0], starts, strict=False):
        game = gaussian_biases_of(w)
        plots.vector_field(
            axis, whole(game), trajectories=runs[w], fixed_points=resting(game, [(0.1, 0.1)]),
            title=f"exact, W_d = {w:g}", names=BIASES,
        )  # fmt: skip
    widths = np.linspace(0.5, 2.5, 401)
    plots.eigenvalue_path(
        axes[0, 2], widths, np.stack([closed_forms.bias_rates(w) for w in widths]),
        title="eigenvalues at (0, 0)", label="discriminator's weight W_d",
    )  # fmt: skip
    caption = (
        "The essay calls the point in the middle stable for W_d = 2 and for W_d = 0.5. For 2 it "
        "is, and hardly turns. For 0.5 it is not: a run that starts beside it (blue) and one from "
        "afar (red) end on the same cycle. Shaded on the right is where runs grow; the "
        f"eigenvalues enter it below W_d = {closed_forms.critical_width():.4f}."
    )
    return Exhibit(figure, caption, _width_findings(runs[0.5]))


def critical_width(average: bool = False) -> float:
    """The W_d at which the population's Jacobian at (0, 0), differentiated, has no trace."""
    return closed_forms.root_of(lambda w: np.trace(slopes(gaussian_biases_of(w, average=average))))


def late_rate(run: np.ndarray, dt: float) -> float:
    """The rate at which a run approaches (0, 0) between times 14 and 15."""
    start, end = (np.linalg.norm(run[round(time / dt)]) for time in (14, 15))
    return float(np.log(end / start))


def period(run: np.ndarray, dt: float) -> float:
    """The time between the last two passages through b_g = 0 on the way up, between two points."""
    gen = run[:, 0]
    before = np.flatnonzero((gen[:-1] < 0) & (gen[1:] >= 0))[-2:]
    passages = before + gen[before] / (gen[before] - gen[before + 1])
    return float(dt * np.diff(passages)[0])


def _width_findings(wide: list[np.ndarray]) -> tuple:
    (narrow,) = followed(gaussian_biases_of(2.0), [(0.1, 0.0)], 0.02, 800)
    wrong = "the essay says stable, but runs leave this point"
    held = gaussian_biases_of(0.5, clip=0.49)
    entries = [
        checked(f"rightmost eigenvalue, W_d = {w:g}", rates(gaussian_biases_of(w))[0],
                expected=closed_forms.bias_rates(w)[0], tolerance=1e-6, source="closed form",
                reading=reading)
        for w, reading in ((2.0, "stable, as the essay says"), (0.5, wrong))
    ]  # fmt: skip
    losses = (("a sum", False), ("a mean", True))
    return (
        *entries,
        checked("W_d = 2, rate of the simulated flow", late_rate(narrow, 0.02),
                expected=closed_forms.bias_rates(2.0)[0].real, tolerance=0.01,
                source="the eigenvalue", reading="the run does as the Jacobian says"),
        *(checked(f"W_d below which (0, 0) is unstable, the loss {name}", critical_width(average),
                  expected=closed_forms.critical_width(average), tolerance=1e-6,
                  source="closed form", reading="so 0.5 is unstable either way")
          for name, average in losses),
        checked("trace at W_d = 0.5, d within [0.49, 0.51]", np.trace(slopes(held)),
                reading="above 0: no clip of d makes it stable"),
        checked("W_d = 0.5, period of the run from (0.1, 0)", period(wide[1], 0.02),
                expected=period(wide[0], 0.02), tolerance=0.01,
                source="the run from (3, −2.5)", reading="one limit cycle around the point"),
        checked("W_d = 0.5, reach of the cycle in b_g", np.abs(wide[1][-500:, 0]).max(),
                reading="the mean of the samples swings by this much and never settles"),
    )  # fmt: skip
