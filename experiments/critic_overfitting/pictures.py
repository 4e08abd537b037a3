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
DIFFERENCES = style.PURPLE, style.GREEN
"""Of few and of many images."""
CAPTION = "The negative loss of the critic on training and on validation images."


@style.styled
def of_run(run: pathlib.Path, path: pathlib.Path) -> Picture:
    """Both curves of a run; raises InputError where the file cannot be written."""
    figure, axes = style.panels(width=4.5)
    _draw_both(axes[0, 0], [run])
    axes[0, 0].set_ylabel("negative critic loss")
    write_atomic(path, style.png(figure))
    return Picture(path, CAPTION)


@style.styled
def figure_5(runs: Runs, folder: pathlib.Path) -> Sequence[Picture]:
    """Both curves of every seed: a row for each recipe, a column for each number of images.

    A last column has the difference of the two, of all numbers of images.
    """
    rows = list(dict.fromkeys(cell.row for cell, _ in runs))
    columns = list(dict.fromkeys(cell.column for cell, _ in runs))
    figure, axes = style.panels(len(rows), len(columns) + 1, width=2.8, height=2.4)
    there = {(cell.row, cell.column): list(seeds.values()) for cell, seeds in runs}
    for (*line, last), row in zip(axes, rows, strict=True):
        line[0].set_ylabel("negative critic loss")
        last.set_title("training minus validation")
        for axis, column, colour in zip(line, columns, DIFFERENCES, strict=False):
            axis.set_title(f"{row}, {column}")
            _draw_both(axis, there.get((row, column), []))
            _draw(last, there.get((row, column), []), "gap", colour, column)
    path = folder / "values.png"
    write_atomic(path, style.png(figure))
    return [Picture(path, f"{CAPTION} A line for each seed.")]


def _draw_both(axis: Axes, runs: Sequence[pathlib.Path]) -> None:
    for name, colour in COLOURS.items():
        _draw(axis, runs, name, colour, name)


def _draw(axis: Axes, runs: Sequence[pathlib.Path], name: str, colour: str, label: str) -> None:
    """The number of that name in every run."""
    for place, run in enumerate(runs):
        rows, _ = read_sound(run / EVALUATIONS, ENOUGH)
        curve(axis, *points(rows, name), colour, "" if place else label)
    steps_axis(axis)
    if axis.lines:
        axis.legend()
