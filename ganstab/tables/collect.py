"""What the runs have written, put together a cell at a time: the table's `result.json`."""

import collections
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ganstab.tables.runs import Found, Plan, position
from ganstab.tables.statistics import judged, merged
from ganstab.tables.table import Cell, Runs, Table

__all__ = ["collect", "finished", "measures"]

Results = Mapping[str, Any]


def collect(
    plan: Plan,
    status: str = "running",
    failed: Mapping[str, str] | None = None,
    found: Sequence[Found] | None = None,
) -> dict[str, Any]:
    """What the table's runs have come to: its `result.json`.

    Args:
      plan: what there is to do.
      status: "running", "partial" (what was asked for is done), "interrupted" or "failed"; a
        table with nothing left is "finished".
      failed: the last words of runs that failed just now, by the run's name.
      found: all runs that the table shows, by default as they stand on disk.
    """
    found = [run.read() for run in plan.shown()] if found is None else found
    asked = [each for each in found if each.run.seed in plan.seeds]
    done = [each for each in found if each.done]
    versions = _versions([each.result for each in done])
    complete = finished(found)
    counted = {cell.name: seeds for cell, seeds in complete}
    further = plan.table.across(complete) if plan.table.across else {}
    cells = {
        cell.name: _cell(
            cell,
            [each for each in found if each.run.cell is cell],
            counted.get(cell.name, {}),
            further.get(cell.name, {}),
        )
        for cell in plan.table.cells
    }
    in_means = [e for e in done if e.run.seed in cells[e.run.cell.name]["finished"]]
    own = {"seed", *plan.table.own_settings()}
    return {
        "table": plan.name,
        "title": plan.table.title,
        "status": "finished" if all(each.done for each in asked) else status,
        "runs": len(asked),
        "done": sum(each.done for each in asked),
        "num_steps": None if "num_steps" in own else plan.base.num_steps,
        "evaluated_at_steps": _distinct(e.result.get("evaluated_at_step") for e in in_means),
        "diverged": sum(not each.finished for each in done),
        "claims": judged(plan.table.claims, cells),
        "cells": cells,
        "failed": dict(failed or {}),
        "damaged": {each.run.name: each.damage for each in found if each.damage},
        "wall_time_s": round(sum(_seconds(each.result) for each in found), 1),
        "versions": {name: values[0] for name, values in versions.items() if len(values) == 1},
        "versions_that_differ": {name: v for name, v in versions.items() if len(v) > 1},
        "config": {name: v for name, v in vars(plan.base).items() if name not in own},
        "command": plan.command,
    }


def finished(found: Sequence[Found]) -> Runs:
    """The folders of the runs that are finished, as a table's own functions want them.

    The seeds of a cell are all of one length: of what most of them have, or the longest of those.
    """
    cells: dict[str, list[Found]] = {}
    for each in found:
        if each.finished:
            cells.setdefault(each.run.cell.name, []).append(each)
    folders: list[tuple[Cell, dict[int, pathlib.Path]]] = []
    for group in cells.values():
        counts = collections.Counter(each.result["step"] for each in group)
        length = max(counts, key=lambda steps: (counts[steps], steps))
        alike = [each.run for each in group if each.result["step"] == length]
        folders.append((alike[0].cell, {run.seed: run.folder for run in alike}))
    return folders


def measures(table: Table, result: Results) -> list[str]:
    """The names of what was measured, those first that the paper has or speaks of, in its order."""
    cells = result["cells"].values()
    found = list(dict.fromkeys(name for cell in cells for name in cell["measures"]))
    paper = [name for cell in table.cells for name in cell.published]
    claimed = [claim.measure for claim in table.claims]
    return [name for name in dict.fromkeys([*paper, *claimed, *found]) if name in found]


def _cell(
    cell: Cell, found: Sequence[Found], counted: Iterable[int], further: Mapping[int, Results]
) -> dict[str, Any]:
    """A cell of `result.json`; `counted` are the seeds that go into the means."""
    ended = {each.run.seed: each.result for each in found if each.done}
    numbers = {seed: {**ended[seed]["results"], **further.get(seed, {})} for seed in counted}
    over = {seed: result for seed, result in ended.items() if result["status"] == "finished"}
    names = dict.fromkeys(name for results in numbers.values() for name in results)
    return {
        "row": cell.row,
        "column": cell.column,
        "settings": {name: getattr(found[0].run.config, name) for name in cell.settings},
        "measures": {
            name: merged(
                {seed: results[name] for seed, results in numbers.items() if name in results},
                cell.published.get(name),
                judged=cell.judged,
            )
            for name in names
        },
        "finished": list(numbers),
        "of_another_length": {s: r["step"] for s, r in over.items() if s not in numbers},
        "diverged": {s: r.get("reason") or "" for s, r in ended.items() if s not in over},
        "missing": {each.run.seed: position(each.run).steps for each in found if not each.done},
        "params_digest": {seed: ended[seed].get("params_digest") for seed in numbers},
    }


def _seconds(result: Results) -> float:
    """A run's share of the time that it took with those that it trained together with."""
    return (result.get("wall_time_s") or 0.0) / len(result.get("population") or [None])


def _versions(results: Sequence[Results]) -> dict[str, list[str]]:
    known = [result.get("versions") or {} for result in results]
    names = sorted({name for versions in known for name in versions})
    return {name: _distinct(versions.get(name, "unknown") for versions in known) for name in names}


def _distinct(values: Iterable[Any]) -> list[Any]:
    return sorted({value for value in values if value is not None})
