"""What a machine has, and what each of several processes gets of it."""

import os

import pytest

from experiments.runner import machine
from experiments.runner.machine import Machine, pinned, this_machine, visible_cores

UNSET = "XLA_PYTHON_CLIENT_PREALLOCATE", *machine.NAMES_OF_GPUS


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("there", "jobs", "population"),
    [
        (Machine(range(8), "cpu"), 8, 1),
        (Machine(range(8), "gpu", ["0"]), 1, 5),
        (Machine(range(8), "gpu", ["0", "1", "2", "3"]), 4, 5),
        (Machine(range(8), "tpu"), 1, 5),
    ],
)
def test_how_much_pays(there, jobs, population):
    assert there.jobs() == jobs and there.population(5) == population


@pytest.mark.parametrize("jobs", range(1, 9))
def test_cores_are_disjoint_and_even(jobs):
    parts = [share.cores for share in Machine(range(8), "cpu").shares(jobs)]
    assert len(parts) == jobs and sorted(core for part in parts for core in part) == [*range(8)]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_more_processes_than_cores_have_one_each():
    shares = Machine([4, 6], "cpu").shares(3)
    assert [share.cores for share in shares] == [{4}, {6}, {4}]
    assert not any(share.environment for share in shares)


@pytest.mark.parametrize(
    ("jobs", "gpus"), [(1, ["7,3,1"]), (2, ["7", "3,1"]), (3, ["7", "3", "1"])]
)
def test_gpus_are_disjoint_and_even(jobs, gpus):
    shares = Machine(range(8), "gpu", ["7", "3", "1"]).shares(jobs)
    assert [share.environment for share in shares] == [{"CUDA_VISIBLE_DEVICES": g} for g in gpus]


def test_processes_that_share_an_accelerator_take_memory_as_they_need_it(environment):
    shared = Machine(range(8), "gpu", ["0", "1"]).shares(3)
    assert [share.environment["CUDA_VISIBLE_DEVICES"] for share in shared] == ["0", "1", "0"]
    assert {share.environment["XLA_PYTHON_CLIENT_PREALLOCATE"] for share in shared} == {"false"}
    environment.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "true")
    chips = Machine(range(8), "tpu").shares(2)
    assert {share.environment["XLA_PYTHON_CLIENT_PREALLOCATE"] for share in chips} == {"true"}
    assert not Machine(range(8), "tpu").shares(1)[0].environment


@pytest.mark.parametrize(
    ("given", "variable", "gpus"),
    [
        ({}, "CUDA_VISIBLE_DEVICES", ["0", "1"]),
        ({"CUDA_VISIBLE_DEVICES": "4,GPU-8932f937"}, "CUDA_VISIBLE_DEVICES", ["4", "GPU-8932f937"]),
        ({"HIP_VISIBLE_DEVICES": "2,3"}, "HIP_VISIBLE_DEVICES", ["2", "3"]),
    ],
)
def test_gpus_are_named_as_the_user_names_them(environment, given, variable, gpus):
    environment.setattr(machine, "_devices", lambda: ("gpu", 2))
    for name, value in given.items():
        environment.setenv(name, value)
    there = this_machine()
    assert there.variable == variable and there.gpus == gpus
    assert [share.environment for share in there.shares(2)] == [{variable: name} for name in gpus]


def test_this_machine_is_asked(environment):
    """Of a process of its own, and not at all where jax is told to compute on the CPU."""
    environment.delenv("JAX_PLATFORMS", raising=False)
    environment.setenv("JAX_PLATFORM_NAME", "cpu")
    environment.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=3")
    machine._devices.cache_clear()
    assert machine._devices() == ("cpu", 3)
    machine._devices.cache_clear()
    environment.setenv("JAX_PLATFORMS", "cpu")
    assert this_machine() == Machine(visible_cores(), "cpu")
    machine._devices.cache_clear()


def test_pinned():
    cores = visible_cores()
    with pinned({cores[0]}):
        assert os.sched_getaffinity(0) == {cores[0]}
    assert visible_cores() == cores
