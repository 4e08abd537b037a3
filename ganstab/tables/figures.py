"""Curves of a table: a measure over the training steps, one panel a row, one colour a column."""

import pathlib
import re
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ganstab import style
from ganstab.reporting.run_log import Row
from ganstab.reporting.writing import write_atomic
from ganstab.tables.table import Table
from ganstab.training.figures import logarithmic, points, steps_axis
from ganstab.training.measures import Published

__all__ = ["curves", "mean_curve"]

DASHES = (0, (4, 3))
WIDTH = 6.7
"""Of two panels, in inches: a paper's page."""
ROOM = 60
"""Letters that a legend of this width has place for in a row."""
Points = tuple[np.ndarray, np.ndarray]


def curves(
    table: Table,
    measure: str,
    rows: Mapping[str, Mapping[int, Sequence[Row]]],
    done: Mapping[str, Sequence[int]],
    path: pathlib.Path,
    *,
    title: str,
    log: bool = False,
) -> bool:
    """One PNG of every evaluation: thin for a seed, thick for the mean of finished seeds, from two.

    Args:
      table: where each cell stands, and the published values, which are dashed.
      measure: the name of the number in the rows.
      rows: of each run's log, by cell and seed.
      done: the seeds that are finished, by cell.
      path: the file.
      title: what is measured.
      log: logarithmic, if all values are positive.

    Returns:
      Whether there was anything to draw.

    Raises:
      InputError: the file cannot be written.
    """
    series = {
        cell: {seed: points(log_rows, measure) for seed, log_rows in seeds.items()}
        for cell, seeds in rows.items()
    }
    values = [y for seeds in series.values() for _, y in seeds.values() if len(y)]
    if values:
        log = log and min(map(np.min, values)) > 0
        write_atomic(path, _drawn(table, measure, series, done, title, log))
    return bool(values)


@style.styled
def _drawn(table, measure, series, done, title, log) -> bytes:
    names = _rows_with_runs(table, series)
    columns = min(len(names), 3)
    width = WIDTH if columns == 1 else WIDTH / 2  # one panel alone would be blown up on the page
    figure, axes = style.panels(-(-len(names) // columns), columns, width=width, height=2.7)
    colours = _colours(table)
    for axis, row in zip(axes.ravel(), names, strict=False):
        axis.sharey(axes[0, 0])
        axis.set_title(f"{table.corner} {row}".strip())
        for column, colour in colours.items():
            cell = table.at(row, column)
            if cell is not None:
                _draw_seeds(axis, series.get(cell.name, {}), done.get(cell.name, ()), colour)
                _draw_level(axis, cell.published.get(measure), colour)
        steps_axis(axis)
        axis.set_xlim(left=0)
        if log:
            logarithmic(axis)
    for axis in axes.ravel()[len(names) :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel(textwrap.fill(title, 32))
    _draw_legend(figure, colours, any(measure in cell.published for cell in table.cells))
    return style.png(figure)


def mean_curve(seeds: Mapping[int, Points]) -> Points:
    """The mean over seeds, at the steps that all of them have."""
    known = [dict(zip(steps, values, strict=True)) for steps, values in seeds.values()]
    common = sorted(set.intersection(*map(set, known))) if known else []
    return np.array(common), np.array([np.mean([at[step] for at in known]) for step in common])


def _rows_with_runs(table: Table, series: Mapping[str, Mapping[int, Points]]) -> list[str]:
    there = {name for name, seeds in series.items() if any(len(y) for _, y in seeds.values())}
    return list(dict.fromkeys(cell.row for cell in table.cells if cell.name in there))


def _colours(table: Table) -> dict[str, str]:
    """One for each column, along a scale, since columns are most often an order.

    Columns that differ in a number alone have it in the order of the number, so that K = 0 is at
    the same end of the scale in every table.
    """
    names = table.columns()
    shades = style.ALONG(np.linspace(0, 1, len(names)))
    if len({re.sub(r"\d[\d,]*", "", name) for name in names}) == 1:
        names = sorted(names, key=_numbers)
    return {name: to_hex(shade) for name, shade in zip(names, shades, strict=True)}


def _numbers(name: str) -> list[int]:
    return [int(digits.replace(",", "")) for digits in re.findall(r"\d[\d,]*", name)]


def _draw_seeds(axis: Axes, seeds: Mapping[int, Points], done: Sequence[int], colour: str) -> None:
    for steps, values in seeds.values():
        axis.plot(steps, values, color=colour, linewidth=0.7, alpha=0.5, zorder=3)
    if len(done) > 1:
        steps, values = mean_curve({seed: line for seed, line in seeds.items() if seed in done})
        axis.plot(steps, values, color=colour, linewidth=2.0, zorder=4)


def _draw_level(axis: Axes, published: Published | None, colour: str) -> None:
    if published is not None:
        axis.axhline(published.value, color=colour, linewidth=1.0, linestyle=DASHES, zorder=2)


def _draw_legend(figure: Figure, colours: Mapping[str, str], published: bool) -> None:
    lines = [Line2D([], [], color=c, linewidth=2, label=name) for name, c in colours.items()]
    lines += [
        Line2D([], [], color=style.FAINT, linewidth=0.8, label="one seed"),
        Line2D([], [], color=style.FAINT, linewidth=2.0, label="mean of finished seeds"),
    ]
    if published:
        dashed = Line2D([], [], color=style.FAINT, linewidth=1, linestyle=DASHES, label="paper")
        lines.append(dashed)
    in_one_row = sum(len(str(line.get_label())) for line in lines) < ROOM
    figure.legend(
        handles=lines,
        loc="outside lower center",
        ncols=len(lines) if in_one_row else -(-len(lines) // 2),
    )
