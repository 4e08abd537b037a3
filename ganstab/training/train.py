"""Runs of an experiment, one or several with a seed each: restore, train, evaluate, save, finish.

Several seeds train as one compiled program. All else is done for each as for a run alone: every
seed has a folder of its own, goes on from its own newest checkpoint, and ends where it would end
alone, so that one that diverges does not hold up the others.
"""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TextIO

import jax
from jax.sharding import Mesh

from ganstab import checkpoint
from ganstab.errors import InputError
from ganstab.nan_blame import blame, first_fault
from ganstab.recipes import Trainable
from ganstab.reporting.formatting import summary_lines
from ganstab.training import distributed, provenance
from ganstab.training import run_folder as files
from ganstab.training.batches import BatchSource, batch_sources
from ganstab.training.config import RunConfig
from ganstab.training.experiment import Evaluation, Experiment
from ganstab.training.loop import Loop, Passed, make_loops
from ganstab.training.progress import Progress, Said, tell
from ganstab.training.recorder import Recorder, Writer, tensorboard_writer
from ganstab.training.samples import SAMPLES, make_sampler
from ganstab.training.signals import StopRequest, watch_signals
from ganstab.types import TrainState

__all__ = ["Parts", "Trained", "train", "train_together"]

EXIT_STATUS = {"finished": 0, "diverged": 1}
Build = Callable[[Any], Experiment]


class Trained(NamedTuple):
    """What `train` leaves."""

    status: str
    """"finished", "diverged" or "interrupted"."""
    state: TrainState
    """The last sound one."""
    result: Mapping[str, Any]
    """As in `result.json`."""
    folder: pathlib.Path
    exit_status: int
    """Of a program that does nothing else: 0 finished, 1 diverged, 128 + signal interrupted."""


