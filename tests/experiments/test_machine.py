"""What a machine has, and what each of several processes gets of it."""

import os
import subprocess

import pytest
from common import refusal

from experiments.runner import machine
from experiments.runner.machine import Machine, pinned, this_machine, visible_cores

UNSET = "XLA_PYTHON_CLIENT_PREALLOCATE", *machine.GPUS


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    machine._devices.cache_clear()
    yield monkeypatch
    machine._devices.cache_clear()


@pytest.mark.parametrize(
    ("there", "jobs"),
    [
        (Machine(range(8), "cpu"), 8),
        (Machine(range(8), "gpu", ["0"]), 1),
        (Machine(range(8), "gpu", ["0", "1", "2", "3"]), 4),
        (Machine(range(8), "tpu"), 1),
    ],
)
def test_how_many_processes_pay(there, jobs):
    assert there.jobs() == jobs


@pytest.mark.parametrize(
    ("cells", "jobs", "population"), [(8, 1, 5), (2, 2, 5), (2, 4, 3), (2, 8, 2), (1, 8, 1)]
)
def test_seeds_are_trained_together_while_no_gpu_is_idle(cells, jobs, population):
    gpus = Machine(range(8), "gpu", [*map(str, range(jobs))])
    assert gpus.population(cells, 5, jobs) == population
    assert Machine(range(8), "cpu").population(cells, 5, jobs) == 1


@pytest.mark.parametrize("jobs", range(1, 9))
def test_cores_are_disjoint_and_even(jobs):
    parts = [share.cores for share in Machine(range(8), "cpu").shares(jobs)]
    assert len(parts) == jobs and sorted(core for part in parts for core in part) == [*range(8)]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_more_processes_than_cores_have_one_each():
    shares = Machine([4, 6], "cpu").shares(3)
    assert [share.cores for share in shares] == [{4}, {6}, {4}]
    assert not any(share.environment for share in shares)
    assert Machine([4, 6], "cpu").shares(0) == []


def test_one_process_has_all_gpus_and_several_one_each():
    there = Machine(range(8), "gpu", ["7", "3", "1"])
    assert there.shares(1)[0].environment == {}
    for jobs in (2, 3):
        given = [share.environment for share in there.shares(jobs)]
        assert given == [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in ("7", "3", "1")[:jobs]]


def test_processes_that_share_an_accelerator_take_memory_as_they_need_it(environment):
    shared = Machine(range(8), "gpu", ["0", "1"]).shares(3)
    assert [share.environment["CUDA_VISIBLE_DEVICES"] for share in shared] == ["0", "1", "0"]
    assert {share.environment["XLA_PYTHON_CLIENT_PREALLOCATE"] for share in shared} == {"false"}
    environment.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "true")
    chips = Machine(range(8), "tpu").shares(2)
    assert {share.environment["XLA_PYTHON_CLIENT_PREALLOCATE"] for share in chips} == {"true"}
    assert not Machine(range(8), "tpu").shares(1)[0].environment


@pytest.mark.parametrize(
    ("given", "gpus"),
    [
        ({}, ["0", "1"]),
        ({"CUDA_VISIBLE_DEVICES": "4, GPU-8932f937"}, ["4", "GPU-8932f937"]),
        ({"CUDA_VISIBLE_DEVICES": "5,6,7"}, ["5", "6"]),
        ({"CUDA_VISIBLE_DEVICES": ",", "HIP_VISIBLE_DEVICES": ""}, ["0", "1"]),
        ({"CUDA_VISIBLE_DEVICES": "2,3", "HIP_VISIBLE_DEVICES": "0"}, ["2", "3"]),
        ({"HIP_VISIBLE_DEVICES": "2,3"}, ["2", "3"]),
    ],
)
def test_gpus_are_named_as_the_user_names_them(environment, given, gpus):
    environment.setattr(machine, "_devices", lambda: ("gpu", 2))
    environment.setattr(machine._devices, "cache_clear", lambda: None, raising=False)
    for name, value in given.items():
        environment.setenv(name, value)
    variables = {"CUDA_VISIBLE_DEVICES", *given}
    there = this_machine()
    assert there.gpus == gpus
    shares = [share.environment for share in there.shares(2)]
    assert shares == [dict.fromkeys(variables, name) for name in gpus]


def test_this_machine_is_asked_in_a_process_of_its_own(environment):
    environment.delenv("JAX_PLATFORMS", raising=False)
    environment.setenv("JAX_PLATFORM_NAME", "cpu")
    environment.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=3")
    assert machine._devices() == ("cpu", 3)


def test_without_a_device_it_says_why(environment):
    environment.setenv("JAX_PLATFORMS", "abacus")
    assert "abacus" in refusal(this_machine)


def test_nothing_is_asked_where_jax_is_told_to_compute_on_the_cpu(environment):
    environment.setenv("JAX_PLATFORMS", "cpu")
    environment.setattr(subprocess, "run", None)
    assert this_machine() == Machine(visible_cores(), "cpu")


def test_pinned():
    cores = visible_cores()
    with pinned({cores[0]}):
        assert os.sched_getaffinity(0) == {cores[0]}
    assert visible_cores() == cores
