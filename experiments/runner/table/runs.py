"""One run of a table on disk: what it should be, how far it is, and taking it over from elsewhere.

A run is only ever judged by what it has written of itself, so that it does not matter who started
it: this program, an earlier one that was killed, or one on another machine.
"""

import json
import math
import pathlib
import shutil
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from experiments.runner.table.cells import Cell
from experiments.runner.workdir import differences, held, is_done, result_of
from ganstab.errors import InputError
from ganstab.reporting.writing import UNFINISHED, explained

LOG = "metrics.jsonl"
CONFIG = "config.json"


class Run(NamedTuple):
    """A cell with one seed, in a folder of its own."""

    cell: Cell
    seed: int
    folder: pathlib.Path
    config: Mapping[str, Any]
    """The settings that it has, or will have."""

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.cell.name} seed {self.seed}"

    @property
    def log(self) -> pathlib.Path:
        """Where its words go."""
        return self.folder.with_name(f"{self.folder.name}.log")

    def result(self) -> dict[str, Any]:
        """Its `result.json`; empty where there is none yet."""
        return result_of(self.folder)

    def is_done(self) -> bool:
        """Whether there is nothing left to do: all steps are taken, or it diverged."""
        return is_done(self.result(), self.config["num_steps"])


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
    """By the first and the last row of the run's log."""
    rows = _ends(run.folder / LOG)
    if not rows:
        return Position()
    steps = rows[-1]["step"] - rows[0]["step"]
    seconds = rows[-1]["wall_time_s"] - rows[0]["wall_time_s"]
    at_last = rows[-1]["step"], seconds / steps if steps else math.nan, rows[-1]["wall_time_s"]
    return Position(*at_last)


def check(run: Run) -> None:
    """Looks whether the run's folder, if there is one, was started with the run's settings.

    Raises:
      InputError: it was not; each difference is named.
    """
    if (run.folder / CONFIG).exists():
        different = differences(run.folder, run.config)
        if different:
            raise InputError(
                f"{run.folder} was started with other settings ({'; '.join(different)}): give the "
                "same ones, or keep it out of this table"
            )


def take_over(run: Run, source: pathlib.Path) -> bool:
    """Copies the run from another table's folder, if it is finished there and not yet here.

    An unfinished one here makes way, if the other, being the same run, is further on. A cell of
    another name serves as well, if its settings, seed and length are the same: tables may share
    runs.

    Args:
      run: this table's.
      source: the other table's folder, or its `cells` folder.

    Returns:
      Whether it was copied.

    Raises:
      InputError: the run there has other settings, or cannot be copied.
    """
    there = None if run.is_done() else _finished(run, source)
    if there is None or position(run).steps > result_of(there)["step"]:
        return False
    half, old = _beside(run.folder, "new"), _beside(run.folder, "old")
    with explained(f"cannot take over {there}"):
        for leftover in (half, old):
            shutil.rmtree(leftover, ignore_errors=True)
        shutil.copytree(there, half)
        if run.folder.exists():
            with held(run.folder):
                run.folder.rename(old)
        half.rename(run.folder)
        shutil.rmtree(old, ignore_errors=True)
    return True


def put_back(run: Run) -> None:
    """Gives a run its folder back, if `take_over` was killed when that had just made way."""
    old = _beside(run.folder, "old")
    if old.exists() and not run.folder.exists():
        with explained(f"cannot rename {old}"):
            old.rename(run.folder)


def _beside(folder: pathlib.Path, name: str) -> pathlib.Path:
    return folder.with_name(f".{folder.name}.{name}{UNFINISHED}")


def _finished(run: Run, source: pathlib.Path) -> pathlib.Path | None:
    """Where another table has the run: under its own name, or else under another."""
    named = place(source, run.cell.name, run.seed)
    if is_done(result_of(named), run.config["num_steps"]):
        if not (named / CONFIG).exists():
            raise InputError(f"{named} has no {CONFIG}, so that its settings cannot be told")
        check(run._replace(folder=named))
        return named
    others = sorted(named.parents[1].glob(f"*/{named.name}"))
    return next((folder for folder in others if _is_the_same(folder, run)), None)


def _is_the_same(folder: pathlib.Path, run: Run) -> bool:
    """Whether another cell's run ended at the same step, with the same settings."""
    result = result_of(folder)
    ended = result.get("status") == "finished" and result["step"] == run.config["num_steps"]
    return ended and (folder / CONFIG).exists() and not differences(folder, run.config)


def last_words(log: pathlib.Path) -> str:
    """The last line that a process said."""
    try:
        lines = log.read_text(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def found_seeds(folder: pathlib.Path, cells: Sequence[Cell]) -> set[int]:
    """The seeds of which a table's folder has a run."""
    return {
        int(path.parent.name.removeprefix("seed"))
        for cell in cells
        for path in place(folder, cell.name, 0).parent.glob(f"seed*/{CONFIG}")
        if path.parent.name.removeprefix("seed").isdigit()
    }


def _ends(path: pathlib.Path, reach: int = 8192) -> list[dict[str, Any]]:
    """The first and the last whole row of a log, without reading all that is between them."""
    try:
        with open(path, "rb") as log:
            first = log.readline()
            log.seek(max(0, path.stat().st_size - reach))
            last = log.read().split(b"\n")[-2:-1]
            return [json.loads(line) for line in (first, *last)]
    except (OSError, ValueError):
        return []
