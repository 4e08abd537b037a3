"""A run's log: one JSON object a line, each with its "step".

NaN and the infinities, which JSON does not know, are null there. Write a step's row before the
step's checkpoint: then a run that is killed in between and goes on from that checkpoint has every
row, once.
"""

import errno
import json
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from ganstab.errors import InputError
from ganstab.reporting.writing import explained, plain, write_atomic

Row = dict[str, Any]


def append_row(path: pathlib.Path, row: Mapping[str, Any]) -> None:
    """Adds one line to the log, in one write to the system, so that SIGKILL keeps all before it.

    Raises:
      InputError: it cannot be written; then the log is left as it was.
    """
    data = (json.dumps(plain(row), sort_keys=True, allow_nan=False) + "\n").encode()
    with explained(f"cannot write {path}"), open(path, "ab", buffering=0) as log:
        size = log.tell()
        try:
            _write_whole(log, data)
        except OSError:
            log.truncate(size)
            raise


def read_rows(path: pathlib.Path) -> list[Row]:
    """The rows of the log, in order; a torn last line is left out, a missing log has none.

    Raises:
      InputError: the log cannot be read, or a line before the last is damaged.
    """
    rows, damaged = _scan(path)
    if damaged:
        raise InputError(f"{_told(path, damaged)}: name another --workdir")
    return rows


def keep_rows(
    path: pathlib.Path, last_step: int, tell: Callable[[str], None] = lambda words: None
) -> list[Row]:
    """Drops the rows after `last_step` (and a torn line), so that a resumed run writes them anew.

    A run that starts from nothing passes −1: its first row may be of step 0. Lines that are damaged
    are dropped too, and told.

    Raises:
      InputError: the log cannot be read or written.
    """
    found, damaged = _scan(path)
    if damaged:
        tell(f"{_told(path, damaged)}, and left out")
    rows = [row for row in found if row["step"] <= last_step]
    if path.exists():
        lines = (json.dumps(row, sort_keys=True, allow_nan=False) + "\n" for row in rows)
        write_atomic(path, "".join(lines))
    return rows


def _scan(path: pathlib.Path) -> tuple[list[Row], list[int]]:
    """The rows that are sound, and the numbers of the lines that are not."""
    if not path.exists():
        return [], []
    with explained(f"cannot read {path}"):
        *lines, torn = path.read_bytes().split(b"\n")
    read = [_row(line) for line in lines]
    damaged = [number for number, row in enumerate(read, start=1) if row is None]
    if damaged and damaged[-1] == len(lines) and not torn:
        del damaged[-1]
    return [row for row in read if row is not None], damaged


def _row(line: bytes) -> Row | None:
    """A row as runs write them: numbers, or lists of them, and a step; None for anything else."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or type(row.get("step")) is not int or row["step"] < 0:
        return None
    values = [v for value in row.values() for v in (value if isinstance(value, list) else [value])]
    sound = all(v is None or (isinstance(v, int | float) and abs(v) < 1e300) for v in values)
    return row if sound else None


def _told(path: pathlib.Path, damaged: list[int]) -> str:
    if len(damaged) == 1:
        return f"line {damaged[0]} of {path} is damaged"
    return f"{len(damaged)} lines of {path} are damaged, the first line {damaged[0]}"


def _write_whole(log: Any, data: bytes) -> None:
    """An unbuffered write may be short; on a full disk it is, and only the next one fails."""
    if log.write(data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
