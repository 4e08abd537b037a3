"""A run's folder: files that are whole or not there at all, and settings that cannot be mixed up.

`--workdir` holds `config.json` (the settings, written once), `metrics.jsonl`, `checkpoints/`,
`figures/`, `result.json` and `report.html`. Everything but the log of metrics is replaced in one
piece, so a run that is killed at any moment leaves files that can be read.
"""

import contextlib
import fcntl
import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from absl import flags

from ganstab.errors import InputError
from ganstab.reporting.writing import UNFINISHED, explained, plain, to_json, write_atomic

LOCK = ".lock"
IN_USE = 75
"""Exit status where another process is at work in the folder: the system's "try again later"."""
FREE = ("num_steps", "checkpoint_every")


class InUseError(InputError):
    """Another process is at work in the folder."""


def open_workdir(path: str | os.PathLike[str], config: Mapping[str, Any]) -> pathlib.Path:
    """The run's folder, made on the first start and recognised on every later one.

    Settings in `FREE` decide only how far a run goes and how often it is saved: they may be others
    at a later start.

    Args:
      path: the folder; `~` is expanded, and missing parents are made.
      config: the settings that decide the run's numbers; each must have a JSON form.

    Raises:
      InputError: the folder cannot be written to, holds something else, or was started with other
        settings; then each of them is named.
    """
    folder = _local_folder(path)
    with explained(f"cannot use --workdir={folder}"):
        _check_writable(folder)
        folder.mkdir(parents=True, exist_ok=True)
        started = (folder / "config.json").exists()
        if not started:
            _check_empty(folder)
    if started:
        _check_same_settings(folder, config)
    else:
        record(folder, config)
    with explained(f"cannot use --workdir={folder}"):
        (folder / "figures").mkdir(exist_ok=True)
    return folder


def result_of(folder: pathlib.Path) -> dict[str, Any]:
    """The folder's `result.json`; empty where there is none that can be read."""
    try:
        return json.loads((folder / "result.json").read_text())
    except (OSError, ValueError):
        return {}


def is_done(result: Mapping[str, Any], num_steps: int) -> bool:
    """Whether a run has nothing left to do: so many steps are taken, or it diverged.

    Args:
      result: its `result.json`, empty where there is none.
      num_steps: as far as it should go.
    """
    if result.get("status") == "finished":
        return result["step"] >= num_steps
    return result.get("status") == "diverged"


def record(folder: pathlib.Path, config: Mapping[str, Any]) -> None:
    """Writes the settings down, if they are not there as they are."""
    path, text = folder / "config.json", to_json(config)
    if not path.exists() or path.read_text() != text:
        write_atomic(path, text)


@contextlib.contextmanager
def held(workdir: pathlib.Path, *, wait: bool = False) -> Iterator[None]:
    """Keeps a second process out of the folder; the system lets go of it, even after SIGKILL.

    What a killed process left half-written is removed, since nobody else can be writing now.

    Args:
      workdir: the folder.
      wait: whether to wait for another process that has it.

    Raises:
      InUseError: another process is at work in the folder.
    """
    with explained(f"cannot use --workdir={workdir}"):
        # A file that can be written to, which is what network file systems lock.
        handle = os.open(workdir / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _locked(handle, wait):
            raise InUseError(f"--workdir={workdir} is in use by another process: wait for it")
        with explained(f"cannot use --workdir={workdir}"):
            _remove_unfinished(workdir)
        yield
    finally:
        os.close(handle)


def is_held(workdir: pathlib.Path) -> bool:
    """Whether a process is at work in the folder, which need not be there."""
    if not workdir.is_dir():
        return False
    try:
        with held(workdir):
            return False
    except InUseError:
        return True
    except InputError:
        return False


def _locked(handle: int, wait: bool) -> bool:
    """False if another process has the lock; a file system without locks is used unlocked."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _local_folder(path: str | os.PathLike[str]) -> pathlib.Path:
    text = os.fspath(path)
    if not text.strip():
        raise InputError("--workdir is empty: name a folder for the run's files")
    if "://" in text:
        raise InputError(f"--workdir={text} is an address: name a folder of this machine")
    return pathlib.Path(os.path.expanduser(text))


def _check_writable(folder: pathlib.Path) -> None:
    """Looks before anything is made, so that a refused start leaves no trace."""
    existing = folder
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        raise InputError(f"cannot use --workdir={folder}: {existing} is a file, not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"cannot use --workdir={folder}: {existing} is not writable")


def _remove_unfinished(folder: pathlib.Path) -> None:
    """Clears what a killed `write_atomic` may have left, here and in `figures/`."""
    for pattern in (f".*{UNFINISHED}", f"figures/.*{UNFINISHED}"):
        for leftover in folder.glob(pattern):
            leftover.unlink(missing_ok=True)


def _check_empty(folder: pathlib.Path) -> None:
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    if names:
        raise InputError(
            f"--workdir={folder} is not empty ({names[0]}, …) and has no config.json, so it is no "
            "run's folder: name a new or empty one"
        )


def differences(folder: pathlib.Path, config: Mapping[str, Any]) -> list[str]:
    """Each setting in which the folder's run differs, e.g. ["batch_size: was 16, now 32"].

    A flag that the program got since then has had its default.

    Args:
      folder: a run's.
      config: the settings that it should have, but for those in `FREE`.

    Raises:
      InputError: the folder's settings cannot be read.
    """
    defaults = {name: flags.FLAGS[name].default for name in config if name in flags.FLAGS}
    before, now = _flat(plain(defaults) | _read_config(folder)), _flat(plain(config))
    return [
        f"{name}: was {_shown(before, name)}, now {_shown(now, name)}"
        for name in sorted(before.keys() | now.keys())
        if _shown(before, name) != _shown(now, name) and name not in FREE
    ]


def _check_same_settings(folder: pathlib.Path, config: Mapping[str, Any]) -> None:
    different = differences(folder, config)
    if different:
        raise InputError(
            f"--workdir={folder} was started with other settings ({'; '.join(different)}): go on "
            "with the same settings, or name another --workdir"
        )


def _read_config(folder: pathlib.Path) -> dict[str, Any]:
    path = folder / "config.json"
    with explained(f"cannot read {path}"):
        content = path.read_bytes()
    try:
        config = json.loads(content)
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}): name another --workdir") from error
    if not isinstance(config, dict):
        raise InputError(f"{path} is damaged (no JSON object): name another --workdir")
    return config


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under dotted names, so that a difference is named exactly."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _shown(settings: Mapping[str, Any], name: str) -> str:
    return json.dumps(settings[name], sort_keys=True) if name in settings else "absent"
