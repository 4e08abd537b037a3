"""The command: measures what is missing, a technique at a time, then writes table and picture."""

import argparse
import datetime
import os
import pathlib
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from ganstab._command_line import Parser, exit_status, quiet_where_unread
from ganstab.errors import InputError
from ganstab.reporting.writing import explained, plain, to_json, write_atomic
from ganstab.style import png
from ganstab.training import distributed, provenance
from ganstab.training.run_folder import read_json

from . import __doc__ as ABOUT
from .cost import SETTINGS, cost
from .figure import figure
from .table import table
from .tasks import TASKS, Task, radii, trained
from .techniques import TECHNIQUES

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = (*TASKS, *SETTINGS)
COMMAND = "python", "-m", "benchmarks.remedies"


def measured(tasks: dict[str, Task], part: str, name: str) -> dict[str, Any]:
    """How the runs of a technique end, `[grid, seeds]`, and their numbers; or what it costs."""
    if part not in tasks:
        return cost(SETTINGS[part], name)
    task, technique = tasks[part], TECHNIQUES[name]
    diagram = trained(task, technique)
    more = {"radius": radii(task, technique)} if task.is_game else {}
    return {"outcomes": diagram.outcomes, **task.numbers(diagram.found), **more}


def settings(tasks: dict[str, Task]) -> dict[str, Any]:
    """What the numbers of each task depend on, beside the code."""
    names = ("rates", "ratios", "seeds", "steps", "looks", "samples")
    return {part: {name: getattr(task, name) for name in names} for part, task in tasks.items()}


def known(path: pathlib.Path, tasks: dict[str, Task]) -> dict[str, Any]:
    """What the file has.

    Raises:
      InputError: it is of other settings, or not of this program.
    """
    start = plain({"settings": settings(tasks), "runs": [], "rows": {}})
    if not path.exists():
        return start
    found = read_json(path, "name another file with --out")
    if not all(isinstance(found.get(name), type(start[name])) for name in start):
        raise InputError(f"{path} is not of this program: name another file with --out")
    if found["settings"] != start["settings"]:
        raise InputError(f"{path} has other settings: name another file with --out")
    return found


def fill(
    path: pathlib.Path,
    tasks: dict[str, Task],
    parts: Sequence[str],
    names: Sequence[str],
    measure: Callable[..., dict[str, Any]] = measured,
) -> dict[str, Any]:
    """Measures what the file lacks of these, and writes it with each one; returns all of it.

    Several processes may work at other rows of one file: each row is added to what is there.
    """
    found = known(path, tasks)
    wanted = [
        (part, name)
        for part in parts
        for name in names
        if part.removeprefix("cost_") not in TECHNIQUES[name].absent
        and name not in found["rows"].get(part, {})
    ]
    run = plain(_run(parts, names)) if wanted else {}
    begin = time.monotonic()
    for place, (part, name) in enumerate(wanted, start=1):
        at = time.monotonic() - begin
        where = f"{place} of {len(wanted)}: {part}, {name}"
        print(f"[{at:7.1f} s] {where}", file=sys.stderr, flush=True)
        processor = time.process_time()
        entry = measure(tasks, part, name)
        entry["processor_seconds"] = round(time.process_time() - processor, 1)
        entry["seconds"] = round(time.monotonic() - begin - at, 1)
        entry["load"] = round(os.getloadavg()[0], 1)
        found = known(path, tasks)
        if run not in found["runs"]:
            found["runs"].append(run)
        entry["run"] = found["runs"].index(run)
        found["rows"].setdefault(part, {})[name] = plain(entry)
        write_atomic(path, to_json(found))
    return found


def _run(parts: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """What all that one command measures has in common; files and folders are the machine's."""
    only = () if list(names) == list(TECHNIQUES) else ("--only", *names)
    return {
        "command": shlex.join([*COMMAND, "--parts", *parts, *only]),
        "date": datetime.date.today().isoformat(),
        "versions": provenance.versions(),
    }


def main(argv: Any = None) -> int:
    """Returns the exit status."""
    parser = Parser(prog=" ".join(COMMAND), description=ABOUT, allow_abbrev=False)
    add = parser.add_argument
    add("--only", nargs="+", default=list(TECHNIQUES), choices=TECHNIQUES, metavar="NAME",
        help=f"techniques; by default all: {', '.join(TECHNIQUES)}")  # fmt: skip
    add(
        "--parts",
        nargs="*",
        default=list(PARTS),
        choices=PARTS,
        metavar="PART",
        help=f"tasks and costs; by default all: {', '.join(PARTS)}; none if no name is given",
    )
    add(
        "--out",
        type=pathlib.Path,
        default=ROOT / "results/benchmarks/remedies.json",
        help="what was measured, to which a command adds what is missing; the table is beside it",
    )
    add("--figure", type=pathlib.Path, default=ROOT / "docs/remedies_cost.png", help="the picture")
    add(
        "--stacked",
        type=pathlib.Path,
        default=ROOT / "results/stacked_mnist",
        help="folder of results of experiments.stacked_mnist, those of which the table shows",
    )
    with quiet_where_unread():
        return exit_status(_measure, parser.parse_args(argv))


def _measure(asked: argparse.Namespace) -> int:
    distributed.use_compilation_cache(None)
    with explained("cannot use --out and --figure"):
        for path in (asked.out, asked.figure):
            path.parent.mkdir(parents=True, exist_ok=True)
    found = fill(asked.out, TASKS, asked.parts, asked.only)
    text = table(found["rows"], asked.stacked)
    write_atomic(asked.out.with_suffix(".md"), text)
    write_atomic(asked.figure, png(figure(found["rows"], asked.stacked)))
    print(text)
    print(f"measured: {asked.out}, picture: {asked.figure}", flush=True)
    return 0
