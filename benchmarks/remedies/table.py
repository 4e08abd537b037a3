"""What was found, as numbers with their spread and as a markdown table."""

import json
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ganstab.dynamics import Outcome

from .techniques import PLAIN, RECIPES, TECHNIQUES

TINY = {
    PLAIN: ("table_1", "width0.25_K0"),
    "unrolled_1": ("table_1", "width0.25_K1"),
    "unrolled": ("table_1", "width0.25_K5"),
    "unrolled_10": ("table_1", "width0.25_K10"),
    "minimax": ("choices", "minimax_K0"),
}
"""Table and cell of techniques on stacked MNIST with the tiny discriminator."""
ORDINARY = {name: ("remedies", name) for name in RECIPES}
LOST = Outcome.COLLAPSES, Outcome.ROTATES
Entry = Mapping[str, Any]


class Spread(NamedTuple):
    """A number, and how far it may be off to either side."""

    middle: float
    low: float
    high: float


def of_seeds(values: Sequence[float] | np.ndarray) -> Spread:
    """Their mean, and the standard error over seeds."""
    mean = float(np.mean(values))
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return Spread(mean, error, error)


def of_rounds(ratios: Sequence[float]) -> Spread:
    """Their median and quartiles."""
    low, middle, high = np.percentile(ratios, (25, 50, 75))
    return Spread(float(middle), float(middle - low), float(high - middle))


def share(entry: Entry, *outcomes: Outcome) -> Spread:
    """How many of a grid's runs end so, in %, with the standard error over seeds."""
    ended = np.isin(np.array(entry["outcomes"]), outcomes)  # [grid, seeds]
    return of_seeds(100 * ended.mean(axis=0))


def stacked(folder: pathlib.Path) -> dict[str, dict[str, Any]]:
    """Modes and KL of seeds of `experiments.stacked_mnist`; a run that diverged has no modes."""
    found: dict[str, dict[str, Any]] = {"tiny": {}, "ordinary": {}}
    for part, cells in (("tiny", TINY), ("ordinary", ORDINARY)):
        for name, (table, cell) in cells.items():
            path = folder / table / "result.json"
            known = json.loads(path.read_text())["cells"].get(cell) if path.exists() else None
            if known and (known["measures"] or known["diverged"]):
                values = {key: each["values"] for key, each in known["measures"].items()}
                modes = [*values.get("modes", ()), *[0.0] * len(known["diverged"])]
                found[part][name] = {"modes": modes, "kl": values.get("kl", [])}
    return found


def table(rows: Mapping[str, Any], folder: pathlib.Path) -> str:
    """A line a technique, in markdown; – where a technique can have no row on a task."""
    everything = {**rows, **stacked(folder)}
    lines = ["| " + " | ".join(["technique", *COLUMNS]) + " |", "| --- " * (len(COLUMNS) + 1) + "|"]
    for name, technique in TECHNIQUES.items():
        entries = {part: everything.get(part, {}).get(name) for part, _ in COLUMNS.values()}
        if any(entries.values()):
            cells = [
                show(entries[part]) if entries[part] else "–" * (part in technique.absent)
                for part, show in COLUMNS.values()
            ]
            words = f"{name}: {technique.words}" if technique.words else name
            lines.append("| " + " | ".join([words, *cells]) + " |")
    return "\n".join(lines) + "\n"


def _well(entry: Entry) -> str:
    found = share(entry, Outcome.CONVERGES)
    return f"{found.middle:.0f} ± {found.low:.0f}"


def _ends(entry: Entry) -> str:
    lost, diverged = share(entry, *LOST), share(entry, Outcome.DIVERGES)
    return f"{_well(entry)}, {lost.middle:.0f}, {diverged.middle:.0f}"


def _radius(entry: Entry) -> str:
    known = [radius for radius in entry["radius"] if radius is not None]
    return f"{min(known):.3f}" if known else "none"


def _cost(entry: Entry) -> str:
    memory = "" if entry["memory"] is None else f", {entry['memory']:.2f}"
    return f"{of_rounds(entry['processor_time']).middle:.2f}{memory}"


def _best(entry: Entry) -> str:
    """Modes and KL at the point of the grid with most modes, of the least KL among such."""
    modes, kl = (np.array(entry[name], float).mean(axis=1) for name in ("modes", "kl"))
    best = min(range(len(modes)), key=lambda place: (-modes[place], kl[place]))
    return f"{modes[best]:.1f}, {kl[best]:.3f}"


def _seeds(entry: Entry) -> str:
    modes, count = of_seeds(entry["modes"]), len(entry["modes"])
    error = f" ± {modes.low:.0f}" if count > 1 else ""
    kl = f", {np.mean(entry['kl']):.2f}" if entry["kl"] else ""
    return f"{modes.middle:.0f}{error}{kl} ({count})"


COLUMNS: dict[str, tuple[str, Callable[[Entry], str]]] = {
    "time, memory: points": ("cost_ring", _cost),
    "images": ("cost_stacked", _cost),
    "Dirac: least ρ": ("dirac", _radius),
    "well, %": ("dirac", _well),
    "bilinear: well, %": ("bilinear", _well),
    "ring: well, lost, diverged, %": ("ring", _ends),
    "modes, KL at best": ("ring", _best),
    "grid: well, lost, diverged, %": ("grid", _ends),
    "modes, KL at its best": ("grid", _best),
    "stacked MNIST, tiny: modes, KL (seeds)": ("tiny", _seeds),
    "ordinary: modes, KL (seeds)": ("ordinary", _seeds),
}
"""What is measured, and how it is written."""
