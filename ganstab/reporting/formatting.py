"""Numbers and results in words, for pages and terminals."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = [
    "best_line",
    "compare_with_paper",
    "describe",
    "format_duration",
    "format_mean",
    "format_number",
    "format_published",
    "status_line",
    "summary_lines",
    "verdict_tone",
]

STATUS = {
    "running": "Running: at step {step} of {total} when this was written.",
    "finished": "Finished: {step} steps.",
    "interrupted": "Stopped at step {step} of {total}; the same command goes on from there.",
    "diverged": "Diverged after step {step} of {total}.",
}


def format_number(value: Any) -> str:
    """A whole number as it is, any other with three digits."""
    value = float(value)
    return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e9 else f"{value:.3g}"


def format_duration(seconds: float) -> str:
    """The two largest units: "8 s", "1 min 40 s", "2 h 5 min", "3 d 4 h"."""
    whole = round(seconds)
    for unit, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60)):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // part} {smaller}"
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"


def format_mean(mean: float | None, error: float | None) -> str:
    """A number with its standard error, to two digits of that, if it has one: "8.23 ± 0.31"."""
    if mean is None:
        return "not a number"
    if mean < 0:
        return "−" + format_mean(-mean, error)
    if not error:
        digits = f"{mean:.4g}" if mean < 1000 else f"{mean:,.0f}"
        return digits if error is None else f"{digits} ± 0"
    places = min(max(1 - math.floor(math.log10(error)), 0), 6)
    return f"{mean:,.{places}f} ± {error:,.{places}f}"


def format_published(published: Mapping[str, Any] | None) -> str:
    """A published value with its standard error; nothing where there is none."""
    return format_mean(published["value"], published["standard_error"]) if published else ""


def describe(numbers: Mapping[str, Any], words: Mapping[str, str] | None = None) -> list[str]:
    """Short words for a line, what matters most first: a narrow terminal cuts the end off.

    For example ["modes 512", "KL 2.31", "loss G 1.23 D 0.61"].

    Args:
      numbers: by name.
      words: a short word for each name; numbers without one are left out.
    """
    words = words or {}
    shown = [name for name in numbers if words.get(name) and numbers[name] is not None]
    found = {name: f"{words[name]} {format_number(numbers[name])}" for name in shown}
    losses = [found.pop(name) for name in ("gen/loss", "disc/loss") if name in found]
    return [*found.values(), *([" ".join(losses)] if losses else [])]


def status_line(result: Mapping[str, Any]) -> str:
    """How far a run came, and why it ended there."""
    step, total = f"{result['step']:,}", f"{result['num_steps']:,}"
    words = STATUS[result["status"]].format(step=step, total=total)
    reason = result.get("reason")
    return f"{words} {reason[:1].upper()}{reason[1:]}." if reason else words


def summary_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """Lines for a terminal: how the run ended, then each number beside the published one."""
    yield status_line(result)
    for entry in result.get("results", {}).values():
        line = f"{entry['label']}: {format_mean(entry['mean'], entry['standard_error'])}"
        paper = format_published(entry.get("published"))
        beside = f" (paper {paper}); {compare_with_paper(entry, result['status'])}"
        yield line + (beside if paper else "")
    if best := best_line(result):
        yield best


def best_line(result: Mapping[str, Any]) -> str:
    """Which evaluation was better than the last one, if one was."""
    best = result.get("best")
    if not best or best["step"] == result.get("evaluated_at_step"):
        return ""
    entry = result.get("results", {}).get(best["measure"], {})
    label = entry.get("label", best["measure"])
    return (
        f"Best at step {best['step']:,}: {label} {format_number(best['value'])}. Its checkpoint is "
        "kept: --step=best."
    )


def compare_with_paper(entry: Mapping[str, Any], status: str = "finished") -> str:
    """How far a run's number is from the published one, and in which direction.

    A single run has no standard error, so only the direction of the difference is said; tables do
    the significance test.
    """
    published = entry.get("published")
    if not published:
        return "no published value"
    if entry["mean"] is None:
        return "not a number"
    difference = entry["mean"] - published["value"]
    side = "better" if (difference > 0) == (entry["better"] == "higher") else "worse"
    where = f"{'above' if difference > 0 else 'below'} the paper, on the {side} side"
    distance = f"{format_number(abs(difference))} {where}"
    if not difference:
        distance = "equal to the published mean"
    words = f"{distance}; one seed only, which is no verdict"
    return words if status == "finished" else f"{words}; not the end of the run"


def verdict_tone(words: str) -> str:
    """The tone of a cell's or a claim's verdict: "good", "warn", or "" where nothing is clear."""
    if words == "agrees" or words.startswith("holds"):
        return "good"
    return "warn" if words.startswith(("differs", "does not hold")) else ""
