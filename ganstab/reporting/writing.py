"""Files that are whole or not there at all, strict JSON, and disk errors told in one line."""

import contextlib
import errno
import json
import math
import os
import pathlib
import secrets
import shutil
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from ganstab.errors import InputError

__all__ = ["explained", "plain", "to_json", "write_atomic"]

UNFINISHED = ".unfinished"
_HINTS = {
    errno.ENOSPC: "; free some space, then start the same command again: what is saved is kept",
    errno.EDQUOT: "; free some space, then start the same command again: what is saved is kept",
    errno.EACCES: "; choose a --workdir that you may write to",
    errno.EPERM: "; choose a --workdir that you may write to",
    errno.EROFS: "; choose a --workdir on a disk that is not read-only",
}


@contextlib.contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turns an `OSError` of the body into one clear line, an `InputError` that starts with `doing`.

    Raises:
      InputError: the body raised an `OSError` (a full disk, no permission, …).
    """
    try:
        yield
    except shutil.Error as error:  # of copying a folder: a list, one entry a file
        first, count = error.args[0][0], len(error.args[0])
        hint = next((h for number, h in _HINTS.items() if f"[Errno {number}]" in first[2]), "")
        others = f" (and {count - 1} more)" if count > 1 else ""
        raise InputError(f"{doing}: {first[0]}: {first[2]}{others}{hint}") from error
    except OSError as error:
        hint = _HINTS.get(error.errno or 0, "")
        raise InputError(f"{doing}: {error.strerror or error}{hint}") from error


def write_atomic(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Replaces the file in one piece: after a crash it holds the old content or the new, whole.

    The content goes to a new file beside it, is forced to the disk, then renamed over it. The new
    file's name cannot be guessed, so that no link lies there which would be followed.

    Raises:
      InputError: it cannot be written. The old file is untouched, no temporary file stays behind.
    """
    path = pathlib.Path(path)
    # A path that is not UTF-8 has lone surrogates, which stay readable, and are those of JSON too.
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}{UNFINISHED}")
    with explained(f"cannot write {path}"):
        try:
            new = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(temporary, new, 0o666), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def plain(value: Any) -> Any:
    """The JSON form: arrays as lists or numbers, paths as text, NaN and infinities as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return plain(np.asarray(value).tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def to_json(value: Any) -> str:
    """Strict JSON for people to read: keys sorted, indented, NaN and infinities as null."""
    text = json.dumps(plain(value), indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    return text + "\n"


def _sync_folder(folder: pathlib.Path) -> None:
    """Makes a rename last through a power cut, on the file systems that allow it."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
