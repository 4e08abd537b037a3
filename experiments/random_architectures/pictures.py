"""What only a whole table shows: counts by minimum score, and one way's scores by the other's."""

import pathlib
from collections.abc import Sequence

import numpy as np

from experiments.random_architectures import outcomes
from experiments.random_architectures.outcomes import Counts, Trials, Ways
from ganstab import style
from ganstab.reporting import Picture
from ganstab.reporting.writing import to_json, write_atomic
from ganstab.tables import Runs


def count_picture(runs: Runs, folder: pathlib.Path, ways: Ways) -> list[Picture]:
    """For a table's report, the counts by minimum score, beside the paper's for an Inception score.

    The counts are written to `outcomes.json`, beside the picture, too.
    """
    trials, label = outcomes.read(runs, folder.parent, ways)
    if not len(trials):
        return []
    found = [outcomes.counts(trials, minimum) for minimum in outcomes.MINIMUMS]
    paper = outcomes.PAPER if label.startswith("Inception score") else []
    path = folder / "outcomes.png"
    _draw_counts(found, paper, label, ways, path)
    known = {
        "minimum": outcomes.MINIMUMS,
        "counts": [each._asdict() for each in found],
        "ways": ways,
    }
    write_atomic(path.with_suffix(".json"), to_json(known))
    words = f"{len(trials)} architectures that ended both ways, by the least {label}."
    beside = " Dashed, and in brackets, the paper's, of 200." if paper else ""
    return [Picture(path, words + beside)]


@style.styled
def _draw_counts(
    found: Sequence[Counts], paper: Sequence[Counts], label: str, ways: Ways, path: pathlib.Path
) -> None:
    names = [*(f"{words} alone" for words in ways.values()), "both", "none"]
    colours = (style.VERMILION, style.BLUE, style.GREEN, style.FAINT)
    figure, ((curves, table),) = style.panels(1, 2, height=3.6)
    for kind, line in ((found, "-"), (paper, "--")):
        shares = [100 * np.array(each) / sum(each) for each in kind]
        for name, colour, share in zip(names, colours, np.transpose(shares), strict=False):
            curves.plot(
                outcomes.MINIMUMS, share, line, color=colour, label=name if kind is found else None
            )
    curves.set(xlabel=f"least {label}", ylabel="architectures, %", ylim=(-2, 102))
    curves.legend()
    beside = [[f" ({n})" for n in each] for each in paper] or [[""] * 4] * len(found)
    rows = [
        [f"{minimum:g}", *(f"{n}{other}" for n, other in zip(each, others, strict=True))]
        for minimum, each, others in zip(outcomes.MINIMUMS, found, beside, strict=True)
    ]
    table.axis("off")
    drawn = table.table(rows, colLabels=["least score", *names], cellLoc="center", loc="center",
                        edges="horizontal")  # fmt: skip
    for cell in drawn.get_celld().values():
        cell.set(linewidth=0.4, edgecolor=style.FAINT)
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(6)
    write_atomic(path, style.png(figure))


def side_picture(runs: Runs, folder: pathlib.Path, ways: Ways) -> list[Picture]:
    """For a table's report, each architecture's score in one way against that in the other."""
    trials, label = outcomes.read(runs, folder.parent, ways)
    if not len(trials):
        return []
    found, path = outcomes.sides(trials), folder / "sides.png"
    _draw_sides(trials, label, list(ways.values()), path)
    write_atomic(path.with_suffix(".json"), to_json({**found._asdict(), "ways": ways}))
    first, second = ways.values()
    words = (
        f"{len(trials)} architectures that ended both ways: {first} scores higher in "
        f"{found.first}, {second} in {found.second} (sign test: p = {found.p:.2g}). The paper has "
        "the two-sided penalty higher in 100 and the one-sided in 77, of 174; these add up to 177."
    )
    return [Picture(path, words)]


@style.styled
def _draw_sides(trials: Trials, label: str, names: list[str], path: pathlib.Path) -> None:
    figure, ((axis,),) = style.panels(width=3.6, height=3.4)
    ends = [0.9, 1.1 * max(float(trials.max()), 1)]
    shown = np.maximum(trials, ends[0])  # those that diverged, at the edge
    axis.plot(ends, ends, color=style.FAINT, linewidth=0.8)
    axis.scatter(*shown.T, s=12, color=style.BLUE)
    axis.set(xlabel=f"{label}: {names[0]}", ylabel=names[1], xlim=ends, ylim=ends)
    write_atomic(path, style.png(figure))
