"""What a run keeps of itself while it goes: rows, samples, figures, its result and its report."""

import contextlib
import functools
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from etils import epy

from ganstab import checkpoint
from ganstab.errors import InputError
from ganstab.reporting import Picture, run_log, run_page
from ganstab.reporting.formatting import describe
from ganstab.reporting.writing import explained, write_atomic
from ganstab.training import distributed, provenance, samples
from ganstab.training import run_folder as files
from ganstab.training.config import RunConfig
from ganstab.training.experiment import Evaluation, Experiment, Findings
from ganstab.training.measures import best_row, measured
from ganstab.training.progress import Said
from ganstab.types import TrainState

with epy.lazy_imports():  # a run starts without matplotlib
    from ganstab.training import figures

__all__ = ["Recorder", "summary_writer", "tensorboard_writer"]

Writer = Callable[[int, Mapping[str, float], Mapping[str, np.ndarray]], None]
"""`(step, numbers, images)`: what a user's own log (W&B, a database) is handed for every row. The
images are uint8 [H, W, 3], one picture of all samples, at evaluations alone."""


class Recorder:
    """Keeps a run's records; on processes other than the main one it only helps to save."""

    def __init__(
        self,
        folder: pathlib.Path,
        config: RunConfig,
        experiment: Experiment,
        begin: int,
        *,
        command: str,
        together: tuple[int, ...] = (),
        writers: Sequence[Writer] = (),
        note: Callable[[str], None],
    ):
        self._folder, self._config, self._experiment = folder, config, experiment
        self._command, self._together, self._writers = command, together, writers
        self._note = functools.cache(note)  # one word is enough of a file that is read often
        self._writes = distributed.is_main()
        self._log = folder / files.METRICS
        self._evaluations: list[run_log.Row] = []
        self._saved, self._seconds = begin, 0.0
        if self._writes:
            last = self._keep_rows(self._log, begin, begin)
            self._seconds = last.get("wall_time_s") or 0.0
            evaluated = begin - begin % config.eval_every
            self._keep_rows(folder / files.EVALUATIONS, begin, evaluated)
            self._evaluations, damaged = run_log.read_sound(folder / files.EVALUATIONS)
            for words in damaged + run_log.read_sound(self._log, run_log.ENOUGH)[1]:
                self._note(f"left out: {words}")
            if experiment.reference:
                samples.write_samples(folder, None, experiment.reference)
        self._clock = time.monotonic()
        self._findings = Findings({})
        self._views = list(config.views())
        self.result: dict[str, Any] = {}

    def _keep_rows(self, log: pathlib.Path, begin: int, due: int) -> run_log.Row:
        """Drops the rows after `begin`, and tells if the last one before it is lost."""
        last = run_log.keep_rows(log, begin or -1) or {}
        if begin and last.get("step", -1) < due:
            after = f"after step {last['step']:,}" if last else "at all"
            self._note(f"{log} is damaged: it has no rows {after}, up to step {due:,}")
        return last

    def log(self, step: int, metrics: Mapping[str, np.ndarray], found: Evaluation | None) -> Said:
        """One row: means over the steps since the last one, and what an evaluation found."""
        means = {name: float(np.mean(values)) for name, values in metrics.items()}
        if taken := means.keys() & {"step", "wall_time_s"}:
            raise ValueError(f"a training step's metric cannot be called {min(taken)!r}")
        losses = {name: means[name] for name in means if name in ("gen/loss", "disc/loss")}
        numbers = {name: float(value) for name, value in found.numbers.items()} if found else {}
        if self._writes:
            row = {"step": step, "wall_time_s": round(self._elapsed(), 1)}
            run_log.append_row(self._log, {**row, **means, **numbers})
            pictures = self._keep(found, row) if found else {}
            for write in self._writers:
                write(step, {**means, **numbers}, pictures)
        return Said(step, numbers | losses, evaluated=found is not None)

    def keep_samples(self, found: Evaluation, step: int) -> None:
        """An evaluation's arrays alone, whose file is lost."""
        if self._writes:
            samples.write_samples(self._folder, step, found.arrays)

    def has_samples(self, step: int) -> bool:
        """Whether the arrays of the evaluation at this step can be read."""
        return step in samples.read_samples(self._folder, step)

    def evaluated_at(self) -> int | None:
        """The step of the last evaluation; only the main process knows."""
        return self._evaluations[-1]["step"] if self._evaluations else None

    def best_step(self) -> int | None:
        """The step of the best evaluation; only the main process knows."""
        best = self._best()
        return best["step"] if best else None

    def save(self, state: TrainState, step: int) -> None:
        """A checkpoint, written after the row of its step."""
        place = self._folder / files.CHECKPOINTS
        checkpoint.save(place, state, step, also=self.best_step())
        self._saved = step

    def conclude(self, findings: Findings) -> None:
        """Takes note of what was measured after the last step."""
        self._findings = findings
        self._seconds += findings.earlier_seconds

    def report(self, state: TrainState, step: int, status: str, reason: str = "") -> None:
        """Curves, `result.json` and `report.html` as things stand."""
        if not self._writes:
            return
        self.result = self._result(state, step, status, reason)
        drawn = self._folder / files.FIGURES
        rows, _ = run_log.read_sound(self._log, run_log.ENOUGH)
        rows = run_log.merge(rows, self._evaluations)
        figures.curves(rows, self._experiment.measures, drawn / "curves.png")
        modes = len(self._evaluations[-1].get("counts") or ()) if self._evaluations else 0
        counts = [row for row in self._evaluations if len(row.get("counts") or ()) == modes]
        if modes and len(counts) > 1:
            figures.mode_shares(counts, drawn / "modes.png")
        shown = self._draw_training(step)
        self.result = files.write_result(self._folder, self.result)
        page = run_page(
            self.result,
            title=self._experiment.title or self._config.run_name(),
            description=self._experiment.description,
            config=vars(self._config),
            curves=[
                Picture(drawn / "training.png", "Samples over the training steps."),
                Picture(drawn / "curves.png", "Over the training steps."),
                Picture(drawn / "modes.png", "The share of samples in each mode."),
            ],
            samples=[Picture(self._picture(s), self._caption(s)) for s in shown],
            lines=[(samples.read_lines(self._folder, s), self._caption(s)) for s in shown],
            more=self._findings.pictures,
        )
        write_atomic(self._folder / files.REPORT, page)

    def _best(self) -> dict[str, Any] | None:
        """Which evaluation was the best, by what, and the number."""
        name = self._experiment.best_by
        by = [measure for measure in self._experiment.measures if measure.name == name]
        row = best_row(self._evaluations, by[0]) if by else None
        return {"step": row["step"], "measure": name, "value": row[name]} if row else None

    def _keep(self, found: Evaluation, row: run_log.Row) -> Mapping[str, np.ndarray]:
        """An evaluation's numbers, arrays and picture; gives the picture's pixels."""
        counts = {} if found.counts is None else {"counts": np.asarray(found.counts).tolist()}
        self._evaluations.append({**row, **found.numbers, **counts})
        run_log.append_row(self._folder / files.EVALUATIONS, self._evaluations[-1])
        samples.write_samples(self._folder, row["step"], found.arrays)
        if found.lines:
            samples.write_lines(self._folder, row["step"], found.lines)
        picture, reference = self._picture(row["step"]), self._experiment.reference
        samples.draw_samples(found.arrays, self._views, reference, picture)
        shown = found.arrays[samples.SAMPLES]
        if not (self._writers and samples.are_images(shown)):
            return {}
        return {"samples": samples.tile(shown, 8, 1)}

    def _draw_training(self, step: int) -> list[int]:
        """The picture over training; gives the steps whose own pictures the report shows."""
        read = samples.read_samples(self._folder, step, samples.MOST, self._note)
        known = samples.alike(read, self._note)
        if known:
            views = self._views or samples.views_of(known[min(known)])
            rows = [(view.label, known, view) for view in views]
            path = self._folder / files.FIGURES / "training.png"
            samples.over_training(rows, self._experiment.reference, path)
        return list(known)

    def _picture(self, step: int) -> pathlib.Path:
        """The picture of an evaluation's samples; the names sort by step."""
        return self._folder / files.FIGURES / f"samples_{step:09d}.png"

    def _caption(self, step: int) -> str:
        words = {measure.name: measure.short for measure in self._experiment.measures}
        row = next((row for row in self._evaluations if row["step"] == step), {})
        return " · ".join([f"step {step:,}", *describe({n: row.get(n) for n in words}, words)])

    def _elapsed(self) -> float:
        return self._seconds + time.monotonic() - self._clock

    def _result(self, state: TrainState, step: int, status: str, reason: str) -> dict[str, Any]:
        known = self._evaluations[-1] if self._evaluations else {}
        numbers = {**self._experiment.numbers, **known, **self._findings.numbers}
        # JSON's null stands for a number that is not finite.
        numbers = {n: float("nan") if value is None else value for n, value in numbers.items()}
        measures = self._experiment.measures if known else ()
        return {
            "status": status,
            "reason": reason,
            "step": step,
            "saved_at_step": self._saved,
            "num_steps": self._config.num_steps,
            "seed": self._config.seed,
            "evaluated_at_step": known.get("step"),
            "results": {
                m.name: measured([numbers[m.name]], m) for m in measures if m.name in numbers
            },
            "measures": [measure.name for measure in measures],
            "params_digest": checkpoint.digest(state.params),
            "wall_time_s": round(self._elapsed(), 1),
            "versions": provenance.versions(),
            "command": self._command,
            **({"population": list(self._together)} if self._together else {}),
            **({"best": best} if (best := self._best()) else {}),
        }


def summary_writer() -> Any:
    """The class that writes events; raises InputError where tensorboardX is not installed."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        line = "TensorBoard events need tensorboardX: pip install tensorboardX"
        raise InputError(line) from error
    return SummaryWriter


@contextlib.contextmanager
def tensorboard_writer(folder: pathlib.Path, first_step: int = 0) -> Iterator[Writer]:
    """A writer of TensorBoard events, scalars and sample grids, with tensorboardX.

    Events that an earlier start wrote from `first_step` on are hidden by TensorBoard.

    Raises:
      InputError: tensorboardX is not installed, or the folder cannot be written.
    """
    with explained(f"cannot write {folder}"):
        writer = summary_writer()(str(folder), purge_step=first_step, flush_secs=10)

    def write(step: int, numbers: Mapping[str, float], images: Mapping[str, np.ndarray]) -> None:
        with explained(f"cannot write {folder}"):
            for name, value in numbers.items():
                writer.add_scalar(name, value, step)
            for name, image in images.items():
                writer.add_image(name, image, step, dataformats="HWC")

    try:
        yield write
    finally:
        writer.close()
