"""A run's folder: its files' names, its lock, and settings that cannot be mixed up.

| file | what it is |
| --- | --- |
| `config.json` | the settings, and the names of their class and of the experiment |
| `metrics.jsonl` | a row for every `log_every` steps |
| `evaluations.jsonl` | a row for every evaluation, with the samples in each mode |
| `samples/` | the shown samples of every evaluation as arrays |
| `checkpoints/`, `figures/`, `tensorboard/` | |
| `result.json`, `report.html` | how the run stands, for programs and for people |

Every file but the logs is replaced in one piece, so a run that is killed at any moment leaves files
that can be read.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ganstab.errors import InputError
from ganstab.reporting.writing import UNFINISHED, explained, to_json, write_atomic
from ganstab.training.config import RunConfig, differences, from_mapping, reference
from ganstab.training.soundness import result_damage

__all__ = [
    "IN_USE",
    "InUseError",
    "check_writable",
    "hold",
    "is_done",
    "is_held",
    "local_folder",
    "mark_interrupted",
    "open_folder",
    "read_config",
    "read_result",
    "read_sound_result",
    "reference",
    "sample_path",
    "sample_steps",
    "write_config",
]

CONFIG, RESULT, REPORT = "config.json", "result.json", "report.html"
METRICS, EVALUATIONS = "metrics.jsonl", "evaluations.jsonl"
CHECKPOINTS, FIGURES, SAMPLES, TENSORBOARD = "checkpoints", "figures", "samples", "tensorboard"
LOCK = ".lock"
IN_USE = 75
"""Exit status where another process is at work in the folder: the system's "try again later"."""
EXPERIMENT, CLASS = "experiment", "config_class"


class InUseError(InputError):
    """Another process is at work in the folder."""

    exit_status = IN_USE


def local_folder(path: str | os.PathLike[str], flag: str = "--workdir") -> pathlib.Path:
    """The folder that a user named with a flag, with `~` expanded.

    Raises:
      InputError: the name is empty, an address, or of a user that does not exist.
    """
    text = os.fspath(path)
    if not text.strip():
        raise InputError(f"{flag} is empty: name a folder")
    if "\0" in text:
        raise InputError(f"{flag}={text!r} has a null character: name a folder")
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:/", text):
        raise InputError(f"{flag}={text} is an address: name a folder of this machine")
    try:
        return pathlib.Path(text).expanduser()
    except RuntimeError as error:
        raise InputError(f"{flag}={text} cannot be found: {error}") from error


@contextlib.contextmanager
def hold(folder: pathlib.Path, *, wait: bool = False) -> Iterator[None]:
    """Keeps other processes out of the folder, which is made if it is not there.

    The system lets go of the lock when the process ends, even after SIGKILL. What a killed process
    left half-written is removed, since nobody else can be writing now.

    Args:
      folder: a run's, or a table's.
      wait: whether to wait for another process that has it.

    Raises:
      InUseError: another process is at work in the folder.
      InputError: the folder cannot be written to.
    """
    with explained(f"cannot use --workdir={folder}"):
        check_writable(folder)
        folder.mkdir(parents=True, exist_ok=True)
        # A lock on a file, since network file systems lock no folder.
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if not _locked(handle, wait):
            raise InUseError(f"--workdir={folder} is in use by another process: wait for it")
        with explained(f"cannot use --workdir={folder}"):
            _remove_unfinished(folder)
        yield
    finally:
        os.close(handle)


def is_held(folder: pathlib.Path) -> bool:
    """Whether a process is at work in the folder, which need not be there."""
    if not (folder / LOCK).exists():
        return False
    try:
        with hold(folder):
            return False
    except InUseError:
        return True
    except InputError:
        return False


def open_folder(folder: pathlib.Path, config: RunConfig, experiment: str | None = None) -> None:
    """Makes a held folder the run's at its first start, and recognises it at every later one.

    Args:
      folder: held by this process.
      config: the run's settings.
      experiment: the experiment's name, see `reference`.

    Raises:
      InputError: the folder has other things in it, or its run was started with other settings, or
        by another program; each difference is named.
    """
    with explained(f"cannot use --workdir={folder}"):
        started = (folder / CONFIG).exists()
        names = sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))
    if not started and names:
        raise InputError(
            f"--workdir={folder} is not empty ({names[0]}, …) and has no {CONFIG}, so it is no "
            "run's folder: name a new or empty one"
        )
    if started:
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


def read_json(path: pathlib.Path, remedy: str = "name another --workdir") -> dict[str, Any]:
    """A JSON object.

    Raises:
      InputError: the file cannot be read, or is no JSON object.
    """
    with explained(f"cannot read {path}"):
        content = path.read_bytes()
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({error}): {remedy}") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} is damaged (no JSON object): {remedy}")
    return found


def read_config(folder: pathlib.Path, config: type[RunConfig]) -> RunConfig:
    """The settings of the folder's run.

    A setting that the program got since has its default; one that it has lost is refused.

    Args:
      folder: a run's.
      config: the class of settings.

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
    return result


def mark_interrupted(folder: pathlib.Path, reason: str) -> None:
    """Has `result.json` say so, where it still says that the run goes on."""
    result = read_result(folder)
    if result.get("status") == "running":
        changed = {**result, "status": "interrupted", "reason": reason}
        write_atomic(folder / RESULT, to_json(changed))


def is_done(result: Mapping[str, Any], num_steps: int) -> bool:
    """Whether a run has nothing left to do: so many steps are taken, or it diverged.

    Args:
      result: its `result.json`, empty where there is none.
      num_steps: as far as it should go.
    """
    if result.get("status") == "finished":
        return result["step"] >= num_steps
    return result.get("status") == "diverged"


def sample_path(folder: pathlib.Path, step: int) -> pathlib.Path:
    """Where the shown samples of a step are, as arrays; the names sort by step."""
    return folder / SAMPLES / f"step_{step:09d}.npz"


def sample_steps(folder: pathlib.Path) -> list[int]:
    """The steps whose samples are there, in order."""
    names = (re.fullmatch(r"step_(\d{9,})\.npz", p.name) for p in (folder / SAMPLES).glob("*"))
    return sorted(int(name[1]) for name in names if name)


def _locked(handle: int, wait: bool) -> bool:
    """False if another process has the lock; a file system without locks is used unlocked."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def check_writable(folder: pathlib.Path) -> None:
    """Looks before anything is made, so that a refused start leaves no trace."""
    existing = folder
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        raise InputError(f"cannot use --workdir={folder}: {existing} is a file, not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"cannot use --workdir={folder}: {existing} is not writable")


def _remove_unfinished(folder: pathlib.Path) -> None:
    """Clears what a killed `write_atomic` may have left."""
    for pattern in (f".*{UNFINISHED}", f"*/.*{UNFINISHED}"):
        for leftover in folder.glob(pattern):
            if leftover.is_file() or leftover.is_symlink():
                leftover.unlink(missing_ok=True)
