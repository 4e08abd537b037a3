"""What a machine has, and what each of several processes gets of it."""

import subprocess

import pytest
from common import refusal

from ganstab.tables import hardware
from ganstab.tables.hardware import Hardware, this_machine, visible_cores

UNSET = hardware.PREALLOCATE, *hardware.GPUS


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    hardware._devices.cache_clear()
    yield monkeypatch
    hardware._devices.cache_clear()


@pytest.mark.parametrize(
    ("there", "jobs"),
    [
        (Hardware(range(8), "cpu"), 8),
        (Hardware(range(8), "gpu", ["0"]), 1),
        (Hardware(range(8), "gpu", ["0", "1", "2", "3"]), 4),
        (Hardware(range(8), "tpu"), 1),
    ],
)
def test_default_number_of_processes(there, jobs):
    assert there.jobs() == jobs


@pytest.mark.parametrize(
    ("cells", "jobs", "population"), [(8, 1, 5), (2, 2, 5), (2, 4, 3), (2, 8, 2), (1, 8, 1)]
)
def test_seeds_are_trained_together_while_no_gpu_is_idle(cells, jobs, population):
    gpus = Hardware(range(8), "gpu", [*map(str, range(jobs))])
    assert gpus.population(cells, 5, jobs) == population
    assert Hardware(range(8), "cpu").population(cells, 5, jobs) == 1


@pytest.mark.parametrize("jobs", range(1, 9))
def test_cores_are_disjoint_and_even(jobs):
    parts = [slot.cores for slot in Hardware(range(8), "cpu").slots(jobs)]
    assert len(parts) == jobs and sorted(core for part in parts for core in part) == [*range(8)]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_more_processes_than_cores_have_one_each():
    slots = Hardware([4, 6], "cpu").slots(3)
    assert [slot.cores for slot in slots] == [(4,), (6,), (4,)]
    assert not any(slot.environment for slot in slots)


def test_one_process_has_all_gpus_and_several_one_each():
    there = Hardware(range(8), "gpu", ["7", "3", "1"])
    assert there.slots(1)[0].environment == {}
    for jobs in (2, 3):
        given = [slot.environment for slot in there.slots(jobs)]
        assert given == [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in ("7", "3", "1")[:jobs]]


def test_processes_that_share_an_accelerator_take_memory_as_they_need_it(environment):
    shared = Hardware(range(8), "gpu", ["0", "1"]).slots(3)
    assert [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in shared] == ["0", "1", "0"]
    assert {slot.environment[hardware.PREALLOCATE] for slot in shared} == {"false"}
    environment.setenv(hardware.PREALLOCATE, "true")
    chips = Hardware(range(8), "tpu").slots(2)
    assert {slot.environment[hardware.PREALLOCATE] for slot in chips} == {"true"}
    assert not Hardware(range(8), "tpu").slots(1)[0].environment


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
    environment.setattr(hardware, "_devices", lambda: ("gpu", 2))
    environment.setattr(hardware._devices, "cache_clear", lambda: None, raising=False)
    for name, value in given.items():
        environment.setenv(name, value)
    variables = {"CUDA_VISIBLE_DEVICES", *given}
    there = this_machine()
    assert there.gpus == gpus
    slots = [slot.environment for slot in there.slots(2)]
    assert slots == [dict.fromkeys(variables, name) for name in gpus]


def test_this_machine_is_asked_in_a_process_of_its_own(environment):
    environment.delenv("JAX_PLATFORMS", raising=False)
    environment.setenv("JAX_PLATFORM_NAME", "cpu")
    environment.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=3")
    assert hardware._devices() == ("cpu", 3)


def test_without_a_device_it_says_why(environment):
    environment.setenv("JAX_PLATFORMS", "abacus")
    assert "abacus" in refusal(this_machine)


def test_nothing_is_asked_where_jax_is_told_to_compute_on_the_cpu(environment):
    environment.setenv("JAX_PLATFORMS", "cpu")
    environment.setattr(subprocess, "run", None)
    assert this_machine() == Hardware(visible_cores(), "cpu")
