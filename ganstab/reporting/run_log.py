"""A run's log: one JSON object a line, each with its "step".

NaN and the infinities, which JSON does not know, are null there. Write a step's row before the
step's checkpoint: then a run that is killed in between and goes on from that checkpoint has every
row, once.
"""

import errno
import json
import os
import pathlib
from collections.abc import Mapping
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
    if not path.exists():
        return []
    with explained(f"cannot read {path}"):
        *lines, torn = path.read_bytes().split(b"\n")
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            row["step"] = int(row["step"])
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines) and not torn:
                break
            raise InputError(
                f"line {number} of {path} is damaged: name another --workdir"
            ) from error
        rows.append(row)
    return rows


def keep_rows(path: pathlib.Path, last_step: int) -> list[Row]:
    """Drops the rows after `last_step` (and a torn line), so that a resumed run writes them anew.

    A run that starts from nothing passes −1: its first row may be of step 0.

    Raises:
      InputError: the log cannot be read or written.
    """
    rows = [row for row in read_rows(path) if row["step"] <= last_step]
    if path.exists():
        lines = (json.dumps(row, sort_keys=True, allow_nan=False) + "\n" for row in rows)
        write_atomic(path, "".join(lines))
    return rows


def _write_whole(log: Any, data: bytes) -> None:
    """An unbuffered write may be short; on a full disk it is, and only the next one fails."""
    if log.write(data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
