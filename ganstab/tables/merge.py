"""Takes finished runs over from another table's folder, in one piece each."""

import pathlib
import shutil
from collections.abc import Iterable, Sequence

from ganstab.errors import InputError
from ganstab.reporting.writing import UNFINISHED, explained
from ganstab.tables.runs import Run, damage, place, position
from ganstab.training.run_folder import (
    CONFIG,
    LOCK,
    InUseError,
    check_same,
    hold,
    is_done,
    read_result,
)

__all__ = ["merge", "put_back", "table_to_merge"]


def table_to_merge(name: str) -> pathlib.Path:
    """The folder of a table, or its `cells` folder, that a user named.

    Raises:
      InputError: it is neither.
    """
    folder = pathlib.Path(name).expanduser()
    if not (folder.name == "cells" or (folder / "cells").is_dir()) or not folder.is_dir():
        raise InputError(f"--merge={name} is no table's folder: it has no cells/ in it")
    return folder


def merge(runs: Sequence[Run], source: pathlib.Path) -> tuple[list[str], list[str]]:
    """Copies the runs that are finished in another table's folder, and not yet here.

    An unfinished one here makes way, if the other, being the same run, is further on and nobody is
    at work on it. A cell of another name serves as well, if its settings, seed and length are the
    same: tables may share runs. All are looked at before the first is copied.

    Args:
      runs: this table's.
      source: the other table's folder, or its `cells` folder.

    Returns:
      The names of those that were copied, and what is wrong with those that are damaged.

    Raises:
      InputError: a run there has other settings, or cannot be copied.
    """
    there = [(run, _finished(run, source)) for run in runs if not run.is_done()]
    found = [(run, folder) for run, folder in there if folder is not None]
    damaged = [words for run, folder in there if (words := _damage(run, source, folder))]
    return [run.name for run, folder in found if _take_over(run, folder)], damaged


def put_back(runs: Iterable[Run]) -> None:
    """Gives runs their folders back, if `merge` was killed when one had just made way."""
    for run in runs:
        old = _beside(run.folder, "old")
        if old.exists() and not run.folder.exists():
            with explained(f"cannot rename {old}"):
                old.rename(run.folder)


def _finished(run: Run, source: pathlib.Path) -> pathlib.Path | None:
    """Where another table has the run, sound: under its own name, or else under another."""
    named = place(source, run.cell.name, run.seed)
    if is_done(read_result(named), run.config.num_steps) and not _damage(run, source, None):
        if not (named / CONFIG).exists():
            raise InputError(f"{named} has no {CONFIG}, so that its settings cannot be told")
        check_same(named, run.config)
        return named
    others = sorted(named.parents[1].glob(f"*/{named.name}"))
    return next((folder for folder in others if _is_the_same(folder, run)), None)


def _damage(run: Run, source: pathlib.Path, taken: pathlib.Path | None) -> str:
    """What is wrong with the run of the same name there, if it is not taken from elsewhere."""
    there = Run(run.cell, run.seed, place(source, run.cell.name, run.seed), run.config)
    return "" if taken else damage(there)


def _is_the_same(folder: pathlib.Path, run: Run) -> bool:
    """Whether another cell's run ended at the same step, with the same settings."""
    result = read_result(folder)
    if result.get("status") != "finished" or result["step"] != run.config.num_steps:
        return False
    try:
        check_same(folder, run.config)
    except InputError:
        return False
    return not damage(Run(run.cell, run.seed, folder, run.config))


def _take_over(run: Run, there: pathlib.Path) -> bool:
    if position(run).steps > read_result(there)["step"]:
        return False
    half, old = _beside(run.folder, "new"), _beside(run.folder, "old")
    try:
        with hold(run.folder), explained(f"cannot take over {there}"):
            for leftover in (half, old):
                shutil.rmtree(leftover, ignore_errors=True)
            shutil.copytree(there, half, ignore=shutil.ignore_patterns(LOCK, f"*{UNFINISHED}"))
            run.folder.rename(old)
            half.rename(run.folder)
            shutil.rmtree(old, ignore_errors=True)
    except InUseError:
        return False
    return True


def _beside(folder: pathlib.Path, name: str) -> pathlib.Path:
    return folder.with_name(f".{folder.name}.{name}{UNFINISHED}")
