"""A run's log: one JSON object a line, each with its "step", in the order of the steps.

NaN and the infinities, which JSON does not know, are null there. Write a step's row before the
step's checkpoint: then a run that is killed in between and goes on from that checkpoint has every
row, once.
"""

import errno
import json
import os
import pathlib
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np

from ganstab._files import regular
from ganstab.errors import InputError
from ganstab.reporting.writing import explained, plain

__all__ = ["append_row", "keep_rows", "merge", "read_rows", "read_sound", "spread"]

Row = dict[str, Any]
ENOUGH = 1000
"""Rows that a curve is drawn of, however long the log."""
SMALL = 2**10
"""A log of at most so many bytes for each row that is wanted of it is read as a whole."""


def append_row(path: pathlib.Path, row: Mapping[str, Any]) -> None:
    """Adds one line to the log, in one write to the system, so that SIGKILL keeps all before it.

    Raises:
      InputError: it cannot be written; then the log is left as it was.
    """
    data = (json.dumps(plain(row), sort_keys=True, allow_nan=False) + "\n").encode()
    with explained(f"cannot write {path}"), open(path, "ab", 0, opener=regular) as log:
        size = log.tell()
        try:
            _write_whole(log, data)
        except OSError:
            log.truncate(size)
            raise


def read_rows(path: pathlib.Path) -> list[Row]:
    """The rows of the log, in order; a torn last line is left out, a missing log has none.

    Raises:
      InputError: the log cannot be read, or a line is damaged: no JSON object, no whole number for
        "step", or something else than numbers, null and a list of "counts". The line is named.
    """
    rows, damaged = read_sound(path)
    if damaged:
        raise InputError(f"{damaged[0]}: name another --workdir")
    return rows


def read_sound(
    path: pathlib.Path, most: int | None = None, needs: Collection[str] = ()
) -> tuple[list[Row], list[str]]:
    """The rows of the log, and in words which lines are damaged and so left out.

    With `most`, the rows are at most so many, evenly spread, with the first and the last. Of a long
    log only these are read, so that the time does not grow with its length.

    Args:
      path: the log, which need not be there.
      most: as above; all rows by default.
      needs: what has to be a number in every row, beside the step.

    Raises:
      InputError: the log cannot be read.
    """
    if not path.exists():
        return [], []
    with explained(f"cannot read {path}"), open(path, "rb", opener=regular) as log:
        end = _end(log)
        if most is None or end <= SMALL * most:
            log.seek(0)
            lines = log.read(end).split(b"\n")[:-1]
            chosen = spread(len(lines), len(lines) if most is None else most)
            found = {f"line {place + 1}": lines[place] for place in chosen}
        else:
            found = {}
            for offset in spread(_last_start(log, end) + 1, most):
                # From the byte before, or a line that starts at the offset would be missed.
                log.seek(max(offset - 1, 0))
                skipped = len(log.readline()) if offset else 0
                found[f"the line at byte {max(offset - 1, 0) + skipped:,}"] = log.readline()
    rows = {name: _loaded(line) for name, line in found.items()}
    wrong = {name: words for name, row in rows.items() if (words := _damage(row, needs))}
    damaged = [f"{name} of {path} is damaged ({words})" for name, words in wrong.items()]
    return [row for name, row in rows.items() if name not in wrong], damaged


def keep_rows(path: pathlib.Path, last_step: int) -> Row | None:
    """Drops the rows after `last_step` and a torn line, so that a resumed run writes them anew.

    The log is read from its end, so that the time does not grow with its length.

    Args:
      path: the log, which need not be there.
      last_step: of the rows to keep; −1 for a run that starts anew, whose first row may be of
        step 0.

    Returns:
      The last row that is kept; None where none is.

    Raises:
      InputError: the log cannot be read or written.
    """
    if not path.exists():
        return None
    with explained(f"cannot write {path}"), open(path, "rb+", opener=regular) as log:
        end, last = _end(log) if last_step >= 0 else 0, None
        while end and last is None:
            start = log.seek(_last_start(log, end))
            row = _loaded(log.read(end - start))
            if not _damage(row) and row["step"] <= last_step:
                last = row
            else:
                end = start
        log.truncate(end)
        os.fsync(log.fileno())
    return last


def merge(*logs: Iterable[Row]) -> list[Row]:
    """Rows of several logs in the order of their steps; those of one step become one."""
    by_step: dict[int, Row] = {}
    for row in (row for rows in logs for row in rows):
        by_step.setdefault(row["step"], {}).update(row)
    return [by_step[step] for step in sorted(by_step)]


def _end(log: BinaryIO) -> int:
    """Where the last whole row ends: after it a kill, or a full disk, may have left a torn one."""
    end = log.seek(0, os.SEEK_END)
    start = log.seek(_last_start(log, end))
    line = log.read(end - start)
    return end if line.endswith(b"\n") and _loaded(line) is not None else start


def _last_start(log: BinaryIO, end: int) -> int:
    """Where the last line before `end` starts, torn or whole."""
    reach = 2**12
    while True:
        begin = log.seek(max(end - reach, 0))
        place = log.read(end - begin)[:-1].rfind(b"\n")
        if place >= 0 or not begin:
            return begin + place + 1
        reach *= 4


def spread(count: int, most: int) -> list[int]:
    """At most so many of the numbers below `count`, evenly spread, with the first and the last."""
    places = np.linspace(0, count - 1, min(most, count)).round().astype(int)
    return np.unique(places).tolist()


def _loaded(line: bytes) -> Any:
    """What the JSON says; None where it is none."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _damage(row: Any, needs: Collection[str] = ()) -> str:
    """What is of another kind than in a log's row; empty if nothing is."""
    if not isinstance(row, dict):
        return "no JSON object"
    if type(row.get("step")) is not int or not 0 <= row["step"] < 2**63:
        return "no step"
    for name, value in row.items():
        if not (_are_counts if name == "counts" else _is_number)(value):
            return f"no number for {name}"
    return next((f"no {name}" for name in needs if type(row.get(name)) not in (int, float)), "")


def _are_counts(value: Any) -> bool:
    """Of samples in each mode; none where the data have no modes."""
    return value is None or (
        isinstance(value, list) and all(type(n) in (int, float) and 0 <= n < 2**53 for n in value)
    )


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and abs(value) <= sys.float_info.max)


def _write_whole(log: Any, data: bytes) -> None:
    """An unbuffered write may be short; on a full disk it is, and only the next one fails."""
    if log.write(data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
