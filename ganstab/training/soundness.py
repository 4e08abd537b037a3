"""Whether a `result.json` from elsewhere has what a run writes into it, kind by kind."""

import re
from collections.abc import Mapping
from typing import Any

from ganstab.reporting.formatting import STATUS

__all__ = ["result_damage"]


def result_damage(result: Mapping[str, Any]) -> str:
    """The first thing of another kind than a run writes; a finished run must have results."""
    steps = [result.get(name) for name in ("step", "num_steps")]
    told = isinstance(result.get("status"), str) and result["status"] in STATUS
    counted = all(type(step) is int and 0 <= step < 10**9 for step in steps)
    if not (told and counted and isinstance(result.get("results", {}), dict)):
        return "no sound status, step and results"
    if result["status"] == "finished" and "results" not in result:
        return "no results"
    for name, is_sound in _SOUND.items():
        if result.get(name) is not None and not is_sound(result[name]):
            return f"something else for {name}"
    entries = result.get("results", {}).items()
    return next((f"no number for {name}" for name, e in entries if not _is_entry(name, e)), "")


def _is_entry(name: str, entry: Any) -> bool:
    """Of a measure, whose name is also that of a file."""
    return (
        re.fullmatch(r"[\w .+-]{1,100}", name) is not None
        and isinstance(entry, dict)
        and isinstance(entry.get("label"), str)
        and entry.get("better") in ("higher", "lower")
        and all(e is None or _is_number(e) for e in (entry.get("mean"), entry.get("ideal")))
        and _is_error(entry.get("standard_error"))
        and (entry.get("published") is None or _is_published(entry["published"]))
    )


def _is_published(published: Any) -> bool:
    return (
        isinstance(published, dict)
        and published.keys() <= {"value", "standard_error", "source", "runs"}
        and _is_number(published.get("value"))
        and _is_error(published.get("standard_error"))
        and isinstance(published.get("source"), str)
        and (published.get("runs") is None or type(published["runs"]) is int)
    )


def _is_best(best: Any) -> bool:
    return (
        isinstance(best, dict)
        and type(best.get("step")) is int
        and isinstance(best.get("measure"), str)
        and _is_number(best.get("value"))
    )


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and -1e300 < value < 1e300


def _is_error(value: Any) -> bool:
    return value is None or (_is_number(value) and value >= 0)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_SOUND = {
    "reason": _is_text,
    "wall_time_s": _is_number,
    "evaluated_at_step": lambda value: type(value) is int,
    "saved_at_step": lambda value: type(value) is int,
    "seed": lambda value: type(value) is int,
    "command": _is_text,
    "population": lambda value: isinstance(value, list) and bool(value),
    "measures": lambda value: isinstance(value, list) and all(map(_is_text, value)),
    "params_digest": _is_text,
    "best": _is_best,
    "versions": lambda value: isinstance(value, dict) and all(map(_is_text, value.values())),
}
