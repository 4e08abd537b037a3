"""A table of runs that are written, not trained."""

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import sys
import time

from ganstab.tables import Cell, Claim, Plan, Table, sweep
from ganstab.training.config import RunConfig, option
from ganstab.training.measures import Measure, Published, measured
from ganstab.training.run_folder import IN_USE, InUseError, hold, read_result, write_config

STEPS = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Levels(RunConfig):
    num_steps: int = STEPS
    level: int = option(0, "The level.")


def cell(level: int) -> Cell:
    published = {"modes": Published(100.0 * level, 1.0, "a paper"), "kl": Published(9, 0.0, "it")}
    row, column = "low" if level < 3 else "high", f"K = {level % 2}"
    return Cell(f"level{level}", row, column, {"level": level}, published)


TABLE = Table(
    "Levels & more",
    "What levels do.",
    tuple(map(cell, (1, 2, 3, 4))),
    "level",
    claims=[
        Claim("Level 2 has more than level 1", "modes", "level2", "above", "level1"),
        Claim("Level 3 has fewer than level 1", "modes", "level3", "below", "level1"),
    ],
)


def plan(folder, *levels: int, seeds=3, table=TABLE, **config) -> Plan:
    cells = tuple(c for c in table.cells if c.settings["level"] in (levels or range(9)))
    return Plan("table_9", table, Levels(**config), pathlib.Path(folder), range(seeds), cells)


def fill(run, steps=STEPS, status="finished", seconds=0.5, **more) -> None:
    """As if the run had come so far."""
    run.folder.mkdir(parents=True, exist_ok=True)
    write_config(run.folder, run.config)
    rows = [{"step": s, "wall_time_s": seconds * s, "modes": s} for s in range(1, steps + 1)]
    lines = [json.dumps(row) + "\n" for row in rows]
    (run.folder / "metrics.jsonl").write_text("".join(lines))
    level, seed = run.config.level, run.seed
    results = {
        "modes": measured([100.0 * level + seed], Measure("modes", "modes covered")),
        "kl": measured([1 / level + 0.1 * seed], Measure("kl", "KL, nats", better="lower")),
    }
    result = {
        "status": status, "reason": "", "step": steps, "num_steps": steps, "seed": seed,
        "evaluated_at_step": steps, "results": results, "wall_time_s": seconds * steps,
        "params_digest": f"sha256:{level}-{seed}", "versions": {"code": "a"}, **more,
    }  # fmt: skip
    (run.folder / "result.json").write_text(json.dumps(result))


def train(folder, *, broken=None, diverges=None, gate=None, stop=None, pause=0.0, **more) -> int:
    """A run's contract: the lock, its config, its files and its exit status."""
    folder = pathlib.Path(folder)
    config = json.loads((folder / "config.json").read_text())
    run = plan(folder.parents[2], num_steps=config["num_steps"]).run(
        cell(config["level"]), config["seed"]
    )
    if broken and broken.exists():
        return 1
    with hold(folder), open(folder / "starts", "a") as starts:
        starts.write(f"{os.getppid()}\n")
        starts.flush()
        while gate and config["level"] > 2 and not gate.exists():
            if stop and pathlib.Path(stop).exists():
                fill(run, 3, "interrupted")
                return 128 + 15
            time.sleep(0.05)
        time.sleep(pause)
        done = max(read_result(folder).get("step", 0), config["num_steps"])
        if config["seed"] == diverges:
            fill(run, 1, "diverged", reason="the loss is not finite", **more)
            return 1
        fill(run, done, **more)
    return 0


class InThreads(concurrent.futures.Executor):
    """Trains what jobs name in threads of this process."""

    def __init__(self, jobs=2, **options):
        self.pool = concurrent.futures.ThreadPoolExecutor(jobs)
        self.options, self.jobs = options, []

    def submit(self, function, job):
        self.jobs.append(job)
        return self.pool.submit(self._train, job)

    def _train(self, job) -> int:
        if pathlib.Path(job.stop).exists():
            return 128 + 15
        try:
            statuses = [train(folder, stop=job.stop, **self.options) for folder in job.folders]
        except InUseError:
            return IN_USE
        if 1 in statuses:
            pathlib.Path(job.log).write_text("Traceback\nRuntimeError: out of luck\n")
        return max(statuses)


def work(folder, *levels, executor=None, table=TABLE, seeds=3, config=None, **options) -> int:
    """Works on a table, or on the cells of the levels given."""
    return sweep(
        table,
        Levels(**(config or {})),
        experiment="table_runs:none",
        folder=folder,
        name="table_9",
        seeds=range(seeds),
        cells=[f"level{level}" for level in levels],
        executor=executor or InThreads(),
        **options,
    )


if __name__ == "__main__":  # a program that jobs start in place of `python -m ganstab.training`
    given = dict(word[2:].split("=") for word in sys.argv[1:] if word.startswith("--"))
    runs = [word for word in sys.argv[1:] if not word.startswith("--")]
    pathlib.Path(runs[0], "cores").write_text(json.dumps(sorted(os.sched_getaffinity(0))))
    pathlib.Path(runs[0], "gpus").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    sys.exit(max(train(run, pause=float(given.get("pause", 0))) for run in runs))
