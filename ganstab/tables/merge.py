"""Takes finished runs over from another table's folder, in one piece each."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
from collections.abc import Iterable, Sequence

from ganstab.errors import InputError
from ganstab.reporting.writing import UNFINISHED, explained
from ganstab.tables.runs import Run, place, position
from ganstab.training.run_folder import CONFIG, LOCK, InUseError, check_same, hold, read_result

__all__ = ["merge", "put_back"]


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
      InputError: it is no table's folder, or a run there has other settings or cannot be copied.
    """
    if not source.is_dir() or (source.name != "cells" and not (source / "cells").is_dir()):
        raise InputError(f"--merge={source} is no table's folder: it has no cells/ in it")
    left = [run for run in runs if not run.is_done()]
    there = [_finished(run, source) for run in left]
    found = [(run, folder) for run, (folder, _) in zip(left, there, strict=True) if folder]
    copied = [run.name for run, folder in found if _take_over(run, folder)]
    return copied, [words for _, words in there if words]


def put_back(runs: Iterable[Run]) -> None:
    """Gives runs their folders back, if `merge` was killed when one had just made way."""
    for run in runs:
        old = _beside(run.folder, "old")
        if old.exists() and not run.folder.exists():
            with explained(f"cannot rename {old}"):
                old.rename(run.folder)


def _finished(run: Run, source: pathlib.Path) -> tuple[pathlib.Path | None, str]:
    """Where another table has the run, under its own name or another; or what is wrong with it."""
    folder = place(source, run.cell.name, run.seed)
    named = dataclasses.replace(run, folder=folder).read()
    if named.done:
        if not (folder / CONFIG).exists():
            raise InputError(f"{folder} has no {CONFIG}, so its settings cannot be told")
        check_same(folder, run.config)
        return folder, ""
    others = sorted(folder.parents[1].glob(f"*/{folder.name}"))
    same = next((other for other in others if _is_the_same(other, run)), None)
    return same, "" if same else named.damage


def _is_the_same(folder: pathlib.Path, run: Run) -> bool:
    """Whether another cell's run ended at the same step, with the same settings."""
    found = dataclasses.replace(run, folder=folder).read()
    with contextlib.suppress(InputError):
        check_same(folder, run.config)
        return found.finished and found.result["step"] == run.config.num_steps
    return False


def _take_over(run: Run, there: pathlib.Path) -> bool:
    if position(run).steps > read_result(there)["step"]:
        return False
    half, old = _beside(run.folder, "new"), _beside(run.folder, "old")
    try:
        with hold(run.folder), explained(f"cannot take over {there}"):
            for leftover in (half, old):
                shutil.rmtree(leftover, ignore_errors=True)
            left_out = shutil.ignore_patterns(LOCK, f"*{UNFINISHED}")
            shutil.copytree(there, half, ignore=left_out, copy_function=_copy_file)
            run.folder.rename(old)
            half.rename(run.folder)
            shutil.rmtree(old, ignore_errors=True)
    except InUseError:
        return False
    return True


def _copy_file(source: str, target: str) -> None:
    """As `shutil.copy2`, but not from a device, or a link to one, that may have no end."""
    if not os.path.isfile(source):
        raise OSError("it is no regular file")
    shutil.copy2(source, target)


def _beside(folder: pathlib.Path, name: str) -> pathlib.Path:
    return folder.with_name(f".{folder.name}.{name}{UNFINISHED}")
