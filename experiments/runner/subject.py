"""A run on disk as a game at a training state, for `ganstab.doctor`."""

from __future__ import annotations

import json
import pathlib
import shlex
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

import jax
import numpy as np
from absl import flags

from experiments.runner.book import MODES_LOG, Experiment
from experiments.runner.session import Session, start
from ganstab import checkpoint
from ganstab.errors import InputError
from ganstab.reporting import run_log

if TYPE_CHECKING:
    from ganstab.doctor import Subject

OF_SEVERAL_PROCESSES = ("--coordinator", "--num_processes", "--process_id")
"""Flags of a run over several processes, which a look at it does not join."""


def subject(build: Callable[[Session], Experiment], module: str, folder: pathlib.Path) -> Subject:
    """The experiment of a run's command, at the run's newest checkpoint.

    Args:
      build: makes the experiment of the flags.
      module: the experiment's `__name__`.
      folder: the run's.

    Raises:
      InputError: the run has no checkpoint yet.
    """
    from ganstab.doctor import Subject  # here, since a training run has no need of SciPy

    command = json.loads((folder / "result.json").read_text())["command"]
    words = [w for w in shlex.split(command)[3:] if not w.startswith(OF_SEVERAL_PROCESSES)]
    flags.FLAGS(["doctor", *words, f"--workdir={folder}"])
    session = start(module, str(folder))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # nothing is left unfinished that would be missed
    experiment = build(session)
    restored = checkpoint.restore(folder / "checkpoints", experiment.state)
    if restored is None:
        raise InputError(f"{folder} has no checkpoint yet, so its game cannot be looked at")
    batches = experiment.feed.at(restored.state)
    return Subject(
        experiment.game,
        experiment.make_step,
        restored.state,
        batches,
        jax.tree.map(lambda leaf: leaf[0], batches),
        lambda: _modes(folder, experiment),
    )


def _modes(folder: pathlib.Path, experiment: Experiment) -> dict[int, np.ndarray]:
    """As the run wrote them down, or measured anew at the checkpoints that are kept."""
    rows = run_log.read_rows(folder / MODES_LOG)
    if rows:
        return {row["step"]: np.asarray(row["counts"]) for row in rows}
    found = {}
    for step in checkpoint.steps(folder / "checkpoints"):
        restored = checkpoint.restore(folder / "checkpoints", experiment.state, step)
        counts = experiment.evaluate(restored.state).counts if restored else None
        if counts is not None:
            found[step] = counts
    return found
