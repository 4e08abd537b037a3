"""A run's folder: what it wrote down, and the game behind it."""

import pathlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ganstab.doctor.subject import Subject
from ganstab.errors import InputError
from ganstab.reporting.run_log import Row
from ganstab.training import restore
from ganstab.training import run_folder as files
from ganstab.training.samples import (
    MOST,
    SAMPLES,
    are_images,
    read_reference,
    read_samples,
    to_bytes,
)
from ganstab.types import Batch

__all__ = ["Record", "modes_of", "read_record", "subject_of_code", "with_data"]


class Record(NamedTuple):
    """What a training run wrote down of itself; empty for a game that was never run."""

    rows: Sequence[Row] = ()
    """Numbers of `metrics.jsonl`, thinned where it is long, and of all of `evaluations.jsonl`."""
    result: Any = None
    """Of `result.json`."""
    settings: Mapping[str, Any] = MappingProxyType({})
    """Of `config.json`."""
    modes: Mapping[int, np.ndarray] = MappingProxyType({})
    """By training step, how many samples fell in each mode, `[M]`."""
    samples: Mapping[int, np.ndarray] = MappingProxyType({})
    """By training step, the samples that are shown: images or points; of some evaluations."""
    reference: np.ndarray | None = None
    """The like of the data."""

    def names(self) -> set[str]:
        """All that some row has."""
        return {name for row in self.rows for name in row}

    def recent(self, name: str) -> list[float]:
        """A metric in the last fifth of the rows that have it; nothing where none has."""
        known = [row[name] for row in self.rows if isinstance(row.get(name), int | float)]
        return known[-max(1, len(known) // 5) :] if known else []


def read_record(folder: pathlib.Path) -> Record:
    """What a run wrote down.

    Raises:
      InputError: the folder is no run's, nothing is in it yet, or a file is damaged.
    """
    if not (folder / files.CONFIG).is_file():
        raise InputError(
            f"{folder} is no run's folder (it has no config.json): name the --workdir of a run, or "
            "MODULE:FUNCTION for a game of your own"
        )
    if not (folder / files.RESULT).exists():
        raise InputError(f"{folder} has no result.json yet: its run has not come far")
    settings = files.read_json(folder / files.CONFIG, "the doctor needs it whole")
    result = files.read_sound_result(folder)
    rows, damaged = files.read_log(folder)
    if damaged:
        raise InputError(f"{damaged[0]}: the doctor needs it whole")
    lists = {name for row in rows for name, value in row.items() if isinstance(value, list)}
    numbers = [{name: row[name] for name in row.keys() - lists} for row in rows]
    read = read_samples(folder, most=MOST).items()
    shown = {step: arrays[SAMPLES] for step, arrays in read if _are_numbers(arrays[SAMPLES])}
    reference = read_reference(folder).get(SAMPLES)
    return Record(numbers, result, settings, modes_of(rows), shown, reference)


def with_data(record: Record, subject: Subject | None) -> Record:
    """The record with the next batch as the like of the data, where the run kept none."""
    batch = subject.batch if subject else None
    if record.reference is not None or not record.samples or not isinstance(batch, Batch):
        return record
    real = np.asarray(batch.real)
    real = to_bytes(real) if are_images(real) else real
    return record._replace(reference=real) if _are_numbers(real) else record


def _are_numbers(samples: np.ndarray) -> bool:
    """Whether samples are points or images, and no codes of text."""
    return samples.ndim in (2, 4) and (samples.dtype == np.uint8 or samples.dtype.kind == "f")


def modes_of(rows: Sequence[Row]) -> dict[int, np.ndarray]:
    """The counts of evaluations, as many modes as the last one has."""
    counts = {row["step"]: np.asarray(row["counts"]) for row in rows if row.get("counts")}
    last = next(reversed(counts.values()), None)
    return {
        step: each
        for step, each in counts.items()
        if last is not None and each.shape == last.shape and each.ndim == 1
    }


def subject_of_code(name: str) -> Subject:
    """What `MODULE:FUNCTION` returns, called without arguments.

    Raises:
      InputError: there is no such function, it failed, or what it returns is no `Subject`.
    """
    made = restore.call(name)
    if not isinstance(made, Subject):
        raise InputError(f"{name} must return a ganstab.doctor.Subject, got {type(made).__name__}")
    return made
