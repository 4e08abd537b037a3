"""Trains what is missing of a table, and keeps the table's files up to date meanwhile."""

import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ganstab.errors import InputError
from ganstab.reporting.formatting import format_duration, format_number
from ganstab.tables import page
from ganstab.tables.collect import collect
from ganstab.tables.executors import Job, check_place, make_executor, run_job
from ganstab.tables.hardware import this_machine
from ganstab.tables.merge import merge as merge_runs
from ganstab.tables.merge import put_back
from ganstab.tables.progress import TableProgress
from ganstab.tables.runs import Plan, Run
from ganstab.tables.table import Table, chosen
from ganstab.training import run_folder as files
from ganstab.training.config import RunConfig
from ganstab.training.signals import StopRequest, watch_signals

__all__ = ["sweep"]

ALIKE = 3
"""So many jobs that fail for one reason, and none that does not, end a table."""
SOONEST, LATEST = 10.0, 300.0
"""Seconds between two refreshes: at least, however many runs end; at most, if none does."""
SHARE = 0.05
"""Of the time, at most, that goes into refreshes."""
PAUSE = 0.5
RETRY = 10.0
"""Seconds after which a run that another process had is tried again."""
GRACE = 10.0
"""Seconds in which every job that has a process has told it to stop."""
Future = concurrent.futures.Future


def sweep(
    table: Table,
    base: RunConfig,
    *,
    experiment: str,
    folder: str | os.PathLike[str],
    name: str = "table",
    seeds: range = range(5),
    cells: Sequence[str] = (),
    merge: Sequence[str | os.PathLike[str]] = (),
    executor: str | concurrent.futures.Executor = "local",
    jobs: int | None = None,
    population: int | None = None,
    program: Sequence[str] = (),
    arguments: Sequence[str] = (),
    stop: StopRequest | None = None,
    command: str = "",
) -> int:
    """Trains the runs of a table that are not done, and writes its `result.json` and `report.html`.

    What is missing is decided by what is on disk, so a sweep that was stopped or killed goes on
    where it was. Several sweeps, on machines that share the folder, may work on one table at once.

    Args:
      table: what is trained.
      base: the settings of all runs, but for what cells and seeds change.
      experiment: "module:function" that makes the experiment of a run's settings.
      folder: the table's; runs are in `cells/CELL/seedN`.
      name: the table's, in its result.
      seeds: of every cell.
      cells: patterns of the names of those to work on now, all by default.
      merge: folders of other tables whose finished runs are copied first.
      executor: where jobs run, see `make_executor`, or any other executor that can run `run_job`.
      jobs: how many run at once, by default as many as this machine carries; 0 starts none.
      population: the most seeds that one process trains together; by default 1 on a CPU, and on an
        accelerator as many as leave no process without work.
      program: what a job starts with the folders of its runs, by default this Python's
        `python -m ganstab.training`.
      arguments: further ones for the program, e.g. "--tensorboard".
      stop: ends it once it is true; by default at Ctrl-C and SIGTERM.
      command: what goes on with the table, for the report.

    Returns:
      0 when all runs that were asked for are done (finished or diverged), 1 when one of them
      failed, and 128 + the signal after a stop.

    Raises:
      InputError: the folder cannot be used, or a run in it, or to be merged, has other settings.
    """
    folder = files.local_folder(folder).absolute()
    if isinstance(executor, str):
        check_place(executor)
    table = table if base.has_papers_data() else table.unpublished()
    plan = Plan(name, table, base, folder, seeds, chosen(table.cells, cells), command)
    jobs, together = _at_once(plan, executor, jobs, population)
    _check(plan)
    progress = TableProgress(plan.wanted(), jobs * together)
    put_back(plan.wanted())
    for source in [files.local_folder(name, "--merge") for name in merge]:
        taken, damaged = merge_runs(plan.wanted(), source)
        for words in (f"{len(taken)} finished runs taken over from {source}", *damaged):
            progress.note(words)
    groups = plan.left(together)
    keeper = _Keeper(plan, progress, sum(map(len, groups)))
    with contextlib.ExitStack() as stack:
        stack.enter_context(files.share(folder))
        keeper.open(f"{jobs * together} at once" if jobs else "none started", together)
        stop = stack.enter_context(watch_signals()) if stop is None else stop
        if groups and jobs:
            keeper.refresh()
            if isinstance(executor, str):
                executor = make_executor(executor, jobs)
                stack.callback(executor.shutdown, wait=False)
            end = str(folder / f".stop_{socket.gethostname()}_{os.getpid()}")
            named = () if program else (f"--experiment={experiment}",)
            given = (*named, *arguments)
            common = Job((), 0, "", end, given, tuple(program), os.getcwd())
            _work([_task(runs, common) for runs in groups], experiment, executor, keeper, stop)
        keeper.close("interrupted" if stop else "failed" if keeper.failed else "partial")
        return stop.exit_status if stop else int(bool(keeper.failed))


