"""Where jobs run: on this machine, on dask's workers, or through Slurm.

All is behind the interface of `concurrent.futures.Executor`: `executor.submit(run_job, job)`.
"""

import concurrent.futures
import dataclasses
import importlib
import logging
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
from typing import Any

from ganstab.errors import InputError
from ganstab.tables.hardware import Hardware, Slot, this_machine
from ganstab.training.run_folder import is_done, read_result

__all__ = ["Job", "check_place", "local_executor", "make_executor", "run_job", "slurm_cluster"]

PAUSE = 0.5
"""Seconds between two looks at a job's process."""
PATIENCE = 60
"""Seconds in which a dask scheduler must answer."""
SLURM = {"partition": "queue", "time": "walltime"}
"""Slurm's own names for what dask_jobqueue calls otherwise."""


@dataclasses.dataclass(frozen=True)
class Job:
    """What one process does: the runs of one cell, each with its seed and its `config.json`."""

    folders: tuple[str, ...]
    num_steps: int
    log: str
    """Where its words go."""
    stop: str
    """A file that is there once the job must stop."""
    arguments: tuple[str, ...] = ()
    """Further ones of the program, e.g. "--tensorboard"."""
    program: tuple[str, ...] = ()
    """What is started with the folders and these, by default `python -m ganstab.training`."""
    cwd: str = "."


class _Worker(threading.local):
    slot = Slot()


_worker = _Worker()


def run_job(job: Job) -> int:
    """Starts the job's process in this thread's slot, and waits for it.

    The process gets SIGTERM when the stop file appears, and on Linux when this process dies.

    Returns:
      Its exit status as a shell gives it; without a process, 0 if the runs are done.
    """
    if all(is_done(read_result(pathlib.Path(f)), job.num_steps) for f in job.folders):
        return 0
    stop, slot = pathlib.Path(job.stop), _worker.slot
    if stop.exists():
        return 128 + signal.SIGTERM
    cores = ",".join(map(str, slot.cores)) or "all"
    launch = pathlib.Path(__file__).with_name("launch.py")
    starter = [sys.executable, "-S", str(launch), str(os.getpid()), cores]
    program = job.program or (sys.executable, "-m", "ganstab.training")
    with open(job.log, "a") as words:
        process = subprocess.Popen(
            [*starter, *program, *job.folders, *job.arguments],
            cwd=job.cwd,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            env={**os.environ, **slot.environment},
            process_group=0,  # Ctrl-C is for this program, which then stops its jobs once
        )
    while process.poll() is None:
        if stop.exists():
            process.terminate()
            process.wait()
        try:
            process.wait(PAUSE)
        except subprocess.TimeoutExpired:
            continue
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def local_executor(
    jobs: int | None = None, hardware: Hardware | None = None
) -> concurrent.futures.Executor:
    """As many jobs at once as the machine carries, each kept to its own cores or its own GPU.

    Args:
      jobs: how many at once; by default what `Hardware.jobs` gives.
      hardware: what they share, this machine by default.

    Raises:
      InputError: jax finds nothing to compute on.
    """
    hardware = hardware or this_machine()
    slots: queue.Queue[Slot] = queue.Queue()
    for slot in hardware.slots(jobs or hardware.jobs()):
        slots.put(slot)
    return concurrent.futures.ThreadPoolExecutor(
        slots.qsize(), initializer=_take, initargs=(slots,)
    )


def _take(slots: "queue.Queue[Slot]") -> None:
    """Gives a new thread of the pool its slot, which it keeps."""
    _worker.slot = slots.get()


def make_executor(place: str, jobs: int | None = None) -> concurrent.futures.Executor:
    """The executor that a user names.

    All machines must see the table's folder under the same path.

    Args:
      place: "local"; "dask:HOST:PORT", a running scheduler of dask.distributed, whose workers have
        one thread for each job that they may carry; or "slurm", with options of
        `dask_jobqueue.SLURMCluster`, as in "slurm:partition=gpu,time=04:00:00,memory=16GB".
      jobs: how many at once, locally or on Slurm.

    Raises:
      InputError: the name is none of these, the extra `ganstab[dask]` is not installed, the
        scheduler does not answer, or Slurm takes no jobs.
    """
    check_place(place)
    kind, _, options = place.partition(":")
    if kind == "local":
        return local_executor(jobs)
    if kind == "dask":
        return _client(options if "://" in options else f"tcp://{options}").get_executor(pure=False)
    cluster = slurm_cluster(options)
    _submit(cluster, jobs or 1)
    return _client(cluster).get_executor(pure=False)


def check_place(place: str) -> None:
    """Raises InputError where the name of an executor is none that `make_executor` knows."""
    kind, _, options = place.partition(":")
    if not (place == "local" or (kind == "dask" and options) or kind == "slurm"):
        raise InputError(
            f"--executor={place} is none of local, dask:HOST:PORT and slurm[:NAME=VALUE,…]"
        )


def _client(address: Any) -> Any:
    distributed = _installed("distributed")
    try:
        return distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"no dask scheduler answers at {address}: {error}") from error


def slurm_cluster(options: str) -> Any:
    """A dask cluster whose workers are Slurm's jobs, none of them started yet.

    Raises:
      InputError: an option has no value, or the extra `ganstab[dask]` is not installed.
    """
    pairs = [word.partition("=") for word in options.split(",") if word]
    wrong = [name or "no name" for name, _, value in pairs if not (name and value)]
    if wrong:
        raise InputError(f"--executor=slurm: {wrong[0]} has no value, as in NAME=VALUE")
    given: dict[str, Any] = {SLURM.get(name, name): value for name, _, value in pairs}
    cores = given.pop("cores", "1")
    if not (cores.isdecimal() and int(cores)):
        raise InputError(f"--executor=slurm: cores must be a whole number from 1 on, got {cores}")
    # One job a worker, whatever its cores are: the job's process uses them.
    own = {"cores": 1, "processes": 1, "job_cpu": int(cores)}
    if theirs := sorted(own.keys() & given.keys()):
        raise InputError(
            f"--executor=slurm: {theirs[0]} cannot be chosen, since a worker does one job at a "
            "time: cores=N gives it N cores, --jobs=N makes N workers"
        )
    jobqueue = _installed("dask_jobqueue")
    # Of the scheduler's words only what is wrong is wanted; any port will do for its pages.
    logging.getLogger("distributed").setLevel(logging.WARNING)
    pages = {"dashboard": False, "dashboard_address": ":0"}
    given = {"memory": "4GB", "scheduler_options": pages, **given, **own}
    try:
        return jobqueue.SLURMCluster(**given)
    except (TypeError, ValueError) as error:
        raise InputError(f"--executor=slurm:{options} cannot be used: {error}") from error


def _submit(cluster: Any, jobs: int) -> None:
    """Hands the workers' jobs to Slurm.

    Raises:
      InputError: Slurm is not there, or refuses them.
    """

    async def submit() -> None:
        # `scale` alone keeps to itself how this ends, and its workers are waited for for ever.
        submitted = cluster._correct_state()
        cluster.scale(jobs=jobs)
        await submitted

    try:
        cluster.sync(submit)
    except (OSError, RuntimeError) as error:
        distributed = _installed("distributed")
        for worker in cluster.workers.values():
            if worker.status == distributed.Status.created:
                worker.status = distributed.Status.failed  # or closing the cluster fails too
        cluster.close()
        why = " ".join(str(error).split())
        raise InputError(f"--executor=slurm: Slurm took no jobs: {why}") from error


def _installed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(f"this needs {name}: pip install dask-jobqueue distributed") from error
