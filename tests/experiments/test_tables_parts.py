"""The parts of a table: the verdict, the cells that are meant, how far it is, its curves."""

import io
import json
import shutil

import numpy as np
import pytest
import tables
from common import refusal
from matplotlib.axes import Axes

from experiments.runner import records
from experiments.runner.table import cells, pictures, runs, watch
from experiments.runner.table.verdict import merged, verdict

FOUR = [1.0, 2.0, 3.0, 4.0]  # mean 2.5, squared standard error 5/12


@pytest.mark.parametrize(
    ("values", "value", "error", "words"),
    [
        (FOUR, 4.0, 0.5, "agrees"),  # t = 1.5 / √(2/3) = 1.84, 7.68 degrees of freedom: 2.32
        (FOUR, 4.35, 0.5, "agrees"),  # 2.27
        (FOUR, 4.45, 0.5, "differs: lower"),  # 2.39
        (FOUR, 0.55, 0.5, "differs: higher"),
        (FOUR, 4.5, 0.0, "agrees"),  # 2 / √(5/12) = 3.10, 3 degrees of freedom: 3.18
        (FOUR, 4.6, 0.0, "differs: lower"),  # 3.25
        (FOUR, 4.6, None, "no verdict: the paper gives no error"),
        ([5.0] * 3, 5.97, 0.5, "agrees"),  # 1.94, infinitely many: 1.96
        ([5.0] * 3, 6.0, 0.5, "differs: lower"),  # 2
        ([5.0] * 3, 5.0, 0.0, "agrees"),
        ([5.0] * 3, 4.9, 0.0, "differs: higher"),
        ([1.0, 9.0], 5.0, 9.0, "too few seeds to say"),
        # 2.323 · √(2/3) = 1.897 would have shown: more than half of 3.7, less than half of 3.9
        (FOUR, 3.7, 0.5, "too few seeds to say"),
        (FOUR, 3.9, 0.5, "agrees"),
        (FOUR, -3.9, 0.5, "differs: higher"),
        ([5.0] * 3, 0.0, 9.0, "too few seeds to say"),
    ],
)
def test_verdict_by_welchs_test(values, value, error, words):
    found = verdict(values, records.Published(value, error, ""))
    assert found is not None and found["words"] == words


def test_verdict_says_how_it_comes_about():
    found = verdict(FOUR, records.Published(4.0, 0.5, ""))
    assert found is not None
    # (2/3)² / ((5/12)² / 3) = 7.68; Student's table has 2.365 for 7 and 2.306 for 8.
    assert found["degrees_of_freedom"] == pytest.approx(7.68)
    assert found["t"] == pytest.approx(1.5 / (2 / 3) ** 0.5)
    assert 2.306 < found["critical"] < 2.365
    assert found["least_significant"] == pytest.approx(found["critical"] * (2 / 3) ** 0.5)
    assert verdict(FOUR, None) is None
    five = verdict(FOUR, records.Published(4.0, 0.5, "", runs=5))
    # (2/3)² / ((5/12)² / 3 + (1/4)² / 4) = 6.05
    assert five is not None and five["degrees_of_freedom"] == pytest.approx(6.05, abs=0.01)


def test_seeds_of_a_cell_put_together():
    entries = {
        seed: records.measured([value], "KL", ideal=0.1, better="lower")
        for seed, value in ((2, 4.0), (0, 1.0), (5, 1.0), (3, float("nan")))
    }
    entry = merged(entries, records.Published(2.0, 0.1, "a paper"))
    assert entry["values"] == [1.0, 4.0, 1.0] and entry["seeds"] == [0, 2, 5]
    assert entry["n"] == 3 and entry["not_a_number"] == [3] and entry["mean"] == 2.0
    assert entry["standard_error"] == pytest.approx(1.0)  # s = √3, n = 3
    assert (entry["label"], entry["ideal"], entry["better"]) == ("KL", 0.1, "lower")
    assert entry["published"]["value"] == 2.0
    assert entry["verdict"]["words"] == "too few seeds to say"  # 4.30 · √(1 + 0.1²) > 2 / 2
    assert merged(entries, records.Published(2.0, 0.1, ""), judged=False)["verdict"] is None
    nothing = merged({3: entries[3]}, None)
    assert nothing["mean"] is None and nothing["n"] == 0 and nothing["seeds"] == []


def test_cells_by_name_and_pattern():
    def names(*patterns):
        return [cell.name for cell in cells.chosen(tables.TABLE.cells, patterns)]

    assert names() == ["level1", "level2", "level3", "level4"]
    assert names("level3", "*1") == ["level1", "level3"]
    message = refusal(lambda: names("level1", "width*"))
    assert "--cells=width*" in message and "level1, level2" in message


