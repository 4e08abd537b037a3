"""Writes `report.html`: all that a run has to show, in one file that needs nothing else.

It is written for a run that finished, and as well for one that was stopped or came to NaN: then it
reports what is there, and says so first.
"""

import base64
import html
import pathlib
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.runner.files import explained, to_json, write_atomic
from experiments.runner.progress import describe, duration, number
from experiments.runner.reading import reading, shown, state, summary
from experiments.runner.records import read_rows
from experiments.runner.report_page import PAGE
from experiments.runner.samples import sample_path, sample_steps

__all__ = ["Picture", "sample_pictures", "summary", "write_report", "write_result"]

Result = Mapping[str, Any]


class Picture(NamedTuple):
    """A PNG file and the words under it."""

    path: pathlib.Path
    caption: str


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
) -> pathlib.Path:
    """Writes `report.html` into the folder and gives its path.

    Args:
      workdir: the run's folder.
      title: the heading, for example "Stacked MNIST, K = 5".
      description: what the run is for; plain text, paragraphs parted by empty lines.
      result: as in `result.json`: "status" (one of `reading.STATUS`), "step",
        "num_steps", and where they are known "results" (name → `records.measured(…)`),
        "evaluated_at_step", "reason", "command", "wall_time_s", "params_digest" and "versions".
      config: the settings.
      curves: pictures shown one below the other; files that are not there are left out.
      samples: pictures shown in order; by default `sample_pictures(workdir)`.

    Raises:
      InputError: it cannot be written, or a picture cannot be read.
    """
    pictures = sample_pictures(workdir) if samples is None else samples
    results = result.get("results", {})
    page = string.Template(PAGE).substitute(
        title=html.escape(title),
        status=html.escape(str(result["status"])),
        state=html.escape(state(result)),
        description=_paragraphs(description),
        cards="".join(map(_card, results.values())),
        table=_section("Against the paper", _comparison_table(result)),
        curves=_section("Curves", "".join(map(_figure, curves))),
        samples=_section("Samples", _gallery(pictures)),
        command=_section("Command", _command(result)),
        settings=_section("Settings", _table(config)),
        run=_section("Run", _table(_facts(result))),
    )
    path = workdir / "report.html"
    write_atomic(path, page)
    return path


def sample_pictures(workdir: pathlib.Path, limit: int = 6) -> list[Picture]:
    """At most `limit` of the sample grids, evenly spread, with the first and the last."""
    steps = sample_steps(workdir)
    places = np.linspace(len(steps) - 1, 0, min(limit, len(steps))).round().astype(int)[::-1]
    chosen = [steps[place] for place in places]
    rows = {row["step"]: row for row in read_rows(workdir / "metrics.jsonl")}
    return [
        Picture(sample_path(workdir, step), _caption(step, rows.get(step, {}))) for step in chosen
    ]


def _caption(step: int, row: Mapping[str, Any]) -> str:
    numbers = {name: row[name] for name in ("modes", "kl") if row.get(name) is not None}
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
        return "<p>Nothing is measured yet.</p>"
    heads = ("", "this run", "seeds", "published", "perfect", "reading", "source")
    head = "".join(f"<th>{name}</th>" for name in heads)
    rows = "".join(_comparison_row(entry, result["status"]) for entry in results.values())
    measured = "" if step is None else f"<p>Measured at step {step:,}.</p>"
    return f'<div class="scroll"><table class="wide"><tr>{head}</tr>{rows}</table></div>{measured}'


def _comparison_row(entry: Mapping[str, Any], status: str) -> str:
    published = entry.get("published")
    cells = (
        shown(entry["mean"], entry["standard_error"]),
        str(entry["n"]),
        shown(published["value"], published["standard_error"]) if published else "–",
        "–" if entry.get("ideal") is None else number(entry["ideal"]),
        html.escape(reading(entry, status)),
        html.escape(published["source"]) if published else "–",
    )
    name = html.escape(entry["label"])
    return f"<tr><th>{name}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _facts(result: Result) -> dict[str, Any]:
    facts = dict(result.get("versions", {}))
    if result.get("wall_time_s") is not None:
        facts = {"wall time": duration(result["wall_time_s"])} | facts
    if result.get("params_digest"):
        facts["SHA-256 of the parameters"] = result["params_digest"]
    return facts


def _command(result: Result) -> str:
    command = result.get("command")
    return f"<pre>{html.escape(command)}</pre>" if command else ""


def _section(name: str, content: str) -> str:
    """Nothing at all for a section that has nothing to show."""
    return f"<section><h2>{name}</h2>{content}</section>" if content else ""


def _table(items: Mapping[str, Any]) -> str:
    rows = (
        f"<tr><th>{html.escape(str(name))}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in items.items()
    )
    return f'<table class="facts">{"".join(rows)}</table>' if items else ""


def _paragraphs(text: str) -> str:
    parts = (html.escape(" ".join(part.split())) for part in text.split("\n\n"))
    return "".join(f"<p>{part}</p>" for part in parts if part)


def _gallery(pictures: Iterable[Picture]) -> str:
    content = "".join(map(_figure, pictures))
    return f'<div class="gallery">{content}</div>' if content else ""


def _figure(picture: Picture) -> str:
    """The picture inside the page; a run that was stopped early may not have it."""
    if not picture.path.exists():
        return ""
    with explained(f"cannot read {picture.path}"):
        data = base64.b64encode(picture.path.read_bytes()).decode()
    caption = html.escape(picture.caption)
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )
