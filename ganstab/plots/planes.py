"""Planes through the parameters of a game: the field on them, and the loss."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jax.flatten_util import ravel_pytree
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from ganstab.dynamics import FixedPoint, Slice, stability
from ganstab.style import BLUE, DEPTH, FAINT, GREEN, GROUND, INK, ORANGE, PURPLE, VERMILION, styled

__all__ = ["landscape", "vector_field"]

ORDER = (VERMILION, BLUE, GREEN, PURPLE, ORANGE)
HALO = withStroke(linewidth=2.6, foreground="white")
# Told apart by filling and shape, for those who see no colours at all.
MARKS: dict[str, dict[str, Any]] = {
    "stable": {"marker": "o", "markerfacecolor": INK},
    "neutral": {"marker": "o", "markerfacecolor": FAINT, "fillstyle": "left"},
    "unstable": {"marker": "X", "markerfacecolor": "white"},
}


@styled
def vector_field(
    axis: Axes,
    slice: Slice,
    *,
    trajectories: Sequence[np.ndarray] = (),
    labels: Sequence[str] = (),
    fixed_points: Sequence[FixedPoint] = (),
    title: str = "",
    names: Sequence[str] = ("θ, generator", "ψ, discriminator"),
) -> None:
    """The field as streamlines on the logarithm of its speed, with runs and resting points.

    Points at which the field is not finite are left white. The ground is darker where the players
    move fast.

    Args:
      axis: where to draw.
      slice: from `dynamics.cut`, on evenly spaced coordinates.
      trajectories: runs in the plane's coordinates (`dynamics.project`), each `[T, 2]`; a dot marks
        the start, an arrow the way.
      labels: one name for each trajectory, for a legend.
      fixed_points: those of a game of two numbers: a full disc where stable, a half one where the
        linear answer is open, a hollow cross where unstable.
      title: in one line.
      names: of the two axes.
    """
    a, b, velocity = (np.asarray(x, float) for x in (slice.a, slice.b, slice.velocity))
    velocity = np.where(np.isfinite(velocity), velocity, np.nan)
    speed = np.linalg.norm(velocity, axis=-1)
    logs = np.log10(np.where(speed > 0, speed, np.nan))
    if np.isfinite(logs).any():
        low, high = np.nanpercentile(logs, [2, 98])
        axis.pcolormesh(
            a, b, logs, cmap=GROUND, vmin=low, vmax=high, shading="gouraud", rasterized=True
        )
    axis.streamplot(
        a, b, velocity[..., 0], velocity[..., 1],
        color="#6F7E88", linewidth=0.55, arrowsize=0.6, density=1.0, zorder=1.5,
    )  # fmt: skip
    _runs(axis, trajectories, labels)
    for point in fixed_points:
        x, y = np.asarray(ravel_pytree(point.params)[0], float)
        style = MARKS[stability(point.eigenvalues)]
        axis.plot(x, y, markersize=6.5, markeredgecolor=INK, color=INK, zorder=6, **style)
    _frame(axis, a, b, title, names)


@styled
def landscape(
    axis: Axes,
    slice: Slice,
    loss: np.ndarray,
    *,
    trajectories: Sequence[np.ndarray] = (),
    labels: Sequence[str] = (),
    title: str = "",
    names: Sequence[str] = ("first direction", "second direction"),
    label: str = "loss",
) -> None:
    """A loss as filled contours over a plane, low ones light.

    Args:
      axis: where to draw.
      slice: from `dynamics.cut`.
      loss: `[len(b), len(a)]`, e.g. `slice.losses.gen`.
      trajectories: runs in the plane's coordinates, each `[T, 2]`.
      labels: one name for each trajectory, for a legend.
      title: in one line.
      names: of the two axes.
      label: of the colour bar.
    """
    a, b, height = (np.asarray(x, float) for x in (slice.a, slice.b, loss))
    height = np.ma.masked_invalid(height)
    # A pole would take all levels for itself.
    low, high = np.percentile(height.compressed(), [0.5, 99.5]) if height.count() else (0.0, 1.0)
    levels = MaxNLocator(12).tick_values(low, high if high > low else low + 1)
    filled = axis.contourf(a, b, height, levels=levels, cmap=DEPTH, extend="both")
    axis.contour(
        a, b, height, levels=levels, colors=INK, linewidths=0.35, linestyles="solid", alpha=0.55
    )
    bar = axis.figure.colorbar(filled, ax=axis, label=label, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_ticks(levels[:: -(-len(levels) // 7)])
    _runs(axis, trajectories, labels)
    _frame(axis, a, b, title, names)


def _runs(axis: Axes, trajectories: Sequence[np.ndarray], labels: Sequence[str]) -> None:
    for i, run in enumerate(trajectories):
        x, y = np.asarray(run, float).T
        colour = ORDER[i % len(ORDER)]
        label = labels[i] if i < len(labels) else None
        axis.plot(x, y, color=colour, linewidth=1.5, path_effects=[HALO], zorder=4, label=label)
        axis.plot(x[0], y[0], "o", color=colour, markersize=4.5, markeredgecolor="white", zorder=5)
        _arrow(axis, np.stack([x, y], axis=-1), colour)
    if labels:
        axis.legend(
            loc="upper right", frameon=True, framealpha=0.9, edgecolor="none", borderpad=0.3
        )


def _arrow(axis: Axes, run: np.ndarray, colour: str) -> None:
    """A head a third of the way along: at its end, a run may be turning on the spot."""
    way = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(run, axis=0), axis=1))])
    if way[-1] > 0:
        head = np.searchsorted(way, 0.33 * way[-1])
        # Against the run's extent, too: a share of many turns would be a chord across them.
        length = min(0.03 * way[-1], 0.1 * np.max(np.ptp(run, axis=0)))
        tail = min(np.searchsorted(way, way[head] - length), head - 1)
        axis.annotate(
            "", run[head], run[tail], zorder=5,
            arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.2, "shrinkB": 0},
        )  # fmt: skip


def _frame(axis: Axes, a: np.ndarray, b: np.ndarray, title: str, names: Sequence[str]) -> None:
    axis.set_xlim(a.min(), a.max())
    axis.set_ylim(b.min(), b.max())
    axis.set_xlabel(names[0])
    axis.set_ylabel(names[1])
    axis.set_title(title)
    axis.grid(False)
