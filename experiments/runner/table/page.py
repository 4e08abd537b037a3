"""`report.html` and `result.json` of a table, and its lines for a terminal."""

import html
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.runner import report
from experiments.runner.progress import describe, duration
from experiments.runner.reading import shown
from experiments.runner.samples import sample_path, sample_steps
from experiments.runner.table import pictures
from experiments.runner.table.cells import Table
from experiments.runner.table.options import Plan
from experiments.runner.table.result import Results, entries, measures
from experiments.runner.table.runs import LOG, Run
from experiments.runner.table.verdict import RULE
from ganstab.output import pages
from ganstab.output.run_log import read_rows
from ganstab.output.writing import write_atomic

STATES = {
    "finished": "Finished: all {runs} runs.",
    "running": "{done} of {runs} runs are done.",
    "interrupted": "Stopped with {done} of {runs} runs done; the same command goes on from there.",
    "failed": "{done} of {runs} runs are done, {failed} failed; the same command tries them again.",
}


def state(result: Results) -> str:
    """How far the table is."""
    return STATES[result["status"]].format(**{**result, "failed": len(result["failed"])})


def lines(plan: Plan, result: Results) -> Iterator[str]:
    """For a terminal: how far the table is, and each cell's numbers with what they say."""
    yield state(result)
    for measure in measures(plan.table, result):
        for cell, entry in entries(result, measure).items():
            words = [f"{cell}: {entry['label']}: {_mean(entry)}", *_beside(entry)]
            yield "; ".join(words)
    yield from missing(result)


def write(plan: Plan, result: Results) -> None:
    """Writes `result.json`, `figures/` and `report.html` into the table's folder.

    Raises:
      InputError: a file cannot be written, or a run's cannot be read.
    """
    logs = {run.name: read_rows(run.folder / LOG) for run in plan.shown()}
    report.write_result(plan.folder, result)
    names = measures(plan.table, result)
    drawn = [picture for name in names for picture in _picture(plan, result, name, logs)]
    body = [
        *(_section(plan.table, result, name) for name in names),
        pages.section("Missing", *(pages.paragraphs(line) for line in missing(result))),
        pages.section("Over the training steps", *map(pages.figure, drawn)),
        _samples(plan, logs),
        pages.section("How cells are judged", pages.paragraphs(RULE)),
        _runs(plan, result),
        *report.closing(_how(result), result["config"]),
    ]
    text = pages.page(
        plan.table.title,
        state=state(result),
        good=result["status"] == "finished",
        description=plan.table.description,
        body=body,
    )
    write_atomic(plan.folder / "report.html", text)


def missing(result: Results) -> list[str]:
    """What is not there, or not in the means, in whole lines."""
    found = []
    for name, cell in result["cells"].items():
        parts = []
        if cell["missing"]:
            seeds = (f"{s} (step {at:,})" if at else str(s) for s, at in cell["missing"].items())
            parts.append(f"not finished: seed {', '.join(seeds)}")
        parts += [f"seed {s} diverged, {why}" for s, why in cell["diverged"].items()]
        for measure, entry in cell["measures"].items():
            parts += [f"seed {s}: {measure} is not a number" for s in entry["not_a_number"]]
        found += [f"{name}: {'; '.join(parts)}."] if parts else []
    found += [f"{name} failed: {words}" for name, words in result["failed"].items()]
    steps = result["evaluated_at_steps"]
    if len(steps) > 1:
        found.append(f"Not all finished runs are equally long: they end at steps {_list(steps)}.")
    for name, values in result["versions_that_differ"].items():
        found.append(f"Runs differ in {name}: {_list(values)}.")
    return found


def _section(table: Table, result: Results, measure: str) -> str:
    found = entries(result, measure)
    label = next(iter(found.values()))["label"]
    cells = {
        row: [_cell(table, found, measure, row, column) for column in table.columns()]
        for row in table.rows()
    }
    head = "".join(f"<th>{html.escape(name)}</th>" for name in (table.corner, *table.columns()))
    rows = (f"<tr><th>{html.escape(row)}</th>{''.join(line)}</tr>" for row, line in cells.items())
    grid = f'<table class="wide"><tr>{head}</tr>{"".join(rows)}</table>'
    ideal = next(iter(found.values()))["ideal"]
    perfect = "" if ideal is None else f"; a perfect generator has {ideal:.4g}"
    note = f"Mean ± standard error (number of seeds){perfect}."
    heading = label[:1].upper() + label[1:]
    return pages.section(heading, f'<div class="scroll">{grid}</div>', pages.paragraphs(note))


