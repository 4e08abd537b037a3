"""What the doctor looks at of a training run."""

import functools
import pathlib

import jax
import numpy as np

from ganstab import checkpoint
from ganstab.doctor.run import modes_of
from ganstab.doctor.subject import Subject
from ganstab.errors import InputError
from ganstab.reporting import run_log
from ganstab.training import run_folder as files
from ganstab.training.batches import batch_sources
from ganstab.training.parts import Parts
from ganstab.training.restore import trained
from ganstab.types import Pair, TrainState

__all__ = ["subject_of_run"]

BATCHES = 16
"""Of either kind of data, whose scores are compared."""


def subject_of_run(folder: pathlib.Path, named: str | None = None) -> Subject:
    """The run's game at its newest checkpoint.

    Args:
      folder: a run's.
      named: "module:function" that makes the experiment, if the user names one.

    Raises:
      InputError: as of `ganstab.training.restore.trained`.
    """
    parts, state = trained(folder, named)
    (source,) = parts.sources([parts.config.seed])
    batches = source.at(state)
    return Subject(
        parts.trainable.game,
        parts.trainable.make_step,
        state,
        batches,
        jax.tree.map(lambda leaf: leaf[0], batches),
        lambda: _modes(folder, parts),
        parts.trainable.plain,
        functools.partial(_data, parts, state) if parts.experiment.held_out is not None else None,
    )


def _data(parts: Parts, state: TrainState) -> Pair:
    """Batches of the data that were trained on, and of those that were not."""
    experiment, key = parts.experiment, parts.keys(parts.config.seed)[1]
    sources = [
        batch_sources(
            data, experiment.sampler, [key], updates=BATCHES,
            batch_size=parts.config.batch_size, steps=1, mesh=parts.mesh,
        )[0]
        for data in (experiment.data, experiment.held_out)
    ]  # fmt: skip
    return Pair(*(source.at(state) for source in sources))


def _modes(folder: pathlib.Path, parts: Parts) -> dict[int, np.ndarray]:
    """As the run wrote them down, or measured anew at the checkpoints that are kept."""
    if written := modes_of(run_log.read_rows(folder / files.EVALUATIONS)):
        return written
    saved, seed = folder / files.CHECKPOINTS, parts.config.seed
    initial, key, found = parts.initial(seed), parts.keys(seed)[2], {}
    for step in checkpoint.steps(saved):
        try:
            known = checkpoint.restore(saved, initial, step)
        except InputError:  # a damaged one, beside the one that is looked at
            continue
        if known is not None:
            found[step] = parts.evaluate(known.state, key).counts
    return {step: counts for step, counts in found.items() if counts is not None}
