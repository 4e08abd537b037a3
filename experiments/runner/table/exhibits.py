"""What a table's report shows of its runs: curves, last samples, links to their own reports."""

import html
import pathlib
from collections.abc import Mapping, Sequence

from experiments.runner.progress import describe
from experiments.runner.samples import sample_path, sample_steps
from experiments.runner.table import pictures
from experiments.runner.table.cells import Runs
from experiments.runner.table.options import Plan
from experiments.runner.table.result import Results, entries, finished
from experiments.runner.table.runs import LOG, Run
from ganstab.errors import InputError
from ganstab.reporting import pages
from ganstab.reporting.run_log import Row, read_rows

TRAINING = "figures/training.png"
Logs = Mapping[str, Mapping[int, Sequence[Row]]]


def read_logs(plan: Plan) -> tuple[dict[str, dict[int, list[Row]]], dict[str, str]]:
    """The rows of all runs, by cell and seed, and by name what is wrong with a run's log.

    A damaged log stops no table: its run has no curve.
    """
    logs: dict[str, dict[int, list[Row]]] = {}
    damaged: dict[str, str] = {}
    for run in plan.shown():
        try:
            rows = read_rows(run.folder / LOG)
        except InputError as error:
            rows, damaged[run.name] = [], str(error)
        logs.setdefault(run.cell.name, {})[run.seed] = rows
    return logs, damaged


def together(plan: Plan) -> str:
    """The table's own pictures of its finished runs, or the first run's own of each cell."""
    shown = plan.shown()
    runs = finished(shown, {run.name: run.result() for run in shown})
    draw = plan.table.pictures or _over_training
    drawn = draw(runs, plan.folder / "figures") if runs else ()
    return pages.section("Side by side", *map(pages.figure, drawn))


def curves(plan: Plan, result: Results, names: Sequence[str], logs: Logs) -> str:
    """A picture for each measure that runs write into their logs under its own name."""
    drawn = [_curves(plan, result, name, logs) for name in names]
    return pages.section("Over the training steps", *drawn)


def samples(plan: Plan, names: Sequence[str], logs: Logs) -> str:
    """The last samples of each cell's first seed, laid out as the table is."""
    table, seed = plan.table, min(plan.seeds)
    grids: list[str] = []
    for row in table.rows():
        cells = [table.at(row, column) for column in table.columns()]
        runs = [plan.run(cell, seed) if cell else None for cell in cells]
        figures = [_samples(run, names, logs) if run else "" for run in runs]
        grids += [figure or "<div></div>" for figure in figures] if any(figures) else []
    columns = f"grid-template-columns: repeat({len(table.columns())}, minmax(0, 1fr))"
    content = f'<div class="gallery" style="{columns}">{"".join(grids)}</div>' if grids else ""
    return pages.section(f"Last samples, seed {seed}", content)


def links(plan: Plan) -> str:
    """Every run that has a report, with the way to it from the table's folder."""
    cells: dict[str, list[str]] = {}
    for run in plan.shown():
        if (run.folder / "report.html").exists():
            cells.setdefault(run.cell.name, []).append(_link(run, plan))
    rows = (f"<tr><th>{name}</th><td>{', '.join(runs)}</td></tr>" for name, runs in cells.items())
    return pages.section("Runs", f'<table class="facts">{"".join(rows)}</table>' if cells else "")


def _over_training(runs: Runs, folder: pathlib.Path) -> list[pages.Picture]:
    """What runs that keep samples have drawn of them."""
    del folder
    first = [(cell, min(seeds), seeds[min(seeds)] / TRAINING) for cell, seeds in runs]
    return [
        pages.Picture(path, f"{cell.row}, {cell.column}, seed {seed}.")
        for cell, seed, path in first
        if path.exists()
    ]


def _curves(plan: Plan, result: Results, measure: str, logs: Logs) -> str:
    entry = next(iter(entries(result, measure).values()))
    path = plan.folder / "figures" / f"{measure}.png"
    drawn = pictures.curves(
        plan.table,
        measure,
        logs,
        {name: cell["finished"] for name, cell in result["cells"].items()},
        path,
        title=entry["label"],
        # Errors and divergences are compared by their ratio.
        log=entry["better"] == "lower",
    )
    caption = f"{entry['label']}, at every evaluation."
    return pages.figure(pages.Picture(path, caption)) if drawn else ""


def _samples(run: Run, names: Sequence[str], logs: Logs) -> str:
    steps = sample_steps(run.folder)
    if not steps:
        return ""
    rows = logs[run.cell.name][run.seed]
    row = next((row for row in rows if row["step"] == steps[-1]), {})
    numbers = {name: row[name] for name in names if row.get(name) is not None}
    where = f"{run.cell.row}, {run.cell.column}"
    caption = " · ".join([where, f"step {steps[-1]:,}", *describe(numbers)])
    return pages.figure(pages.Picture(sample_path(run.folder, steps[-1]), caption))


def _link(run: Run, plan: Plan) -> str:
    target = (run.folder / "report.html").relative_to(plan.folder)
    return f'<a href="{html.escape(str(target))}">seed {run.seed}</a>'
