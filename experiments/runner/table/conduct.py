"""Carries a plan out: takes over, starts, watches, and keeps the table's files up to date."""

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from experiments.runner.progress import duration, number
from experiments.runner.stopping import StopRequest
from experiments.runner.table import page
from experiments.runner.table.options import Plan
from experiments.runner.table.result import result_of
from experiments.runner.table.runs import Run, check, last_words, put_back, take_over
from experiments.runner.table.schedule import Item, work
from experiments.runner.table.watch import Watch
from experiments.runner.workdir import held, open_workdir, record

ALIKE = 3  # so many processes that fail for one reason, and none that does not, end a table
# Seconds between two refreshes: at least, however many runs end; at most, if none does.
SOONEST, LATEST = 10.0, 300.0
SHARE = 0.05  # of the time, at most, goes into them, on a machine however busy


def conduct(plan: Plan, stop: StopRequest, *, pause: float = 0.5) -> int:
    """Runs what is missing of a table and returns the program's exit status.

    It is 0 when all runs that were asked for are done (finished or diverged), 1 when one of them
    failed, and 128 + the signal after a stop.

    Args:
      plan: what there is to do.
      stop: who may end it.
      pause: seconds between two looks at the processes.

    Raises:
      InputError: the folder cannot be used, or a run in it, or to be merged, has other settings.
    """
    _open(plan)
    watch = Watch(plan)
    _take_over(plan, watch)
    keeper = Keeper(plan, watch)
    items = [(plan.item(*together), together) for together in plan.left()]
    runs = {item.name: together for item, together in items}
    wanted, left = len(plan.wanted()), sum(map(len, runs.values()))
    watch.note(
        f"{wanted} runs, {wanted - left} of them done, {_at_once(plan)}; "
        f"look at {plan.folder / 'report.html'} at any time"
    )
    if runs and plan.jobs:
        keeper.refresh()
    work(
        [item for item, _ in items] if plan.jobs else [],
        plan.machine.shares(plan.jobs),
        is_done=lambda item: all(run.is_done() for run in runs[item.name]),
        stop=lambda: bool(stop) or keeper.is_hopeless(),
        ended=lambda item, status: keeper.ended(item, runs[item.name], status),
        tick=keeper.tick,
        pause=pause,
    )
    if keeper.is_hopeless() and len(keeper.failed) < left:
        watch.note("all that were started failed alike, so the others are not started")
    keeper.close("interrupted" if stop else "failed" if keeper.failed else "partial")
    return stop.exit_status if stop else int(bool(keeper.failed))


class Keeper:
    """Keeps a table's files up to date while it is worked on."""

    def __init__(self, plan: Plan, watch: Watch, clock: Callable[[], float] = time.monotonic):
        self._plan, self._watch, self._clock = plan, watch, clock
        self._fresh, self._soonest, self._latest = True, 0.0, 0.0
        self.failed: dict[str, str] = {}
        self._done, self._reasons = False, list[str]()

    def ended(self, item: Item, runs: Sequence[Run], status: int) -> None:
        """Says how the runs of a process ended; the files are refreshed soon."""
        if not all(run.is_done() for run in runs):
            self._reasons.append(_why(item, status))
        for run in runs:
            if run.is_done():
                self._done = True
                self._watch.note(f"{run.name}: {_numbers(run)}")
            else:
                self.failed[run.name] = self._reasons[-1]
                self._watch.note(f"{run.name} FAILED: {self.failed[run.name]} (see {item.log})")
        self._fresh = False

    def is_hopeless(self) -> bool:
        """Whether the first processes all failed for one reason, e.g. an absent folder."""
        alike = len(self._reasons) >= ALIKE and len(set(self._reasons)) == 1
        return alike and not self._done

    def tick(self, at_work: Sequence[Item]) -> None:
        """Called all the time."""
        self._watch.look(at_work)
        if self._clock() >= (self._latest if self._fresh else self._soonest):
            self.refresh()

    def refresh(self, status: str = "running") -> dict[str, Any]:
        """Writes result, pictures and report, after another program that is just doing so."""
        begin, self._fresh = self._clock(), True
        with held(self._plan.folder, wait=True):
            result = result_of(self._plan, status, self.failed)
            page.write(self._plan, result)
        end = self._clock()
        self._soonest = end + max(SOONEST, (end - begin) / SHARE)
        self._latest = max(self._soonest, end + LATEST)
        return result

    def close(self, status: str) -> None:
        """The last files, said aloud."""
        self._watch.close()
        for line in page.lines(self._plan, self.refresh(status)):
            print(line)
        print(f"report: {self._plan.folder / 'report.html'}", flush=True)


def _open(plan: Plan) -> None:
    """The table's folder, which other programs may share, and a look at every run in it."""
    config = {"table": plan.name, **plan.config}
    alone = held(plan.folder, wait=True) if plan.folder.is_dir() else contextlib.nullcontext()
    with alone:
        open_workdir(plan.folder, config)
        record(plan.folder, config)
        for run in plan.wanted():
            put_back(run)
    for run in plan.shown():
        check(run)


def _take_over(plan: Plan, watch: Watch) -> None:
    for folder in plan.merge:
        with held(plan.folder, wait=True):
            taken = [run.name for run in plan.wanted() if take_over(run, folder)]
        watch.note(f"{len(taken)} finished runs taken over from {folder}")


def _at_once(plan: Plan) -> str:
    """How many runs work at once."""
    if not plan.jobs:
        return "none started"
    together = f" as populations of {plan.population}" if plan.population > 1 else ""
    return f"{plan.jobs * plan.population} at once{together}"


def _why(item: Item, status: int) -> str:
    """Why a process has not done its runs, as far as can be told."""
    if status > 128:
        return f"ended by signal {status - 128}"
    return last_words(item.log) or f"exit status {status}"


def _numbers(run: Run) -> str:
    result = run.result()
    if result["status"] == "diverged":
        return f"diverged, {result['reason']}"
    measured = result["results"].items()
    words = [f"{name} {number(e['mean'])}" for name, e in measured if e["mean"] is not None]
    return ", ".join([*words, duration(result.get("wall_time_s", 0.0))])
