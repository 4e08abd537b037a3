"""How training ends over a grid of two hyperparameters."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from ganstab.dynamics import Outcome, PhaseDiagram
from ganstab.plots.modes import borders
from ganstab.style import INK, styled

__all__ = ["phase_diagram"]

COLOURS = {
    Outcome.CONVERGES: "#A6D8C4",
    Outcome.ROTATES: "#A5CCE4",
    Outcome.COLLAPSES: "#F3D6A0",
    Outcome.DIVERGES: "#E59A77",
    Outcome.UNFINISHED: "#F2F2F2",
}
SIDE = 101
"""Points a side, at which a boundary is computed."""


@styled
def phase_diagram(
    axis: Axes,
    diagram: PhaseDiagram,
    *,
    radius: Callable[[float, float], float] | None = None,
    names: tuple[str, str] = ("a", "b"),
    title: str = "",
    legend: bool = True,
) -> None:
    """One field a run, coloured by its outcome; an axis of geometric values is logarithmic.

    Args:
      axis: where to draw.
      diagram: from `dynamics.phase_diagram`.
      radius: `(a, b) -> ρ`, the spectral radius of a step at the equilibrium, where it is known in
        closed form; the line ρ = 1 is drawn, within which theory has training converge.
      names: of the two axes.
      title: in one line.
      legend: whether the outcomes that occur are named.
    """
    first, second = (np.asarray(values, float) for values in (diagram.first, diagram.second))
    colours = ListedColormap(list(COLOURS.values()))
    edges = [_edges(values) for values in (first, second)]
    axis.pcolormesh(*edges, diagram.outcomes, cmap=colours, vmin=-0.5, vmax=len(COLOURS) - 0.5)
    axis.set(xlabel=names[0], ylabel=names[1], title=title)
    axis.set_xscale("log" if _is_geometric(first) else "linear")
    axis.set_yscale("log" if _is_geometric(second) else "linear")
    axis.grid(False)
    handles: list[Any] = [
        Patch(color=COLOURS[outcome], label=outcome.name.lower())
        for outcome in Outcome
        if (diagram.outcomes == outcome).any()
    ]
    if radius is not None:
        a, b = (_fine(values) for values in edges)
        values = np.array([[radius(x, y) for x in a] for y in b])
        axis.contour(a, b, values, levels=[1.0], colors=INK, linewidths=1.3)
        handles.append(axis.plot([], [], color=INK, linewidth=1.3, label="theory, ρ = 1")[0])
    if legend:
        axis.legend(handles=handles, loc="center left", bbox_to_anchor=(1.02, 0.5))


def _is_geometric(values: np.ndarray) -> bool:
    if len(values) < 3 or (values <= 0).any():
        return False
    steps = np.diff(values)
    return bool(np.ptp(np.diff(np.log(values))) < 0.01 and np.ptp(steps) > 0.01 * abs(steps[0]))


def _edges(values: np.ndarray) -> np.ndarray:
    """The borders of fields around these values, which are evenly spaced, or as logarithms."""
    return np.exp(borders(np.log(values))) if _is_geometric(values) else borders(values)


def _fine(edges: np.ndarray) -> np.ndarray:
    space = np.geomspace if _is_geometric(edges) else np.linspace
    return space(edges[0], edges[-1], SIDE)
