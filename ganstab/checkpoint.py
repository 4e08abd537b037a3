"""Checkpoints that are written whole or not at all, and whose damage is detected.

Orbax writes the arrays, from one process or from many, into a folder that it renames into place
when all is on disk. A flipped byte inside it would still be restored in silence, so each checkpoint
carries a manifest (name, shape, dtype and SHA-256 of every array), which `restore` verifies.
"""

import errno
import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from etils import epy
from jax.experimental import multihost_utils

from ganstab._checkpoint_faults import fault, hushed
from ganstab._checks import check_count
from ganstab._leaves import given_back, is_python, is_weak, named, same_kind, stored, wanted
from ganstab.errors import InputError

with epy.lazy_imports():  # a run starts without it
    import orbax.checkpoint as ocp

__all__ = ["Restored", "clean", "digest", "restore", "save", "steps"]

_NAME = re.compile(r"step_(\d{9})")
_LEFTOVER = re.compile(r"(new-|removed-)step_\d{9}|(new-)?step_\d{9}\.orbax-checkpoint-tmp.*")
_OVERHEAD = 2**20  # bytes for manifest and metadata


class Restored(NamedTuple):
    """A state read back, and the newer checkpoints that had to be passed over."""

    state: Any
    step: int
    damaged: tuple[str, ...]
    """One line each, newest first: which checkpoint, and what is wrong with it."""


def save(
    directory: str | Path, state: Any, step: int, *, keep: int = 3, also: int | None = None
) -> Path:
    """Writes one checkpoint, then removes the oldest of the others, so that `keep` are left.

    Every process of a distributed run calls it. The checkpoint is complete when it returns.

    Args:
      directory: the folder of checkpoints, made if missing; shared by all processes.
      state: a pytree of arrays, numbers and random keys, each the same on all processes or sharded.
      step: names the checkpoint; one that is already there is replaced, once the new one is whole.
      keep: how many to keep, at least 1, this one always among them.
      also: the step of one to keep beside them, if it is there.

    Raises:
      InputError: where the disk is full or refuses; checkpoints already there are untouched.
      ValueError: where a leaf is none of these, or was donated.
    """
    check_count("keep", keep)
    if not 0 <= step < 10**9:
        raise ValueError(f"step must be from 0 to 999,999,999, got {step:,}")
    folder = Path(directory).absolute() / f"step_{step:09d}"
    again = folder.exists()
    written = folder.with_name(f"new-{folder.name}") if again else folder
    manifest = ocp.args.JsonSave({**_manifest(state), "step": step})
    # Orbax refuses arrays without elements: their shape in the manifest is all there is of them.
    arrays = {name: array for name, array in _arrays(state).items() if array.size}
    parts = {"arrays": ocp.args.StandardSave(arrays)} if arrays else {}
    content = ocp.args.Composite(manifest=manifest, **parts)
    try:
        _check_space(folder, arrays)
        with hushed(), ocp.Checkpointer(ocp.CompositeCheckpointHandler()) as checkpointer:
            checkpointer.save(written, content, force=True)
    except (OSError, ValueError) as error:
        if jax.process_index() == 0:
            clean(folder.parent)
        raise InputError(
            f"could not write checkpoint {folder}: {_reason(error)}; those already there are kept"
        ) from error
    if jax.process_index() == 0:
        if again:
            _remove([folder], written)
        others = [path for at, path in _checkpoints(folder.parent) if at not in (step, also)]
        _remove(others[keep - 1 :])
    return folder


def steps(directory: str | Path) -> list[int]:
    """The steps of the complete checkpoints in a folder, newest first."""
    return [step for step, _ in _checkpoints(Path(directory).absolute())]


def restore(directory: str | Path, like: Any, step: int | None = None) -> Restored | None:
    """The newest sound checkpoint, or `None` where none was ever written.

    Args:
      directory: the folder of checkpoints.
      like: a state of the same structure, shapes, dtypes and shardings as the one wanted back. It
        may be abstract (`jax.eval_shape`), or donated by now. A Python number stands for a scalar
        of its kind in any precision.
      step: only the checkpoint of this step.

    Raises:
      InputError: if there are checkpoints and none is sound or of that step, or if the newest sound
        one holds another model. A damaged one is never taken for a fresh start.
    """
    damaged: list[str] = []
    leaves = named(like)
    targets = {name: wanted(name, leaf) for name, leaf in leaves.items()}
    known = _checkpoints(Path(directory).absolute())
    found = [entry for entry in known if step in (None, entry[0])]
    if known and not found:
        there = ", ".join(f"{at:,}" for at, _ in known)
        raise InputError(f"{directory} has no checkpoint of step {step:,}, but of {there}")
    for at, folder in found:
        try:
            with hushed():
                manifest = _read_manifest(folder)
                _check_same_model(folder, manifest, targets, leaves)
                values = _read_values(folder, manifest, targets, leaves)
            state = jax.tree.unflatten(jax.tree.structure(like), values)
            return Restored(state, at, tuple(damaged))
        except InputError:
            raise
        except Exception as error:
            # Whatever a damaged file makes Orbax and its decoders raise, the answer is the same.
            damaged.append(f"checkpoint {folder} is damaged: {fault(folder, error)}")
    if damaged:
        raise InputError(
            f"none of the {len(found)} checkpoints in {directory} is sound, so nothing was "
            f"started; {damaged[0]}; bring back a sound copy of it, or start in another folder"
            if step is None
            else damaged[0]
        )
    return None


def digest(tree: Any) -> str:
    """`sha256:…` over names, shapes, dtypes and bytes of all arrays of a pytree."""
    return f"sha256:{_manifest(tree)['sha256']}"


