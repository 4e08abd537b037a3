"""One run of an experiment: start or go on, train, look, save, report."""

import contextlib
import os
import pathlib
from typing import NamedTuple, TextIO

import jax
from jax.sharding import Mesh

from experiments.runner import conclusion, devices
from experiments.runner.book import Book, Experiment
from experiments.runner.program import StopRequest, watch_signals
from experiments.runner.progress import Progress
from experiments.runner.settings import Settings, read
from experiments.runner.training import make_loop
from experiments.runner.workdir import held, open_workdir, record
from ganstab import checkpoint
from ganstab.faults import blame, first_fault
from ganstab.types import TrainState


class Session(NamedTuple):
    """A started run: where it computes, where it writes, and who may end it."""

    settings: Settings
    folder: pathlib.Path
    mesh: Mesh
    key: jax.Array
    progress: Progress
    stop: StopRequest


def start(module: str, workdir: str) -> Session:
    """Reads the flags and joins the other processes; nothing is written yet.

    Args:
      module: the experiment's `__name__`, whose flags are its settings.
      workdir: the folder if the user names none.
    """
    settings = read(module)
    devices.join(settings.coordinator, settings.num_processes, settings.process_id)
    progress = Progress(settings.num_steps, stream=None if devices.is_main() else _nowhere())
    progress.note(f"{jax.device_count()} × {jax.devices()[0].device_kind}")
    devices.use_compilation_cache(settings.compilation_cache)
    mesh = devices.make_mesh()
    devices.check_batch_size(settings.batch_size, mesh)
    folder = pathlib.Path(settings.workdir or workdir).expanduser()
    key = jax.random.key(settings.seed)
    return Session(settings, folder, mesh, key, progress, watch_signals())


def run(experiment: Experiment, session: Session) -> int:
    """Trains to the last step, or to a stop, and returns the exit status of the program."""
    with contextlib.ExitStack() as stack:
        if devices.is_main():
            open_workdir(session.folder, session.settings.config)
            stack.enter_context(held(session.folder))
            checkpoint.clean(session.folder / "checkpoints")
        devices.meet("folder")
        state, at = _restore(experiment, session)
        session = _no_shorter(session, at)
        if devices.is_main():
            record(session.folder, session.settings.config)
        return _train(experiment, session, state, at)


def _restore(experiment: Experiment, session: Session) -> tuple[TrainState, int]:
    """The state to go on from, and its step."""
    restored = checkpoint.restore(session.folder / "checkpoints", experiment.state)
    if restored is None:
        return experiment.state, 0
    for line in restored.damaged:
        session.progress.note(f"{line}; an older one is used")
    session.progress.note(f"going on from step {restored.step:,}")
    return restored.state, restored.step


def _no_shorter(session: Session, at: int) -> Session:
    """A run that is past `--num_steps` already has as many steps as it has."""
    settings = session.settings
    steps = max(at, settings.num_steps)
    config = settings.config | {"num_steps": steps}
    return session._replace(settings=settings._replace(num_steps=steps, config=config))


def _train(experiment: Experiment, session: Session, state: TrainState, at: int) -> int:
    settings, folder, progress, stop = (
        session.settings,
        session.folder,
        session.progress,
        session.stop,
    )
    book = Book(experiment, settings, folder, progress, at)
    if at >= settings.num_steps:
        return _finish(experiment, session, book, state, at)
    progress.note("compiling the training step")
    make_step, game, feed = experiment.make_step, experiment.game, experiment.feed
    loop = make_loop(make_step(game), feed, state, settings.log_every)
    if at == 0 and experiment.draw_training:
        book.log(0, {}, experiment.evaluate(state))
    progress.note(f"training; look at {folder / 'figures'} at any time")
    while at < settings.num_steps:
        passed = loop(state, _count(at, settings))
        state = passed.state
        at += len(next(iter(passed.metrics.values()))) - (not passed.sound)
        if not passed.sound:
            book.save(state, at)
            fault = blame(first_fault(passed.metrics), make_step, game, state, feed.at(state))
            reason = f"step {at + 1:,}: {fault} is not finite"
            progress.note(f"stopped at {reason}; the state before it is saved")
            return book.close(state, at, "diverged", reason)
        evaluate = at % settings.eval_every == 0 or at == settings.num_steps
        book.log(at, passed.metrics, experiment.evaluate(state) if evaluate else None)
        stopped = devices.any_process(bool(stop)) and at < settings.num_steps
        if at % settings.checkpoint_every == 0 or at == settings.num_steps or stopped:
            book.save(state, at)
        if stopped:
            progress.note(f"stopped at step {at:,}; the same command goes on from there")
            book.close(state, at, "interrupted")
            return stop.exit_status
        if evaluate and at < settings.num_steps:
            book.report(state, at, "running")
    return _finish(experiment, session, book, state, at)


def _finish(
    experiment: Experiment, session: Session, book: Book, state: TrainState, at: int
) -> int:
    """What is measured after the last step, if anything is, and the last report."""
    last, folder = experiment.conclusion, session.folder
    if last:
        missing = conclusion.missing(last, folder, at)
        if missing:
            book.report(state, at, "running")
            session.progress.note("the steps are done; measuring on the last state")
        left = conclusion.make(last, missing, state, folder, session.progress, session.stop)
        if left:
            why = f"{left} of {len(last.pieces)} pieces of the last measurement are to be made"
            book.close(state, at, "interrupted", why)
            return session.stop.exit_status
        if devices.is_main():
            earlier = conclusion.read(folder, at, [n for n in last.pieces if n not in missing])
            found = last.close(conclusion.read(folder, at, list(last.pieces)), folder)
            book.conclude(found, float(sum(earlier.get("seconds", ()))))
    return book.close(state, at, "finished")


def _count(at: int, settings: Settings) -> int:
    """Steps to the next place where something is due."""
    places = (settings.log_every, settings.eval_every, settings.checkpoint_every)
    return min(settings.num_steps - at, *(every - at % every for every in places))


def _nowhere() -> TextIO:
    """Where the other processes of a distributed run talk to."""
    return open(os.devnull, "w")