def train(
    experiment: Experiment | Build,
    config: RunConfig,
    folder: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Trained:
    """Trains to the last step, or to a stop, with all that a run writes into its folder.

    Started again with the same folder and settings it goes on from the newest checkpoint, with the
    same bits as a run that was never stopped.

    Args:
      experiment: what is trained; or a function at the top of a module that makes it of the
        settings, by whose name the doctor can make it again.
      config: the settings.
      folder: for everything the run writes; by default `runs/` and `config.run_name()`.
      **options: as of `train_together`.

    Raises:
      InputError: the folder cannot be used, its checkpoints are damaged or missing, or the data
        cannot be read.
    """
    folder = pathlib.Path("runs", config.run_name()) if folder is None else folder
    (trained,) = train_together(experiment, [config], [folder], **options)
    return trained


def train_together(
    experiment: Experiment | Build,
    configs: Sequence[RunConfig],
    folders: Sequence[str | os.PathLike[str]],
    *,
    commands: Sequence[str] = (),
    tensorboard: bool = False,
    writers: Sequence[Writer] = (),
    stream: TextIO | None = None,
) -> list[Trained]:
    """Trains several seeds of one experiment as one program, each as `train` would alone.

    Args:
      experiment: as of `train`.
      configs: the settings, which differ in their seed alone.
      folders: one for each.
      commands: what goes on with each run, for its report; by default this process's command.
      tensorboard: whether to write TensorBoard events too (extra `ganstab[tensorboard]`).
      writers: functions that are handed every row and every picture of samples, see `Writer`.
      stream: where progress is shown, standard error by default.

    Raises:
      ValueError: the settings differ in more than the seed.
      InputError: as of `train`.
    """
    _check_alike(configs)
    places = [files.local_folder(folder) for folder in folders]
    progress = Progress(configs[0].num_steps, stream=stream, silent=not distributed.is_main())
    configs = [config.fingerprinted() for config in configs]
    name = None if isinstance(experiment, Experiment) else files.reference(experiment)
    built = experiment if isinstance(experiment, Experiment) else experiment(configs[0])
    for note in built.notes:
        progress.note(note)
    progress.words = {"gen/loss": "loss G", "disc/loss": "D"} | {
        measure.name: measure.short for measure in built.measures if measure.short
    }
    parts = make_parts(built, configs[0], distributed.make_mesh())
    sources = parts.sources([config.seed for config in configs])
    seeds = tuple(config.seed for config in configs) if len(configs) > 1 else ()
    commands = commands or [provenance.command_line()] * len(configs)
    with contextlib.ExitStack() as stack:
        if distributed.is_main():
            for config, folder in zip(configs, places, strict=True):
                stack.enter_context(files.hold(folder))
                files.open_folder(folder, config, name)
        distributed.meet("folder")
        stop = stack.enter_context(watch_signals())
        runs = [
            _Run(parts, source, config, folder, stop, progress, command, seeds)
            for source, config, folder, command in zip(
                sources, configs, places, commands, strict=True
            )
        ]
        for run in runs:
            run.open(name, writers, stack if tensorboard else None)
        _train([run for run in runs if run.is_open()], parts, progress)
        progress.close()
        for run in runs:
            run.tell()
        return [run.trained() for run in runs]


@dataclasses.dataclass(frozen=True)
class Parts:
    """An experiment on a mesh, ready to be trained from any seed."""

    experiment: Experiment
    config: RunConfig
    mesh: Mesh
    trainable: Trainable
    evaluate: Callable[[TrainState, jax.Array], Evaluation]

    def keys(self, seed: int) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Of the initial parameters, the data and the evaluations."""
        init_key, data_key, evaluation_key = jax.random.split(jax.random.key(seed), 3)
        return init_key, data_key, evaluation_key

    def initial(self, seed: int) -> TrainState:
        """The state before step 0, the same on all devices."""
        return distributed.on_all(self.mesh, self.trainable.init, self.keys(seed)[0])

    def sources(self, seeds: Sequence[int]) -> list[BatchSource]:
        """Where the batches of each seed come from."""
        recipe = self.experiment.recipe
        return batch_sources(
            self.experiment.data,
            self.experiment.sampler,
            [self.keys(seed)[1] for seed in seeds],
            updates=recipe.n_gen + recipe.n_disc,
            batch_size=self.config.batch_size,
            steps=self.config.log_every,
            mesh=self.mesh,
        )


def make_parts(experiment: Experiment, config: RunConfig, mesh: Mesh) -> Parts:
    """Builds the experiment's game on a mesh, its samples split over the devices."""
    distributed.check_batch_size(config.batch_size, mesh)

    def prior(key: jax.Array, n: int) -> jax.Array:
        return distributed.split(mesh, experiment.prior(key, n))

    trainable = experiment.recipe.build(experiment.players, prior)
    make_evaluation = experiment.evaluation or _shows_samples(experiment)
    return Parts(experiment, config, mesh, trainable, make_evaluation(trainable.players.gen))


def _shows_samples(experiment: Experiment) -> Callable:
    """The evaluation of an experiment that measures nothing."""

    def make_evaluation(gen):
        sample = make_sampler(gen, experiment.prior, samples=1024, measure=lambda x: x)

        def evaluate(state: TrainState, key: jax.Array) -> Evaluation:
            shown, drawn = sample(state, key)
            return Evaluation({}, {SAMPLES: shown if drawn.ndim > 2 else drawn})

        return evaluate

    return make_evaluation


class _Run:
    """One seed: its state, how far it is, and what is due at each step."""

    def __init__(
        self,
        parts: Parts,
        source: BatchSource,
        config: RunConfig,
        folder: pathlib.Path,
        stop: StopRequest,
        progress: Progress,
        command: str,
        seeds: tuple[int, ...],
    ):
        self.source, self.folder, self.config = source, folder, config
        self._parts, self._stop, self._progress = parts, stop, progress
        self._command, self._seeds = command, seeds
        self.name = f"seed {config.seed}" if seeds else ""
        self.status, self.at, self.said = "", 0, Said(0, {})
        self._recorder: Recorder | None = None
        self._result: Mapping[str, Any] = {}
        self._key = parts.keys(config.seed)[2]

    def open(
        self, name: str | None, writers: Sequence[Writer], events: contextlib.ExitStack | None
    ) -> None:
        """Restores the newest checkpoint; a run that is done stays as it is.

        Args:
          name: the experiment's.
          writers: as of `train_together`.
          events: closes the writer of TensorBoard events, where one is asked for.
        """
        result = files.read_result(self.folder)
        done = distributed.is_main() and files.is_done(result, self.config.num_steps)
        initial = self._parts.initial(self.config.seed)
        self.state, self.at = self._restore(initial, result)
        self.said = Said(self.at, {})
        if distributed.any_process(done):
            self.status, self._result = result.get("status", "finished"), result
            return
        # A run that is past num_steps already has as many steps as it has.
        self.config = self.config.replace(num_steps=max(self.at, self.config.num_steps))
        if distributed.is_main():
            files.write_config(self.folder, self.config, name)
            if events:
                written = tensorboard_writer(self.folder / files.TENSORBOARD, self.at + 1)
                writers = [*writers, events.enter_context(written)]
        self._recorder = Recorder(
            self.folder,
            self.config,
            self._parts.experiment,
            self.at,
            command=self._command,
            together=self._seeds,
            writers=writers,
            note=self.note,
        )

    def _restore(self, initial: TrainState, result: Mapping[str, Any]) -> tuple[TrainState, int]:
        if distributed.is_main():
            checkpoint.clean(self.folder / files.CHECKPOINTS)
        distributed.meet("checkpoints")
        restored = checkpoint.restore(self.folder / files.CHECKPOINTS, initial)
        if restored is None:
            # A result that is of an older version, or damaged, does not say what was saved.
            there = (self.folder / files.RESULT).exists()
            saved = result.get("saved_at_step", result.get("step", "(unknown)") if there else 0)
            if saved and not files.is_done(result, self.config.num_steps):
                raise InputError(
                    f"{self.folder} has no checkpoint, though its run was saved at step "
                    f"{saved}: bring back {files.CHECKPOINTS}/, or name another --workdir"
                )
            return initial, 0
        for line in restored.damaged:
            self.note(f"{line}; an older one is used")
        self.note(f"going on from step {restored.step:,}")
        return restored.state, restored.step

    @property
    def recorder(self) -> Recorder:
        """Of a run that is not done."""
        assert self._recorder is not None, "a run that is done records nothing"
        return self._recorder

    def note(self, line: str) -> None:
        """Says what happens, and to which run."""
        self._progress.note(f"{self.name}: {line}" if self.name else line)

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

    def evaluate(self) -> Evaluation:
        """What the experiment measures now."""
        return self._parts.evaluate(self.state, self._key)

    def begin(self) -> None:
        """Looks at the state before the first step."""
        if self.at == 0:
            self.said = self.recorder.log(0, {}, self.evaluate())

    def take(self, passed: Passed) -> None:
        """Takes over what the loop left, and writes it down; ends at a step that failed."""
        self.state = passed.state
        self.at += len(next(iter(passed.metrics.values()))) - (not passed.sound)
        if not passed.sound:
            before = {name: values[:-1] for name, values in passed.metrics.items()}
            if len(next(iter(before.values()))):
                self.said = self.recorder.log(self.at, before, None)
            return self._diverged(passed)
        due = self.at % self.config.eval_every == 0 or self.at == self.config.num_steps
        self.said = self.recorder.log(self.at, passed.metrics, self.evaluate() if due else None)
        return None

    def keep(self, stopped: bool) -> None:
        """Saves and reports where that is due, or stops."""
        stopped = stopped and self.is_going()
        due = self.at % self.config.checkpoint_every == 0
        if due or stopped or not self.is_going():
            self.recorder.save(self.state, self.at)
        if stopped:
            self.note(f"stopped at step {self.at:,}; the same command goes on from there")
            self._end("interrupted")
        elif self.said.evaluated and self.is_going():
            self.recorder.report(self.state, self.at, "running")

    def finish(self) -> None:
        """What is measured after the last step, if anything is, and the last report."""
        # A run that was stopped between two evaluations may be told that this is its last step.
        behind = distributed.is_main() and self.recorder.evaluated_at() != self.at
        if distributed.any_process(behind):
            self.said = self.recorder.log(self.at, {}, self.evaluate())
        conclude = self._parts.experiment.conclude
        if conclude:
            self.recorder.report(self.state, self.at, "running")
            self.note("the steps are done; measuring on the last state")
            findings = conclude(self.state, self.folder, lambda: bool(self._stop))
            if findings is None:
                return self._end("interrupted", "the last measurement is not whole")
            self.recorder.conclude(findings)
        return self._end("finished")

    def tell(self) -> None:
        """Says how the run ended."""
        if distributed.is_main() and self.result:
            print("\n".join(summary_lines(self.result)))
            print(f"report: {self.folder / files.REPORT}", flush=True)

    def trained(self) -> Trained:
        """What the run leaves."""
        exit_status = EXIT_STATUS.get(self.status, self._stop.exit_status)
        return Trained(self.status, self.state, self.result, self.folder, exit_status)

    @property
    def result(self) -> Mapping[str, Any]:
        """What the last report has, or what a run that was done had before."""
        return self._recorder.result if self._recorder else self._result

    def _diverged(self, passed: Passed) -> None:
        self.recorder.save(self.state, self.at)
        trainable = self._parts.trainable
        batches = self.source.at(self.state)
        first = first_fault(passed.metrics)
        fault = blame(first, trainable.make_step, trainable.game, self.state, batches)
        reason = f"step {self.at + 1:,}: {fault} is not finite"
        self.note(f"stopped at {reason}; the state before it is saved")
        self._end("diverged", reason)

    def _end(self, status: str, reason: str = "") -> None:
        self.recorder.report(self.state, self.at, status, reason)
        self.status = status


def _train(runs: Sequence[_Run], parts: Parts, progress: Progress) -> None:
    """Takes all steps that are left, until all runs are over or a stop was asked for."""
    going = [run for run in runs if run.is_going()]
    loop = _compile(going, parts, progress) if going else None
    while loop and any(run.is_going() for run in going):
        moving = [run for run in going if run.is_going()]
        found = loop([run.state for run in going], [run.count() for run in going])
        for run, passed in zip(going, found, strict=True):
            if run.is_going():
                run.take(passed)
        tell(progress, {run.name: run.said for run in moving if run.is_open()})
        stopped = distributed.any_process(bool(going[0]._stop))
        for run in moving:
            if run.is_open():
                run.keep(stopped)
    for run in runs:
        if run.is_open():
            run.finish()


def _compile(going: Sequence[_Run], parts: Parts, progress: Progress) -> Loop:
    """The compiled loop, and a look at what is there before the first step."""
    many = f", {len(going)} seeds at once" if len(going) > 1 else ""
    progress.note(f"compiling the training step{many}")
    loop = make_loops(
        parts.trainable.step,
        [run.source for run in going],
        [run.state for run in going],
        parts.config.log_every,
    )
    for run in going:
        run.begin()
    progress.note(f"training; look at {going[0].folder / files.FIGURES} at any time")
    return loop


def _check_alike(configs: Sequence[RunConfig]) -> None:
    alike = {dataclasses.replace(config, seed=0) for config in configs}
    seeds = {config.seed for config in configs}
    if len(alike) != 1 or len(seeds) != len(configs):
        raise ValueError("runs that train together must differ in their seed, and in it alone")
