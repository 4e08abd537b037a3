"""Eigenvalues of a game, and their paths as a weight grows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from scipy.optimize import linear_sum_assignment

from ganstab.style import ALONG, BLUE, FAINT, INK, styled

__all__ = ["eigenvalue_path", "eigenvalues"]


@styled
def eigenvalue_path(
    axis: Axes,
    weights: np.ndarray,
    eigenvalues: np.ndarray,
    *,
    circle: bool = False,
    title: str = "",
    label: str = "weight",
) -> None:
    """The eigenvalues' paths through the complex plane, coloured by the weight, light to dark.

    The shaded side is where the game runs away: right of the imaginary axis for a field, outside
    the unit circle for the map of a training step. A ring marks the first weight, a square the
    last.

    Args:
      axis: where to draw.
      weights: `[W]`, in order.
      eigenvalues: `[W, n]`, complex, in any order at each weight: paths are joined by nearness.
      circle: whether the unit circle is the border, and not the imaginary axis.
      title: in one line.
      label: what the weight is called.

    Raises:
      ValueError: if there is not one row of eigenvalues for each weight.
    """
    weights, eigenvalues = np.asarray(weights, float), np.asarray(eigenvalues, complex)
    if eigenvalues.ndim != 2 or weights.shape != eigenvalues.shape[:1]:
        raise ValueError(
            "eigenvalue_path needs weights [W] and eigenvalues [W, n], got shapes "
            f"{weights.shape} and {eigenvalues.shape}"
        )
    paths = _joined(eigenvalues)
    _limits(axis, paths, [1 + 1j, -1 - 1j] if circle else [0.0])
    if circle:
        axis.set_aspect("equal", adjustable="datalim")
    _border(axis, circle)
    scale = Normalize(weights.min(), weights.max())
    for path in paths.T:
        points = np.stack([path.real, path.imag], axis=-1)
        middle = (weights[1:] + weights[:-1]) / 2
        strokes = LineCollection(
            list(np.stack([points[:-1], points[1:]], axis=1)), cmap=ALONG, norm=scale,
            linewidths=2.0, capstyle="round", zorder=3,
        )  # fmt: skip
        strokes.set_array(middle)
        drawn = axis.add_collection(strokes, autolim=False)
        for place, marker in ((0, "o"), (-1, "s")):
            axis.plot(
                *points[place], marker, color=ALONG(scale(weights[place])), markersize=5,
                markeredgecolor="white", zorder=4, clip_on=False,
            )  # fmt: skip
    bar = axis.figure.colorbar(drawn, ax=axis, label=label, pad=0.02)
    bar.outline.set_visible(False)
    axis.set_xlabel("real part" if circle else "real part: growth")
    axis.set_ylabel("imaginary part" if circle else "imaginary part: rotation")
    axis.set_title(title)


@styled
def eigenvalues(axis: Axes, values: np.ndarray, *, circle: bool = False, title: str = "") -> None:
    """Eigenvalues as points in the complex plane; on the shaded side the game runs away.

    Args:
      axis: where to draw.
      values: `[n]`, complex.
      circle: whether the unit circle is the border, as for the multipliers of a training step, and
        not the imaginary axis; then the picture is as near as the values allow.
      title: in one line.
    """
    values = np.asarray(values, complex)
    _limits(axis, values, [1.0] if circle else [0.0])
    _border(axis, circle)
    axis.plot(
        values.real, values.imag, "o", color=BLUE, markersize=5, markeredgecolor="white", zorder=4
    )
    axis.set_xlabel("real part" if circle else "real part: growth")
    axis.set_ylabel("imaginary part" if circle else "imaginary part: rotation")
    axis.set_title(title)


def _joined(eigenvalues: np.ndarray) -> np.ndarray:
    """Rows reordered so that each column is one path: every next value the nearest one's."""
    rows = [eigenvalues[0]]
    for row in eigenvalues[1:]:
        # Where two have met, they go on as they came.
        ahead = 2 * rows[-1] - rows[-2] if len(rows) > 1 else rows[-1]
        rows.append(row[linear_sum_assignment(np.abs(ahead[:, None] - row[None]))[1]])
    return np.stack(rows)


def _limits(axis: Axes, paths: np.ndarray, corners: Sequence[complex]) -> None:
    """All of the paths, and the corners."""
    seen = np.concatenate([paths[np.isfinite(paths)], corners])
    reach = max(np.ptp(seen.real), np.ptp(seen.imag), 1e-3)
    for values, setter in ((seen.real, axis.set_xlim), (seen.imag, axis.set_ylim)):
        margin = 0.08 * max(np.ptp(values), 0.2 * reach)
        setter(values.min() - margin, values.max() + margin)


def _border(axis: Axes, circle: bool) -> None:
    shade: dict[str, Any] = {"color": FAINT, "alpha": 0.16, "linewidth": 0, "zorder": 0.5}
    if not circle:
        axis.axvspan(0, axis.get_xlim()[1], **shade)
        axis.axvline(0, color=INK, linewidth=1.1, zorder=2)
        axis.axhline(0, color=FAINT, linewidth=0.6, zorder=2)
        return
    angle = np.linspace(0, 2 * np.pi, 361)
    x, y = np.cos(angle), np.sin(angle)
    # Far out, since equal axes may yet grow.
    frame_x, frame_y = 1e3 * np.array([[-1, -1, 1, 1, -1], [-1, 1, 1, -1, -1]])
    # The frame runs clockwise and the circle against it, so that the disc is left out.
    axis.fill(np.concatenate([frame_x, x]), np.concatenate([frame_y, y]), **shade)
    axis.plot(x, y, color=INK, linewidth=1.1, zorder=2)
