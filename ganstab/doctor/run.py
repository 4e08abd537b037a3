"""A run's folder: what it wrote down, and the game behind it."""

import importlib
import json
import pathlib
import shlex
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ganstab.doctor.subject import Subject
from ganstab.errors import InputError
from ganstab.reporting.run_log import Row, read_rows


class Record(NamedTuple):
    """What a training run wrote down of itself; empty for a game that was never run."""

    rows: Sequence[Row] = ()
    """Of `metrics.jsonl`."""
    result: Any = None
    """Of `result.json`."""

    def recent(self, name: str) -> list[float]:
        """A metric in the last fifth of the rows that have it; nothing where none has."""
        known = [row[name] for row in self.rows if row.get(name) is not None]
        return known[-max(1, len(known) // 5) :] if known else []


def read_record(folder: pathlib.Path) -> Record:
    """What a run wrote down.

    Raises:
      InputError: the folder is no run's, or nothing is in it yet.
    """
    if not (folder / "config.json").is_file():
        raise InputError(
            f"{folder} is no run's folder (it has no config.json): name the --workdir of a run, or "
            "MODULE:FUNCTION for a game of your own"
        )
    rows = read_rows(folder / "metrics.jsonl")
    try:
        result = json.loads((folder / "result.json").read_text())
    except FileNotFoundError:
        raise InputError(f"{folder} has no result.json yet: its run has not come far") from None
    except ValueError as error:
        raise InputError(f"{folder / 'result.json'} is damaged: {error}") from error
    return Record(rows, result)


def subject_of_run(folder: pathlib.Path, record: Record) -> Subject:
    """The game of the experiment that the run's command names, at the newest checkpoint.

    Raises:
      InputError: the experiment cannot be found from here, or has no `subject`.
    """
    module = shlex.split(record.result["command"])[2]
    return _attribute(module, "subject")(folder)


def subject_of_code(name: str) -> Subject:
    """What `MODULE:FUNCTION` returns, called without arguments.

    Raises:
      InputError: there is no such function, or what it returns is no `Subject`.
    """
    module, _, function = name.partition(":")
    made = _attribute(module, function)()
    if not isinstance(made, Subject):
        raise InputError(f"{name} must return a ganstab.doctor.Subject, got {type(made).__name__}")
    return made


def _attribute(module: str, name: str) -> Callable:
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        raise InputError(
            f"cannot import {module} ({error}): start the doctor from the folder that has it"
        ) from error
    except AttributeError as error:
        raise InputError(f"{module} has no {name!r} to make the game with") from error
