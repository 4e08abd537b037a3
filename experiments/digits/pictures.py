"""Digits over training: grids of samples side by side, and where the samples' colours lie."""

import pathlib
from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from experiments.runner import samples
from ganstab.output.writing import write_atomic
from ganstab.style import PAPER, VERMILION, panels, png

COLUMNS = 6
SIDE = 5
_PLANES = (("red", "green"), ("green", "blue"), ("blue", "red"))
_BANDWIDTH, _BANDWIDTH_OF_LINES = 0.06, 0.1
_HELD = (0.5, 0.95)


def strip(found: Mapping[int, np.ndarray], path: pathlib.Path, *, data: np.ndarray) -> None:
    """One PNG: a square of 25 samples for each of at most six steps, and as many of the data.

    Metz et al. 2017, Figure 3.

    Args:
      found: samples [n, H, W, C] in [-1, 1] by step; sample i has the same latents at every step.
      path: the PNG file.
      data: images like the samples.

    Raises:
      InputError: the file cannot be written.
    """
    shown = _spread(found)
    with matplotlib.rc_context(PAPER):
        figure, axes = panels(1, len(shown) + 1, width=1.28, height=1.42)
        squares = [*shown.values(), data]
        for axis, images, title in zip(axes[0], squares, _titles(shown), strict=True):
            axis.imshow(samples.tile(images[: SIDE**2], SIDE, 2))
            axis.set_axis_off()
            axis.set_title(title, loc="center", fontweight="normal")
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
    shown = _spread(found)
    with matplotlib.rc_context(PAPER):
        figure, axes = panels(len(_PLANES), len(shown) + 1, width=1.28, height=1.3)
        for line, (plane, names) in zip(axes, enumerate(_PLANES), strict=True):
            channels = [plane, (plane + 1) % 3]
            for axis, points in zip(line, [*shown.values(), data], strict=True):
                _map(axis, points[:, channels], data[:, channels])
            line[0].set_xlabel(names[0])
            line[0].set_ylabel(names[1])
        for axis, title in zip(axes[0], _titles(shown), strict=True):
            axis.set_title(title, loc="center", fontweight="normal")
        words = "density of the digits' colours; the lines hold half and 95 % of the data"
        figure.supxlabel(words, fontsize=7.5)
        write_atomic(path, png(figure))


def _map(axis: Axes, points: np.ndarray, data: np.ndarray) -> None:
    from ganstab import plots  # here, so that a run starts without SciPy

    plots.density(axis, points, reach=1.0, bandwidth=_BANDWIDTH)
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


def _spread(found: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
    """At most six of the steps, evenly spread, with the first and the last."""
    steps = sorted(found)
    places = np.linspace(0, len(steps) - 1, min(COLUMNS, len(steps))).round().astype(int)
    return {steps[place]: found[steps[place]] for place in places}


def _titles(shown: Mapping[int, np.ndarray]) -> list[str]:
    return [*(f"step {step:,}" for step in shown), "data"]
