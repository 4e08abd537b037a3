"""One run at work: its state, how far it is, and what is due at each step."""

from experiments.runner import conclusion, devices
from experiments.runner.book import EXIT_STATUS, Book, Experiment
from experiments.runner.progress import Said
from experiments.runner.session import Session
from experiments.runner.training import Passed
from experiments.runner.workdir import record
from ganstab import checkpoint
from ganstab.nan_blame import blame, first_fault
from ganstab.types import TrainState


class Member:
    """A run, alone or one of a population: everything but the loop that trains it."""

    def __init__(self, experiment: Experiment, session: Session):
        self.experiment = experiment
        self.state, self.at = _restore(experiment, session)
        self._session = session = _no_shorter(session, self.at)
        if devices.is_main():
            record(session.folder, session.settings.config)
        self.book = Book(experiment, session, self.at)
        self.said = Said(self.at, {})
        self.exit_status: int | None = None
        """Once it is over."""

    @property
    def name(self) -> str:
        """Of a population's run, for people."""
        return self._session.name

    def is_open(self) -> bool:
        """Whether it is not over: neither diverged nor stopped nor finished."""
        return self.exit_status is None

    def is_going(self) -> bool:
        """Whether there are steps to take."""
        return self.is_open() and self.at < self._session.settings.num_steps

    def count(self) -> int:
        """Steps to the next place where something is due; none for a run that is over."""
        settings = self._session.settings
        places = (settings.log_every, settings.eval_every, settings.checkpoint_every)
        due = min(settings.num_steps - self.at, *(every - self.at % every for every in places))
        return due if self.is_going() else 0

    def begin(self) -> None:
        """Looks at the state before the first step, if that is drawn."""
        if self.at == 0 and self.experiment.draw_training:
            self.said = self.book.log(0, {}, self.experiment.evaluate(self.state))

    def take(self, passed: Passed) -> None:
        """Takes over what the loop left, and writes it down; ends at a step that failed."""
        self.state = passed.state
        self.at += len(next(iter(passed.metrics.values()))) - (not passed.sound)
        if not passed.sound:
            before = {name: values[:-1] for name, values in passed.metrics.items()}
            if len(next(iter(before.values()))):
                self.said = self.book.log(self.at, before, None)
            return self._diverged(passed)
        settings = self._session.settings
        evaluate = self.at % settings.eval_every == 0 or self.at == settings.num_steps
        found = self.experiment.evaluate(self.state) if evaluate else None
        self.said = self.book.log(self.at, passed.metrics, found)

    def keep(self, stopped: bool) -> None:
        """Saves and reports where that is due, or stops."""
        stopped = stopped and self.is_going()
        due = self.at % self._session.settings.checkpoint_every == 0
        if due or stopped or not self.is_going():
            self.book.save(self.state, self.at)
        if stopped:
            self._session.note(f"stopped at step {self.at:,}; the same command goes on from there")
            self._end("interrupted")
        elif self.said.evaluated and self.is_going():
            self.book.report(self.state, self.at, "running")

    def finish(self) -> None:
        """What is measured after the last step, if anything is, and the last report."""
        last, session = self.experiment.conclusion, self._session
        # A run that was stopped between two evaluations may be told that this is its last step.
        if devices.any_process(devices.is_main() and self.book.evaluated_at() != self.at):
            self.said = self.book.log(self.at, {}, self.experiment.evaluate(self.state))
        if last:
            missing = conclusion.missing(last, session.folder, self.at)
            if missing:
                self.book.report(self.state, self.at, "running")
                session.note("the steps are done; measuring on the last state")
            left = conclusion.make(
                last, missing, self.state, session.folder, session.progress, session.stop
            )
            if left:
                of = f"{left} of {len(last.pieces)} pieces of the last measurement"
                return self._end("interrupted", f"{of} are to be made")
            if devices.is_main():
                self._conclude(last, missing)
        self._end("finished")

    def _conclude(self, last: conclusion.Conclusion, made: list[str]) -> None:
        folder, before = self._session.folder, [name for name in last.pieces if name not in made]
        earlier = conclusion.read(folder, self.at, before)
        found = last.close(conclusion.read(folder, self.at, list(last.pieces)), folder)
        self.book.conclude(found, float(sum(earlier.get("seconds", ()))))

    def _diverged(self, passed: Passed) -> None:
        self.book.save(self.state, self.at)
        game, make_step = self.experiment.game, self.experiment.make_step
        batches = self.experiment.feed.at(self.state)
        fault = blame(first_fault(passed.metrics), make_step, game, self.state, batches)
        reason = f"step {self.at + 1:,}: {fault} is not finite"
        self._session.note(f"stopped at {reason}; the state before it is saved")
        self._end("diverged", reason)

    def _end(self, status: str, reason: str = "") -> None:
        self.book.report(self.state, self.at, status, reason)
        self.exit_status = EXIT_STATUS.get(status, self._session.stop.exit_status)


def _restore(experiment: Experiment, session: Session) -> tuple[TrainState, int]:
    """The state to go on from, and its step."""
    restored = checkpoint.restore(session.folder / "checkpoints", experiment.state)
    if restored is None:
        return experiment.state, 0
    for line in restored.damaged:
        session.note(f"{line}; an older one is used")
    session.note(f"going on from step {restored.step:,}")
    return restored.state, restored.step


def _no_shorter(session: Session, at: int) -> Session:
    """A run that is past `--num_steps` already has as many steps as it has."""
    settings = session.settings
    steps = max(at, settings.num_steps)
    config = settings.config | {"num_steps": steps}
    return session._replace(settings=settings._replace(num_steps=steps, config=config))
