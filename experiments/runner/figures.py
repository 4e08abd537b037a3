"""Curves of a run over its steps, with the levels to compare them with.

Each picture is a PNG written in one piece, in the colours of `ganstab.style`.
"""

import math
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from experiments.runner.records import Published
from ganstab.reporting.run_log import Row
from ganstab.reporting.writing import write_atomic
from ganstab.style import BLUE, FAINT, GREEN, STYLE, VERMILION, png


class Line(NamedTuple):
    """One curve: the rows' number under `key`."""

    key: str
    label: str
    colour: str


class Mark(NamedTuple):
    """A level to compare with: dashed, in a band of ± its standard error where there is one."""

    value: float
    label: str
    standard_error: float | None = None
    colour: str = GREEN


class Panel(NamedTuple):
    """One set of axes: its curves and the levels to compare them with."""

    title: str
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...] = ()
    log: bool = False


LOSSES = Panel(
    "Losses",
    (Line("gen/loss", "generator", BLUE), Line("disc/loss", "discriminator", VERMILION)),
)
GRADIENT_NORMS = Panel(
    "Gradient norms",
    (Line("gen/grad_norm", "generator", BLUE), Line("disc/grad_norm", "discriminator", VERMILION)),
    log=True,
)


def modes_panel(published: Published | None = None, maximum: int = 1000) -> Panel:
    """Modes covered, key "modes", with the paper's value and the number of modes there are."""
    best = Mark(maximum, f"all {maximum:,} modes", colour=FAINT)
    lines = (Line("modes", "this run", BLUE),)
    return Panel("Modes covered", lines, (*_paper(published), best))


def kl_panel(
    published: Published | None = None, floor: float | None = None, *, to: str = "uniform"
) -> Panel:
    """KL to uniform or what else is named, key "kl", in nats, with a perfect sampler's floor."""
    return _divergence_panel("kl", f"KL to {to}, nats (lower is better)", published, floor)


def js_panel(of: str, published: Published | None = None, floor: float | None = None) -> Panel:
    """Jensen-Shannon divergence of samples and data, key "js", in nats, with its floor."""
    return _divergence_panel("js", f"JS divergence of {of}, nats", published, floor)


def _divergence_panel(
    key: str, title: str, published: Published | None, floor: float | None
) -> Panel:
    best = () if floor is None else (Mark(floor, f"perfect sampler {floor:.3g}", colour=FAINT),)
    return Panel(title, (Line(key, "this run", BLUE),), (*_paper(published), *best), True)


def curves(rows: Sequence[Row], path: pathlib.Path, panels: Sequence[Panel]) -> None:
    """One PNG with the panels in two columns. Rows without a panel's number are passed over.

    Raises:
      InputError: the file cannot be written.
    """
    columns = min(2, len(panels))
    height = -(-len(panels) // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.5 * columns, 3.1 * height), dpi=110)
        # Margins in inches around each panel; matplotlib's own layout engines double the time.
        figure.subplots_adjust(
            left=0.6 / (5.5 * columns),
            right=1 - 0.25 / (5.5 * columns),
            top=1 - 0.35 / (3.1 * height),
            bottom=0.5 / (3.1 * height),
            wspace=0.85 / 4.65,
            hspace=0.9 / 2.25,
        )
        for place, panel in enumerate(panels, start=1):
            draw_panel(figure.add_subplot(height, columns, place), panel, rows)
        write_atomic(path, png(figure))


def modes(rows: Sequence[Row], path: pathlib.Path) -> None:
    """One PNG of the share of samples in each mode, from rows of "step" and "counts" [M].

    Raises:
      InputError: the file cannot be written.
    """
    from ganstab import plots  # here, so that a run starts without SciPy

    figure, axes = plots.panels(width=6.7)
    counts = np.array([row["counts"] for row in rows])
    plots.mode_heatmap(axes[0, 0], np.array([row["step"] for row in rows]), counts)
    write_atomic(path, png(figure))


def draw_panel(axis: Axes, panel: Panel, rows: Sequence[Row]) -> None:
    """Draws the panel on the axes; with no numbers yet, it says so."""
    axis.set_title(panel.title)
    axis.set_xlabel("step")
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    series = [(line, *points(rows, line.key)) for line in panel.lines]
    for line, steps, values in series:
        _draw_line(axis, line, steps, values)
    for mark in panel.marks:
        _draw_mark(axis, mark)
    _scale(axis, panel, np.concatenate([values for _, _, values in series]))
    axis.set_xlim(0, max([1, *(row["step"] for row in rows)]))
    if not any(len(steps) for _, steps, _ in series):
        axis.text(0.5, 0.62, "nothing measured yet", transform=axis.transAxes, ha="center")
    elif len(series) > 1:
        axis.legend(loc="best")


def points(rows: Sequence[Row], key: str) -> tuple[np.ndarray, np.ndarray]:
    """The steps and values of a number, of the rows that have it."""
    pairs = [(row["step"], row[key]) for row in rows if row.get(key) is not None]
    steps, values = np.array(pairs, float).reshape(-1, 2).T
    return steps, values


def _draw_line(axis: Axes, line: Line, steps: np.ndarray, values: np.ndarray) -> None:
    """Few points are marked; of many, the running mean stands out from the noise."""
    if not len(values):
        return
    many = len(values) > 80
    style: dict[str, Any] = {"alpha": 0.3, "linewidth": 0.8} if many else {"linewidth": 1.8}
    marker = "o" if len(values) <= 40 else ""
    axis.plot(
        steps,
        values,
        color=line.colour,
        label=None if many else line.label,
        marker=marker,
        markersize=4.5,
        clip_on=False,
        zorder=3,
        **style,
    )
    if many:
        width = max(3, len(values) // 40)
        mean = np.convolve(values, np.full(width, 1 / width), mode="valid")
        middle = np.convolve(steps, np.full(width, 1 / width), mode="valid")
        axis.plot(middle, mean, color=line.colour, label=line.label, linewidth=1.8, zorder=4)


def _scale(axis: Axes, panel: Panel, values: np.ndarray) -> None:
    """Logarithmic where asked for and possible; symlog for losses that explode."""
    if panel.log and (values > 0).all():
        logarithmic(axis)
    elif values.size and np.abs(values).max() > 50 * (np.median(np.abs(values)) + 1):
        axis.set_yscale("symlog")
    axis.grid(True, which="major")


def logarithmic(axis: Axes) -> None:
    """A logarithmic ordinate that is labelled at decades, and between them if there are few."""
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 2000 * low else (1.0,)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _on_a_decade(value)))
    axis.yaxis.set_minor_formatter(NullFormatter())


def _on_a_decade(value: float) -> str:
    if 1e-4 <= value < 1e5:
        return f"{value:g}"
    return f"$10^{{{round(math.log10(value))}}}$" if value > 0 else ""


def _draw_mark(axis: Axes, mark: Mark) -> None:
    axis.axhline(mark.value, color=mark.colour, linestyle="--", linewidth=1.3, zorder=2)
    if mark.standard_error:
        low, high = mark.value - mark.standard_error, mark.value + mark.standard_error
        axis.axhspan(low, high, color=mark.colour, alpha=0.13, linewidth=0, zorder=1)
    label = axis.annotate(
        mark.label,
        (0.99, mark.value),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=9,
        color=mark.colour,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
        zorder=5,
    )
    label.set_in_layout(False)


def _paper(published: Published | None) -> tuple[Mark, ...]:
    if published is None:
        return ()
    error = published.standard_error
    spread = "" if error is None else f" ± {error:g}"
    return (Mark(published.value, f"paper {published.value:g}{spread}", error),)
