"""How fast is a training step through a K-step unroll, beside PyTorch and TorchOpt?

    python benchmarks/unroll.py                            # stacked MNIST, about 15 minutes
    python benchmarks/unroll.py --model cifar10 --steps 0 5 --peers pytorch
    python benchmarks/unroll.py --model mixture --check    # do all compute the same numbers?
    python benchmarks/unroll.py --device gpu --batch 64 --steps 5 --peers pytorch pytorch_graph

A step is one generator update and one discriminator update. The generator's gradient, with second
order, goes through K Adam updates of the discriminator that start from its live Adam state. The
networks are the pairs of Metz et al. (2017) in `models.py`; real and fake are one batch. Data are
random and in memory.

Each contestant has a process of its own, which starts afresh for each K and batch size. Timed
blocks alternate between contestants, and only one works at a time. A ratio is the median over
rounds of the ratio within a round, so that a slow minute of the machine affects all alike. The
peers need `pip install 'ganstab[bench]'`; one that is not installed is left out.
"""

import argparse
import datetime
import importlib.metadata
import json
import math
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import table
import weights
from models import LATENT, MODELS
from workers import JAX_NAMES, JAX_PRECISIONS, MODULES, Worker

PACKAGES = ("ganstab", "jax", "jaxlib", "flax", "optax", "numpy", "torch", "torchopt")
RACE_STEPS, CHECK_STEPS = (0, 1, 5, 10), (0, 1, 5)
CHECK_BATCHES, CHECK_BATCH, TOLERANCE = 3, 8, 1e-5


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--model", default="stacked_mnist", choices=MODELS, help="pair of networks")
    add("--steps", type=int, nargs="+", help="unroll lengths K, by default 0 1 5 10")
    add("--batch", type=int, nargs="+", help="batch sizes, by default the model's")
    add("--threads", type=int, default=os.cpu_count(), help="threads, and cores, of each")
    add("--repeats", type=int, default=9, help="rounds of one block each")
    add("--seconds", type=float, default=1.0, help="length of a block, about")
    add(
        "--peers",
        nargs="*",
        default=["pytorch", "torchopt"],
        choices=[name for name in MODULES if name != table.OURS],
        help="peers to race against, none if no name is given; pytorch_graph is PyTorch's whole "
        "step recorded as one CUDA graph, for --device gpu",
    )
    add(
        "--device",
        default="cpu",
        choices=JAX_NAMES,
        help="what all of them compute on: the CPU, or one NVIDIA GPU",
    )
    add("--precision", default="float32", choices=JAX_PRECISIONS,
        help="with --device gpu: of everyone's matrix products and convolutions")  # fmt: skip
    add("--check", action="store_true", help="compare updated parameters instead of racing")
    add("--out", type=Path, help="write everything measured to this JSON file")
    flags = parser.parse_args(arguments)
    if flags.device == "cpu" and flags.precision != "float32":
        parser.error(f"--precision {flags.precision} wants --device gpu")
    if flags.check and "pytorch" not in flags.peers:
        parser.error("--check compares with pytorch, which --peers leaves out")
    return flags


def race(names: list[str], steps: int, batch: int, flags: argparse.Namespace) -> list[table.Cell]:
    """One K at one batch size, every contestant that is installed."""
    with ExitStack() as stack:
        ready = []
        for name in names:
            worker = stack.enter_context(_worker(name, flags))
            unit = MODELS[flags.model].calls
            about = worker.ask("race", model=flags.model, unroll=steps, batch=batch, count=unit)
            if "missing" in about:
                print(f"{name} is left out: {about['missing']}", flush=True)
                continue
            ready.append((name, worker, about, _block_length(worker, flags.seconds, unit)))
        times: dict[str, list[float]] = {name: [] for name, *_ in ready}
        for _ in range(flags.repeats):
            for name, worker, _, count in ready:
                times[name].append(worker.ms(count))
        return [
            table.Cell(name, batch, steps, times[name], **about, **worker.ask("memory"))
            for name, worker, about, _ in ready
        ]


def _worker(name: str, flags: argparse.Namespace) -> Worker:
    return Worker(name, flags.threads, flags.device, flags.precision)


def _block_length(worker: Worker, seconds: float, unit: int) -> int:
    """How many steps fill a block, a multiple of the unit, from a warm step's time."""
    worker.ms(unit)
    return unit * max(1, math.ceil(seconds * 1e3 / (unit * worker.ms(2 * unit))))


