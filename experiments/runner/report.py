"""Writes `report.html`: all that a run has to show, in one file that needs nothing else.

It is written for a run that finished, and as well for one that was stopped or came to NaN: then it
reports what is there, and says so first.
"""

import html
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.runner.progress import describe, duration, number
from experiments.runner.result_text import reading, shown, state, summary
from experiments.runner.samples import sample_path, sample_steps, spread
from ganstab.reporting.pages import (
    Picture,
    Prose,
    facts,
    figure,
    gallery,
    page,
    paragraphs,
    section,
    table,
    verbatim,
)
from ganstab.reporting.run_log import read_rows
from ganstab.reporting.writing import to_json, write_atomic

__all__ = ["Picture", "prose", "sample_pictures", "summary", "write_report", "write_result"]

Result = Mapping[str, Any]


def prose(docstring: str | None) -> str:
    """The paragraphs of a program's docstring, without the commands set off between them."""
    paragraphs = (docstring or "").strip().split("\n\n")
    return "\n\n".join(text for text in paragraphs if not text.startswith("    "))


def write_result(workdir: pathlib.Path, result: Result) -> None:
    """Writes `result.json`.

    Raises:
      InputError: it cannot be written.
    """
    write_atomic(workdir / "result.json", to_json(result))


def write_report(
    workdir: pathlib.Path,
    *,
    title: str,
    description: str,
    result: Result,
    config: Mapping[str, Any],
    curves: Sequence[Picture] = (),
    samples: Sequence[Picture] | None = None,
    concluded: Sequence[Picture] = (),
) -> pathlib.Path:
    """Writes `report.html` into the folder and gives its path.

    Args:
      workdir: the run's folder.
      title: the heading, for example "Stacked MNIST, K = 5".
      description: what the run is for; plain text, paragraphs parted by empty lines.
      result: as in `result.json`: "status" (one of `result_text.STATUS`), "step",
        "num_steps", and where they are known "results" (name → `records.measured(…)`),
        "evaluated_at_step", "reason", "command", "wall_time_s", "params_digest" and "versions".
      config: the settings.
      curves: pictures shown one below the other; files that are not there are left out.
      samples: pictures shown in order; by default `sample_pictures(workdir)`.
      concluded: pictures of what was measured after the last step.

    Raises:
      InputError: it cannot be written, or a picture cannot be read.
    """
    pictures = sample_pictures(workdir) if samples is None else samples
    cards = "".join(map(_card, result.get("results", {}).values()))
    body = [
        f'<div class="cards">{cards}</div>',
        section("Against the paper", _comparison_table(result)),
        section("After the last step", *map(figure, concluded)),
        section("Curves", *map(figure, curves)),
        section("Samples", gallery(pictures)),
        *closing(result, config),
    ]
    path = workdir / "report.html"
    good = result["status"] == "finished"
    write_atomic(
        path, page(title, state=state(result), good=good, description=description, body=body)
    )
    return path


def closing(result: Result, config: Mapping[str, Any]) -> tuple[str, str]:
    """The end of every report: how it was made."""
    settings, run = section("Settings", facts(config)), section("Run", facts(_run(result)))
    command = section("Command", verbatim(result.get("command", "")))
    return command, f'<div class="pair">{settings} {run}</div>'


def sample_pictures(workdir: pathlib.Path) -> list[Picture]:
    """Some of the sample grids, evenly spread, with the first and the last."""
    chosen = spread(sample_steps(workdir))
    rows = {row["step"]: row for row in read_rows(workdir / "metrics.jsonl")}
    return [
        Picture(sample_path(workdir, step), _caption(step, rows.get(step, {}))) for step in chosen
    ]


def _caption(step: int, row: Mapping[str, Any]) -> str:
    numbers = {
        name: row[name]
        for name in ("modes", "high_quality", "kl", "js", "sure")
        if row.get(name) is not None
    }
    return " · ".join([f"step {step:,}", *describe(numbers)])


def _card(entry: Mapping[str, Any]) -> str:
    published = entry.get("published")
    below = f"paper {shown(published['value'], published['standard_error'])}" if published else ""
    mean = shown(entry["mean"], entry["standard_error"])
    return (
        f'<div class="card"><div class="label">{html.escape(entry["label"])}</div>'
        f'<div class="value">{mean}</div><div class="below">{below}</div></div>'
    )


def _comparison_table(result: Result) -> str:
    results, step = result.get("results", {}), result.get("evaluated_at_step")
    if not results:
        return paragraphs("Nothing is measured yet.")
    heads = ("", "this run", "seeds", "published", "perfect", "reading", "source")
    rows = (_comparison_row(entry, result["status"]) for entry in results.values())
    return table(heads, rows) + paragraphs("" if step is None else f"Measured at step {step:,}.")


def _comparison_row(entry: Mapping[str, Any], status: str) -> tuple[str, ...]:
    published = entry.get("published")
    return (
        entry["label"],
        shown(entry["mean"], entry["standard_error"]),
        str(entry["n"]),
        shown(published["value"], published["standard_error"]) if published else "–",
        "–" if entry.get("ideal") is None else number(entry["ideal"]),
        Prose(reading(entry, status)),
        Prose(published["source"] if published else "–"),
    )


def _run(result: Result) -> dict[str, Any]:
    known = dict(result.get("versions", {}))
    if result.get("wall_time_s") is not None:
        known = {"wall time": duration(result["wall_time_s"])} | known
    if result.get("population"):
        known["seeds trained as one program"] = ", ".join(map(str, result["population"]))
    if result.get("params_digest"):
        known["SHA-256 of the parameters"] = result["params_digest"]
    return known
