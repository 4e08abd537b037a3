"""Images above their reconstructions, and histograms of distances between pairs of images."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np

from ganstab import style
from ganstab.reporting.writing import write_atomic
from ganstab.style import BLUE, FAINT, INK, PAPER, VERMILION, png

_BINS = 70


class Row(NamedTuple):
    """What one generator made of some images."""

    label: str
    image: np.ndarray
    """uint8 [n, H, W, 3]."""
    error: np.ndarray
    """Mean squared error of each, [n]."""


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
    least = np.min([row.error for row in rows], axis=0)
    with matplotlib.rc_context(PAPER):
        figure, axes = style.panels(1 + len(rows), len(image), width=0.75, height=0.86)
        figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
        for axis in axes.ravel():
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        for column, pixels in enumerate(image):
            axes[0, column].imshow(pixels, interpolation="nearest")
            for line, row in zip(axes[1:], rows, strict=True):
                best = len(rows) > 1 and row.error[column] == least[column]
                look = {"weight": "bold", "color": INK} if best else {"color": FAINT}
                line[column].imshow(row.image[column], interpolation="nearest")
                line[column].set_xlabel(f"{row.error[column]:.4f}", fontsize=6.5, **look)
        for line, label in zip(axes, ["data", *(row.label for row in rows)], strict=True):
            line[0].set_ylabel(label.replace(", ", "\n"), rotation=0, ha="right", va="center")
        write_atomic(path, png(figure))


def distances(
    data: np.ndarray, groups: Mapping[str, Sequence[np.ndarray]], path: pathlib.Path
) -> None:
    """One PNG: densities of the distances of samples beside the data's, medians as dashed lines.

    There is a panel for each setting, in which every run is a line (Metz et al., Figure 6).

    Args:
      data: distances of random pairs of training images.
      groups: by label, distances of random pairs of samples, one array for each run.
      path: the PNG file.

    Raises:
      InputError: the file cannot be written.
    """
    runs = [run for group in groups.values() for run in group]
    edges = np.linspace(0, max(np.max(sample) for sample in (data, *runs)), _BINS + 1)
    with matplotlib.rc_context(PAPER):
        height = 1.0 if len(groups) > 1 else 1.9
        figure, axes = style.panels(len(groups), 1, width=4.2, height=height)
        for axis, (label, group) in zip(axes[:, 0], groups.items(), strict=True):
            _density(axis, data, edges, VERMILION, "data", filled=True)
            for number, run in enumerate(group):
                _density(axis, run, edges, BLUE, "" if number else label)
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