def test_seeds_come_one_after_the_other_over_all_cells(tmp_path):
    wanted = tables.plan(tmp_path, 1, 2).wanted()
    assert [run.name for run in wanted[:3]] == ["level1 seed 0", "level2 seed 0", "level1 seed 1"]
    item = tables.plan(tmp_path).item(wanted[1])
    folder = tmp_path / "cells" / "level2" / "seed0"
    assert item.command[-3:] == ["--level=2", "--seed=0", f"--workdir={folder}"]
    assert wanted[1].config == {"num_steps": tables.STEPS, "level": 2, "seed": 0}


def fill(run, steps, seconds_per_step, status="running"):
    """As if the run had come so far."""
    run.folder.mkdir(parents=True)
    rows = ({"step": s, "wall_time_s": 30 + s * seconds_per_step} for s in range(1, steps + 1))
    (run.folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (run.folder / "result.json").write_text(json.dumps({"status": status, "step": steps}))


def test_time_left_goes_by_the_speed_of_each_cell(tmp_path):
    plan = tables.plan(tmp_path, 1, 2, 3, steps=100, seeds=range(2))
    wanted = {run.name: run for run in plan.wanted()}
    assert np.isnan(watch.survey(plan.wanted(), 2).seconds_left)
    fill(wanted["level1 seed 0"], 100, 1.0, "finished")
    fill(wanted["level2 seed 0"], 60, 3.0)
    found = watch.survey(plan.wanted(), 2)
    assert found[:4] == (1, 6, 160, 600)
    # level1: 100 × 1 s; level2: (40 + 100) × 3 s; level3: 200 × the mean, 2 s; by two processes.
    assert found.seconds_left == pytest.approx((100 + 420 + 400) / 2)
    assert watch.survey(plan.wanted(), 100).seconds_left == pytest.approx(300)
    assert runs.position(wanted["level2 seed 0"]) == (60, pytest.approx(3.0), 30 + 60 * 3.0)


def test_time_left_counts_what_follows_the_last_step(tmp_path):
    plan = tables.plan(tmp_path, 1, 2, steps=100, seeds=range(1))
    first, second = plan.wanted()
    fill(first, 100, 1.0)
    fill(second, 60, 3.0)
    assert np.isnan(watch.survey(plan.wanted(), 1).seconds_left)  # nobody knows yet
    (first.folder / "result.json").write_text(
        json.dumps({"status": "finished", "step": 100, "wall_time_s": 30 + 100 * 1.0 + 7})
    )
    assert watch.survey(plan.wanted(), 1).seconds_left == pytest.approx(40 * 3 + 7)
    shutil.rmtree(second.folder)
    fill(second, 100, 3.0)
    assert watch.survey(plan.wanted(), 1).seconds_left == pytest.approx(7)


def test_a_line_for_the_whole_table(tmp_path):
    now, stream = [0.0], io.StringIO()
    plan = tables.plan(tmp_path, 1, 2, steps=100, seeds=range(2))
    shown = watch.Watch(plan, stream=stream, clock=lambda: now[0])
    run = plan.wanted()[0]
    fill(run, 100, 1.0, "finished")
    for now[0] in (30.0, 61.0, 90.0):
        shown.look([plan.item(plan.wanted()[1])])
    line = "1 of 4 runs | step 100/400 | 2 min 30 s left | level2 seed 0\n"
    assert stream.getvalue() == line


def test_the_mean_curve_is_over_the_steps_that_all_have():
    long = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 9.0])
    short = np.array([1.0, 2.0]), np.array([3.0, 6.0])
    steps, values = pictures.mean({0: long, 4: short})
    assert steps.tolist() == [1, 2] and values.tolist() == [2, 4]
    assert [len(part) for part in pictures.mean({})] == [0, 0]


def test_a_row_without_runs_has_no_panel(tmp_path, monkeypatch):
    table, titles = tables.TABLE, []
    monkeypatch.setattr(Axes, "set_title", lambda axis, title, **_: titles.append(title))
    rows = {cell.name: {0: [{"step": s, "modes": 1.0} for s in (0, 5)]} for cell in table.cells}
    last = table.cells[-1]
    for there in (rows, {last.name: rows[last.name]}):
        assert pictures.curves(table, "modes", there, {}, tmp_path / "a.png", title="modes")
    assert len(table.rows()) == 2 and len(titles) == 3 and titles[2] == titles[1] != titles[0]


def test_nothing_measured_is_nothing_drawn(tmp_path):
    rows = {"level1": {0: [{"step": 1, "gen/loss": 2.0}]}}
    path = tmp_path / "kl.png"
    assert not pictures.curves(tables.TABLE, "kl", rows, {}, path, title="KL")
    assert not path.exists()