def _at_once(
    plan: Plan, executor: Any, jobs: int | None, population: int | None
) -> tuple[int, int]:
    """How many jobs run at once, and how many seeds each of them trains."""
    if jobs == 0 or executor != "local":
        return (1 if jobs is None else jobs), population or 1
    machine = this_machine()
    jobs = jobs or machine.jobs()
    return jobs, population or machine.population(len(plan.cells), len(plan.seeds), jobs)


def _check(plan: Plan) -> None:
    """Looks at the table's folder and at every run in it, before anything is changed.

    Raises:
      InputError: the folder is another table's, a run's, none at all or not writable, or a run's
        settings differ.
    """
    folder, known = plan.folder, dict[str, Any]()
    files.check_writable(folder)
    for name in (files.CONFIG, files.RESULT):
        with contextlib.suppress(InputError):
            known |= files.read_json(folder / name)
    names = [path.name for path in folder.glob("[!.]*")]
    if known.get("table", plan.name) != plan.name:
        raise InputError(f"--workdir={folder} has table {known['table']} in it: name another")
    if names and "table" not in known and ("cells" not in names or files.CONFIG in names):
        raise InputError(
            f"--workdir={folder} has other things in it ({min(names)}, …), and is no table's "
            "folder: name a new or empty one"
        )
    for run in plan.shown():
        if (run.folder / files.CONFIG).exists():
            files.check_same(run.folder, run.config)


@dataclasses.dataclass(frozen=True, eq=False)
class _Task:
    """Runs of one cell, and the job that trains them."""

    name: str
    runs: Sequence[Run]
    job: Job


def _task(runs: Sequence[Run], common: Job) -> _Task:
    first, last = runs[0], f"to{runs[-1].seed}" if len(runs) > 1 else ""
    job = dataclasses.replace(
        common,
        folders=tuple(str(run.folder) for run in runs),
        num_steps=first.config.num_steps,
        log=f"{first.folder}{last}.log",
    )
    return _Task(f"{first.name}{last}", runs, job)


def _work(
    tasks: Sequence[_Task],
    experiment: str,
    executor: concurrent.futures.Executor,
    keeper: "_Keeper",
    stop: StopRequest,
) -> None:
    """Has every task done, in order; returns when all have ended or there is reason to stop."""
    waiting, running = dict.fromkeys(tasks, 0.0), dict[Future, _Task]()
    try:
        while (waiting or running) and not stop and not keeper.is_hopeless():
            for task in [task for task, due in waiting.items() if due <= time.monotonic()]:
                if _prepared(task, experiment):
                    del waiting[task]
                    running[executor.submit(run_job, task.job)] = task
                else:
                    waiting[task] = time.monotonic() + RETRY
            for future in _ended(running):
                task = running.pop(future)
                error = future.exception()
                if error is None and future.result() == files.IN_USE:
                    waiting[task] = time.monotonic() + RETRY
                else:
                    keeper.ended(task, str(error) if error else _why(task, future.result()))
            keeper.tick([task.name for future, task in running.items() if future.running()])
    finally:
        if running:
            _end(running)


def _prepared(task: _Task, experiment: str) -> bool:
    """Says in each run's folder what it is; false if another process is at work on one."""
    try:
        for run in task.runs:
            with files.hold(run.folder):
                files.open_folder(run.folder, run.config, experiment)
                # A run that is there may now go further.
                files.write_config(run.folder, run.config, experiment)
    except files.InUseError:
        return False
    return True


