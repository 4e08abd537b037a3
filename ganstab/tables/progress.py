"""How far a table is: runs and steps done of all, and the time left by the speed of each cell."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ganstab.reporting.formatting import format_duration
from ganstab.tables.runs import Position, Run, position
from ganstab.training.progress import Progress

__all__ = ["Survey", "TableProgress", "survey"]


class Survey(NamedTuple):
    """The state of the runs that are worked on."""

    done: int
    runs: int
    steps: int
    total: int
    seconds_left: float
    """NaN while no run has shown its speed."""


def survey(runs: Sequence[Run], at_once: int) -> Survey:
    """How far the runs are, and how long the rest takes, so many at once.

    What is left of a run takes its cell's seconds a step, the mean over the runs of the cell that
    have shown theirs, or over all others where none has, and what finished runs took after their
    last row, as for a search. The whole takes as long as the sum over `at_once` runs, and at least
    as long as the longest run. A run at its last step cannot be told while no other is finished.
    """
    at = {run.name: position(run) for run in runs}
    done = {run.name: found.result for run in runs if (found := run.read()).done}
    speed, after = _seconds_per_step(runs, at), _seconds_after(at, done)
    steps, left = 0, [0.0]
    for run in runs:
        wanted = run.config.num_steps
        taken = wanted if run.name in done else min(at[run.name].steps, wanted)
        steps += taken
        if taken < wanted:
            known = 0.0 if math.isnan(after) else after
            left.append((wanted - taken) * speed[run.cell.name] + known)
        elif run.name not in done:
            left.append(after)
    total = sum(run.config.num_steps for run in runs)
    return Survey(len(done), len(runs), steps, total, max(sum(left) / at_once, max(left)))


def _seconds_per_step(runs: Sequence[Run], at: Mapping[str, Position]) -> dict[str, float]:
    known: dict[str, list[float]] = {}
    for run in runs:
        known.setdefault(run.cell.name, []).append(at[run.name].seconds_per_step)
    means = {cell: _mean(seconds) for cell, seconds in known.items()}
    other = _mean(means.values())
    return {cell: other if math.isnan(mean) else mean for cell, mean in means.items()}


def _seconds_after(at: Mapping[str, Position], done: Mapping[str, Mapping[str, Any]]) -> float:
    """What a run takes after its last row, the mean over those that are done; NaN without any."""
    times = {name: result.get("wall_time_s") for name, result in done.items()}
    known = (seconds - at[name].seconds for name, seconds in times.items() if seconds is not None)
    return _mean(max(seconds, 0.0) for seconds in known)


def _mean(numbers: Iterable[float]) -> float:
    """Of those that are finite; NaN without any."""
    finite = [number for number in numbers if math.isfinite(number)]
    return statistics.fmean(finite) if finite else math.nan


class TableProgress(Progress):
    """The line or bar of a whole table."""

    def __init__(self, runs: Sequence[Run], at_once: int, **options: Any):
        self._runs, self._at_once = runs, max(1, at_once)
        self._survey = survey(runs, self._at_once)
        self._at_work: tuple[str, ...] = ()
        super().__init__(self._survey.total, self._survey.steps, **options)
        if options.get("interval") is None:
            self._interval = 2.0 if self._terminal else 60.0

    def look(self, at_work: Sequence[str]) -> None:
        """Called all the time; reads how far the runs are when a line is due."""
        if self._clock() - self._shown >= self._interval:
            self._survey = survey(self._runs, self._at_once)
            self._at_work = tuple(at_work)
            self.evaluation(self._survey.steps)

    def _parts(self) -> list[str]:
        done, runs, steps, total, seconds = self._survey
        left = [f"{format_duration(seconds)} left"] if math.isfinite(seconds) else []
        words = [f"{done} of {runs} runs", f"step {steps:,}/{total:,}", *left]
        return [*words, *([", ".join(self._at_work)] if self._at_work else [])]
