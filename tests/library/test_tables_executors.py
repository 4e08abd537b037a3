"""Jobs as processes: of this machine, and of Dask's workers, of which one is killed."""

import contextlib
import dataclasses
import json
import multiprocessing
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import table_runs
from common import refusal
from table_runs import plan, work

from ganstab.tables import Job, executors, make_executor, run_job
from ganstab.tables.executors import local_executor, slurm_cluster
from ganstab.tables.hardware import Hardware, visible_cores
from ganstab.training.run_folder import is_held, write_config

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = sys.executable, table_runs.__file__
SLOW = {"program": PROGRAM, "arguments": ["--pause=1.5"]}


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A job of one run."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (run,) = plan(tmp_path, 1, seeds=1).wanted()
    run.folder.mkdir(parents=True)
    write_config(run.folder, run.config)
    return Job((str(run.folder),), 8, f"{run.folder}.log", str(tmp_path / "stop"), program=PROGRAM)


def test_a_job_has_the_cores_and_the_gpu_of_its_slot(job, tmp_path):
    with local_executor(2, Hardware(visible_cores(), "gpu", ["3", "5"])) as pool:
        assert pool.submit(run_job, job).result() == 0
    folder = pathlib.Path(job.folders[0])
    assert len(json.loads((folder / "cores").read_text())) == max(1, len(visible_cores()) // 2)
    assert (folder / "gpus").read_text() in ("3", "5")
    assert run_job(dataclasses.replace(job, program=("/nowhere",))) == 0  # it is done


def test_a_job_stops_when_told_and_does_not_start_afterwards(job):
    slow = dataclasses.replace(job, arguments=("--pause=600",))
    statuses = []
    thread = threading.Thread(target=lambda: statuses.append(run_job(slow)))
    thread.start()
    _until(lambda: is_held(pathlib.Path(job.folders[0])))
    pathlib.Path(job.stop).touch()
    thread.join(timeout=30)
    assert statuses == [128 + signal.SIGTERM] and not is_held(pathlib.Path(job.folders[0]))
    assert run_job(dataclasses.replace(job, program=("/nowhere",))) == 128 + signal.SIGTERM


def test_a_job_stops_when_its_starter_is_killed(job):
    slow = dataclasses.replace(job, arguments=("--pause=600",))
    starter = multiprocessing.get_context("spawn").Process(target=run_job, args=(slow,))
    starter.start()
    _until(lambda: is_held(pathlib.Path(job.folders[0])))
    starter.kill()
    _until(lambda: not is_held(pathlib.Path(job.folders[0])))


def test_a_program_that_is_not_there_fails(job):
    assert run_job(dataclasses.replace(job, program=("/nowhere",))) == 1
    assert "No such file" in pathlib.Path(job.log).read_text()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dusk:1", "--executor=dusk:1"),
        ("dask", "dask:HOST:PORT"),
        ("slurm:queue", "queue has no value"),
        ("slurm:cores=many", "cores"),
        ("slurm:cores=0", "from 1 on, got 0"),
        ("slurm:processes=2", "processes cannot be chosen"),
        ("slurm:job_cpu=2", "job_cpu cannot be chosen"),
    ],
)
def test_an_executor_that_is_none_is_refused(name, words):
    assert words in refusal(lambda: make_executor(name))


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "pip install dask-jobqueue distributed" in refusal(lambda: make_executor("dask:127.0.0.1:1"))


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(executors, "PATIENCE", 0.5)
    assert "127.0.0.1:1" in refusal(lambda: make_executor("dask:127.0.0.1:1"))


def test_slurms_job_script():
    pytest.importorskip("dask_jobqueue")
    with slurm_cluster("partition=gpu,time=04:00:00,cores=4,memory=16GB") as cluster:
        script = cluster.job_script()
    for line in ("#SBATCH -p gpu", "#SBATCH -t 04:00:00", "#SBATCH --cpus-per-task=4"):
        assert line in script
    assert "--nthreads 1" in script


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (None, "'sbatch'"),
        ("#!/bin/sh\necho no such partition >&2; exit 3\n", "such partition"),
    ],
)
def test_what_slurm_refuses_is_told(tmp_path, monkeypatch, capfd, script, words):
    pytest.importorskip("dask_jobqueue")
    if script:
        (tmp_path / "sbatch").write_text(script)
        (tmp_path / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep if script else None)
    told = refusal(lambda: make_executor("slurm:partition=nope", 2))
    assert told.startswith("--executor=slurm: Slurm took no jobs: ") and words in told
    assert "\n" not in told and "Traceback" not in capfd.readouterr().err


@pytest.mark.slow
def test_a_dask_worker_is_killed_and_no_run_is_lost(tmp_path, monkeypatch):
    """Of two workers one is killed half-way; every run is done, and none twice at once."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(sys.modules["ganstab.tables.sweep"], "RETRY", 1.0)
    with contextlib.ExitStack() as stack:
        address = _scheduler(stack)
        first, second = (_worker(stack, address) for _ in range(2))
        thread = threading.Thread(target=_kill_half_way, args=(tmp_path, first))
        thread.start()
        assert work(tmp_path, executor=f"dask:{address}", jobs=2, **SLOW) == 0
        thread.join()
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["done"], result["failed"]) == (12, {})
    starts = [path.read_text().split() for path in tmp_path.glob("cells/*/seed*/starts")]
    assert sorted(map(len, starts)) == [1] * 11 + [2]  # that which the killed one was at
    (again,) = (workers for workers in starts if len(workers) == 2)
    assert again == [str(first.pid), str(second.pid)]


def _kill_half_way(folder, worker):
    """Once four runs are done, and the worker's job is at work on another."""
    _until(lambda: len(_done(folder)) >= 4 and _at_work(folder, worker.pid), 300)
    worker.send_signal(signal.SIGKILL)


def _done(folder) -> set[pathlib.Path]:
    return {path.parent for path in folder.glob("cells/*/seed*/result.json")}


def _at_work(folder, worker) -> bool:
    started = {path.parent: path.read_text() for path in folder.glob("cells/*/seed*/starts")}
    return any(str(worker) in started[run] for run in started.keys() - _done(folder))


def _scheduler(stack) -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port)]
    _start(stack, [*words, "--dashboard-address", "127.0.0.1:0"])
    return f"127.0.0.1:{port}"


def _worker(stack, address) -> subprocess.Popen:
    words = ["distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny"]
    return _start(stack, [*words, "--no-dashboard", "--host", "127.0.0.1"])


def _start(stack, words) -> subprocess.Popen:
    paths = [str(ROOT), str(ROOT / "tests" / "helpers")]
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def _until(condition, seconds=60):
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < seconds
        time.sleep(0.05)
