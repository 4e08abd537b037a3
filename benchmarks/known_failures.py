"""How many faults does the doctor name rightly, in runs whose failure is known?

    python benchmarks/known_failures.py --out results/benchmarks/known_failures.json \
        --figure docs/known_failures.png

It trains each run of `failures.py` (seconds each), examines it as `ganstab doctor` does, and writes
down which findings the doctor reports. A fault is named rightly if it is in the report's first
line, which has two findings at most. A healthy run is named rightly if nothing is reported as a
fault.
"""

import argparse
import concurrent.futures
import datetime
import io
import json
import multiprocessing
import os
import pathlib
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import failures
import jax
import numpy as np
from matplotlib.figure import Figure

from ganstab import doctor, style
from ganstab.doctor.diagnosis import worst
from ganstab.doctor.run import with_data
from ganstab.doctor.trained import subject_of_run
from ganstab.training import train

EXPERIMENT = "failures:build"
SHADES = {"good": 0.12, "watch": 0.45, "bad": 0.8}


class Told(NamedTuple):
    """What the doctor said of a run."""

    case: str
    seed: int
    findings: dict[str, str]
    """The state of each, by topic."""
    first: list[str]
    """Topics of the first line."""
    answer: str
    right: bool
    seconds: float


def examined(case: str, seed: int = 0, folder: pathlib.Path | None = None) -> Told:
    """Trains a run, in a folder that is kept if it is named, and looks at it."""
    if folder is None:
        with tempfile.TemporaryDirectory() as place:
            return examined(case, seed, pathlib.Path(place, case))
    begin, known = time.monotonic(), failures.CASES[case]
    config = failures.KnownFailure(case=case, num_steps=known.num_steps, seed=seed)
    train(failures.build, config, folder, stream=io.StringIO())
    subject = subject_of_run(folder, EXPERIMENT)
    record = with_data(doctor.read_record(folder), subject)
    report = doctor.diagnose(doctor.examine(subject), record)
    found = {one.topic: one.state for one in report.findings}
    first = [one.topic for one in worst(report)]
    right = known.topic in first if known.topic else "bad" not in found.values()
    answer = " ".join(one.answer for one in worst(report)) or "nothing wrong was found."
    return Told(case, seed, found, first, answer, right, round(time.monotonic() - begin, 1))


@style.styled
def drawn(told: Sequence[Told]) -> Figure:
    """Which finding was told of which run: a matrix; a cross marks the fault by construction."""
    topics = sorted({topic for one in told for topic in one.findings})
    figure, axes = style.panels(1, 1, width=5.4, height=0.24 * len(told) + 1.2)
    axis = axes[0, 0]
    shades = np.full((len(told), len(topics)), np.nan)
    for row, one in enumerate(told):
        for column, topic in enumerate(topics):
            if topic in one.findings:
                shades[row, column] = SHADES[one.findings[topic]]
        wanted = failures.CASES[one.case].topic
        if wanted in topics:
            axis.plot(topics.index(wanted), row, "x", color=style.VERMILION, markersize=7)
        axis.text(
            len(topics) - 0.3, row, "right" if one.right else "missed", va="center", fontsize=7
        )
    axis.imshow(shades, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    names = [failures.CASES[one.case].title for one in told]
    axis.set_xticks(range(len(topics)), topics, rotation=45, ha="right")
    axis.set_yticks(range(len(told)), names)
    axis.grid(False)
    return figure


def written(told: Sequence[Told], seeds: int) -> dict[str, Any]:
    """All that was found, for a JSON file."""
    right = sum(one.right for one in told)
    return {
        "date": datetime.date.today().isoformat(),
        "command": shlex.join(["python", *sys.argv]),
        "machine": {
            "cpu": platform.processor() or platform.machine(),
            "device": str(jax.devices()[0]),
        },
        "versions": {"python": platform.python_version(), "jax": jax.__version__},
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "seeds": seeds,
        "right": right,
        "runs": len(told),
        "told": [one._asdict() for one in told],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains and examines the runs, tells of each, and writes what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--only", nargs="+", default=list(failures.CASES), choices=failures.CASES, metavar="CASE")
    add("--seeds", type=int, default=1, help="runs of each")
    add("--jobs", type=int, default=1, help="runs at once")
    add("--out", type=pathlib.Path, help="write what was found to this JSON file")
    add("--figure", type=pathlib.Path, help="draw which finding was told of which run")
    asked = parser.parse_args(arguments)
    wanted = [(case, seed) for case in asked.only for seed in range(asked.seeds)]
    told = []
    fresh = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(asked.jobs, fresh) as pool:
        for one in pool.map(examined, *zip(*wanted, strict=True)):
            told.append(one)
            verdict = "right " if one.right else "MISSED"
            print(f"{verdict} {one.case} ({one.seconds:.0f} s): {one.answer}", flush=True)
            if asked.out:
                asked.out.write_text(json.dumps(written(told, asked.seeds), indent=1) + "\n")
    print(f"{sum(one.right for one in told)} of {len(told)} named rightly")
    if asked.figure:
        asked.figure.write_bytes(style.png(drawn([one for one in told if one.seed == 0])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
