"""Files that others may have put there: read as they are, or refused in one line."""

import errno
import io
import json
import os
import pathlib
import stat
from typing import Any

import numpy as np

from ganstab.errors import InputError

__all__ = ["read_arrays", "read_bytes", "read_json", "regular"]


def regular(path: str, flags: int) -> int:
    """Opens a regular file and nothing else, for `open(…, opener=regular)`.

    To open a pipe would wait for its writer, and a device may never end.

    Raises:
      OSError: it is something else, or cannot be opened.
    """
    handle = os.open(path, flags | os.O_NONBLOCK, 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "no regular file", path)
    return handle


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The content of a regular file.

    Raises:
      InputError: it is none, or cannot be read.
    """
    try:
        with open(path, "rb", opener=regular) as file:
            return file.read()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def read_json(
    path: str | os.PathLike[str], remedy: str = "bring back a sound copy, or name another folder"
) -> dict[str, Any]:
    """A JSON object.

    Raises:
      InputError: the file cannot be read, or is no JSON object.
    """
    content = read_bytes(path)
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({error}): {remedy}") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} is damaged (no JSON object): {remedy}")
    return found


def read_arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The arrays of a `.npz` archive by name; nothing in it is run.

    Raises:
      InputError: it cannot be read, or is no archive of plain arrays.
    """
    data = read_bytes(path)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
        if not all(isinstance(array, np.ndarray) for array in found.values()):
            raise ValueError("it has other files in it")
        return found
    except Exception as error:
        # Whatever a damaged file makes the decoders raise, the answer is the same.
        why = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} is no archive of plain arrays: {why}") from error
