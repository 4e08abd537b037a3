"""Values of critics over the plane, their gradients layer by layer, and their weights."""

import pathlib
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from experiments.critic_surfaces.critics import log_norms
from experiments.critic_surfaces.toys import REACH
from ganstab import style
from ganstab.reporting import Picture
from ganstab.reporting.writing import write_atomic
from ganstab.style import ALONG, BLUE, GREEN, GROUND, INK, VERMILION
from ganstab.tables import Cell, Runs
from ganstab.training.samples import Arrays, read_samples

__all__ = ["gradients", "norms", "surface", "surfaces", "weights"]

LEVELS = 14


def surface(axis: Axes, arrays: Arrays, reference: Arrays, *, samples: bool = False) -> None:
    """Level sets of the critic's values, low ones light, with the data; samples in another colour.

    Args:
      axis: where to draw.
      arrays: of an evaluation: "surface" [h, h] over the plane, "data" and "samples" [n, 2].
      reference: not used.
      samples: whether samples are drawn too.
    """
    del reference
    height = np.asarray(arrays["surface"], float)
    low, high = height.min(), height.max()
    if low < high:
        line = np.linspace(-REACH, REACH, len(height))
        levels = np.linspace(low, high, LEVELS)
        axis.contourf(line, line, height, levels, cmap=GROUND)
        axis.contour(line, line, height, levels, colors=INK, linewidths=0.4, linestyles="solid")
    axis.plot(*arrays["data"].T, ".", color=VERMILION, markersize=1.2)
    if samples:
        axis.plot(*arrays["samples"].T, ".", color=GREEN, markersize=1.2)
    axis.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xticks=[], yticks=[], aspect="equal")
    axis.grid(False)


def norms(axis: Axes, arrays: Arrays, reference: Arrays) -> None:
    """The norm of the gradient at each layer, the score on the left and the input on the right."""
    del reference
    _norm_curve(axis, arrays["norms"], BLUE, "")


def weights(axis: Axes, arrays: Arrays, reference: Arrays, *, colour: str = BLUE) -> None:
    """How many of the critic's weights have which value."""
    del reference
    axis.stairs(arrays["weights"], arrays["edges"], fill=True, color=colour)
    axis.set(yticks=[])
    axis.locator_params(axis="x", nbins=3)


@style.styled
def surfaces(runs: Runs, folder: pathlib.Path) -> Sequence[Picture]:
    """Figure 1a: a row for each recipe, a column for each data set, the first seed of each."""
    found = {(cell.row, cell.column): seeds[0] for cell, seeds in _last(runs)}
    if not found:
        return ()
    rows, columns = (list(dict.fromkeys(names)) for names in zip(*found, strict=True))
    figure, axes = style.panels(len(rows), len(columns), width=2.2, height=2.3)
    for line, row in zip(axes, rows, strict=True):
        line[0].set_ylabel(row)
        for axis, column in zip(line, columns, strict=True):
            if (row, column) in found:
                surface(axis, found[row, column], {})
            axis.set(xticks=[], yticks=[])
    for axis, column in zip(axes[0], columns, strict=True):
        axis.set_title(column, loc="center")
    return _written(
        figure, folder / "surfaces.png",
        "Level sets of the critics' values, low ones light, and the data, for the first seed.",
    )  # fmt: skip


@style.styled
def gradients(runs: Runs, folder: pathlib.Path) -> Sequence[Picture]:
    """Figure 1b: all seeds' gradients on the left, histograms of weights on the right."""
    found = _last(runs)
    if not found:
        return ()
    shades = ALONG(np.linspace(0, 1, len(found)))
    figure = style.Figure(figsize=(6.7, 3.2), dpi=200, layout="constrained")
    axes = figure.subplots(len(found), 2, width_ratios=[3, 2], squeeze=False)
    for axis in axes[:, 0]:
        axis.remove()
    curves = figure.add_subplot(axes[0, 0].get_gridspec()[:, 0])
    for (cell, seeds), shade, axis in zip(found, shades, axes[:, 1], strict=True):
        for place, arrays in enumerate(seeds):
            _norm_curve(curves, arrays["norms"], shade, "" if place else cell.column)
        weights(axis, seeds[0], {}, colour=shade)
    curves.set(xlabel="layer of the critic", ylabel="log₁₀ of the gradient's norm")
    curves.legend()
    axes[-1, 1].set_xlabel("weights")
    return _written(
        figure, folder / "gradients.png",
        "Norms of the critic's loss's gradient at each layer's outputs, the score on the left, "
        "a line for each seed; and the weights of the first seed.",
    )  # fmt: skip


def _norm_curve(axis: Axes, values: np.ndarray, colour, label: str) -> None:
    layers = np.arange(1, len(values) + 1)
    axis.plot(layers, log_norms(values), color=colour, label=label)
    axis.set_xlim(len(values), 1)
    axis.set_xticks(layers[:: -(-len(values) // 6)])


def _last(runs: Runs) -> list[tuple[Cell, list[Arrays]]]:
    """Of each cell, the last evaluation's arrays of every seed that kept them."""
    found = []
    for cell, seeds in runs:
        kept = [read_samples(seeds[seed]) for seed in sorted(seeds)]
        if arrays := [each[max(each)] for each in kept if each]:
            found.append((cell, arrays))
    return found


def _written(figure, path: pathlib.Path, caption: str) -> list[Picture]:
    write_atomic(path, style.png(figure))
    return [Picture(path, caption)]
