"""A table's files: `result.json`, `figures/` and `report.html`; and its lines for a terminal."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from etils import epy

from ganstab.reporting import Picture, table_page
from ganstab.reporting.formatting import describe, format_mean, format_published
from ganstab.reporting.run_log import Row
from ganstab.reporting.writing import explained, to_json, write_atomic
from ganstab.tables.collect import finished, measures
from ganstab.tables.runs import Found, Plan, read_log
from ganstab.tables.table import Cell, Runs
from ganstab.training import samples
from ganstab.training.run_folder import FIGURES, REPORT, RESULT

with epy.lazy_imports():  # a run starts without matplotlib
    from ganstab.tables import figures

__all__ = ["state", "summary_lines", "write"]

STATES = {
    "finished": "Finished: all {runs} runs{gone}.",
    "running": "{done} of {runs} runs are done.",
    "partial": "{done} of {runs} runs are done, all that the last command asked for.",
    "interrupted": "Stopped with {done} of {runs} runs done; the same command goes on from there.",
    "failed": "{done} of {runs} runs are done, {failed} failed; the same command tries them again.",
}
Logs = dict[str, dict[int, Sequence[Row]]]


def state(result: Mapping[str, Any]) -> str:
    """How far the table is."""
    gone = f", {result['diverged']} of which diverged" if result["diverged"] else ""
    counts = {"gone": gone, "failed": len(result["failed"])}
    return STATES[result["status"]].format(**{**result, **counts})


def summary_lines(plan: Plan, result: Mapping[str, Any]) -> Iterator[str]:
    """How far the table is, claims and means with what they say, and what is left out."""
    yield state(result)
    yield from (f"{claim['words']}: {claim['verdict']}" for claim in result["claims"])
    for measure in measures(plan.table, result):
        for name, cell in result["cells"].items():
            entry = cell["measures"].get(measure)
            if entry:
                yield f"{name}: {entry['label']}: {'; '.join(_numbers(entry))}"
    for kind in ("failed", "damaged"):
        yield from (f"{name} {kind}: {words}" for name, words in result[kind].items())


def _numbers(entry: Mapping[str, Any]) -> Iterator[str]:
    yield f"{format_mean(entry['mean'], entry['standard_error'])} ({entry['n']})"
    if entry["published"]:
        yield f"paper {format_published(entry['published'])}"
    if entry["verdict"]:
        yield entry["verdict"]["words"]


def write(plan: Plan, found: Sequence[Found], result: dict[str, Any]) -> None:
    """Writes all files into the table's folder; runs whose log is damaged join `result`.

    Raises:
      InputError: a file cannot be written.
    """
    with explained(f"cannot write {plan.folder}"):
        (plan.folder / FIGURES).mkdir(parents=True, exist_ok=True)
    logs: Logs = {}
    for run in (each.run for each in found):
        logs.setdefault(run.cell.name, {})[run.seed], wrong = read_log(run)
        if wrong:  # its curve is missing, whatever else is
            known = result["damaged"].get(run.name)
            result["damaged"][run.name] = f"{known}; {wrong}" if known else wrong
    table, names = plan.table, measures(plan.table, result)
    write_atomic(plan.folder / RESULT, to_json(result))
    page = table_page(
        result,
        title=table.title,
        description=table.description,
        state=state(result),
        corner=table.corner,
        rows=table.rows(),
        columns=table.columns(),
        measures=names,
        published={
            cell.name: {name: dataclasses.asdict(known) for name, known in cell.published.items()}
            for cell in table.cells
        },
        pictures=_side_by_side(plan, finished(found)),
        curves=[picture for name in names for picture in _curves(plan, result, name, logs)],
        samples=_sample_grid(plan, names, logs),
        links=_links(plan, found),
    )
    write_atomic(plan.folder / REPORT, page)


def _side_by_side(plan: Plan, runs: Runs) -> Sequence[Picture]:
    """The table's own pictures of its finished runs, or a row of samples for each cell.

    A row is of the cell's first seed that kept its samples; runs of one length share a picture.
    """
    if plan.table.pictures and runs:
        return plan.table.pictures(runs, plan.folder / FIGURES)
    together: dict[int, list[tuple[str, Mapping[int, samples.Arrays], samples.View]]] = {}
    reference: samples.Arrays = {}
    several = len(plan.table.rows()) > 1
    for cell, seeds in runs:
        config = plan.base.replace(**cell.settings)
        found = next((kept for s in sorted(seeds) if (kept := samples.read_samples(seeds[s]))), {})
        views = found and (config.views() or samples.views_of(found[min(found)]))
        if views:
            reference = reference or samples.read_reference(seeds[min(seeds)])
            label = f"{cell.row}, {cell.column}" if several else cell.column
            together.setdefault(config.num_steps, []).append((label, found, views[0]))
    pictures = []
    for steps, rows in together.items():
        path = plan.folder / FIGURES / f"training_{steps}.png"
        if samples.over_training(rows, reference, path, images=True):
            pictures.append(Picture(path, "Samples over the training steps, a row for each cell."))
    return pictures


def _curves(plan: Plan, result: Mapping[str, Any], name: str, logs: Logs) -> list[Picture]:
    cells = result["cells"].items()
    entry = next(cell["measures"][name] for _, cell in cells if name in cell["measures"])
    path = plan.folder / FIGURES / f"{name}.png"
    drawn = figures.curves(
        plan.table,
        name,
        logs,
        {cell: found["finished"] for cell, found in cells},
        path,
        title=entry["label"],
        log=entry["better"] == "lower",  # errors and divergences are compared by their ratio
    )
    return [Picture(path, f"{entry['label']}, at every evaluation.")] if drawn else []


def _samples(plan: Plan, cell: Cell | None, names: Sequence[str], logs: Logs) -> Picture | None:
    """The last samples of a cell's first seed, and what was measured of them."""
    seed = min(plan.seeds)
    figures = cell and plan.run(cell, seed).folder / FIGURES
    pictures = sorted(figures.glob("samples_*.png")) if figures else []
    steps = {int(n): path for path in pictures if (n := path.stem.partition("_")[2]).isdecimal()}
    if cell is None or not steps:
        return None
    step = max(steps)
    rows = logs.get(cell.name, {}).get(seed, [])
    row = next((row for row in rows if row["step"] == step), {})
    words = describe({name: row.get(name) for name in names}, dict(zip(names, names, strict=True)))
    return Picture(steps[step], f"{cell.row}, {cell.column} · step {step:,} · {' · '.join(words)}")


def _sample_grid(plan: Plan, names: Sequence[str], logs: Logs) -> list[Picture | None]:
    """The last samples of each place of the table, row by row; rows without any are left out."""
    table = plan.table
    rows = [
        [_samples(plan, table.at(row, column), names, logs) for column in table.columns()]
        for row in table.rows()
    ]
    return [picture for row in rows if any(row) for picture in row]


def _links(plan: Plan, found: Sequence[Found]) -> dict[str, list[tuple[str, str]]]:
    """Where every run's own report is, from the table's folder: by cell, a name and an address."""
    links: dict[str, list[tuple[str, str]]] = {}
    for run in (each.run for each in found):
        report = run.folder / REPORT
        if report.exists():
            address = report.relative_to(plan.folder).as_posix()
            links.setdefault(run.cell.name, []).append((f"seed {run.seed}", address))
    return links
