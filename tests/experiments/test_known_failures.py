"""The doctor names the faults of runs whose failure is known."""

import importlib
import json
import pathlib

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]
RECORDED = ROOT / "results" / "benchmarks" / "known_failures.json"
QUICK = "rotating", "healthy_normal"


@pytest.fixture
def load(monkeypatch):
    """Benchmarks are scripts: they find one another in their own folder."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module


def missed():
    """The runs that are recorded as named wrongly, by case."""
    told = json.loads(RECORDED.read_text())["told"]
    return {one["case"] for one in told if not one["right"] and one["seed"] == 0}


@pytest.mark.parametrize("case", QUICK)
def test_a_quick_one_is_named(load, tmp_path, case):
    assert load("known_failures").examined(case, 0, tmp_path / "run").right


@pytest.mark.slow
def test_all_are_named_but_those_that_are_recorded_as_missed(load, tmp_path):
    known, failures = load("known_failures"), load("failures")
    told = [known.examined(case, 0, tmp_path / case) for case in failures.CASES]
    assert {one.case for one in told if not one.right} <= missed()


def test_the_record_is_of_these_runs_and_its_number_is_told(load):
    failures, recorded = load("failures"), json.loads(RECORDED.read_text())
    assert {one["case"] for one in recorded["told"]} == set(failures.CASES)
    assert not missed() & set(QUICK)
    right = sum(one["right"] for one in recorded["told"])
    assert recorded["right"] == right and recorded["runs"] == len(recorded["told"])
    assert f"{right} of {recorded['runs']}" in (ROOT / "docs" / "doctor.md").read_text()


def test_a_run_is_right_where_its_fault_is_in_the_first_line(load):
    known, failures = load("known_failures"), load("failures")
    told = [known.Told("grey", 0, {"Contrast": "bad"}, ["Contrast"], "", True, 1.0)]
    written = known.written(told, 1)
    assert written["right"] == 1 and written["told"][0]["case"] == "grey"
    assert len(failures.CASES) >= 10 and sum(not c.topic for c in failures.CASES.values()) >= 2
    figure = known.drawn(told)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        failures.CASES["grey"].title
    ]


def test_the_data_are_what_they_are_said_to_be(load):
    import jax

    failures = load("failures")
    spots = np.asarray(failures.blobs(jax.random.key(0), 5))
    assert spots.shape == (5, 8, 8, 1) and spots.min() >= -1 and 0.5 < spots.max() <= 1
    assert np.asarray(failures.wide(jax.random.key(0), 999)).std(axis=0) == pytest.approx(
        [2.0, 0.2], rel=0.1
    )
