"""A table whose runs are the stand-in program; as a program itself, it works on that table."""

import pathlib
import sys
from typing import Any

from experiments.runner.machine import Machine, visible_cores
from experiments.runner.records import Published
from experiments.runner.stopping import StopRequest, watch_signals
from experiments.runner.table import Cell, Claim, Table
from experiments.runner.table.conduct import conduct
from experiments.runner.table.options import Plan

STANDIN = pathlib.Path(__file__).parent / "standin.py"
STEPS = 8


def cell(level: int) -> Cell:
    return Cell(
        f"level{level}",
        "low" if level < 3 else "high",
        f"K = {level % 2}",
        {"level": level},
        {"modes": Published(100.0 * level, 1.0, "a paper"), "kl": Published(9.0, 0.0, "a paper")},
    )


TABLE = Table(
    "Levels & more",
    "What levels do.",
    tuple(map(cell, (1, 2, 3, 4))),
    "level",
    claims=[
        Claim("Level 2 has more than level 1", "modes", "level2", "above", "level1"),
        Claim("Level 3 has fewer than level 1", "modes", "level3", "below", "level1"),
    ],
)


def plan(folder, *levels: int, steps=STEPS, flags: tuple[str, ...] = (), **other) -> Plan:
    """All cells, or those of the levels given, with three seeds."""
    wanted = tuple(cell for cell in TABLE.cells if cell.settings["level"] in (levels or range(9)))
    program = (sys.executable, "-S", str(STANDIN), f"--num_steps={steps}", *flags)
    fields: dict[str, Any] = {
        "name": "table_9", "table": TABLE, "folder": pathlib.Path(folder), "cells": wanted,
        "seeds": range(3), "program": program, "config": {"num_steps": steps},
        "machine": Machine(visible_cores(), "cpu"), "jobs": 2, "merge": (),
        "command": "python -m levels --table=table_9",
    }  # fmt: skip
    return Plan(**{**fields, **other})


def work(*args, **options) -> int:
    return conduct(plan(*args, **options), StopRequest([]), pause=0.05)


if __name__ == "__main__":
    wanted = plan(sys.argv[1], flags=(f"--gate={sys.argv[2]}",))
    sys.exit(conduct(wanted, watch_signals(), pause=0.05))
