"""Images above their reconstructions, and histograms of distances between pairs of images."""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from ganstab import style
from ganstab.reporting.writing import write_atomic
from ganstab.style import BLUE, FAINT, INK, PAPER, VERMILION, png

_DPI, _SIDE, _GAP, _WORDS, _LEFT = 200, 128, 10, 26, 150
_BINS = 70


class Row(NamedTuple):
    """What one generator made of some images."""

    label: str
    image: np.ndarray
    """uint8 [n, H, W, 3]."""
    error: np.ndarray
    """Mean squared error of each, [n]."""


class Panel(NamedTuple):
    """Distances to be seen beside those of the data."""

    label: str
    runs: Sequence[np.ndarray]
    """One array for each run."""


def reconstructions(image: np.ndarray, rows: Sequence[Row], path: pathlib.Path) -> None:
    """One PNG: the images, below them what each row made of them, with its mean squared error.

    Where there are several rows, each image's least error is set in bold (Metz et al., Figure 5).

    Args:
      image: of the data, uint8 [n, H, W, 3].
      rows: of the same images.
      path: the PNG file.

    Raises:
      InputError: the file cannot be written.
    """
    height = _top(len(rows)) - _GAP // 2
    width = _LEFT + len(image) * (_SIDE + _GAP)
    least = np.min([row.error for row in rows], axis=0)
    with matplotlib.rc_context(PAPER):
        figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
        _draw_line(figure, _GAP // 2, "data", image)
        for place, row in enumerate(rows):
            _draw_line(figure, _top(place), row.label.replace(", ", "\n"), row.image)
            best = (row.error == least) & (len(rows) > 1)
            _write_errors(figure, _top(place) + _SIDE + _WORDS / 2, row.error, best)
        write_atomic(path, png(figure))


def distances(data: np.ndarray, panels: Sequence[Panel], path: pathlib.Path) -> None:
    """One PNG: densities of the distances of samples beside the data's, medians as dashed lines.

    There is a panel for each setting, in which every run is a line (Metz et al., Figure 6).

    Args:
      data: distances of random pairs of training images.
      panels: distances of random pairs of samples.
      path: the PNG file.

    Raises:
      InputError: the file cannot be written.
    """
    runs = [run for panel in panels for run in panel.runs]
    edges = np.linspace(0, max(np.max(sample) for sample in (data, *runs)), _BINS + 1)
    with matplotlib.rc_context(PAPER):
        height = 1.0 if len(panels) > 1 else 1.9
        figure, axes = style.panels(len(panels), 1, width=4.2, height=height)
        for axis, panel in zip(axes[:, 0], panels, strict=True):
            _density(axis, data, edges, VERMILION, "data", filled=True)
            for number, run in enumerate(panel.runs):
                _density(axis, run, edges, BLUE, "" if number else panel.label)
            axis.set_xlim(0, edges[-1])
            axis.set_yticks([])
            axis.grid(False)
            axis.spines["left"].set_visible(False)
            axis.tick_params(labelbottom=axis is axes[-1, 0])
            axis.legend(loc="upper right", handlelength=1.2)
        axes[-1, 0].set_xlabel("distance of two images, pixels in [0, 1]")
        write_atomic(path, png(figure))


def _density(axis, sample, edges, colour: str, label: str, *, filled: bool = False) -> None:
    look = {"facecolor": matplotlib.colors.to_rgba(colour, 0.15)} if filled else {}
    axis.hist(
        sample, edges, density=True, histtype="stepfilled" if filled else "step",
        edgecolor=colour, linewidth=1.1, label=label, **look,
    )  # fmt: skip
    axis.axvline(np.median(sample), color=colour, linestyle="--", linewidth=1.0)


def _top(place: int) -> int:
    """Where a row begins, in pixels from above; the data, which have no errors, are above all."""
    return _GAP // 2 + _SIDE + _GAP + place * (_SIDE + _WORDS + _GAP)


def _draw_line(figure: Figure, top: int, label: str, image: np.ndarray) -> None:
    """Images beside each other, after their label."""
    _write(figure, _LEFT - _GAP, top + _SIDE / 2, label, ha="right", fontsize=8)
    for column, pixels in enumerate(image):
        shown = _enlarged(pixels)
        bottom = round(figure.bbox.height) - top - len(shown)
        figure.figimage(shown, _LEFT + column * (_SIDE + _GAP), bottom, origin="upper")


def _write_errors(figure: Figure, middle: float, error: np.ndarray, best: np.ndarray) -> None:
    for column, value in enumerate(error):
        look = {"weight": "bold", "color": INK} if best[column] else {"color": FAINT}
        left = _LEFT + column * (_SIDE + _GAP) + _SIDE / 2
        _write(figure, left, middle, f"{value:.4f}", ha="center", fontsize=6.5, **look)


def _write(figure: Figure, x: float, y: float, words: str, **look) -> None:
    """At pixels from the left and from above."""
    width, height = figure.bbox.size
    figure.text(x / width, 1 - y / height, words, va="center", **look)


def _enlarged(pixels: np.ndarray) -> np.ndarray:
    """As near to the size of a cell as whole multiples come."""
    scale = max(1, _SIDE // max(pixels.shape[:2]))
    return pixels.repeat(scale, 0).repeat(scale, 1)
