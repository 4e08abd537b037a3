"""Runs as they stand on disk: damaged files are left out and named; how far a table is."""

import io
import json
import shutil

import numpy as np
import pytest
from common import refusal
from matplotlib.axes import Axes
from table_runs import STEPS, TABLE, fill, plan, work

from ganstab.tables import Cell, Table, chosen, collect, figures
from ganstab.tables.merge import merge
from ganstab.tables.progress import TableProgress, survey
from ganstab.tables.runs import position

RESULTS = {
    "no JSON": "\0\0",
    "half": '{"status": "fin',
    "a list": "[]",
    "not UTF-8": b"\xff\xfe{}",
    "no step": lambda r: r.pop("step"),
    "no results": lambda r: r.pop("results"),
    "text for a mean": lambda r: r["results"]["modes"].update(mean="many"),
    "a path as a measure": lambda r: r["results"].update({"../x": r["results"]["kl"]}),
    "a number for a version": lambda r: r["versions"].update(code=3),
    "a list for the reason": lambda r: r.update(status="diverged", reason=[]),
}
"""One of each kind; `test_soundness` has the others."""
LOGS = {
    "no JSON": "\0\0\n{}\n",
    "null": "null\nnull\n",
    "not UTF-8": b"\xff\xfe\n\xff\n",
    "deep": "[" * 100_000 + "\n{}\n",
    "no step": '{"wall_time_s": 1}\n{}\n',
    "a list for a number": '{"step": 1, "wall_time_s": 1, "modes": [1]}\n{"step": 2}\n',
    **{
        f"the time as {value!r:.9}": json.dumps({"step": 1, "wall_time_s": value}) + "\n"
        for value in (None, True, "x", [1], {}, 1e999, 10**400)
    },
    "no time": '{"step": 1}\n',
}


def damage(run, kind, words):
    path = run.folder / {"result": "result.json", "log": "metrics.jsonl"}[kind]
    if callable(words):
        content = json.loads(path.read_text())
        words(content)
        words = json.dumps(content)
    path.write_bytes(words if isinstance(words, bytes) else words.encode())


@pytest.mark.parametrize("name", RESULTS)
def test_a_damaged_result_is_left_out_and_named(tmp_path, name):
    runs = plan(tmp_path, 1).wanted()
    for run in runs:
        fill(run)
    damage(runs[1], "result", RESULTS[name])
    assert work(tmp_path, 1, jobs=0) == 0
    found = json.loads((tmp_path / "result.json").read_text())
    assert list(found["damaged"]) == ["level1 seed 1"]
    assert "damaged, left out" in found["damaged"]["level1 seed 1"]
    assert found["cells"]["level1"]["measures"]["modes"]["values"] == [100, 102]
    assert found["done"] == 2 and found["status"] == "partial"
    there = tmp_path / "there"
    wanted = plan(there, 1).wanted()
    taken, words = merge(wanted, tmp_path)
    assert taken == ["level1 seed 0", "level1 seed 2"] and not wanted[1].folder.exists()
    assert len(words) == 1 and "damaged, left out" in words[0]


@pytest.mark.parametrize("name", LOGS)
def test_a_damaged_log_costs_its_curve_alone(tmp_path, name):
    runs = plan(tmp_path, 1).wanted()
    for run in runs:
        fill(run)
    damage(runs[1], "log", LOGS[name])
    assert work(tmp_path, 1, jobs=0) == 0
    found = json.loads((tmp_path / "result.json").read_text())
    assert "damaged, left out" in found["damaged"]["level1 seed 1"]
    assert found["cells"]["level1"]["measures"]["modes"]["values"] == [100, 101, 102]
    assert merge(plan(tmp_path / "there", 1).wanted(), tmp_path)[0] == [run.name for run in runs]
    survey(plan(tmp_path, 1).wanted(), 1)


def test_a_run_that_diverged_needs_no_results(tmp_path):
    for run in plan(tmp_path, 1).wanted():
        fill(run, status="diverged", results={})
    found = collect(plan(tmp_path, 1))
    assert found["damaged"] == {} and found["diverged"] == 3


def test_cells_by_name_and_pattern():
    def names(*patterns):
        return [cell.name for cell in chosen(TABLE.cells, patterns)]

    assert names() == ["level1", "level2", "level3", "level4"]
    assert names("level3", "*1") == ["level1", "level3"]
    message = refusal(lambda: names("level1", "width*"))
    assert "--cells=width*" in message and "level1, level2" in message


def test_rows_and_columns_are_in_the_order_of_the_cells():
    assert TABLE.rows() == ["low", "high"] and TABLE.columns() == ["K = 1", "K = 0"]
    assert TABLE.at("high", "K = 0") == TABLE.cells[3] and TABLE.at("low", "K = 2") is None


