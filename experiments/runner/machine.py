"""What this machine computes on, and an even share of it for each of several processes."""

import contextlib
import functools
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T")

# What CUDA reads, and on AMD's cards HIP too, unless its own variable is set.
NAMES_OF_GPUS = ("HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")


class Machine(NamedTuple):
    """What there is to be shared."""

    cores: Sequence[int]
    backend: str
    """jax's name for what it computes on: cpu, gpu, tpu."""
    gpus: Sequence[str] = ()
    """Each as the variable names it that shows them to a process."""
    variable: str = NAMES_OF_GPUS[-1]

    def jobs(self) -> int:
        """How many processes pay: one a core, one a GPU, and one for all chips of a TPU."""
        if self.backend == "cpu":
            return len(self.cores)
        return max(1, len(self.gpus))

    def population(self, seeds: int) -> int:
        """How many runs a process pays for: one on a CPU, on an accelerator a cell's seeds."""
        return 1 if self.backend == "cpu" else seeds

    def shares(self, jobs: int) -> "list[Share]":
        """One for each of so many processes: disjoint and even, while there is enough."""
        environment: list[dict[str, str]] = [{} for _ in range(jobs)]
        if self.gpus:
            for own, gpus in zip(environment, _dealt(self.gpus, jobs), strict=True):
                own[self.variable] = ",".join(gpus)
        if self.backend != "cpu" and jobs > len(self.gpus) and jobs > 1:
            # Several programs on one accelerator: none of them may take all its memory at once.
            chosen = os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
            for own in environment:
                own["XLA_PYTHON_CLIENT_PREALLOCATE"] = chosen
        cores = _dealt(self.cores, jobs)
        return [Share(set(c), e) for c, e in zip(cores, environment, strict=True)]


class Share(NamedTuple):
    """What one process has."""

    cores: set[int]
    environment: Mapping[str, str]
    """What it finds in its environment beside or in place of what is there."""


def this_machine() -> Machine:
    """The one that runs will compute on."""
    backend, count = _devices()
    if backend != "gpu":
        return Machine(visible_cores(), backend)
    variable = next((name for name in NAMES_OF_GPUS if name in os.environ), NAMES_OF_GPUS[-1])
    named = [name for name in os.environ.get(variable, "").split(",") if name]
    gpus = named[:count] or [str(number) for number in range(count)]
    return Machine(visible_cores(), backend, gpus, variable)


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


def _dealt(things: Sequence[T], jobs: int) -> list[Sequence[T]]:
    """So many parts: one thing each, in turn, where there are no more things than parts."""
    n = len(things)
    if jobs >= n:
        return [[things[job % n]] for job in range(jobs)]
    return [things[job * n // jobs : (job + 1) * n // jobs] for job in range(jobs)]


@functools.cache
def _devices() -> tuple[str, int]:
    """Backend and devices; asked of another process, which lets go of them at once."""
    if os.environ.get("JAX_PLATFORMS") == "cpu":
        return "cpu", 1
    ask = "import jax; print(jax.default_backend(), jax.local_device_count())"
    answer = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True)
    backend, count = (answer.stdout.split() or ["cpu", "1"])[-2:]
    return backend, int(count)
