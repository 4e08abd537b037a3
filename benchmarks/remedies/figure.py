"""One picture: cost against stability, a point a technique."""

import pathlib
from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from ganstab.dynamics import Outcome
from ganstab.style import BLUE, FAINT, INK, VERMILION, panels, styled

from .table import Entry, Spread, of_rounds, of_seeds, share, stacked
from .techniques import PLAIN, RECIPES, TECHNIQUES

MODES = 1000
PANELS = {
    "ring": ("cost_ring", "8 Gaussians on a ring", "runs that end well, %"),
    "grid": ("cost_ring", "25 Gaussians on a grid", "runs that end well, %"),
    "ordinary": ("cost_stacked", "stacked MNIST", "modes covered, %"),
}
PLACES = [
    (distance * x, distance * y)
    for distance in (4, 8, 12, 17, 23, 30, 38)
    for x, y in ((1, 1), (1, -1), (-1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1))
]
"""Where a name may stand beside its point, in 1/72 inch: at the first place that is free."""
Points = Mapping[str, tuple[Spread, Spread]]


@styled
def figure(rows: Mapping[str, Any], folder: pathlib.Path) -> Figure:
    """A panel for each task of which there is something.

    Horizontal bars are the quartiles of the rounds of timing, vertical ones the standard error over
    seeds. Blue techniques are recipes of `ganstab.recipes`, the red one is the plain GAN. What is
    at 0 % and no recipe has no name.
    """
    everything = {**rows, **stacked(folder)}
    points = {task: _points(everything, task) for task in PANELS}
    shown = [task for task, found in points.items() if found] or ["ring"]
    drawn, axes = panels(1, len(shown), width=5.2, height=4.8)
    for axis, task in zip(axes[0], shown, strict=True):
        _, title, label = PANELS[task]
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_formatter("{x:g}")
        top = min(
            106, 10 + 1.2 * max((y.middle + y.high for _, y in points[task].values()), default=80)
        )
        axis.set(title=title, ylabel=label, ylim=(-0.15 * top, top))
        axis.set_yticks([tick for tick in axis.get_yticks() if 0 <= tick <= 100])
        axis.set_xlabel("time of a step, in steps of the plain GAN")
        for name, (x, y) in points[task].items():
            axis.errorbar(
                x.middle, y.middle, xerr=[[x.low], [x.high]], yerr=[[y.low], [y.high]],
                fmt="o", markersize=4, color=_colour(name), elinewidth=0.8,
            )  # fmt: skip
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()  # places the axes
    for axis, task in zip(axes[0], shown, strict=True):
        _name(axis, points[task], canvas.get_renderer())
    return drawn


def _points(rows: Mapping[str, Any], task: str) -> Points:
    """Cost and stability of each technique of which both are known."""
    costs, found = rows.get(PANELS[task][0], {}), rows.get(task, {})

    def stability(entry: Entry) -> Spread:
        if task == "ordinary":
            return of_seeds([100 * modes / MODES for modes in entry["modes"]])
        return share(entry, Outcome.CONVERGES)

    return {
        name: (of_rounds(costs[name]["processor_time"]), stability(found[name]))
        for name in TECHNIQUES
        if name in costs and name in found
    }


def _colour(name: str) -> str:
    return VERMILION if name == PLAIN else BLUE if name in RECIPES else FAINT


def _name(axis: Axes, points: Points, renderer: RendererAgg) -> None:
    """Names beside the points, where they cover neither points nor one another."""
    at = {name: (x.middle, y.middle) for name, (x, y) in points.items()}
    marks = (axis.transData.transform(place) for place in at.values())
    taken = [Bbox.from_bounds(x - 6, y - 6, 12, 12) for x, y in marks]
    inside = axis.get_window_extent()
    named = [name for name in at if at[name][1] > 0 or name in RECIPES]
    for name in sorted(named, key=lambda name: at[name][1]):
        for x, y in PLACES:
            words = axis.annotate(
                name, at[name], (x, y), textcoords="offset points", fontsize=6.5,
                color=_colour(name) if name in RECIPES else INK,
                ha="left" if x > 0 else "right" if x < 0 else "center",
                va="bottom" if y > 0 else "top" if y < 0 else "center",
                arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": FAINT},
            )  # fmt: skip
            words.set_in_layout(False)
            words.update_positions(renderer)
            box = Text.get_window_extent(words)  # without the line to its point
            within = inside.containsx(box.x0) and inside.containsx(box.x1)
            within = within and inside.containsy(box.y0) and inside.containsy(box.y1)
            free = within and not any(box.overlaps(other) for other in taken)
            if free or (x, y) == PLACES[-1]:
                break
            words.remove()
        taken.append(box)
