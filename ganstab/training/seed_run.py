"""One seed of a run: its state, how far it is, and what is due at each step."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from ganstab import checkpoint
from ganstab.errors import InputError
from ganstab.nan_blame import blame, first_fault
from ganstab.training import distributed
from ganstab.training import run_folder as files
from ganstab.training.batches import BatchSource
from ganstab.training.config import RunConfig
from ganstab.training.experiment import Evaluation
from ganstab.training.loop import Passed
from ganstab.training.parts import Parts
from ganstab.training.progress import Progress, Said
from ganstab.training.recorder import Recorder, Writer, tensorboard_writer
from ganstab.training.signals import StopRequest
from ganstab.types import TrainState

__all__ = ["SeedRun", "Session"]

TOLD = 8
"""Samples that are told at an evaluation where they are lines of text."""


@dataclasses.dataclass(frozen=True)
class Session:
    """What all seeds that train together share."""

    parts: Parts
    seeds: tuple[int, ...]
    experiment: str | None
    """The name of the function that makes the experiment, if one does."""
    progress: Progress
    stop: StopRequest
    writers: Sequence[Writer]
    events: contextlib.ExitStack | None
    """Closes the writers of TensorBoard events; None where none are asked for."""

    def is_stopped(self) -> bool:
        """Whether any process was told to stop; all processes ask alike, and get one answer."""
        return distributed.any_process(bool(self.stop))


class SeedRun:
    """One seed, from its newest checkpoint to its last report; every process has all of them."""

    def __init__(
        self,
        session: Session,
        source: BatchSource,
        config: RunConfig,
        folder: pathlib.Path,
        command: str,
    ):
        """Restores the newest checkpoint; a run that is done stays as it is."""
        self.source, self.config, self.folder = source, config, folder
        self.name = f"seed {config.seed}" if len(session.seeds) > 1 else ""
        self._session, self._parts = session, session.parts
        self._key = self._parts.keys(config.seed)[2]
        self._recorder: Recorder | None = None
        self._result = files.read_result(folder)
        done = distributed.is_main() and files.is_done(self._result, config.num_steps)
        self.state, self.at = self._restore()
        self.said = Said(self.at, {})
        self.status = ""
        if distributed.any_process(done):
            self.status = self._result.get("status", "finished")
        else:
            self._open(command)

    def _restore(self) -> tuple[TrainState, int]:
        checkpoints = self.folder / files.CHECKPOINTS
        if distributed.is_main():
            checkpoint.clean(checkpoints)
        distributed.meet("checkpoints")
        newest = checkpoint.steps(checkpoints)[:1]
        there = (self.folder / files.CONFIG).exists()
        distributed.agree(
            {
                f"{files.CONFIG} in --workdir": "there" if there else "missing",
                "the newest checkpoint in it": newest[0] if newest else "none",
            }
        )
        initial = self._parts.initial(self.config.seed)
        restored = checkpoint.restore(checkpoints, initial)
        if restored is None:
            self._check_fresh()
            return initial, 0
        for line in restored.damaged:
            self.note(f"{line}; an older one is used")
        self.note(f"going on from step {restored.step:,}")
        return restored.state, restored.step

    def _check_fresh(self) -> None:
        """Raises InputError where the run has saved a checkpoint, and it is gone."""
        # A result that is of an older version, or damaged, does not say what was saved.
        there = (self.folder / files.RESULT).exists()
        last = self._result.get("step", "(unknown)") if there else 0
        saved = self._result.get("saved_at_step", last)
        if saved and not files.is_done(self._result, self.config.num_steps):
            raise InputError(
                f"{self.folder} has no checkpoint, though its run was saved at step {saved}: "
                f"bring back {files.CHECKPOINTS}/, or name another --workdir"
            )

    def _open(self, command: str) -> None:
        """Makes the recorder, and on the main process the writer of TensorBoard events."""
        session, writers = self._session, self._session.writers
        # A run that is past num_steps already has as many steps as it has.
        self.config = self.config.replace(num_steps=max(self.at, self.config.num_steps))
        if distributed.is_main():
            files.write_config(self.folder, self.config, session.experiment)
            if session.events:
                written = tensorboard_writer(self.folder / files.TENSORBOARD, self.at + 1)
                writers = [*writers, session.events.enter_context(written)]
        self._recorder = Recorder(
            self.folder,
            self.config,
            self._parts.experiment,
            self.at,
            command=command,
            together=session.seeds if len(session.seeds) > 1 else (),
            writers=writers,
            note=self.note,
        )

    @property
    def recorder(self) -> Recorder:
        """Of a run that is not done."""
        assert self._recorder is not None, "a run that is done records nothing"
        return self._recorder

    @property
    def result(self) -> Mapping[str, Any]:
        """What the last report has, or what a run that was done had before."""
        return self._recorder.result if self._recorder else self._result

    def note(self, line: str) -> None:
        """Says what happens, and to which run."""
        self._session.progress.note(f"{self.name}: {line}" if self.name else line)

    def is_open(self) -> bool:
        """Whether it is not over: neither diverged nor stopped nor finished."""
        return not self.status

    def is_going(self) -> bool:
        """Whether there are steps to take."""
        return self.is_open() and self.at < self.config.num_steps

    def count(self) -> int:
        """Steps to the next place where something is due; none for a run that is over."""
        config = self.config
        places = (config.log_every, config.eval_every, config.checkpoint_every)
        due = min(config.num_steps - self.at, *(every - self.at % every for every in places))
        return due if self.is_going() else 0

    def begin(self) -> None:
        """Looks at the state before the first step, which `take` then moves on from."""
        if self.at == 0:
            self.said = self.recorder.log(0, {}, self._evaluate())

    def take(self, passed: Passed) -> None:
        """Takes over what the loop left, and writes it down; ends at a step that failed."""
        taken = len(next(iter(passed.metrics.values()))) - (not passed.sound)
        self.state, self.at = passed.state, self.at + taken
        sound = {name: values[:taken] for name, values in passed.metrics.items()}
        due = self.at % self.config.eval_every == 0 or self.at == self.config.num_steps
        if taken:
            found = self._evaluate() if due and passed.sound else None
            self.said = self.recorder.log(self.at, sound, found)
        if not passed.sound:
            self._diverged(passed)

    def keep(self, stopped: bool) -> None:
        """Saves and reports where that is due, or stops."""
        going = self.is_going()
        due = stopped or not going or self.at % self.config.checkpoint_every == 0
        if due or self._is_best():
            self.recorder.save(self.state, self.at)
        if stopped and going:
            self.note(f"stopped at step {self.at:,}; the same command goes on from there")
            self._end("interrupted")
        elif self.said.evaluated and going:
            self.recorder.report(self.state, self.at, "running")

    def _is_best(self) -> bool:
        """Whether this step has been evaluated, and better than all before it."""
        if not (self.said.evaluated and self._parts.experiment.best_by):
            return False
        return distributed.any_process(
            distributed.is_main() and self.recorder.best_step() == self.at
        )

    def finish(self) -> None:
        """What is measured after the last step, if anything is, and the last report."""
        # A run that was stopped between two evaluations may be told that this is its last step.
        behind = distributed.is_main() and self.recorder.evaluated_at() != self.at
        if distributed.any_process(behind):
            self.said = self.recorder.log(self.at, {}, self._evaluate())
        conclude = self._parts.experiment.conclude
        if conclude:
            lost = distributed.is_main() and not self.recorder.has_samples(self.at)
            if distributed.any_process(lost):
                self.recorder.keep_samples(self._evaluate(), self.at)
            self.recorder.report(self.state, self.at, "running")
            self.note("the steps are done; measuring on the last state")
            findings = conclude(self.state, self.folder, self._session.is_stopped)
            if findings is None:
                return self._end("interrupted", "the last measurement is not whole")
            self.recorder.conclude(findings)
        return self._end("finished")

    def _evaluate(self) -> Evaluation:
        found = self._parts.evaluate(self.state, self._key)
        if found.lines:
            self.note("\n".join(["samples:", *found.lines[:TOLD]]))
        return found

    def _diverged(self, passed: Passed) -> None:
        self.recorder.save(self.state, self.at)
        trainable = self._parts.trainable
        first, batches = first_fault(passed.metrics), self.source.at(self.state)
        fault = blame(first, trainable.make_step, trainable.game, self.state, batches)
        reason = f"step {self.at + 1:,}: {fault} is not finite"
        self.note(f"stopped at {reason}; the state before it is saved")
        self._end("diverged", reason)

    def _end(self, status: str, reason: str = "") -> None:
        self.recorder.report(self.state, self.at, status, reason)
        self.status = status
