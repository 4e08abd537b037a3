"""A table's runs: which there are, in which folders, how far each is, and what it has written.

A run is only ever judged by what it has written of itself, so that it does not matter who started
it: this program, an earlier one that was killed, or one on another machine.
"""

import dataclasses
import json
import math
import pathlib
from typing import Any, NamedTuple

from ganstab.errors import InputError
from ganstab.reporting.run_log import Row, read_rows
from ganstab.tables.table import Cell, Table
from ganstab.training.config import RunConfig
from ganstab.training.run_folder import METRICS, RESULT, is_done, read_result, read_sound_result

__all__ = ["Plan", "Position", "Run", "damage", "place", "position", "read_log"]

LEFT_OUT = "damaged, left out"


@dataclasses.dataclass(frozen=True)
class Run:
    """A cell with one seed, in a folder of its own."""

    cell: Cell
    seed: int
    folder: pathlib.Path
    config: RunConfig
    """The settings that it has, or will have."""

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.cell.name} seed {self.seed}"

    def result(self) -> dict[str, Any]:
        """Its `result.json`; empty where there is none that can be read."""
        return read_result(self.folder)

    def is_done(self) -> bool:
        """Whether there is nothing left to do: all steps are taken, or it diverged."""
        return is_done(self.result(), self.config.num_steps)

    def is_begun(self) -> bool:
        """Whether it has written anything of itself."""
        return any((self.folder / name).exists() for name in (RESULT, METRICS))


@dataclasses.dataclass(frozen=True)
class Plan:
    """All that is to be done for a table, and where."""

    name: str
    table: Table
    base: RunConfig
    """The settings of all runs, but for what cells and seeds change."""
    folder: pathlib.Path
    seeds: range
    cells: tuple[Cell, ...]
    """Those to work on now; the report shows all."""
    command: str = ""
    """What goes on with it, for the report."""

    def run(self, cell: Cell, seed: int) -> Run:
        """The run of a cell with a seed."""
        config = self.base.replace(**cell.settings, seed=seed)
        return Run(cell, seed, place(self.folder, cell.name, seed), config)

    def wanted(self) -> list[Run]:
        """The runs to work on: the first seed of every cell, then the second, and so on."""
        return [self.run(cell, seed) for seed in self.seeds for cell in self.cells]

    def shown(self) -> list[Run]:
        """All runs of the table, and those of more seeds that earlier commands have begun."""
        names = {
            path.name.removeprefix("seed")
            for cell in self.table.cells
            for path in place(self.folder, cell.name, 0).parent.glob("seed*/")
        }
        begun = {int(name) for name in names if name.isdecimal() and len(name) < 10}
        runs = [self.run(cell, s) for cell in self.table.cells for s in {*self.seeds} | begun]
        runs.sort(key=lambda run: (self.table.cells.index(run.cell), run.seed))
        return [run for run in runs if run.seed in self.seeds or run.is_begun()]

    def left(self, population: int = 1) -> list[list[Run]]:
        """The runs that are not done; those together that one process trains."""
        groups = (
            [self.run(cell, seed) for seed in self.seeds[at : at + population]]
            for at in range(0, len(self.seeds), population)
            for cell in self.cells
        )
        left = ([run for run in group if not run.is_done()] for group in groups)
        return [group for group in left if group]


class Position(NamedTuple):
    """How far a run is, and how fast it went so far."""

    steps: int = 0
    seconds_per_step: float = math.nan
    seconds: float = math.nan
    """Up to there."""


def place(folder: pathlib.Path, cell: str, seed: int) -> pathlib.Path:
    """The run's folder in that of a table, or in a `cells` folder itself."""
    cells = folder if folder.name == "cells" else folder / "cells"
    return cells / cell / f"seed{seed}"


def position(run: Run) -> Position:
    """By the first and the last row of the run's log; the start where they cannot be read."""
    rows = _ends(run.folder / METRICS)
    if not rows or any(_row_damage(row) for row in rows):
        return Position()
    (begin, since), (step, now) = ((rows[at]["step"], rows[at]["wall_time_s"]) for at in (0, -1))
    return Position(step, (now - since) / (step - begin) if step > begin else math.nan, now)


def _ends(path: pathlib.Path, reach: int = 8192) -> list[Any]:
    """The first and the last whole row of a log, without reading all that is between them."""
    try:
        with open(path, "rb") as log:
            first = log.readline()
            log.seek(max(0, path.stat().st_size - reach))
            last = log.read().split(b"\n")[-2:-1]
            return [json.loads(line) for line in (first, *last)]
    except (OSError, ValueError, RecursionError):
        return []


def read_log(run: Run) -> tuple[list[Row], str]:
    """The rows of a run's log; none, and what is wrong, where one of them is damaged."""
    path = run.folder / METRICS
    try:
        rows = read_rows(path)
    except (InputError, OverflowError, RecursionError, TypeError) as error:
        return [], f"{error}: {LEFT_OUT}"
    for number, row in enumerate(rows, start=1):
        wrong = _row_damage(row)
        if wrong:
            return [], f"line {number} of {path} has {wrong}: {LEFT_OUT}"
    return rows, ""


def _row_damage(row: Any) -> str:
    if not isinstance(row, dict) or type(row.get("step")) is not int or row["step"] < 0:
        return "no step"
    if not _is_number(row.get("wall_time_s")):
        return "no wall_time_s"
    wrong = (n for n, v in row.items() if not (v is None or type(v) is bool or _is_number(v)))
    return next((f"no number for {name}" for name in wrong), "")


def damage(run: Run) -> str:
    """What is wrong with the run's `result.json`; empty if nothing is, or there is none."""
    try:
        read_sound_result(run.folder)
    except InputError as error:
        return f"{error}: {LEFT_OUT}"
    return ""


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and -1e300 < value < 1e300
