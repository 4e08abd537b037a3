"""Starts the main job as a user does, small and with one shared cache of compiled programs."""

import json
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


# One process for many command lines: `launch` is all that a start of the module does.
LAUNCHES = """
import contextlib, io, json, sys
from absl.testing import flagsaver
from experiments import runner, stacked_mnist

for arguments in json.load(sys.stdin):
    sys.argv = ["stacked_mnist", *arguments]
    said = io.StringIO()
    with flagsaver.flagsaver(), contextlib.redirect_stderr(said):
        try:
            runner.launch(stacked_mnist.main)
        except SystemExit as end:
            print(json.dumps([end.code, said.getvalue()]))
"""


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


def launched(command_lines: list[list[str]]) -> list[tuple[int, str]]:
    """The exit status of each command line, and what it said on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHES], input=json.dumps(command_lines),
        cwd=ROOT, capture_output=True, text=True, env=environment(), timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def environment() -> dict[str, str]:
    """One device, quick to compile; two visible cores, since the bits depend on their number."""
    flags = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": quick_compile.flags(), "NPROC": "2"}
    return {**os.environ, **flags}
