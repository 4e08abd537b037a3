"""What a start of the main command consists of, until the first steps are taken.

    python benchmarks/start.py --out results/benchmarks/start.json

It starts `python -m experiments.stacked_mnist --unroll_steps=K` with an empty compilation cache,
and then again with what the first start left there. At each point of a start it records the wall's
seconds since the process began, the processor's seconds, the resident memory and its maximum, and
the numbers of programs that were compiled and that were read from disk. For each program it records
the wall's seconds of tracing, lowering and compiling. On a machine that others use too, the
processor's seconds say more than the wall's.
"""

import argparse
import datetime
import functools
import json
import pathlib
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from workers import environment

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = "experiments.stacked_mnist"
EVENTS = {
    "/jax/core/compile/jaxpr_trace_duration": "trace_s",
    "/jax/core/compile/jaxpr_to_mlir_module_duration": "lower_s",
    "/jax/core/compile/backend_compile_duration": "compile_s",
}
READ = "/jax/compilation_cache/cache_hits"
STEPS = 20
"""Steps of a start, which the first call of the loop computes."""


def watch(began: float, path: pathlib.Path, arguments: list[str]) -> None:
    """Runs the program in this process, and writes what was seen of it."""
    points: list[dict[str, Any]] = []
    programs: dict[str, dict[str, float]] = {}
    counts = {"compiled": 0, "read": 0}

    def mark(point: str) -> None:
        if all(known["point"] != point for known in points):
            points.append(
                {"point": point, "wall_s": time.time() - began, "cpu_s": time.process_time(),
                 **_memory(), **counts}
            )  # fmt: skip

    def after(owner: Any, name: str, point: str) -> None:
        known: Callable = getattr(owner, name)

        @functools.wraps(known)
        def watched(*given: Any, **named: Any) -> Any:
            found = known(*given, **named)
            mark(point)
            return found

        setattr(owner, name, watched)

    def timed(event: str, duration_secs: float, **of: Any) -> None:
        if event in EVENTS:
            known = programs.setdefault(str(of.get("fun_name", "")), {})
            known[EVENTS[event]] = known.get(EVENTS[event], 0.0) + duration_secs
            counts["compiled"] += EVENTS[event] == "compile_s"

    def told(event: str, **of: Any) -> None:
        counts["read"] += event == READ

    import jax

    mark("jax imported")
    jax.monitoring.register_event_duration_secs_listener(timed)
    jax.monitoring.register_event_listener(told)
    from experiments import stacked_mnist
    from ganstab.training import kept_programs, parts, seed_run

    mark("program imported")
    after(stacked_mnist, "build", "data read")
    after(parts.Parts, "initial", "initial parameters")
    after(sys.modules["ganstab.training.train"], "make_loops", "step compiled")
    after(kept_programs.Program, "__call__", f"first {STEPS} steps")
    after(seed_run.SeedRun, "begin", "first evaluation")
    sys.argv = [PROGRAM, *arguments]
    try:
        stacked_mnist.run()
    finally:
        mark("end")
        path.write_text(json.dumps({"points": points, "programs": programs}))


def start(unroll: int, folder: pathlib.Path, cache: pathlib.Path) -> dict[str, Any]:
    """The points of a start in a process of its own, and the digest of what it trained."""
    seen = folder / "seen.json"
    with tempfile.TemporaryDirectory(dir=folder) as run:
        flags = {
            "unroll_steps": unroll, "num_steps": STEPS, "workdir": run, "compilation_cache": cache,
        }  # fmt: skip
        words = [f"--{name}={value}" for name, value in flags.items()]
        subprocess.run(
            [sys.executable, __file__, "--watch", str(time.time()), str(seen), *words],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=environment(),
        )  # fmt: skip
        result = json.loads(pathlib.Path(run, "result.json").read_text())
    known = {"params_digest": result["params_digest"], "versions": result["versions"]}
    return {**json.loads(seen.read_text()), **known}


def imports() -> dict[str, float]:
    """Seconds that the program's imports take, by package; small ones are put together."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {PROGRAM}"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, float] = {}
    for own, name in re.findall(r"import time: +(\d+) \| +\d+ \| +([\w.]+)", done.stderr):
        package = name.partition(".")[0]
        found[package] = found.get(package, 0.0) + int(own) / 1e6
    large = {name: seconds for name, seconds in found.items() if seconds > 0.02}
    return {**large, "other": sum(found.values()) - sum(large.values())}


def table(starts: list[dict[str, Any]]) -> str:
    """Medians over repeats: a line a point, processor's seconds, wall's in brackets, MiB."""
    kinds = list(dict.fromkeys((each["unroll"], each["start"]) for each in starts))
    lines = ["| until | " + " | ".join(f"K = {k}, {kind} start" for k, kind in kinds) + " |"]
    lines += ["| --- " * (len(kinds) + 1) + "|"]
    for place, point in enumerate(starts[0]["points"]):
        cells = [point["point"]]
        for kind in kinds:
            of = [s["points"][place] for s in starts if (s["unroll"], s["start"]) == kind]
            cpu, wall, rss, peak, compiled, read = (
                median(each[name] for each in of)
                for name in ("cpu_s", "wall_s", "rss_mib", "peak_mib", "compiled", "read")
            )
            cells += [f"{cpu:.1f} ({wall:.1f}); {rss:.0f}, {peak:.0f}; {compiled:.0f}, {read:.0f}"]
        lines += ["| " + " | ".join(cells) + " |"]
    return "\n".join(lines)


def main() -> None:
    """Prints the table, and writes every start."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--steps", type=int, nargs="+", default=[0, 5, 10], help="unroll lengths K")
    add("--repeats", type=int, default=3, help="starts of each kind")
    add("--out", type=pathlib.Path, help="write every start to this JSON file")
    flags = parser.parse_args()
    record: dict[str, Any] = {
        "command": " ".join(["python", "benchmarks/start.py", *sys.argv[1:]]),
        "date": datetime.date.today().isoformat(),
        "machine": platform.machine(),
        "imports_s": imports(),
        "starts": [],
    }
    for _ in range(flags.repeats):
        for unroll in flags.steps:
            with tempfile.TemporaryDirectory() as place:
                folder = pathlib.Path(place)
                for kind in ("first", "second"):
                    found = start(unroll, folder, folder / "cache")
                    record["starts"].append({"unroll": unroll, "start": kind, **found})
                    if flags.out:
                        flags.out.write_text(json.dumps(record, indent=1) + "\n")
            print(table(record["starts"]), flush=True)


def _memory() -> dict[str, float]:
    """Resident memory now and at most, in MiB; now is known on Linux alone."""
    scale = 2**20 if sys.platform == "darwin" else 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
    status = pathlib.Path("/proc/self/status")
    found = re.search(r"VmRSS:\s+(\d+)", status.read_text()) if status.exists() else None
    return {"rss_mib": int(found[1]) / 2**10 if found else peak, "peak_mib": peak}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--watch"]:
        watch(float(sys.argv[2]), pathlib.Path(sys.argv[3]), sys.argv[4:])
    else:
        main()
