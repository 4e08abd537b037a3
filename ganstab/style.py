"""The one look of all pictures: colours, lettering, sizes.

Beside `ganstab.plots` and not in it, so that programs which draw no game start without SciPy.
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
    "PAPER",
    "PURPLE",
    "STYLE",
    "VERMILION",
    "panels",
    "png",
    "styled",
]

# Okabe and Ito's colours, which people with any kind of colour vision can tell apart.
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#AA3377"
INK, FAINT = "#333333", "#8A8A8A"
# From white through BLUE to nearly black: lightness alone tells the order.
DEPTH = LinearSegmentedColormap.from_list("depth", ["#FFFFFF", "#9CC9E5", BLUE, "#00263C"])
# Paler, for the ground on which curves and letters stand.
GROUND = LinearSegmentedColormap.from_list("ground", ["#FFFFFF", "#D5E8F4", "#A5CCE4"])
# Between two colours that stay dark on white, for curves whose colour is a number.
ALONG = LinearSegmentedColormap.from_list("along", ["#E69F00", VERMILION, PURPLE, "#23205C"])
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

styled = matplotlib.rc_context(PAPER)


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
