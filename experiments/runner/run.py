"""Runs of an experiment, one or several with a seed each: start or go on, train, look, report.

With `--population=n` the seeds train as one program. All else is done for each as for a run alone:
every seed has a folder of its own, goes on from its own newest checkpoint, and ends where it would
end alone, so that one that diverges does not hold up the others.
"""

import contextlib
from collections.abc import Callable, Sequence

from experiments.runner import devices, progress
from experiments.runner.book import EXIT_STATUS, Experiment
from experiments.runner.member import Member
from experiments.runner.session import Session, members, quiet
from experiments.runner.training import Loop, make_loops
from experiments.runner.workdir import held, is_done, open_workdir, result_of
from ganstab import checkpoint
from ganstab.errors import InputError


def run(experiment: Experiment | Callable[[Session], Experiment], session: Session) -> int:
    """Trains to the last step, or to a stop, and returns the exit status of the program.

    Seeds of a population that are finished or diverged stay as they are.

    Args:
      experiment: what is trained; for a population a function that makes it of a run's session.
      session: as `start` gives it.

    Raises:
      InputError: a folder cannot be used, or its checkpoints are damaged.
    """
    sessions = members(session)
    over = [each for each in sessions if each.together and _is_done(each)]
    left = [each for each in sessions if each.folder not in [done.folder for done in over]]
    built = [_build(experiment, each, aloud=each is left[0]) for each in left]
    with contextlib.ExitStack() as stack:
        if devices.is_main():
            _check_no_run(session)
            for each in sessions:
                open_workdir(each.folder, each.settings.config)
                stack.enter_context(held(each.folder))
                checkpoint.clean(each.folder / "checkpoints")
        devices.meet("folder")
        for each in over:
            each.note(f"it is done; look at {each.folder / 'report.html'}")
        at_work = [Member(*each) for each in zip(built, left, strict=True)]
        _train(at_work, session)
        session.progress.close()
        for member in at_work:
            member.book.tell()
        earlier = [EXIT_STATUS[result_of(each.folder)["status"]] for each in over]
        return max([*earlier, *(member.exit_status or 0 for member in at_work)])


def _build(
    experiment: Experiment | Callable[[Session], Experiment], session: Session, *, aloud: bool
) -> Experiment:
    if not isinstance(experiment, Experiment):
        return experiment(session if aloud else quiet(session))
    if session.together:
        raise InputError("--population: this program trains one seed at a time")
    return experiment


def _is_done(session: Session) -> bool:
    """Whether nothing is left to do; all processes agree on it."""
    done = devices.is_main() and is_done(result_of(session.folder), session.settings.num_steps)
    return devices.any_process(done)


def _check_no_run(session: Session) -> None:
    """Refuses the folder of a single run for those of a population."""
    if session.settings.population > 1 and (session.folder / "config.json").exists():
        raise InputError(
            f"--workdir={session.folder} is the folder of one run, and --population makes folders "
            "of runs in it: name another"
        )


def _train(at_work: Sequence[Member], session: Session) -> None:
    """Takes all steps that are left, until all runs are over or a stop was asked for."""
    going = [member for member in at_work if member.is_going()]
    if going:
        loop = _start(going, session)
    while any(member.is_going() for member in going):
        moving = [member for member in going if member.is_going()]
        found = loop([member.state for member in going], [member.count() for member in going])
        for member, passed in zip(going, found, strict=True):
            if member.is_going():
                member.take(passed)
        progress.tell(session.progress, {m.name: m.said for m in moving if m.is_open()})
        stopped = devices.any_process(bool(session.stop))
        for member in filter(Member.is_open, moving):
            member.keep(stopped)
    for member in at_work:
        if member.is_open():
            member.finish()


def _start(going: Sequence[Member], session: Session) -> Loop:
    """The compiled loop, and a look at what is there before the first step."""
    first = going[0].experiment
    many = f", {len(going)} seeds at once" if len(going) > 1 else ""
    session.progress.note(f"compiling the training step{many}")
    loop = make_loops(
        first.make_step(first.game),
        [member.experiment.feed for member in going],
        [member.state for member in going],
        session.settings.log_every,
    )
    for member in going:
        member.begin()
    figures = session.folder / ("seed*/figures" if len(going) > 1 else "figures")
    session.progress.note(f"training; look at {figures} at any time")
    return loop
