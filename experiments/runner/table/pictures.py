"""Curves of a table: a measure over the training steps, one panel a row, one colour a column."""

import pathlib
import re
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, MaxNLocator

from experiments.runner.figures import logarithmic, points
from experiments.runner.table.cells import Table
from ganstab import style
from ganstab.reporting.run_log import Row
from ganstab.reporting.writing import write_atomic

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
    if not values:
        return False
    _draw(table, measure, series, done, path, title, log and min(map(np.min, values)) > 0)
    return True


@style.styled
def _draw(table, measure, series, done, path, title, log) -> None:
    names = _drawn(table, series)
    columns = min(len(names), 3)
    width = WIDTH if columns == 1 else WIDTH / 2  # one panel alone would be blown up on the page
    figure, axes = style.panels(-(-len(names) // columns), columns, width=width, height=2.7)
    spare = axes.ravel()[len(names) :]
    for axis, row in zip(axes.ravel(), names, strict=False):
        axis.sharey(axes[0, 0])
        axis.set_title(f"{table.corner} {row}".strip())
        for column, colour in _colours(table).items():
            cell = table.at(row, column)
            if cell is not None:
                _cell(axis, series.get(cell.name, {}), done.get(cell.name, ()), colour)
                _level(axis, cell.published.get(measure), colour)
        _finish(axis, log)
    for axis in spare:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel(textwrap.fill(title, 32))
    _legend(figure, table, measure)
    write_atomic(path, style.png(figure))


def _drawn(table: Table, series: Mapping[str, Mapping[int, Points]]) -> list[str]:
    """The rows of the table that have runs."""
    there = {name for name, seeds in series.items() if any(len(y) for _, y in seeds.values())}
    cells = {row: [table.at(row, column) for column in table.columns()] for row in table.rows()}
    return [row for row in cells if any(cell and cell.name in there for cell in cells[row])]


def mean(seeds: Mapping[int, Points]) -> Points:
    """The mean over seeds, at the steps that all of them have."""
    common = set.intersection(*(set(steps) for steps, _ in seeds.values())) if seeds else set()
    steps = np.array(sorted(common))
    values = [y[np.isin(x, steps)] for x, y in seeds.values()]
    return steps, np.mean(values, axis=0) if values else np.zeros(0)


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


def _cell(axis: Axes, seeds: Mapping[int, Points], done: Sequence[int], colour: str) -> None:
    for steps, values in seeds.values():
        axis.plot(steps, values, color=colour, linewidth=0.7, alpha=0.5, zorder=3)
    if len(done) > 1:
        steps, values = mean({seed: line for seed, line in seeds.items() if seed in done})
        axis.plot(steps, values, color=colour, linewidth=2.0, zorder=4)


def _level(axis: Axes, published, colour: str) -> None:
    if published is not None:
        axis.axhline(published.value, color=colour, linewidth=1.0, linestyle=DASHES, zorder=2)


def _finish(axis: Axes, log: bool) -> None:
    axis.set_xlabel("step")
    axis.set_xlim(left=0)
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    if log:
        logarithmic(axis)


def _legend(figure, table: Table, measure: str) -> None:
    lines = [Line2D([], [], color=c, linewidth=2, label=n) for n, c in _colours(table).items()]
    lines += [
        Line2D([], [], color=style.FAINT, linewidth=0.8, label="one seed"),
        Line2D([], [], color=style.FAINT, linewidth=2.0, label="mean of finished seeds"),
    ]
    if any(measure in cell.published for cell in table.cells):
        lines.append(
            Line2D([], [], color=style.FAINT, linewidth=1.0, linestyle=DASHES, label="paper")
        )
    in_one_row = sum(len(str(line.get_label())) for line in lines) < ROOM
    ncols = len(lines) if in_one_row else -(-len(lines) // 2)
    figure.legend(handles=lines, loc="outside lower center", ncols=ncols)