def clean(directory: str | Path) -> None:
    """Removes what a killed process left half-written or half-removed; for the main process."""
    left = [path for path in Path(directory).glob("*step_*") if _LEFTOVER.fullmatch(path.name)]
    for path in left:
        # Whole under this name: it was to take the place of one that is already out of the way.
        place = path.with_name(path.name.removeprefix("new-"))
        if _NAME.fullmatch(place.name) and path.name.startswith("new-") and not place.exists():
            path.rename(place)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _check_space(folder: Path, arrays: dict[str, Any]) -> None:
    """Looks before writing: on a disk that fills up half-way, Orbax's threads fail one by one."""
    disk = next(parent for parent in folder.parents if parent.exists())
    needed = sum(array.nbytes for array in arrays.values()) + _OVERHEAD
    if shutil.disk_usage(disk).free < needed:
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {needed:,} bytes are needed")


def _checkpoints(directory: Path) -> list[tuple[int, Path]]:
    """All complete checkpoints, newest first."""
    paths = directory.iterdir() if directory.is_dir() else ()
    named = [(match, path) for path in paths if (match := _NAME.fullmatch(path.name))]
    return sorted(((int(match[1]), path) for match, path in named), reverse=True)


def _remove(folders: list[Path], successor: Path | None = None) -> None:
    for folder in folders:
        # Renamed first, so that a kill half-way leaves nothing that looks like a checkpoint.
        aside = folder.with_name(f"removed-{folder.name}")
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
        if successor:
            successor.rename(folder)
        shutil.rmtree(aside, ignore_errors=True)


def _arrays(tree: Any) -> dict[str, Any]:
    return {name: stored(name, leaf) for name, leaf in named(tree).items()}


def _manifest(tree: Any) -> dict[str, Any]:
    """What each array is, and a checksum over that."""
    entries = {name: _entry(value) for name, value in _arrays(tree).items()}
    for name, leaf in named(tree).items():
        if is_python(leaf):
            entries[name]["python"] = True
    return {"arrays": entries, "sha256": _checksum(entries)}


def _checksum(entries: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()


def _entry(array: Any) -> dict[str, Any]:
    value = _on_host(array)
    content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    return {"shape": list(value.shape), "dtype": str(value.dtype), "sha256": content}


def _on_host(array: Any) -> np.ndarray:
    if not isinstance(array, jax.Array) or array.is_fully_addressable:
        return np.asarray(array)
    if array.is_fully_replicated:
        return np.asarray(array.addressable_data(0))
    return np.asarray(multihost_utils.process_allgather(array, tiled=True))


def _check_same_model(folder: Path, manifest: dict, targets: dict, leaves: dict) -> None:
    for name in sorted(set(manifest) | set(targets)):
        there = manifest.get(name) and (tuple(manifest[name]["shape"]), manifest[name]["dtype"])
        here = (targets[name].shape, str(targets[name].dtype)) if name in targets else None
        if there != here and not _both_numbers(manifest.get(name), leaves.get(name)):
            raise InputError(
                f"checkpoint {folder} is of another model: {name} is "
                f"{there or 'missing'} there and {here or 'missing'} here"
            )


def _both_numbers(entry: dict | None, leaf: Any) -> bool:
    """Whether an array of the manifest and a leaf are of one kind, and one without a precision."""
    return (
        entry is not None
        and leaf is not None
        and entry["shape"] == list(jnp.shape(leaf)) == []
        and (is_weak(leaf) or "python" in entry)
        and same_kind(entry["dtype"], jnp.result_type(leaf))
    )


def _read(folder: Path, **items: Any):
    with ocp.Checkpointer(ocp.CompositeCheckpointHandler()) as checkpointer:
        return checkpointer.restore(folder, ocp.args.Composite(**items))


def _check_regular(folder: Path) -> None:
    """A pipe or a device in it would keep its reader waiting for ever."""
    if not folder.is_dir():
        raise ValueError("it is no folder")
    for path in folder.rglob("*"):
        if not (path.is_file() or path.is_dir()):
            raise ValueError(f"{path.relative_to(folder)} is no regular file")


def _read_manifest(folder: Path) -> dict[str, Any]:
    _check_regular(folder)
    manifest = _read(folder, manifest=ocp.args.JsonRestore())["manifest"]
    if _checksum(manifest["arrays"]) != manifest["sha256"]:
        raise ValueError("the checksum of its manifest does not match")
    named = int(folder.name.removeprefix("step_"))
    if manifest.get("step", named) != named:
        raise ValueError(f"it is of step {manifest['step']}")
    return manifest["arrays"]


def _read_values(folder: Path, manifest: dict, targets: dict, leaves: dict) -> list[Any]:
    """The leaves in their order, each of the kind that is asked for."""
    kept = {name: np.dtype(entry["dtype"]) for name, entry in manifest.items()}
    full = {
        # A number in another precision than is asked for is read as it is.
        name: target if target.dtype == kept[name] else np.zeros((), kept[name])
        for name, target in targets.items()
        if target.size
    }
    arrays = _read(folder, arrays=ocp.args.StandardRestore(full))["arrays"] if full else {}
    for name, array in arrays.items():
        if _entry(array) != {key: manifest[name][key] for key in ("shape", "dtype", "sha256")}:
            raise ValueError(f"the checksum of {name} does not match its content")
    empty = {name: np.zeros(target.shape, target.dtype) for name, target in targets.items()}
    return [given_back(arrays.get(name, empty[name]), leaf) for name, leaf in leaves.items()]


def _reason(error: Exception) -> str:
    """The system's own words where the error carries its number, as TensorStore's do."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    code = re.search(r"os_error_code='(\d+)'", str(error))
    return os.strerror(int(code[1])) if code else _line(error)


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