def test_a_quick_trial_keeps_what_the_table_is_about():
    long = {"num_steps": 30, "batch_size": 8}
    cells = [Cell("a", "", "a", {"level": 1, **long}), Cell("b", "", "b", {"level": 2, **long})]
    small = {"level": 9, "num_steps": 5, "batch_size": 2, "eval_every": 1}
    table, alike = Table("", "", cells).smallest(small)
    assert [cell.settings for cell in table.cells] == [
        {"level": level, "num_steps": 5, "batch_size": 2} for level in (1, 2)
    ]
    assert alike == {"num_steps": 5, "batch_size": 2, "eval_every": 1}
    lengths = Table("", "", [Cell(str(n), "", "", {"num_steps": n}) for n in (10, 20)])
    assert lengths.smallest(small)[0].cells[1].settings == {"num_steps": 5}
    assert lengths.without({"num_steps"}).cells[1].settings == {}


def test_seeds_come_one_after_the_other_over_all_cells(tmp_path):
    wanted = plan(tmp_path, 1, 2).wanted()
    assert [run.name for run in wanted[:3]] == ["level1 seed 0", "level2 seed 0", "level1 seed 1"]
    assert wanted[1].folder == tmp_path / "cells" / "level2" / "seed0"
    assert (wanted[1].config.level, wanted[1].config.seed) == (2, 0)


def test_time_left_goes_by_the_speed_of_each_cell(tmp_path):
    wanted = plan(tmp_path, 1, 2, 3, num_steps=100, seeds=2).wanted()
    assert np.isnan(survey(wanted, 2).seconds_left)
    fill(wanted[0], 100, seconds=1.0)
    fill(wanted[1], 60, "running", seconds=3.0)
    found = survey(wanted, 2)
    assert found[:4] == (1, 6, 160, 600)
    # level1: 100 × 1 s; level2: (40 + 100) × 3 s; level3: 200 × the mean, 2 s; by two processes.
    assert found.seconds_left == pytest.approx((100 + 420 + 400) / 2)
    assert survey(wanted, 100).seconds_left == pytest.approx(300)
    assert position(wanted[1]) == (60, pytest.approx(3.0), 60 * 3.0)


def test_time_left_counts_what_follows_the_last_step(tmp_path):
    first, second = plan(tmp_path, 1, 2, num_steps=100, seeds=1).wanted()
    fill(first, 100, "running", seconds=1.0)
    fill(second, 60, "running", seconds=3.0)
    assert np.isnan(survey([first, second], 1).seconds_left)  # nobody knows yet
    fill(first, 100, seconds=1.0, wall_time_s=100 * 1.0 + 7)
    assert survey([first, second], 1).seconds_left == pytest.approx(40 * 3 + 7)
    shutil.rmtree(second.folder)
    fill(second, 100, "running", seconds=3.0)
    assert survey([first, second], 1).seconds_left == pytest.approx(7)


def test_a_line_for_the_whole_table(tmp_path):
    now, stream = [0.0], io.StringIO()
    wanted = plan(tmp_path, 1, 2, num_steps=100, seeds=2).wanted()
    shown = TableProgress(wanted, 2, stream=stream, clock=lambda: now[0])
    fill(wanted[0], 100, seconds=1.0)
    for now[0] in (30.0, 61.0, 90.0):
        shown.look(["level2 seed 0"])
    assert stream.getvalue() == "1 of 4 runs | step 100/400 | 2 min 30 s left | level2 seed 0\n"


def test_the_mean_curve_is_over_the_steps_that_all_have():
    long = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 9.0])
    short = np.array([1.0, 2.0, 2.0]), np.array([3.0, 5.0, 6.0])  # the last row of a step holds
    steps, values = figures.mean_curve({0: long, 4: short})
    assert steps.tolist() == [1, 2] and values.tolist() == [2, 4]
    assert [len(part) for part in figures.mean_curve({})] == [0, 0]


def test_a_row_without_runs_has_no_panel(tmp_path, monkeypatch):
    titles = []
    monkeypatch.setattr(Axes, "set_title", lambda axis, title, **_: titles.append(title))
    rows = {cell.name: {0: [{"step": s, "modes": 1.0} for s in (0, 5)]} for cell in TABLE.cells}
    for there in (rows, {"level4": rows["level4"]}):
        assert figures.curves(TABLE, "modes", there, {}, tmp_path / "a.png", title="modes")
    assert titles == ["level low", "level high", "level high"]


def test_nothing_measured_is_nothing_drawn(tmp_path):
    rows = {"level1": {0: [{"step": STEPS, "gen/loss": 2.0}]}}
    path = tmp_path / "kl.png"
    assert not figures.curves(TABLE, "kl", rows, {}, path, title="KL") and not path.exists()
