"""Runs of an experiment, one or several with a seed each: restore, train, evaluate, save, finish.

Several seeds train as one compiled program. All else is done for each as for a run alone: every
seed has a folder of its own, goes on from its own newest checkpoint, and ends where it would end
alone, so that one that diverges does not hold up the others.
"""

import contextlib
import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TextIO

from ganstab import _memory
from ganstab.reporting.formatting import summary_lines
from ganstab.training import distributed, kept_programs, provenance
from ganstab.training import run_folder as files
from ganstab.training.config import RunConfig, reference
from ganstab.training.experiment import Experiment
from ganstab.training.kept_programs import Kept
from ganstab.training.loop import Loop, make_loops
from ganstab.training.parts import make_parts
from ganstab.training.progress import Progress, tell
from ganstab.training.recorder import Writer, summary_writer
from ganstab.training.seed_run import SeedRun, Session
from ganstab.training.signals import StopRequest, watch_signals
from ganstab.types import TrainState

__all__ = ["Trained", "train", "train_together"]

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


@distributed.together()
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
    distributed.check_devices()
    if tensorboard:
        summary_writer()
    places = [files.local_folder(folder) for folder in folders]
    for place in places if distributed.is_main() else ():
        files.check_place(place)  # before what may take minutes, such as images to prepare
    progress = Progress(configs[0].num_steps, stream=stream, silent=not distributed.is_main())
    configs = [config.fingerprinted() for config in configs]
    name = None if isinstance(experiment, Experiment) else reference(experiment)
    distributed.agree(provenance.of_run(configs, name))
    kept = kept_programs.place(_decides(configs, name))
    if kept:
        kept.fetch()
    built = experiment if isinstance(experiment, Experiment) else experiment(configs[0])
    for note in built.notes:
        progress.note(note)
    progress.words = {"gen/loss": "loss G", "disc/loss": "D"} | {
        measure.name: measure.short for measure in built.measures if measure.short
    }
    parts = make_parts(built, configs[0], distributed.make_mesh())
    seeds = tuple(config.seed for config in configs)
    sources = parts.sources(seeds)
    commands = commands or [provenance.command_line()] * len(configs)
    with contextlib.ExitStack() as stack:
        if distributed.is_main():
            for config, folder in zip(configs, places, strict=True):
                stack.enter_context(files.hold(folder))
                files.open_folder(folder, config, name)
        distributed.meet("folder")
        distributed.at_end(functools.partial(_note_end, places))
        stop, events = stack.enter_context(watch_signals()), stack if tensorboard else None
        session = Session(parts, seeds, name, progress, stop, writers, events)
        runs = [
            SeedRun(session, *own) for own in zip(sources, configs, places, commands, strict=True)
        ]
        _train([run for run in runs if run.is_open()], session, kept)
        progress.close()
        for run in runs:
            _tell_end(run)
        return [_trained(run, stop) for run in runs]


def _train(runs: Sequence[SeedRun], session: Session, kept: Kept | None) -> None:
    """Takes all steps that are left, until all runs are over or a stop was asked for.

    `kept` is the file of the program that trains all of the session's seeds.
    """
    going = [run for run in runs if run.is_going()]
    loop, looked = _compile(going, session, kept) if going else None, False
    while loop and any(run.is_going() for run in going):
        moving = [run for run in going if run.is_going()]
        found = loop([run.state for run in going], [run.count() for run in going])
        if not looked:  # after the first steps, which so are taken seconds earlier
            looked = True
            for run in going:
                run.begin()
            _memory.give_back()
        for run, passed in zip(going, found(), strict=True):
            if run.is_going():
                run.take(passed)
        tell(session.progress, {run.name: run.said for run in moving if run.is_open()})
        stopped = session.is_stopped()
        for run in moving:
            if run.is_open():
                run.keep(stopped)
    for run in runs:
        if run.is_open():
            run.finish()


def _compile(going: Sequence[SeedRun], session: Session, kept: Kept | None) -> Loop:
    """The compiled loop."""
    if len(going) < len(session.seeds):  # another program, of fewer seeds
        configs = [run.config for run in going]
        kept = kept_programs.place(_decides(configs, session.experiment))
    many = f", {len(going)} seeds at once" if len(going) > 1 else ""
    session.progress.note(distributed.in_words())
    with session.progress.during(f"compiling the training step{many}"):
        loop = make_loops(
            session.parts.trainable.step,
            [run.source for run in going],
            [run.state for run in going],
            session.parts.config.log_every,
            kept,
        )
    session.progress.note(f"training; look at {going[0].folder / files.FIGURES} at any time")
    return loop


def _decides(configs: Sequence[RunConfig], experiment: str | None) -> Mapping[str, Any]:
    """What the program of the steps follows from, whatever the seed."""
    return {
        **provenance.of_run(configs, experiment),
        **provenance.versions(),
        "seed": None,
    }


def _tell_end(run: SeedRun) -> None:
    if distributed.is_main() and run.result:
        print("\n".join(summary_lines(run.result)))
        print(f"report: {run.folder / files.REPORT}", flush=True)


def _trained(run: SeedRun, stop: StopRequest) -> Trained:
    exit_status = EXIT_STATUS.get(run.status, stop.exit_status)
    return Trained(run.status, run.state, run.result, run.folder, exit_status)


def _note_end(folders: Sequence[pathlib.Path], reason: str) -> None:
    """For a run of several processes that ends early, on any of them."""
    for folder in folders:
        # Another process than the main one has the folder only once that is gone.
        with contextlib.nullcontext() if distributed.is_main() else files.hold(folder):
            files.mark_interrupted(folder, reason)


def _check_alike(configs: Sequence[RunConfig]) -> None:
    alike = {dataclasses.replace(config, seed=0) for config in configs}
    seeds = {config.seed for config in configs}
    if len(alike) != 1 or len(seeds) != len(configs):
        raise ValueError("runs that train together must differ in their seed, and in it alone")
