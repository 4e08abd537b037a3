"""Shows how a run is doing: a bar on a terminal, a plain line every so often anywhere else."""

import collections
import contextlib
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TextIO

import tqdm

from ganstab.reporting.formatting import describe, format_duration

__all__ = ["Progress", "Said", "tell"]

_BAR = "{percentage:3.0f}%|{bar}| {desc}"


class Progress:
    """The progress of one run, from step `initial` to step `total`.

    Numbers may be arrays that are still being computed: they are looked at only when a line is due,
    so a call at every step does not make the program wait for the device. A stream that cannot be
    written to (a full disk under a log file) never stops the run.

    Args:
      total: the last step.
      initial: the step that the run goes on from.
      words: a short word for each number that is shown, by its name; others are left out.
      stream: where to write, standard error by default.
      silent: whether to write nothing, as processes of a run but the first do.
      interval: seconds between two lines; by default 0.5 on a terminal, 10 elsewhere.
      clock: the time in seconds.
    """

    def __init__(
        self,
        total: int,
        initial: int = 0,
        *,
        words: Mapping[str, str] | None = None,
        stream: TextIO | None = None,
        silent: bool = False,
        interval: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.words = words
        self._total, self._step, self._clock = total, initial, clock
        self._stream = stream or sys.stderr
        self._silent, self._terminal = silent, self._stream.isatty()
        self._interval = interval if interval is not None else (0.5 if self._terminal else 10.0)
        self._bar: tqdm.tqdm | None = None
        self._begin = self._shown = clock()
        # The first mark is the first update, so that compiling does not count as slow steps.
        self._marks: collections.deque[tuple[float, int]] = collections.deque(maxlen=20)
        self._numbers: dict[str, Any] = {}

    def update(self, step: int, **numbers: Any) -> None:
        """Says that `step` steps are done, with the latest numbers; shown when a line is due."""
        self._record(step, numbers)
        if self._clock() - self._shown >= self._interval:
            self._show()

    def evaluation(self, step: int, **numbers: Any) -> None:
        """The same, shown in any case: numbers that come seldom."""
        self._record(step, numbers)
        self._show()

    def note(self, line: str) -> None:
        """Says what happens (a phase, a warning), with the seconds since the start."""
        self._say(f"[{self._clock() - self._begin:6.1f} s] {line}")

    @contextlib.contextmanager
    def during(self, what: str, interval: float = 30.0) -> Iterator[None]:
        """Says what is done meanwhile, at once and again every `interval` seconds."""
        done = threading.Event()

        def remind() -> None:
            while not done.wait(interval):
                self.note(f"still {what}")

        self.note(what)
        reminder = threading.Thread(target=remind, daemon=True)
        reminder.start()
        try:
            yield
        finally:
            done.set()
            reminder.join()

    def close(self) -> None:
        """Shows the last step, and leaves the bar where it is."""
        if self._marks and self._marks[-1][1] != self._step:
            self._show()
        if self._bar is not None:
            self._bar.close()

    def _record(self, step: int, numbers: Mapping[str, Any]) -> None:
        self._step = step
        self._numbers |= numbers
        if not self._marks:
            self._marks.append((self._clock(), step))

    def _show(self) -> None:
        self._shown = self._clock()
        if self._marks[-1][1] != self._step:
            self._marks.append((self._shown, self._step))
        with contextlib.suppress(OSError):
            if self._terminal:
                self._draw()
            else:
                self._say(" | ".join(self._parts()))

    def _draw(self) -> None:
        if self._silent:
            return
        if self._bar is None:
            self._bar = tqdm.tqdm(total=self._total, file=self._stream, bar_format=_BAR, ncols=80)
        self._bar.n, self._bar.ncols = self._step, _columns(self._stream)
        self._bar.set_description_str(" | ".join(self._parts()).removeprefix("step "))

    def _say(self, line: str) -> None:
        if self._silent:
            return
        with contextlib.suppress(OSError):
            if self._bar is not None:
                self._bar.write(line, file=self._stream)
            else:
                print(line, file=self._stream, flush=True)

    def _parts(self) -> list[str]:
        parts = [f"step {self._step:,}/{self._total:,}"]
        rate = self._rate()
        if rate:
            left = format_duration((self._total - self._step) / rate)
            parts += [_speed(rate), f"{left} left"]
        return parts + describe(self._numbers, self.words)

    def _rate(self) -> float:
        """Steps a second over the last lines; 0 while there is nothing to measure."""
        (start, first), (end, last) = self._marks[0], self._marks[-1]
        return (last - first) / (end - start) if end > start else 0.0


class Said(NamedTuple):
    """What a run has to say at a step."""

    step: int
    numbers: Mapping[str, float]
    evaluated: bool = False


def tell(progress: Progress, said: Mapping[str, Said]) -> None:
    """One line for all runs: of several it has the means, and the step of the last of them.

    What is found at an evaluation is said for each run as well, unless one without a name is alone.
    """
    for name, each in said.items():
        if name and each.evaluated:
            progress.note(f"{name}: {' | '.join(describe(each.numbers, progress.words))}")
    runs = list(said.values())
    if runs:
        alike = [name for name in runs[0].numbers if all(name in run.numbers for run in runs)]
        means = {name: statistics.fmean(run.numbers[name] for run in runs) for name in alike}
        show = progress.evaluation if runs[0].evaluated else progress.update
        show(min(run.step for run in runs), **means)


def _columns(stream: TextIO) -> int:
    """The terminal's width now, or 80 where it does not say."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80


def _speed(rate: float) -> str:
    """Slow games in seconds a step, which are easier to picture than 0.04 steps a second."""
    if rate >= 100:
        return f"{rate:,.0f} steps/s"
    return f"{rate:,.1f} steps/s" if rate >= 1 else f"{1 / rate:,.1f} s/step"
