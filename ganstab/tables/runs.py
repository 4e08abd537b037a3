"""A table's runs: which there are, in which folders, how far each is, and what it has written.

A run is only ever judged by what it has written of itself, so that it does not matter who started
it: this program, an earlier one that was killed, or one on another machine.
"""

import dataclasses
import math
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ganstab.errors import InputError
from ganstab.reporting.run_log import Row, read_sound
from ganstab.tables.table import Cell, Table
from ganstab.training import run_folder as files
from ganstab.training.config import RunConfig

__all__ = ["Found", "Plan", "Position", "Run", "place", "position", "read_log"]

LEFT_OUT = "damaged, left out"
TIMED = ("wall_time_s",)
"""What every row of a run's logs has."""


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

    def read(self) -> "Found":
        """What it has written of itself."""
        try:
            return Found(self, files.read_sound_result(self.folder))
        except InputError as error:
            return Found(self, {}, f"{error}: {LEFT_OUT}")

    def is_done(self) -> bool:
        """Whether there is nothing left to do: all steps are taken, or it diverged."""
        return self.read().done


@dataclasses.dataclass(frozen=True)
class Found:
    """A run with its `result.json`."""

    run: Run
    result: Mapping[str, Any]
    """Empty where there is none that can be used."""
    damage: str = ""
    """What is wrong with it; its numbers are left out."""

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do, and its numbers can be used."""
        return files.is_done(self.result, self.run.config.num_steps)

    @property
    def finished(self) -> bool:
        """Whether it has taken all steps."""
        return self.done and self.result["status"] == "finished"


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
        shown = []
        for cell in self.table.cells:
            folders = place(self.folder, cell.name, 0).parent.glob("seed*/")
            begun = [
                folder.name.removeprefix("seed")
                for folder in folders
                if (folder / files.RESULT).exists() or (folder / files.METRICS).exists()
            ]
            more = {int(seed) for seed in begun if seed.isdecimal() and len(seed) < 10}
            shown += [self.run(cell, seed) for seed in sorted({*self.seeds} | more)]
        return shown

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
    rows, damage = _sound(lambda: read_sound(run.folder / files.METRICS, 2, TIMED))
    if not rows or damage:
        return Position()
    (begin, since), (step, now) = ((rows[at]["step"], rows[at]["wall_time_s"]) for at in (0, -1))
    return Position(step, (now - since) / (step - begin) if step > begin else math.nan, now)


def read_log(run: Run) -> tuple[list[Row], str]:
    """The rows of a run's logs; none, and what is wrong, where one of them is damaged."""
    rows, damage = _sound(lambda: files.read_log(run.folder, TIMED))
    return ([], f"{damage[0]}: {LEFT_OUT}") if damage else (rows, "")


def _sound(read: Callable[[], tuple[list[Row], list[str]]]) -> tuple[list[Row], list[str]]:
    """What is read of a log; where it cannot be read, that is the damage."""
    try:
        return read()
    except InputError as error:
        return [], [str(error)]