def check(names: list[str], lengths: Sequence[int], flags: argparse.Namespace) -> bool:
    """Do all train alike? Prints the largest relative difference from PyTorch at each K.

    Where PyTorch is not installed there is nothing to compare with, and the answer is no.
    """
    inputs = _inputs(flags)
    agree = True
    for steps in lengths:
        found = {name: _trained(name, steps, inputs[name == table.OURS], flags) for name in names}
        expected = found.pop("pytorch")
        if expected is None:
            return False
        for name, arrays in found.items():
            if arrays is not None:
                agree &= _compare(name, steps, arrays, expected)
    return agree


def _inputs(flags: argparse.Namespace) -> tuple[dict, dict]:
    """Parameters, samples and noise, for the peers and for ganstab."""
    rng = np.random.default_rng(0)
    with _worker(table.OURS, flags) as worker:
        params = weights.initial(worker.ask("shapes", model=flags.model), rng)
    sample = MODELS[flags.model].sample
    real = rng.uniform(-1, 1, (CHECK_BATCHES, 2, CHECK_BATCH, *sample))
    z = rng.normal(size=(CHECK_BATCH, LATENT))
    moved = weights.samples_to_peer(real, len(sample))
    return {**weights.to_peer(params), "real": moved, "z": z}, {**params, "real": real, "z": z}


def _trained(
    name: str, steps: int, inputs: dict, flags: argparse.Namespace
) -> dict[str, np.ndarray] | None:
    with tempfile.TemporaryDirectory() as folder, _worker(name, flags) as worker:
        before, after = f"{folder}/before.npz", f"{folder}/after.npz"
        np.savez(before, **inputs)
        answer = worker.ask(
            "trajectory", model=flags.model, unroll=steps, inputs=before, output=after
        )
        if "missing" in answer:
            print(f"{name} is left out: {answer['missing']}", flush=True)
            return None
        with np.load(after, allow_pickle=False) as arrays:
            return dict(arrays)


def _compare(name: str, steps: int, found: dict, expected: dict) -> bool:
    """Generator's gradient and the parameters of both, each by its own scale."""
    worst = {}
    for owner in ("gradient", "gen", "disc"):
        pick = {key: value for key, value in expected.items() if key.startswith(owner + "/")}
        worst[owner] = weights.difference(found, pick)
    agree = max(worst.values()) < TOLERANCE
    text = ", ".join(f"{owner} {value:.1e}" for owner, value in worst.items())
    verdict = "equal" if agree else "DIFFERENT"
    print(f"K={steps}  {name} from pytorch: {text}  {verdict}", flush=True)
    return agree


def about(flags: argparse.Namespace) -> dict:
    """Machine, versions, date and command."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    cpu = models[0] if models else platform.processor()
    program = f"benchmarks/{Path(sys.argv[0]).name}"
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": datetime.date.today().isoformat(),
        "command": _environment() + shlex.join(["python", program, *sys.argv[1:]]),
        "machine": {"cpu": cpu, "cores": os.cpu_count(), "threads": flags.threads, **_gpu(flags)},
        "versions": versions,
    }


def _environment() -> str:
    """What XLA is told through the environment, as a shell takes it before a command."""
    told = os.environ.get("XLA_FLAGS")
    return f"XLA_FLAGS={shlex.quote(told)} " if told else ""


def _gpu(flags: argparse.Namespace) -> dict[str, str]:
    """The GPU by NVIDIA's name for it, and what its products are computed in."""
    if flags.device == "cpu":
        return {}
    query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        name = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        name = "unknown"
    return {"gpu": name, "precision": flags.precision}


def report(found: list[table.Cell], verdicts: list[table.Target]) -> None:
    """The table, the verdicts and the losses, printed."""
    print(table.render(found))
    print("\ntargets")
    print("\n".join("  " + target.line() for target in verdicts))
    print("\nwhere ganstab loses")
    print("\n".join("  " + line for line in table.losses(found) or ["nowhere"]))


def main() -> int:
    """Races or checks; 1 when a check finds a difference."""
    flags = parse()
    names = [name for name in MODULES if name == table.OURS or name in flags.peers]
    if flags.check:
        return 0 if check(names, flags.steps or CHECK_STEPS, flags) else 1
    facts = about(flags)
    print(json.dumps(facts, indent=1), flush=True)
    found: list[table.Cell] = []
    model = MODELS[flags.model]
    for batch in flags.batch or model.batch:
        for steps in flags.steps or RACE_STEPS:
            found += race(names, steps, batch, flags)
            print(f"batch {batch}, K={steps} done", file=sys.stderr, flush=True)
    verdicts = table.targets(found, model.goals, model.batch[0])
    report(found, verdicts)
    if flags.out:
        cells = [{**cell._asdict(), "ms": cell.ms} for cell in found]
        flags.out.write_text(
            json.dumps(
                {**facts, "cells": cells, "targets": [v._asdict() for v in verdicts]}, indent=1
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
