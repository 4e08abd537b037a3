"""The one look of all pictures: colours, lettering, sizes.

It is no part of `ganstab.plots`, so that programs which draw no game start without SciPy.
"""

import io
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

__all__ = [
    "ALONG",
    "BLUE",
    "DEPTH",
    "FAINT",
    "GREEN",
    "GROUND",
    "INK",
    "ORANGE",
    "PAPER",
    "PURPLE",
    "STYLE",
    "VERMILION",
    "panels",
    "png",
    "styled",
]

BLUE = "#0072B2"
"""The first colour of curves. All five are Okabe and Ito's or near them: people with any kind of
colour vision can tell them apart."""
VERMILION = "#D55E00"
"""The second colour."""
GREEN = "#009E73"
"""The third colour."""
PURPLE = "#AA3377"
"""The fourth colour."""
ORANGE = "#E69F00"
"""The fifth colour."""
INK = "#333333"
"""The colour of letters."""
FAINT = "#8A8A8A"
"""The colour of what stands behind: axes, guides."""
DEPTH = LinearSegmentedColormap.from_list("depth", ["#FFFFFF", "#9CC9E5", BLUE, "#00263C"])
"""A scale from white through `BLUE` to nearly black: lightness alone tells the order."""
GROUND = LinearSegmentedColormap.from_list("ground", ["#FFFFFF", "#D5E8F4", "#A5CCE4"])
"""A paler scale, for the ground on which curves and letters stand."""
ALONG = LinearSegmentedColormap.from_list("along", [ORANGE, VERMILION, PURPLE, "#23205C"])
"""A scale between two colours that stay dark on white, for curves whose colour is a number."""
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
}
"""matplotlib's settings of every picture."""
PAPER: dict[Any, Any] = {
    **STYLE,
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
}
"""The same with lettering of the size of a paper's column."""

styled = matplotlib.rc_context(PAPER)
"""A decorator: what the function draws has the settings of `PAPER`."""


@styled
def panels(
    rows: int = 1, columns: int = 1, *, width: float = 3.35, height: float = 2.9
) -> tuple[Figure, np.ndarray]:
    """A figure of `rows × columns` axes, each of a paper's column width.

    Args:
      rows: how many rows.
      columns: how many columns.
      width: of one panel, in inches.
      height: of one panel, in inches.

    Returns:
      The figure, and its axes as an array `[rows, columns]`.
    """
    figure = Figure(figsize=(width * columns, height * rows), dpi=200, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def png(figure: Figure) -> bytes:
    """The figure as PNG bytes, at its own resolution."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=figure.dpi)
    return buffer.getvalue()
