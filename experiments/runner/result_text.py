"""A run's result in plain words, for the report and the terminal."""

import math
from collections.abc import Mapping
from typing import Any

from experiments.runner.progress import number

STATUS = {
    "running": "Running: at step {step} of {total} when this was written.",
    "finished": "Finished: {step} steps.",
    "interrupted": "Stopped at step {step} of {total}; the same command goes on from there.",
    "diverged": "Diverged after step {step} of {total}.",
}


def state(result: Mapping[str, Any]) -> str:
    """How far the run came, and why it ended there."""
    words = STATUS[result["status"]].format(
        step=f"{result['step']:,}", total=f"{result['num_steps']:,}"
    )
    reason = result.get("reason")
    return f"{words} {reason[:1].upper()}{reason[1:]}." if reason else words


def summary(result: Mapping[str, Any]) -> list[str]:
    """Lines for a terminal: how the run ended, then each number beside the published one."""
    entries = result.get("results", {}).values()
    return [state(result), *(_line(entry, result["status"]) for entry in entries)]


def _line(entry: Mapping[str, Any], status: str) -> str:
    published = entry.get("published")
    line = f"{entry['label']}: {shown(entry['mean'], entry['standard_error'])}"
    if not published:
        return line
    paper = shown(published["value"], published["standard_error"])
    return f"{line} (paper {paper}); {reading(entry, status)}"


def shown(mean: float | None, error: float | None) -> str:
    """A number with its standard error, to two digits of that, if it has one: "8.23 ± 0.31"."""
    if mean is None:
        return "not a number"
    if mean < 0:
        return "−" + shown(-mean, error)
    if not error:
        digits = f"{mean:.4g}" if mean < 1000 else f"{mean:,.0f}"
        return digits if error is None else f"{digits} ± 0"
    places = min(max(1 - math.floor(math.log10(error)), 0), 6)
    return f"{mean:,.{places}f} ± {error:,.{places}f}"


def reading(entry: Mapping[str, Any], status: str = "finished") -> str:
    """The comparison in plain words: how far apart, and in which direction.

    A run is one seed and has no standard error, so nothing is said of it but the side; tables judge
    (`table/verdict.py`).
    """
    published = entry.get("published")
    if not published:
        return "no published value"
    if entry["mean"] is None:
        return "not a number"
    words = [_distance(entry, published), "one seed only, which is no verdict"]
    if status != "finished":
        words.append("not the end of the run")
    return "; ".join(words)


def _distance(entry: Mapping[str, Any], published: Mapping[str, Any]) -> str:
    difference = entry["mean"] - published["value"]
    if not difference:
        return "equal to the published mean"
    side = "better" if (difference > 0) == (entry["better"] == "higher") else "worse"
    where = "above" if difference > 0 else "below"
    return f"{number(abs(difference))} {where} the paper, on the {side} side"
