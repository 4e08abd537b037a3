"""What this machine computes on, and an even share of it for each of several processes."""

import contextlib
import functools
import math
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ganstab.errors import InputError

# What shows a process its GPUs: CUDA's variable, and HIP's own, which there goes before it.
GPUS = "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"


class Machine(NamedTuple):
    """What there is to be shared."""

    cores: Sequence[int]
    backend: str
    """jax's name for what it computes on: cpu, gpu, tpu."""
    gpus: Sequence[str] = ()
    """Each by its name in CUDA_VISIBLE_DEVICES."""

    def jobs(self) -> int:
        """How many processes pay: one a core, one a GPU, and one for all chips of a TPU."""
        if self.backend == "cpu":
            return len(self.cores)
        return max(1, len(self.gpus))

    def population(self, cells: int, seeds: int, jobs: int) -> int:
        """How many runs a process pays for.

        One on a CPU. On an accelerator a cell's seeds, or as many of them as leave no process
        without work.
        """
        if self.backend == "cpu":
            return 1
        return min(seeds, math.ceil(cells * seeds / max(jobs, 1)))

    def shares(self, jobs: int) -> "list[Share]":
        """One for each of so many processes: cores disjoint and even, and a GPU each, in turn.

        One process has all GPUs; of several none has two, to split its batches between them.
        """
        environment: dict[str, str] = {}
        if self.backend != "cpu" and jobs > max(1, len(self.gpus)):
            # Several programs on one accelerator: none of them may take all its memory at once.
            name = "XLA_PYTHON_CLIENT_PREALLOCATE"
            environment[name] = os.environ.get(name, "false")
        return [
            Share(cores, {**environment, **(self._gpu(job) if jobs > 1 else {})})
            for job, cores in enumerate(_dealt(self.cores, jobs))
        ]

    def _gpu(self, job: int) -> dict[str, str]:
        if not self.gpus:
            return {}
        name = self.gpus[job % len(self.gpus)]
        # What HIP, on AMD's cards, reads before CUDA's variable, if it is there.
        return {
            variable: name for variable in GPUS if variable == GPUS[0] or variable in os.environ
        }


class Share(NamedTuple):
    """What one process has."""

    cores: set[int]
    environment: Mapping[str, str]
    """What it finds in its environment beside or in place of what is there."""


def this_machine() -> Machine:
    """The one that runs will compute on.

    Raises:
      InputError: jax finds nothing to compute on.
    """
    backend, count = _devices()
    if backend != "gpu":
        return Machine(visible_cores(), backend)
    given = next((os.environ[name] for name in GPUS if os.environ.get(name)), "")
    named = [name.strip() for name in given.split(",") if name.strip()]
    return Machine(visible_cores(), backend, named[:count] or [*map(str, range(count))])


def visible_cores() -> list[int]:
    """The cores that this process may use, or all where the system cannot tell."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextlib.contextmanager
def pinned(cores: set[int]) -> Iterator[None]:
    """Keeps this thread, and with it the processes that it starts, to these cores meanwhile.

    On a system that does not know such a thing (macOS) they go where they like.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _dealt(cores: Sequence[int], jobs: int) -> list[set[int]]:
    """So many parts: one core each, in turn, where there are no more cores than parts."""
    n = len(cores)
    if jobs >= n:
        return [{cores[job % n]} for job in range(jobs)]
    return [set(cores[job * n // jobs : (job + 1) * n // jobs]) for job in range(jobs)]


@functools.cache
def _devices() -> tuple[str, int]:
    """Backend and devices; asked of another process, which lets go of them at once."""
    if os.environ.get("JAX_PLATFORMS") == "cpu":
        return "cpu", 1
    ask = "import jax; print(jax.default_backend(), jax.local_device_count())"
    answer = subprocess.run(
        [sys.executable, "-c", ask],
        capture_output=True,
        text=True,
        env={**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
    )
    if answer.returncode:
        why = (answer.stderr.strip().splitlines() or ["it gives no reason"])[-1]
        raise InputError(f"jax finds nothing to compute on: {why}")
    backend, count = answer.stdout.split()[-2:]
    return backend, int(count)