def _ended(running: dict[Future, _Task]) -> set[Future]:
    if not running:
        time.sleep(PAUSE)
    first = concurrent.futures.FIRST_COMPLETED
    return concurrent.futures.wait(running, PAUSE, first).done


def _end(running: dict[Future, _Task]) -> None:
    """Tells the jobs to stop, and waits for those that are at work.

    A job that waits for a worker may wait for ever, so it is not waited for.
    """
    file = pathlib.Path(next(iter(running.values())).job.stop)
    file.touch()
    begin = time.monotonic()
    while left := concurrent.futures.wait(running, PAUSE).not_done:
        runs = [run for future in left for run in running[future].runs]
        if time.monotonic() - begin > GRACE and not any(files.is_held(r.folder) for r in runs):
            break
    for future in left:
        future.cancel()
    file.unlink(missing_ok=True)


class _Keeper:
    """Keeps a table's files up to date while it is worked on, and says what happens."""

    def __init__(self, plan: Plan, progress: TableProgress, left: int):
        self._plan, self._progress, self._left = plan, progress, left
        self._fresh, self._soonest, self._latest = True, 0.0, 0.0
        self.failed: dict[str, str] = {}
        self._done, self._reasons = False, list[str]()

    def open(self, how: str, together: int) -> None:
        """Says what there is to do."""
        wanted, report = len(self._plan.wanted()), self._plan.folder / files.REPORT
        how += f" as populations of {together}" if together > 1 else ""
        done = f"{wanted} runs, {wanted - self._left} of them done"
        self._progress.note(f"{done}, {how}; look at {report} at any time")

    def ended(self, task: _Task, why: str) -> None:
        """Says how the runs of a job ended, and why if not well; the files are refreshed soon."""
        found = [run.read() for run in task.runs]
        for each in found:
            if each.done:
                self._progress.note(f"{each.run.name}: {_numbers(each.result)}")
            else:
                self.failed[each.run.name] = why
                self._progress.note(f"{each.run.name} FAILED: {why} (see {task.job.log})")
        self._done |= any(each.done for each in found)
        self._reasons += [] if all(each.done for each in found) else [why]
        self._fresh = False

    def is_hopeless(self) -> bool:
        """Whether the first jobs all failed for one reason, e.g. an absent folder."""
        alike = len(self._reasons) >= ALIKE and len(set(self._reasons)) == 1
        return alike and not self._done

    def tick(self, at_work: Sequence[str]) -> None:
        """Called all the time."""
        self._progress.look(at_work)
        if time.monotonic() >= (self._latest if self._fresh else self._soonest):
            self.refresh()

    def refresh(self, status: str = "running") -> dict[str, Any]:
        """Writes result, pictures and report."""
        begin, self._fresh = time.monotonic(), True
        found = [run.read() for run in self._plan.shown()]
        result = collect(self._plan, status, self.failed, found)
        page.write(self._plan, found, result)
        end = time.monotonic()
        self._soonest = end + max(SOONEST, (end - begin) / SHARE)
        self._latest = max(self._soonest, end + LATEST)
        return result

    def close(self, status: str) -> None:
        """The last files, said aloud."""
        if self.is_hopeless() and len(self.failed) < self._left:
            self._progress.note("all that were started failed alike: the others are not started")
        self._progress.close()
        print("\n".join(page.summary_lines(self._plan, self.refresh(status))))
        print(f"report: {self._plan.folder / files.REPORT}", flush=True)


def _why(task: _Task, status: int) -> str:
    """Why a job has not done its runs, as far as can be told."""
    if status > 128:
        return f"ended by signal {status - 128}"
    lines = [f"exit status {status}"]
    with contextlib.suppress(OSError):
        lines += pathlib.Path(task.job.log).read_text(errors="replace").split("\n")
    return next(line.strip() for line in reversed(lines) if line.strip())


def _numbers(result: Mapping[str, Any]) -> str:
    if result["status"] == "diverged":
        return f"diverged, {result.get('reason')}"
    means = {name: entry.get("mean") for name, entry in result.get("results", {}).items()}
    words = [f"{name} {format_number(mean)}" for name, mean in means.items() if mean is not None]
    seconds = result.get("wall_time_s")
    return ", ".join(words if seconds is None else [*words, format_duration(seconds)])
