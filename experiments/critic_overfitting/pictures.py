"""The negative loss of the critic on training and validation images over the steps."""

import pathlib
from collections.abc import Sequence

from matplotlib.axes import Axes

from ganstab import style
from ganstab.reporting import Picture
from ganstab.reporting.run_log import ENOUGH, read_sound
from ganstab.reporting.writing import write_atomic
from ganstab.tables import Runs
from ganstab.training.figures import curve, points, steps_axis
from ganstab.training.run_folder import EVALUATIONS

__all__ = ["figure_5", "of_run"]

COLOURS = {"training": style.BLUE, "validation": style.VERMILION}
CAPTION = "The negative loss of the critic on training and on validation images."


@style.styled
def of_run(run: pathlib.Path, path: pathlib.Path) -> Picture:
    """Both curves of a run; raises InputError where the file cannot be written."""
    figure, axes = style.panels(width=4.5)
    _draw(axes[0, 0], [run])
    axes[0, 0].set_ylabel("negative critic loss")
    write_atomic(path, style.png(figure))
    return Picture(path, CAPTION)


@style.styled
def figure_5(runs: Runs, folder: pathlib.Path) -> Sequence[Picture]:
    """Both curves of every seed: a row for each recipe, a column for each number of images."""
    rows, columns = (list(dict.fromkeys(of(cell) for cell, _ in runs)) for of in (_row, _column))
    figure, axes = style.panels(len(rows), len(columns), width=3.35, height=2.5)
    there = {(cell.row, cell.column): seeds for cell, seeds in runs}
    for line, row in zip(axes, rows, strict=True):
        line[0].set_ylabel("negative critic loss")
        for axis, column in zip(line, columns, strict=True):
            axis.set_title(f"{row}, {column}")
            _draw(axis, list(there.get((row, column), {}).values()))
    path = folder / "values.png"
    write_atomic(path, style.png(figure))
    return [Picture(path, f"{CAPTION} A line for each seed.")]


def _row(cell) -> str:
    return cell.row


def _column(cell) -> str:
    return cell.column


def _draw(axis: Axes, runs: Sequence[pathlib.Path]) -> None:
    for place, run in enumerate(runs):
        rows, _ = read_sound(run / EVALUATIONS, ENOUGH)
        for name, colour in COLOURS.items():
            curve(axis, *points(rows, name), colour, "" if place else name)
    steps_axis(axis)
    if axis.lines:
        axis.legend()
