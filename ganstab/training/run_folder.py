"""A run's folder: its files' names, its lock, and settings that cannot be mixed up.

| file | what it is |
| --- | --- |
| `config.json` | the settings, and the names of their class and of the experiment |
| `metrics.jsonl` | a row for every `log_every` steps |
| `evaluations.jsonl` | a row for every evaluation, with the samples in each mode |
| `samples/` | the shown samples of every evaluation as arrays, and lines of text as they are |
| `checkpoints/`, `figures/`, `tensorboard/` | |
| `result.json`, `report.html` | how the run stands, for programs and for people |

Every file but the logs is replaced in one piece, so a run that is killed at any moment leaves files
that can be read.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ganstab._files import read_json
from ganstab.errors import InputError
from ganstab.reporting.run_log import ENOUGH, Row, merge, read_sound
from ganstab.reporting.writing import UNFINISHED, explained, to_json, write_atomic
from ganstab.training.config import RunConfig, differences, from_mapping, reference
from ganstab.training.soundness import result_damage

__all__ = [
    "BEST",
    "InUseError",
    "check_place",
    "check_same",
    "check_writable",
    "checkpoint_step",
    "hold",
    "is_done",
    "is_held",
    "is_run",
    "local_folder",
    "mark_interrupted",
    "open_folder",
    "read_config",
    "read_json",
    "read_log",
    "read_result",
    "read_sound_result",
    "share",
    "write_config",
    "write_result",
]

CONFIG, RESULT, REPORT = "config.json", "result.json", "report.html"
METRICS, EVALUATIONS = "metrics.jsonl", "evaluations.jsonl"
CHECKPOINTS, FIGURES, TENSORBOARD = "checkpoints", "figures", "tensorboard"
LOCK = ".lock"
IN_USE = 75
"""Exit status where another process is at work in the folder: the system's "try again later"."""
EXPERIMENT, CLASS = "experiment", "config_class"
CHECKSUM = "checksum"
BEST = "best"
"""Stands for the step of the best evaluation."""


class InUseError(InputError):
    """Another process is at work in the folder."""

    exit_status = IN_USE


def local_folder(
    path: str | os.PathLike[str], flag: str = "--workdir", kind: str = "folder"
) -> pathlib.Path:
    """The folder, or with `kind="file"` the file, that a user named with a flag; `~` is expanded.

    Raises:
      InputError: the name is empty, an address, or of a user that does not exist.
    """
    text = os.fspath(path)
    if not text.strip():
        raise InputError(f"{flag} is empty: name a {kind}")
    if "\0" in text:
        raise InputError(f"{flag}={text!r} has a null character: name a {kind}")
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:/", text):
        raise InputError(f"{flag}={text} is an address: name a {kind} of this machine")
    try:
        return pathlib.Path(text).expanduser()
    except RuntimeError as error:
        raise InputError(f"{flag}={text} cannot be found: {error}") from error


def is_run(folder: pathlib.Path) -> bool:
    """Whether a run wrote into the folder: its settings, whole or damaged, or its logs."""
    try:
        if CLASS in read_json(folder / CONFIG):
            return True
    except InputError:
        if os.path.lexists(folder / CONFIG):
            return True
    return any((folder / name).exists() for name in (METRICS, CHECKPOINTS))


