"""Curves of a run's numbers over its steps, with the levels to compare them with."""

import math
import pathlib
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ganstab.reporting.run_log import Row
from ganstab.reporting.writing import write_atomic
from ganstab.style import ALONG, BLUE, FAINT, GREEN, STYLE, VERMILION, png
from ganstab.training.measures import Measure

__all__ = ["curve", "curves", "logarithmic", "measure_curve", "mode_shares", "points", "steps_axis"]

PLAYERS = {"gen": ("generator", BLUE), "disc": ("discriminator", VERMILION)}


def curves(rows: Sequence[Row], measures: Sequence[Measure], path: pathlib.Path) -> None:
    """One PNG: a panel for each measure, then the losses and the gradient norms.

    Raises:
      InputError: the file cannot be written.
    """
    measures = [measure for measure in measures if not measure.final]
    count = len(measures) + 2
    columns = 2
    height = -(-count // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.5 * columns, 3.1 * height), dpi=110)
        # Margins in inches around each panel, whose titles may have two lines; matplotlib's own
        # layout engines double the time.
        figure.subplots_adjust(
            left=0.6 / (5.5 * columns),
            right=1 - 0.25 / (5.5 * columns),
            top=1 - 0.55 / (3.1 * height),
            bottom=0.5 / (3.1 * height),
            wspace=0.85 / 4.65,
            hspace=1.05 / 2.25,
        )
        axes = [figure.add_subplot(height, columns, place + 1) for place in range(count)]
        for axis, measure in zip(axes, measures, strict=False):
            measure_curve(axis, measure, {"this run": rows})
        _players_curves(axes[-2], "Losses", "loss", rows)
        _players_curves(axes[-1], "Gradient norms", "grad_norm", rows, log=True)
        write_atomic(path, png(figure))


def measure_curve(
    axis: Axes, measure: Measure, runs: Mapping[str, Sequence[Row]], *, letters: int = 56
) -> None:
    """A measure of one or several runs, with the paper's value and a perfect generator's.

    Args:
      axis: where to draw.
      measure: its name in the rows, its label, and the levels.
      runs: the rows of each run, by its label.
      letters: that a line of the title has room for.
    """
    name = measure.label[:1].upper() + measure.label[1:]
    name += " (lower is better)" if measure.better == "lower" else ""
    axis.set_title(textwrap.fill(name, letters))
    shades = [BLUE] if len(runs) == 1 else ALONG(np.linspace(0, 1, len(runs)))
    series = {label: points(rows, measure.name) for label, rows in runs.items()}
    for (label, (steps, values)), shade in zip(series.items(), shades, strict=True):
        curve(axis, steps, values, shade, label)
    known = measure.published
    if known is not None:
        error = known.standard_error
        spread = "" if error is None else f" ± {error:g}"
        _level(axis, known.value, f"paper {known.value:g}{spread}", GREEN, error)
    if measure.ideal is not None:
        _level(axis, measure.ideal, f"perfect {measure.ideal:.4g}", FAINT)
    values = np.concatenate([values for _, values in series.values()])
    _finish(axis, runs, values, log=measure.better == "lower")


def mode_shares(rows: Sequence[Row], path: pathlib.Path) -> None:
    """One PNG of the share of samples in each mode, from rows of "step" and "counts" [M].

    Raises:
      InputError: the file cannot be written.
    """
    from ganstab import plots  # here, so that a run starts without SciPy

    figure, axes = plots.panels(width=6.7)
    counts = np.array([row["counts"] for row in rows])
    plots.mode_heatmap(axes[0, 0], np.array([row["step"] for row in rows]), counts)
    write_atomic(path, png(figure))


def points(rows: Sequence[Row], key: str) -> tuple[np.ndarray, np.ndarray]:
    """The steps and values of a number, of the rows that have it."""
    pairs = [(row["step"], row[key]) for row in rows if isinstance(row.get(key), int | float)]
    steps, values = np.array(pairs, float).reshape(-1, 2).T
    return steps, values


def curve(axis: Axes, steps: np.ndarray, values: np.ndarray, colour: Any, label: str) -> None:
    """Few points are marked; of many, the running mean stands out from the noise."""
    if not len(values):
        return
    many = len(values) > 80
    style: dict[str, Any] = {"alpha": 0.3, "linewidth": 0.8} if many else {"linewidth": 1.8}
    marker = "o" if len(values) <= 40 else ""
    own = {"marker": marker, "markersize": 4.5, "clip_on": False, "zorder": 3, **style}
    axis.plot(steps, values, color=colour, label=None if many else label, **own)
    if many:
        width = max(3, len(values) // 40)
        mean = np.convolve(values, np.full(width, 1 / width), mode="valid")
        middle = np.convolve(steps, np.full(width, 1 / width), mode="valid")
        axis.plot(middle, mean, color=colour, label=label, linewidth=1.8, zorder=4)


def logarithmic(axis: Axes) -> None:
    """A logarithmic ordinate that is labelled at decades, and between them if there are few."""
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 2000 * low else (1.0,)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _decade(value)))
    axis.yaxis.set_minor_formatter(NullFormatter())


def steps_axis(axis: Axes) -> None:
    """Training steps as abscissa: 5k for 5,000."""
    axis.set_xlabel("step")
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))


def _players_curves(
    axis: Axes, title: str, name: str, rows: Sequence[Row], *, log: bool = False
) -> None:
    axis.set_title(title)
    series = {player: points(rows, f"{player}/{name}") for player in PLAYERS}
    for player, (steps, values) in series.items():
        curve(axis, steps, values, PLAYERS[player][1], PLAYERS[player][0])
    values = np.concatenate([values for _, values in series.values()])
    _finish(axis, dict.fromkeys(PLAYERS, rows), values, log=log)


def _finish(
    axis: Axes, runs: Mapping[str, Sequence[Row]], values: np.ndarray, *, log: bool
) -> None:
    """Logarithmic where asked for and possible; symlog for losses that explode."""
    steps_axis(axis)
    if not len(values):
        axis.text(0.5, 0.62, "nothing measured yet", transform=axis.transAxes, ha="center")
    elif log and (values > 0).all():
        logarithmic(axis)
    elif np.abs(values).max() > 50 * (np.median(np.abs(values)) + 1):
        axis.set_yscale("symlog")
    axis.grid(True, which="major")
    axis.set_xlim(0, max([1, *(rows[-1]["step"] for rows in runs.values() if rows)]))
    if len(runs) > 1 and len(values):
        axis.legend(loc="best")


def _level(axis: Axes, value: float, label: str, colour: str, error: float | None = None) -> None:
    """A dashed level to compare with, in a band of ± its standard error where there is one."""
    axis.axhline(value, color=colour, linestyle="--", linewidth=1.3, zorder=2)
    if error:
        axis.axhspan(value - error, value + error, color=colour, alpha=0.13, linewidth=0, zorder=1)
    words = axis.annotate(
        label,
        (0.99, value),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=rcParams["legend.fontsize"],
        color=colour,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
        zorder=5,
    )
    words.set_in_layout(False)


def _decade(value: float) -> str:
    if 1e-4 <= value < 1e5:
        return f"{value:g}"
    return f"$10^{{{round(math.log10(value))}}}$" if value > 0 else ""
