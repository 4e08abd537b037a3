"""What a run writes down: rows of metrics, measured numbers beside published ones, versions.

`metrics.jsonl` holds one JSON object a line, each with its "step". NaN and the infinities, which
JSON does not know, are null there. Write a step's row before the step's checkpoint: then a run that
is killed in between and goes on from that checkpoint has every row, once.
"""

import errno
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax

import ganstab
from ganstab.errors import InputError
from ganstab.writing import explained, plain, write_atomic

Row = dict[str, Any]


class Published(NamedTuple):
    """A number of a paper: its value, its standard error where one is printed, and its place."""

    value: float
    standard_error: float | None
    source: str


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


def measured(
    values: Sequence[float],
    label: str,
    *,
    published: Published | None = None,
    ideal: float | None = None,
    better: str = "higher",
) -> dict[str, Any]:
    """One entry of `result.json`: a number measured with n seeds, and the paper's beside it.

    The standard error is s/√n with the sample standard deviation s (n − 1 below), None for n = 1.

    Args:
      values: one for each seed.
      label: what it is, with its unit, for the report's table.
      published: the paper's value.
      ideal: what a perfect generator would score.
      better: "higher" or "lower".
    """
    values = [float(value) for value in values]
    n = len(values)
    entry = {
        "label": label,
        "values": values,
        "n": n,
        "mean": statistics.fmean(values),
        "standard_error": statistics.stdev(values) / n**0.5 if n > 1 else None,
        "published": published and published._asdict(),
        "ideal": ideal,
        "better": better,
    }
    return plain(entry)


def checked(
    label: str,
    found: float | complex | str,
    *,
    expected: float | complex | None = None,
    tolerance: float | None = None,
    reading: str = "",
    source: str = "",
) -> dict[str, Any]:
    """One finding of a study: a number, what it should be, and in words whether it is.

    Args:
      label: what it is, with its unit.
      found: the number, or a few words where the finding is no number.
      expected: the closed form's or the source's number, where there is one.
      tolerance: the largest |found − expected| at which they agree; only with `expected`.
      reading: what the finding means; with `expected` it is said after whether they agree.
      source: of what is expected.
    """
    agrees = None
    words = [reading] if reading else []
    if expected is not None and not isinstance(found, str):
        away = abs(found - expected)
        agrees = bool(away <= (tolerance or 0.0))
        words.insert(0, f"agrees to {away:.1g}" if agrees else f"DIFFERS by {away:.3g}")
    return {
        "label": label,
        "found": _figures(found),
        "expected": None if expected is None else _figures(expected),
        "agrees": agrees,
        "reading": "; ".join(words),
        "source": source,
    }


def versions() -> dict[str, str]:
    """What the numbers depend on besides the settings: packages, platform, devices, cores."""
    packages = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")
    devices = jax.devices()
    return {
        "python": platform.python_version(),
        "ganstab": ganstab.__version__,
        **{package: _version(package) for package in packages},
        "system": f"{platform.system()} {platform.machine()}",
        "platform": devices[0].platform,
        "device": f"{len(devices)} × {devices[0].device_kind}",
        "cores": str(_visible_cores()),
    }


def _write_whole(log: Any, data: bytes) -> None:
    """An unbuffered write may be short; on a full disk it is, and only the next one fails."""
    if log.write(data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _visible_cores() -> int:
    """The cores that this process may use, where the system can tell."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _figures(value: float | complex | str) -> str:
    """Four figures, a complex number as a + bi."""
    if isinstance(value, str):
        return value
    value = complex(value)
    if not value.imag:
        return f"{value.real:.4g}"
    return f"{value.real:.4g} {'−' if value.imag < 0 else '+'} {abs(value.imag):.4g}i"
