"""What this machine computes on, and an even share of it for each of several processes."""

import dataclasses
import functools
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from ganstab.errors import InputError
from ganstab.training.provenance import visible_cores

__all__ = ["Hardware", "Slot", "this_machine"]

GPUS = "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"
"""What shows a process its GPUs: CUDA's variable, and HIP's own, which there goes before it."""
PREALLOCATE = "XLA_PYTHON_CLIENT_PREALLOCATE"


@dataclasses.dataclass(frozen=True)
class Slot:
    """What one process has of the machine."""

    cores: tuple[int, ...] = ()
    """Empty for all."""
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What it finds in its environment beside or in place of what is there."""


@dataclasses.dataclass(frozen=True)
class Hardware:
    """What a machine has to be shared among processes."""

    cores: Sequence[int]
    backend: str
    """jax's name for what it computes on: cpu, gpu, tpu."""
    gpus: Sequence[str] = ()
    """Each by its name in CUDA_VISIBLE_DEVICES."""

    def jobs(self) -> int:
        """The default number of parallel processes: one a core, a GPU, or a TPU with its chips."""
        return len(self.cores) if self.backend == "cpu" else max(1, len(self.gpus))

    def population(self, cells: int, seeds: int, jobs: int) -> int:
        """The default number of seeds trained together in one process.

        One on a CPU. On an accelerator a cell's seeds, or as many of them as leave no process
        without work.
        """
        return 1 if self.backend == "cpu" else min(seeds, -(-cells * seeds // max(jobs, 1)))

    def slots(self, jobs: int) -> list[Slot]:
        """One for each of so many processes: cores disjoint and even, and a GPU each, in turn.

        One process has all GPUs; of several none has two, to split its batches between them.
        """
        shared: dict[str, str] = {}
        if self.backend != "cpu" and jobs > max(1, len(self.gpus)):
            # Several programs on one accelerator: none of them may take all its memory at once.
            shared[PREALLOCATE] = os.environ.get(PREALLOCATE, "false")
        n = len(self.cores)
        cores = [
            tuple(self.cores[job * n // jobs : (job + 1) * n // jobs])
            if jobs < n
            else (self.cores[job % n],)
            for job in range(jobs)
        ]
        return [
            Slot(own, {**shared, **(self._gpu(job) if jobs > 1 else {})})
            for job, own in enumerate(cores)
        ]

    def _gpu(self, job: int) -> dict[str, str]:
        if not self.gpus:
            return {}
        name = self.gpus[job % len(self.gpus)]
        return {each: name for each in GPUS if each == GPUS[0] or each in os.environ}


def this_machine() -> Hardware:
    """What runs on this machine will compute on.

    Raises:
      InputError: jax finds nothing to compute on.
    """
    backend, count = _devices()
    if backend != "gpu":
        return Hardware(visible_cores(), backend)
    given = next((os.environ[name] for name in GPUS if os.environ.get(name)), "")
    named = [name.strip() for name in given.split(",") if name.strip()]
    return Hardware(visible_cores(), backend, named[:count] or [*map(str, range(count))])


@functools.cache
def _devices() -> tuple[str, int]:
    """Backend and devices; asked of another process, which lets go of them at once."""
    if os.environ.get("JAX_PLATFORMS") == "cpu":
        return "cpu", 1
    answer = subprocess.run(
        [
            sys.executable,
            "-c",
            "import jax; print(jax.default_backend(), jax.local_device_count())",
        ],
        capture_output=True,
        text=True,
        env={**os.environ, PREALLOCATE: "false"},
    )
    if answer.returncode:
        why = (answer.stderr.strip().splitlines() or ["it gives no reason"])[-1]
        raise InputError(f"jax finds nothing to compute on: {why}")
    backend, count = answer.stdout.split()[-2:]
    return backend, int(count)
