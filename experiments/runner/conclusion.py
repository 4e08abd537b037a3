"""An experiment's last measurement: long, in pieces, each kept on disk as soon as it is made.

A run that was stopped or killed goes on with the first piece that is missing, and ends with the
same numbers as one that was not; a finished run measures nothing anew when it is shown again.
"""

import io
import pathlib
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.runner import devices
from experiments.runner.progress import Progress
from experiments.runner.stopping import StopRequest
from ganstab.reporting.pages import Picture
from ganstab.reporting.writing import explained, write_atomic
from ganstab.types import TrainState

Arrays = Mapping[str, np.ndarray]
FOLDER = "conclusion"


class Findings(NamedTuple):
    """What a conclusion comes to."""

    numbers: Mapping[str, float]
    """For the experiment's `results`, beside those of the last evaluation."""
    pictures: Sequence[Picture] = ()
    """For the report."""


class Conclusion(NamedTuple):
    """What an experiment measures once, on the state after the last step."""

    pieces: Mapping[str, Callable[[TrainState], Mapping[str, Any]]]
    """By name: from the state, arrays by their names, the same on every process. Each piece should
    take a minute at most, since between two of them a run can be stopped."""
    close: Callable[[Arrays, pathlib.Path], Findings]
    """From the arrays of all pieces in the order of their names, those that share a name joined
    along their first axis, and the run's folder, into which it may draw."""


def missing(conclusion: Conclusion, folder: pathlib.Path, step: int) -> list[str]:
    """The pieces of this step's state that are still to be made; all processes agree on them."""
    return [
        name
        for name in conclusion.pieces
        if devices.any_process(devices.is_main() and not _read(_file(folder, step, name)))
    ]


def make(
    conclusion: Conclusion,
    wanted: Sequence[str],
    state: TrainState,
    folder: pathlib.Path,
    progress: Progress,
    stop: StopRequest,
) -> int:
    """Makes the wanted pieces, and returns how many a stop has left to be made.

    Raises:
      InputError: a file cannot be written.
    """
    total, step = len(conclusion.pieces), int(state.step)
    progress.turn_to(total, total - len(wanted), "piece")
    for place, name in enumerate(wanted):
        if devices.any_process(bool(stop)):
            return len(wanted) - place
        begin = time.monotonic()
        arrays = {key: np.asarray(value) for key, value in conclusion.pieces[name](state).items()}
        if devices.is_main():
            seconds = np.array([time.monotonic() - begin])
            _keep(_file(folder, step, name), {**arrays, "seconds": seconds})
        progress.update(total - len(wanted) + place + 1)
    return 0


def read(folder: pathlib.Path, step: int, names: Sequence[str] | None = None) -> Arrays:
    """What is kept of a step's pieces, of all or of these, joined; "seconds" are those they took.

    Args:
      folder: the run's.
      step: of the state they were measured on.
      names: of pieces.
    """
    files = sorted(_file(folder, step, "").parent.glob("*.npz"))
    kept = [_read(file) for file in files if names is None or file.stem in names]
    together: dict[str, list[np.ndarray]] = {}
    for name, array in (item for arrays in kept for item in arrays.items()):
        together.setdefault(name, []).append(array)
    return {name: np.concatenate(arrays) for name, arrays in together.items()}


def _file(folder: pathlib.Path, step: int, name: str) -> pathlib.Path:
    return folder / FOLDER / f"step_{step:09d}" / f"{name}.npz"


def _keep(file: pathlib.Path, arrays: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    with explained(f"cannot write {file}"):
        file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, buffer.getvalue())


def _read(file: pathlib.Path) -> dict[str, np.ndarray]:
    """Its arrays; none where it is not there, or damaged, which the format's checksums tell."""
    try:
        with np.load(file) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return {}
