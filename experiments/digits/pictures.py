"""Digits over training: grids of samples side by side, and where the samples' colours lie."""

import pathlib
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from experiments.runner import samples
from ganstab.reporting.writing import write_atomic
from ganstab.style import PAPER, VERMILION, panels, png

SIDE = 5
_PLANES = (("red", "green"), ("green", "blue"), ("blue", "red"))
_BANDWIDTH, _BANDWIDTH_OF_LINES = 0.06, 0.1
_HELD = (0.5, 0.95)


def strip(found: Mapping[int, np.ndarray], path: pathlib.Path, *, data: np.ndarray) -> None:
    """One PNG: a square of 25 samples for each of at most six steps, and as many of the data.

    Args:
      found: samples [n, H, W, C] in [-1, 1] by step; sample i has the same latents at every step.
      path: the PNG file.
      data: images like the samples.

    Raises:
      InputError: the file cannot be written.
    """
    strips([("", found)], path, data=data)


def strips(
    runs: Sequence[tuple[str, Mapping[int, np.ndarray]]],
    path: pathlib.Path,
    *,
    data: np.ndarray | None = None,
) -> None:
    """One PNG with a row for each run, after its label: Metz et al. 2017, Figure 3.

    Shown are at most six of the steps that all runs have; the rest as for `strip`.

    Raises:
      ValueError: the runs have no step in common.
      InputError: the file cannot be written.
    """
    steps = _common([found for _, found in runs], most=6)
    last = [] if data is None else [data]
    with matplotlib.rc_context(PAPER):
        columns = len(steps) + len(last)
        figure, axes = panels(len(runs), columns, width=1.28, height=1.36)
        for line, (label, found) in zip(axes, runs, strict=True):
            for axis, images in zip(line, [*(found[s] for s in steps), *last], strict=True):
                _square(axis, images)
            line[0].set_ylabel(label)
        _title(axes[0], steps, last)
        write_atomic(path, png(figure))


def colors(found: Mapping[int, np.ndarray], path: pathlib.Path, *, data: np.ndarray) -> None:
    """One PNG of the density of colours, a column for each of at most six steps and the data.

    A row is a plane of two of the three channels. The two lines hold half and 95 % of the data, so
    that a colour which the generator lacks is a white place inside of them.

    Args:
      found: colours [n, 3] in [-1, 1] by step.
      path: the PNG file.
      data: the data's colours [m, 3].

    Raises:
      InputError: the file cannot be written.
    """
    steps = samples.spread(found)
    with matplotlib.rc_context(PAPER):
        figure, axes = panels(len(_PLANES), len(steps) + 1, width=1.28, height=1.3)
        for line, (plane, names) in zip(axes, enumerate(_PLANES), strict=True):
            channels = [plane, (plane + 1) % 3]
            for axis, points in zip(line, [*(found[s] for s in steps), data], strict=True):
                _map(axis, points[:, channels], data[:, channels])
            line[0].set_xlabel(names[0])
            line[0].set_ylabel(names[1])
        _title(axes[0], steps, [data])
        words = "density of the digits' colours; the lines hold half and 95 % of the data"
        figure.supxlabel(words, fontsize=7.5)
        write_atomic(path, png(figure))


def color_rows(
    runs: Sequence[tuple[str, Mapping[int, np.ndarray], np.ndarray]],
    path: pathlib.Path,
    *,
    data: np.ndarray | None = None,
) -> None:
    """One PNG with a row for each run: its colours in the plane of red and green, then its samples.

    Shown are at most five of the steps that all runs have; the rest as for `colors`.

    Args:
      runs: a label, colours [n, 3] by step, and the last samples [m, H, W, 3], all in [-1, 1].
      path: the PNG file.
      data: the data's colours [m, 3], for the lines and a column of their own.

    Raises:
      ValueError: the runs have no step in common.
      InputError: the file cannot be written.
    """
    steps = _common([found for _, found, _ in runs], most=5)
    last = [] if data is None else [data]
    with matplotlib.rc_context(PAPER):
        figure, axes = panels(len(runs), len(steps) + len(last) + 1, width=1.28, height=1.36)
        for line, (label, found, images) in zip(axes, runs, strict=True):
            for axis, points in zip(line[:-1], [*(found[s] for s in steps), *last], strict=True):
                _map(axis, points[:, :2], None if data is None else data[:, :2])
            _square(line[-1], images)
            line[0].set_ylabel(label)
        _title(axes[0][:-1], steps, last)
        axes[0][-1].set_title("samples", loc="center", fontweight="normal")
        words = "density of the digits' colours, green over red"
        held = "; the lines hold half and 95 % of the data"
        figure.supxlabel(words + (held if last else ""), fontsize=7.5)
        write_atomic(path, png(figure))


def _common(runs: Sequence[Mapping[int, np.ndarray]], most: int) -> list[int]:
    steps = samples.spread(set.intersection(*map(set, runs)), most)
    if not steps:
        raise ValueError("there is no step at which all runs have samples")
    return steps


def _square(axis: Axes, images: np.ndarray) -> None:
    axis.imshow(samples.tile(images[: SIDE**2], SIDE, 2))
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def _map(axis: Axes, points: np.ndarray, data: np.ndarray | None) -> None:
    from ganstab import plots  # here, so that a run starts without SciPy

    plots.density(axis, points, reach=1.0, bandwidth=_BANDWIDTH)
    if data is None:
        return
    smooth = plots.kernel_density(data, reach=1.0, bandwidth=_BANDWIDTH_OF_LINES)
    levels = sorted(level(smooth, share) for share in _HELD)
    axis.contour(
        smooth.T, levels=levels, colors=VERMILION, linewidths=0.7,
        origin="lower", extent=(-1, 1, -1, 1),
    )  # fmt: skip


def level(density: np.ndarray, share: float) -> float:
    """The density above which this share of the mass lies."""
    falling = np.sort(density, axis=None)[::-1]
    held = np.cumsum(falling) / falling.sum()
    return float(falling[np.searchsorted(held, share)])


def _title(axes: Sequence[Axes], steps: Sequence[int], data: Sequence[np.ndarray]) -> None:
    titles = [*(f"step {step:,}" for step in steps), *("data" for _ in data)]
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title, loc="center", fontweight="normal")
