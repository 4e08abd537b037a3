"""`result.json` of a table: its runs' numbers put together, a cell at a time."""

import collections
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from experiments.runner.table.cells import Runs, Table
from experiments.runner.table.claims import judged
from experiments.runner.table.options import Plan
from experiments.runner.table.runs import Run, position
from experiments.runner.table.verdict import merged
from experiments.runner.workdir import is_done

Results = Mapping[str, Any]


def result_of(
    plan: Plan, status: str = "running", failed: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What the table's runs have come to, as they stand on disk.

    Args:
      plan: what there is to do.
      status: "running", "partial" (what was asked for is done), "interrupted" or "failed"; a
        table with nothing left is "finished".
      failed: the last words of runs that failed just now, by the run's name.
    """
    runs = plan.shown()
    found = {run.name: run.result() for run in runs}
    done = [run for run in runs if is_done(found[run.name], run.config["num_steps"])]
    complete = finished(runs, found)
    found = _with_across(plan.table, complete, found)
    counted = {cell.name: list(seeds) for cell, seeds in complete}
    asked = [run for run in runs if run.seed in plan.seeds]
    ended = [found[run.name] for run in done]
    versions = _versions(ended)
    cells = {
        cell.name: {
            "row": cell.row,
            "column": cell.column,
            "settings": dict(cell.settings),
            **_cell(
                [run for run in runs if run.cell.name == cell.name and _is_meant(run, plan)],
                done,
                found,
                counted.get(cell.name, []),
            ),
        }
        for cell in plan.table.cells
    }
    return {
        "table": plan.name,
        "title": plan.table.title,
        "status": "finished" if all(run in done for run in asked) else status,
        "runs": len(asked),
        "done": sum(run in done for run in asked),
        "num_steps": plan.config.get("num_steps"),
        "evaluated_at_steps": _distinct(
            found[run.name].get("evaluated_at_step")
            for run in runs
            if run.seed in counted.get(run.cell.name, [])
        ),
        "diverged": sum(result["status"] == "diverged" for result in ended),
        "claims": judged(plan.table.claims, cells),
        "cells": cells,
        "failed": dict(failed or {}),
        "wall_time_s": round(sum(map(_seconds, found.values())), 1),
        "versions": {name: values[0] for name, values in versions.items() if len(values) == 1},
        "versions_that_differ": {name: v for name, v in versions.items() if len(v) > 1},
        "config": dict(plan.config),
        "command": plan.command,
    }


def _is_meant(run: Run, plan: Plan) -> bool:
    """Not if its seed is only there because an earlier command asked it of another cell."""
    return run.seed in plan.seeds or run.folder.exists()


def finished(runs: Sequence[Run], found: Results) -> Runs:
    """The folders of the runs that are finished, as a table's own functions want them.

    The seeds of a cell are all of one length: of what most of them have, or the longest of those.
    """
    lengths: dict[str, dict[int, int]] = {}
    for run in runs:
        result = found[run.name]
        if result.get("status") == "finished" and is_done(result, run.config["num_steps"]):
            lengths.setdefault(run.cell.name, {})[run.seed] = result["step"]
    folders: dict[str, dict[int, pathlib.Path]] = {}
    for run in runs:
        seeds = lengths.get(run.cell.name, {})
        if run.seed in seeds and seeds[run.seed] == _commonest(seeds.values()):
            folders.setdefault(run.cell.name, {})[run.seed] = run.folder
    cells = {run.cell.name: run.cell for run in runs}
    return [(cells[name], seeds) for name, seeds in folders.items()]


def _commonest(lengths: Iterable[int]) -> int:
    """The length that most have, the longest of several such."""
    counts = collections.Counter(lengths)
    return max(counts, key=lambda length: (counts[length], length))


def measures(table: Table, result: Results) -> list[str]:
    """The names of what was measured, those first that the paper has or speaks of, in its order."""
    cells = result["cells"].values()
    found = list(dict.fromkeys(name for cell in cells for name in cell["measures"]))
    paper = [name for cell in table.cells for name in cell.published]
    claimed = [claim.measure for claim in table.claims]
    return [name for name in dict.fromkeys([*paper, *claimed, *found]) if name in found]


def entries(result: Results, measure: str) -> dict[str, dict[str, Any]]:
    """A measure's entries, by cell; without cells that have none yet."""
    cells = result["cells"].items()
    return {name: cell["measures"][measure] for name, cell in cells if measure in cell["measures"]}


def _with_across(table: Table, runs: Runs, found: Results) -> dict[str, Any]:
    """The runs' results with those that only several runs together tell."""
    across = table.across(runs) if table.across else {}
    further = {
        f"{cell} seed {seed}": entries
        for cell, seeds in across.items()
        for seed, entries in seeds.items()
    }
    return {
        name: {**result, "results": {**result["results"], **further[name]}}
        if name in further
        else result
        for name, result in found.items()
    }


def _cell(
    runs: Sequence[Run], done: Sequence[Run], found: Results, counted: Iterable[int]
) -> dict[str, Any]:
    """A cell of `result.json`; `counted` are the seeds that go into the means."""
    ended = {run.seed: found[run.name] for run in runs if run in done}
    over = {seed: result for seed, result in ended.items() if result["status"] == "finished"}
    sound = {seed: over[seed] for seed in counted}
    names = dict.fromkeys(name for result in sound.values() for name in result["results"])
    return {
        "measures": {
            name: merged(
                {s: r["results"][name] for s, r in sound.items() if name in r["results"]},
                runs[0].cell.published.get(name),
                judged=runs[0].cell.judged,
            )
            for name in names
        },
        "finished": list(sound),
        "of_another_length": {seed: r["step"] for seed, r in over.items() if seed not in sound},
        "diverged": {seed: r["reason"] for seed, r in ended.items() if seed not in over},
        "missing": {run.seed: position(run).steps for run in runs if run not in done},
        "params_digest": {seed: result.get("params_digest") for seed, result in sound.items()},
    }


def _seconds(result: Results) -> float:
    """A run's share of the time that it took with those that it trained together with."""
    return result.get("wall_time_s", 0.0) / len(result.get("population", [None]))


def _versions(results: Sequence[Results]) -> dict[str, list[str]]:
    known = [result.get("versions", {}) for result in results]
    names = sorted({name for versions in known for name in versions})
    return {name: _distinct(versions.get(name, "unknown") for versions in known) for name in names}


def _distinct(values: Iterable[Any]) -> list[Any]:
    return sorted({value for value in values if value is not None})