def _cell(table: Table, found: Results, measure: str, row: str, column: str) -> str:
    cell = table.at(row, column)
    if cell is None:
        return "<td></td>"
    published = cell.published.get(measure)
    entry = found.get(cell.name) or {"published": published and published._asdict()}
    first = html.escape(_mean(entry) if "mean" in entry else "–")
    below = (f'<div class="below">{html.escape(words)}</div>' for words in _beside(entry))
    return f'<td class="{_tone(entry)}">{first}{"".join(below)}</td>'


def _tone(entry: Mapping[str, Any]) -> str:
    words = (entry.get("verdict") or {}).get("words", "")
    return "good" if words == "agrees" else "warn" if words.startswith("differs") else ""


def _mean(entry: Mapping[str, Any]) -> str:
    return f"{shown(entry['mean'], entry['standard_error'])} ({entry['n']})"


def _beside(entry: Mapping[str, Any]) -> list[str]:
    """The published value and the verdict, where there are any."""
    published = entry["published"]
    paper = f"paper {shown(published['value'], published['standard_error'])}" if published else ""
    return [words for words in (paper, (entry.get("verdict") or {}).get("words")) if words]


def _picture(
    plan: Plan, result: Results, measure: str, logs: Mapping[str, Any]
) -> list[report.Picture]:
    rows: dict[str, dict[int, Any]] = {}
    for run in plan.shown():
        rows.setdefault(run.cell.name, {})[run.seed] = logs[run.name]
    done = {name: cell["finished"] for name, cell in result["cells"].items()}
    entry = next(iter(entries(result, measure).values()))
    path = plan.folder / "figures" / f"{measure}.png"
    log = entry["better"] == "lower"
    drawn = pictures.curves(plan.table, measure, rows, done, path, title=entry["label"], log=log)
    return [report.Picture(path, f"{entry['label']}, at every evaluation.")] if drawn else []


def _samples(plan: Plan, logs: Mapping[str, Any]) -> str:
    """The last samples of each cell's first seed, laid out as the table is."""
    style = f"grid-template-columns: repeat({len(plan.table.columns())}, minmax(0, 1fr))"
    grids = []
    for cell in plan.table.cells:
        run = plan.run(cell, min(plan.seeds))
        grids += [pages.figure(picture) for picture in _last_samples(run, logs.get(run.name, []))]
    grid = f'<div class="gallery" style="{style}">{"".join(grids)}</div>' if any(grids) else ""
    return pages.section(f"Samples, seed {min(plan.seeds)}", grid)


def _last_samples(run: Run, rows: Sequence[Mapping[str, Any]]) -> list[report.Picture]:
    steps = sample_steps(run.folder)
    if not steps:
        return []
    row = next((row for row in rows if row["step"] == steps[-1]), {})
    numbers = {name: row[name] for name in ("modes", "kl") if row.get(name) is not None}
    where = ", ".join((run.cell.row, run.cell.column))
    caption = " · ".join([where, f"step {steps[-1]:,}", *describe(numbers)])
    return [report.Picture(sample_path(run.folder, steps[-1]), caption)]


def _runs(plan: Plan, result: Results) -> str:
    """Every run that has a report, as a link to it."""
    links = []
    for cell in plan.table.cells:
        runs = [run for run in plan.shown() if run.cell.name == cell.name]
        to = [_link(run, plan.folder) for run in runs if (run.folder / "report.html").exists()]
        links += (
            [f"<tr><th>{html.escape(cell.name)}</th><td>{', '.join(to)}</td></tr>"] if to else []
        )
    return pages.section("Runs", f'<table class="facts">{"".join(links)}</table>' if links else "")


def _link(run: Run, folder: pathlib.Path) -> str:
    target = (run.folder / "report.html").relative_to(folder)
    return f'<a href="{html.escape(str(target))}">seed {run.seed}</a>'


def _how(result: Results) -> dict[str, Any]:
    """Of all runs together, for the end of the report."""
    versions = {"time of all runs": duration(result["wall_time_s"]), **result["versions"]}
    return {"versions": versions, "command": result["command"]}


def _list(values: Sequence[Any]) -> str:
    return ", ".join(f"{value:,}" if isinstance(value, int) else str(value) for value in values)
