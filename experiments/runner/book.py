"""What a run keeps of itself while it goes: rows, checkpoints, figures, the report."""

import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from experiments.runner import devices, events, figures, records, report, samples
from experiments.runner.conclusion import Conclusion, Findings
from experiments.runner.feeds import Feed
from experiments.runner.progress import Said
from experiments.runner.session import Session
from ganstab import checkpoint
from ganstab.reporting import run_log
from ganstab.steps import Step
from ganstab.types import Game, TrainState

MODES_LOG = "modes.jsonl"
EXIT_STATUS = {"finished": 0, "diverged": 1}


class Evaluation(NamedTuple):
    """What an experiment measures on a training state."""

    numbers: dict[str, float]
    samples: np.ndarray
    """What the experiment's `draw` takes: images [n, H, W, C] in [-1, 1] for the sample grid."""
    counts: np.ndarray | None = None
    """Samples in each mode, [M], where the data have modes."""
    kept: np.ndarray | None = None
    """What the experiment's `draw_training` takes, if not `samples`."""


class Experiment(NamedTuple):
    """All that distinguishes one experiment from another.

    In a population the first seed's `game` and `make_step` train all seeds, and its feed's `pick`
    draws for all: what differs from seed to seed belongs in the state or in the feed's supply.
    """

    title: str
    description: str
    state: TrainState
    """The state before step 0, on the mesh."""
    game: Game
    make_step: Callable[[Game], Step]
    """Makes a training step of a game, e.g. `steps.alternating` with its optimizers."""
    feed: Feed
    evaluate: Callable[[TrainState], Evaluation]
    panels: tuple[figures.Panel, ...]
    results: Callable[[Mapping[str, float]], dict[str, Any]]
    """From an evaluation's numbers, and after the last one also those of the conclusion, to the
    entries of `result.json`, beside the published ones."""
    draw: Callable[[np.ndarray, pathlib.Path], None] = samples.sample_grid
    """Writes an evaluation's samples as a PNG."""
    draw_training: Callable[[Mapping[int, np.ndarray], pathlib.Path], None] | None = None
    """Writes samples, or what was kept in place of them, by their step as one PNG over training;
    for that there is a file of each evaluation, and the state before the first step is looked at
    too."""
    conclusion: Conclusion | None = None
    """What is measured once, after the last step."""


class Book:
    """Keeps a run's records; on processes other than the main one it only helps to save."""

    def __init__(self, experiment: Experiment, session: Session, begin: int):
        self._experiment, self._session, self._settings = experiment, session, session.settings
        self._folder, self._writes = session.folder, devices.is_main()
        folder = session.folder
        self._log = folder / "metrics.jsonl"
        self._rows = run_log.keep_rows(self._log, begin or -1) if self._writes else []
        self._counts = run_log.keep_rows(folder / MODES_LOG, begin or -1) if self._writes else []
        self._seconds = self._rows[-1]["wall_time_s"] if self._rows else 0.0
        self._findings = Findings({})
        self._last: dict[str, Any] = {}
        self._clock = time.monotonic()
        self._events = (
            events.tensorboard_writer(folder / "tensorboard", begin + 1)
            if self._settings.tensorboard and self._writes
            else lambda row: None
        )

    def log(self, step: int, metrics: Mapping[str, np.ndarray], found: Evaluation | None) -> Said:
        """One row: means over the steps since the last one, and what an evaluation found."""
        means = {name: float(np.mean(values)) for name, values in metrics.items()}
        losses = {name: means[name] for name in means if name in ("gen/loss", "disc/loss")}
        numbers = found.numbers if found else {}
        if self._writes:
            row = {"step": step, "wall_time_s": round(self._elapsed(), 1), **means, **numbers}
            run_log.append_row(self._log, row)
            self._rows.append(row)
            self._events(row)
            if found:
                self._show(found, step)
        return Said(step, losses | numbers, evaluated=found is not None)

    def _show(self, found: Evaluation, step: int) -> None:
        if found.counts is not None:
            self._counts.append({"step": step, "counts": found.counts})
            run_log.append_row(self._folder / MODES_LOG, self._counts[-1])
        self._experiment.draw(found.samples, samples.sample_path(self._folder, step))
        if self._experiment.draw_training:
            kept = found.samples if found.kept is None else found.kept
            samples.keep(kept, self._folder, step)

    def evaluated_at(self) -> int | None:
        """The step of the last evaluation; only the main process knows."""
        return next((row["step"] for row in reversed(self._rows) if "samples" in row), None)

    def save(self, state: TrainState, step: int) -> None:
        """A checkpoint, written after the row of its step."""
        checkpoint.save(self._folder / "checkpoints", state, step)

    def conclude(self, findings: Findings, earlier: float) -> None:
        """Takes note of the conclusion, of which earlier processes made pieces in such a time."""
        self._findings = findings
        self._seconds += earlier

    def report(self, state: TrainState, step: int, status: str, reason: str = "") -> None:
        """Curves, `result.json` and `report.html` as things stand."""
        if not self._writes:
            return
        self._last = result = self._result(state, step, status, reason)
        drawn = self._folder / "figures"
        figures.curves(self._rows, drawn / "curves.png", self._experiment.panels)
        if len(self._counts) > 1:
            figures.modes(self._counts, drawn / "modes.png")
        kept = samples.kept(self._folder, step)
        if self._experiment.draw_training and kept:
            self._experiment.draw_training(kept, drawn / "training.png")
        report.write_result(self._folder, result)
        report.write_report(
            self._folder,
            title=self._experiment.title,
            description=self._experiment.description,
            result=result,
            config=self._settings.config,
            curves=[
                report.Picture(drawn / "training.png", "Samples over the training steps."),
                report.Picture(drawn / "curves.png", "Over the training steps."),
                report.Picture(drawn / "modes.png", "The share of samples in each mode."),
            ],
            concluded=self._findings.pictures,
        )

    def tell(self) -> None:
        """Says aloud what the last report has."""
        for line in report.summary(self._last) if self._last else ():
            print(line)
        if self._writes:
            print(f"report: {self._folder / 'report.html'}", flush=True)

    def _elapsed(self) -> float:
        return self._seconds + time.monotonic() - self._clock

    def _result(self, state: TrainState, step: int, status: str, reason: str) -> dict[str, Any]:
        known = [row for row in self._rows if "samples" in row]
        numbers = {**known[-1], **self._findings.numbers} if known else {}
        return {
            "status": status,
            "reason": reason,
            "step": step,
            "num_steps": self._settings.num_steps,
            "seed": self._settings.seed,
            "evaluated_at_step": known[-1]["step"] if known else None,
            "results": self._experiment.results(numbers) if known else {},
            "params_digest": checkpoint.digest(state.params),
            "wall_time_s": round(self._elapsed(), 1),
            "versions": records.versions(),
            "command": self._session.command,
            **({"population": list(together)} if (together := self._session.together) else {}),
        }
