"""The doctor's pictures."""

import numpy as np
from matplotlib.figure import Figure
from scipy.special import expit

from ganstab import plots
from ganstab.doctor.examination import Examination
from ganstab.doctor.run import Record
from ganstab.style import BLUE, FAINT, VERMILION, styled
from ganstab.training.figures import points

__all__ = ["figures"]

CAPTIONS = {
    "spectrum": "Left: outermost eigenvalues of the field's Jacobian; in the grey half, small "
    "differences grow. Right: multipliers of one training step; outside the circle, they grow.",
    "training": "Left: the probability that the discriminator gives at its mean scores. Right: "
    "gradient norms.",
    "modes": "Left: how many modes the samples cover, of those there are (dashed). Right: the "
    "share of samples in each mode, at the steps at which they were counted; white is missed.",
}


def figures(examination: Examination | None, record: Record) -> dict[str, Figure]:
    """Those for which there are numbers, by name."""
    drawn = {
        "spectrum": _spectrum(examination),
        "training": _training(record),
        "modes": _modes(examination, record),
    }
    return {name: figure for name, figure in drawn.items() if figure is not None}


def _spectrum(examination: Examination | None) -> Figure | None:
    if examination is None or examination.eigenvalues is None or examination.multipliers is None:
        return None
    figure, axes = plots.panels(1, 2)
    field, step = axes[0]
    plots.eigenvalues(field, examination.eigenvalues.values, title="Field")
    plots.eigenvalues(step, examination.multipliers.values, circle=True, title="Training step")
    return figure


@styled
def _training(record: Record) -> Figure | None:
    scores = {
        "real": (BLUE, points(record.rows, "disc/real_score")),
        "generated": (VERMILION, points(record.rows, "disc/fake_score")),
    }
    norms = {
        "generator": (BLUE, points(record.rows, "gen/grad_norm")),
        "discriminator": (VERMILION, points(record.rows, "disc/grad_norm")),
    }
    if not all(len(steps) for _, (steps, _) in [*scores.values(), *norms.values()]):
        return None
    figure, axes = plots.panels(1, 2)
    left, right = axes[0]
    for name, (colour, (steps, values)) in scores.items():
        left.plot(steps, expit(values), color=colour, linewidth=0.9, label=name)
    for name, (colour, (steps, values)) in norms.items():
        right.plot(steps, values, color=colour, linewidth=0.9, label=name)
    left.set_ylim(0, 1)
    left.set_title("Probability of being real")
    right.set_yscale("log")
    right.set_title("Gradient norms")
    for axis in (left, right):
        axis.set_xlabel("step")
        axis.legend()
    return figure


@styled
def _modes(examination: Examination | None, record: Record) -> Figure | None:
    if examination is None or not examination.modes or len(examination.modes) < 2:
        return None
    counted, counts = np.array(list(examination.modes)), np.stack(list(examination.modes.values()))
    steps, covered = points(record.rows, "modes")
    if not len(steps):
        steps, covered = counted, np.count_nonzero(counts, axis=1)
    figure, axes = plots.panels(1, 2)
    left, right = axes[0]
    left.plot(steps, covered, "o-", color=BLUE, markersize=3.5, linewidth=1.2)
    left.axhline(counts.shape[1], color=FAINT, linestyle="--", linewidth=1)
    left.set_ylim(0, 1.08 * counts.shape[1])
    left.set_xlabel("step")
    left.set_title("Modes covered")
    plots.mode_heatmap(right, counted, counts, title="Which ones")
    return figure
