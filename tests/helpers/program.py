"""Starts the main job as a user does, small and with one shared cache of compiled programs."""

import os
import pathlib
import subprocess
import sys

import quick_compile

ROOT = pathlib.Path(__file__).parents[2]
RUN = {
    "unroll_steps": 1,
    "num_steps": 20,
    "batch_size": 16,
    "log_every": 2,
    "checkpoint_every": 4,
    "eval_every": 10,
    "samples": 512,
}


def arguments(workdir, cache, **settings) -> list[str]:
    flags = {**RUN, "workdir": workdir, "compilation_cache": cache, **settings}
    return [f"--{name}={value}" for name, value in flags.items()]


def command(workdir, cache, **settings) -> list[str]:
    program = [sys.executable, "-m", "experiments.stacked_mnist"]
    return program + arguments(workdir, cache, **settings)


def start(workdir, cache, log=None, **settings) -> subprocess.Popen:
    """The running program; its words go to a `.log` file beside the workdir."""
    with open(log or pathlib.Path(workdir).with_suffix(".log"), "a") as words:
        return subprocess.Popen(
            command(workdir, cache, **settings),
            cwd=ROOT, stdout=words, stderr=words, env=environment(),
        )  # fmt: skip


def run(workdir, cache, **settings) -> subprocess.CompletedProcess:
    """The finished program with what it said."""
    return subprocess.run(
        command(workdir, cache, **settings),
        cwd=ROOT, capture_output=True, text=True, env=environment(), timeout=600,
    )  # fmt: skip


def environment() -> dict[str, str]:
    """One device, quick to compile; two visible cores, since the bits depend on their number."""
    flags = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": quick_compile.flags(), "NPROC": "2"}
    return {**os.environ, **flags}