@contextlib.contextmanager
def hold(folder: pathlib.Path) -> Iterator[None]:
    """Keeps other processes out of the folder, which is made if it is not there.

    The system lets go of the lock when the process ends, even after SIGKILL. What a killed process
    left half-written is removed, since nobody else can be writing now.

    Raises:
      InUseError: another process is at work in the folder.
      InputError: the folder cannot be written to.
    """
    if any("\ud800" <= sign <= "\udfff" for sign in str(folder)):
        raise InputError(f"cannot use --workdir={folder}: its name is not UTF-8")
    with explained(f"cannot use --workdir={folder}"):
        check_writable(folder)
        folder.mkdir(parents=True, exist_ok=True)
        # A lock on a file, since network file systems lock no folder.
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        with contextlib.suppress(OSError):  # a file system without locks is used unlocked
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                words = f"--workdir={folder} is in use by another process: wait for it"
                raise InUseError(words) from error
        _remove_unfinished(folder)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def share(folder: pathlib.Path) -> Iterator[None]:
    """Uses a folder, which is made if it is not there, beside others that share it.

    Who is alone at the start removes what a killed process left half-written.

    Raises:
      InputError: the folder cannot be written to.
    """
    with explained(f"cannot use --workdir={folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        with contextlib.suppress(OSError):  # as above, and where others are at work
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove_unfinished(folder)
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def _remove_unfinished(folder: pathlib.Path) -> None:
    with explained(f"cannot use --workdir={folder}"):
        for pattern in (f".*{UNFINISHED}", f"*/.*{UNFINISHED}"):
            for leftover in folder.glob(pattern):
                if leftover.is_file() or leftover.is_symlink():
                    leftover.unlink(missing_ok=True)


def is_held(folder: pathlib.Path) -> bool:
    """Whether a process is at work in the folder, which need not be there."""
    try:
        if (folder / LOCK).exists():
            with hold(folder):
                return False
    except InputError as error:
        return isinstance(error, InUseError)
    return False


def check_place(folder: pathlib.Path) -> None:
    """Looks whether a run could use the folder, which need not be there, before it computes.

    Raises:
      InputError: the folder cannot be written to, or has other things than a run in it.
    """
    with explained(f"cannot use --workdir={folder}"):
        check_writable(folder)
        there = folder.iterdir() if folder.exists() else ()
        names = sorted(each.name for each in there if not each.name.startswith("."))
    if names and CONFIG not in names:
        raise InputError(
            f"--workdir={folder} is not empty ({names[0]}, …) and has no {CONFIG}, so it is no "
            "run's folder: name a new or empty one"
        )


def open_folder(folder: pathlib.Path, config: RunConfig, experiment: str | None = None) -> None:
    """Makes a held folder the run's at its first start, and recognises it at every later one.

    Raises:
      InputError: the folder has other things in it, or its run was started with other settings, or
        by another program; each difference is named.
    """
    check_place(folder)
    if os.path.lexists(folder / CONFIG):
        check_same(folder, config)
    else:
        write_config(folder, config, experiment)
    with explained(f"cannot use --workdir={folder}"):
        (folder / FIGURES).mkdir(exist_ok=True)


def check_same(folder: pathlib.Path, config: RunConfig) -> None:
    """Raises InputError where the folder's run differs from these settings; each is named."""
    different = differences(read_config(folder, type(config)), config)
    if different:
        raise InputError(
            f"--workdir={folder} was started with other settings ({'; '.join(different)}): go on "
            "with the same settings, or name another --workdir"
        )


def write_config(folder: pathlib.Path, config: RunConfig, experiment: str | None = None) -> None:
    """Writes `config.json`, if it is not there as it is."""
    names = {EXPERIMENT: experiment, CLASS: reference(type(config))}
    text = to_json({**names, **vars(config)})
    path = folder / CONFIG
    if not path.exists() or path.read_text() != text:
        write_atomic(path, text)


def read_config(folder: pathlib.Path, config: type[RunConfig]) -> RunConfig:
    """The settings of the folder's run.

    A setting that the program got since has its default; one that it has lost is refused.

    Raises:
      InputError: `config.json` cannot be read, is another program's, or has settings that are
        unknown or not allowed; each is named.
    """
    found = read_json(folder / CONFIG)
    written = found.pop(CLASS, None)
    found.pop(EXPERIMENT, None)
    if written not in (None, reference(config)):
        raise InputError(
            f"{folder / CONFIG} is of another program ({written}, not {reference(config)}): name "
            "another --workdir"
        )
    try:
        return from_mapping(config, found)
    except ValueError as error:
        raise InputError(f"{folder / CONFIG} cannot be used: {error}") from error


def read_result(folder: pathlib.Path) -> dict[str, Any]:
    """The folder's `result.json`; empty where there is none, or it is damaged."""
    try:
        return read_sound_result(folder)
    except InputError:
        return {}


def read_sound_result(folder: pathlib.Path) -> dict[str, Any]:
    """The folder's `result.json`; empty where there is none.

    Raises:
      InputError: it cannot be read, or something in it is of another kind than a run writes.
    """
    path = folder / RESULT
    if not path.exists():
        return {}
    result = read_json(path, "take the run from its source again")
    wrong = result_damage(result)
    if wrong:
        raise InputError(f"{path} is damaged: it has {wrong}")
    if result.get(CHECKSUM) not in (None, _checksum(result)):
        raise InputError(
            f"{path} is damaged: its {CHECKSUM} is not that of what is in it (delete that line if "
            "you changed the file yourself)"
        )
    return result


def write_result(folder: pathlib.Path, result: Mapping[str, Any]) -> dict[str, Any]:
    """Writes `result.json`, with a checksum by which a changed byte is noticed; gives all of it.

    Raises:
      InputError: it cannot be written.
    """
    whole = {**result, CHECKSUM: _checksum(json.loads(to_json(result)))}
    write_atomic(folder / RESULT, to_json(whole))
    return whole


def _checksum(result: Mapping[str, Any]) -> str:
    content = {name: value for name, value in result.items() if name != CHECKSUM}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def checkpoint_step(folder: pathlib.Path, step: int | str | None) -> int | None:
    """The step of a run's checkpoint that a user named: a number, or "best".

    Raises:
      InputError: the run's `result.json` is damaged, or names no best evaluation.
      ValueError: the name is another text.
    """
    if not isinstance(step, str):
        return step
    if step != BEST:
        raise ValueError(f"step must be a whole number or {BEST!r}, got {step!r}")
    best = read_sound_result(folder).get(BEST)
    if not best:
        raise InputError(
            f"{folder} has no best step: nothing says yet which of its evaluations was the best"
        )
    return int(best["step"])


def mark_interrupted(folder: pathlib.Path, reason: str) -> None:
    """Has `result.json` say so, where it still says that the run goes on."""
    result = read_result(folder)
    if result.get("status") == "running":
        write_result(folder, {**result, "status": "interrupted", "reason": reason})


def read_log(folder: pathlib.Path, needs: Collection[str] = ()) -> tuple[list[Row], list[str]]:
    """The rows that curves are drawn of, and in words which lines are damaged and so left out.

    All evaluations, and of the other rows as many as a curve needs. Runs of older versions have
    their evaluations among the others, and are read whole.

    Args:
      folder: a run's.
      needs: as of `read_sound`.

    Raises:
      InputError: a log cannot be read.
    """
    evaluations, wrong = read_sound(folder / EVALUATIONS, needs=needs)
    rows, damaged = read_sound(folder / METRICS, ENOUGH if evaluations else None, needs)
    return merge(rows, evaluations), damaged + wrong + _lost(folder, rows, evaluations)


def _lost(folder: pathlib.Path, rows: list[Row], evaluations: list[Row]) -> list[str]:
    """Which logs of a run that is over end too early, in words."""
    result = read_result(folder)
    over = result.get("status") in ("finished", "diverged")
    due = [
        (folder / METRICS, rows, result.get("step")),
        (folder / EVALUATIONS, evaluations, result.get("evaluated_at_step")),
    ]
    return [
        f"{log} is damaged (it has no row of step {step:,}, though its run does)"
        for log, found, step in due
        if over and step is not None and log.exists() and (not found or found[-1]["step"] < step)
    ]


def is_done(result: Mapping[str, Any], num_steps: int) -> bool:
    """Whether a run of this result, empty where there is none, took so many steps or diverged."""
    if result.get("status") == "finished":
        return result["step"] >= num_steps
    return result.get("status") == "diverged"


def check_writable(folder: pathlib.Path, flag: str = "--workdir") -> None:
    """Looks before anything is made, so that a refused start leaves no trace.

    Raises:
      InputError: the folder, which need not be there, cannot be written to.
    """
    existing = folder
    while not os.path.lexists(existing):
        existing = existing.parent
    if not existing.is_dir():
        what = "a file" if existing.is_file() else "something else"
        raise InputError(f"cannot use {flag}={folder}: {existing} is {what}, not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"cannot use {flag}={folder}: {existing} is not writable")
