"""A table is worked off whatever happens on the way, and ends with the same result."""

import json
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest
import tables
from common import refusal
from program import ROOT, environment
from tables import STEPS, plan, work

from experiments.runner.machine import Machine, Share, visible_cores
from experiments.runner.table import schedule
from experiments.runner.table.runs import take_over
from experiments.runner.workdir import held, is_held

RUNS = [(level, seed) for level in (1, 2, 3, 4) for seed in (0, 1, 2)]


def folder_of(table, level, seed) -> pathlib.Path:
    return table / "cells" / f"level{level}" / f"seed{seed}"


def result_of(folder) -> dict:
    return json.loads((folder / "result.json").read_text())


def starts(table) -> dict:
    """How often each run was started."""
    found = {run: folder_of(table, *run) / "starts" for run in RUNS}
    return {run: len(path.read_text().split()) for run, path in found.items() if path.exists()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A table from its first run to its last."""
    folder = tmp_path_factory.mktemp("whole") / "table"
    assert work(folder) == 0
    return folder


def test_all_runs_are_made_and_put_together(whole):
    result = result_of(whole)
    assert result["status"] == "finished" and result["runs"] == result["done"] == len(RUNS)
    assert starts(whole) == dict.fromkeys(RUNS, 1)
    modes = result["cells"]["level2"]["measures"]["modes"]
    assert modes["values"] == [200, 201, 202] and modes["seeds"] == [0, 1, 2]
    assert modes["mean"] == 201 and modes["standard_error"] == pytest.approx(3**-0.5)
    assert modes["verdict"]["words"] == "agrees"  # t = 1 / √(1/3 + 1) = 0.87
    assert result["cells"]["level2"]["measures"]["kl"]["verdict"]["words"] == "differs: lower"
    assert result["wall_time_s"] == 0.5 * STEPS * len(RUNS)
    page = (whole / "report.html").read_text()
    assert "Levels &amp; more" in page and "Finished: all 12 runs." in page
    assert '<td class="good">201.00 ± 0.58 (3)<div class="below">200, 201, 202</div>' in page
    assert '<div class="below">paper 200.0 ± 1.0</div>' in page
    assert [claim["verdict"] for claim in result["claims"]] == [
        "holds",
        "does not hold: the other way round",
    ]
    assert "201.00 ± 0.58 (3) against 101.00 ± 0.58 (3): difference 100.00 ± 0.82" in page
    assert "Each run has 8 steps" in page
    assert 'href="cells/level4/seed2/report.html"' in page
    assert page.count("data:image/png;base64,") == 2 and "Not finished" not in page


def test_a_table_that_is_stopped_and_killed_ends_with_the_same_result(tmp_path, whole, capsys):
    table, gate = tmp_path / "table", tmp_path / "gate"
    closed = [(1, 0), (2, 0), (3, 0), (4, 0)]  # levels 3 and 4 wait at the gate
    assert _end_when_stuck(table, gate, dict.fromkeys(closed, 1), signal.SIGTERM) == 128 + 15
    stopped = result_of(table)
    assert stopped["status"] == "interrupted" and stopped["done"] == 2
    assert not any(is_held(folder_of(table, *run)) for run in closed)
    again = {(1, 0): 1, (2, 0): 1, (3, 0): 2, (4, 0): 2}
    assert _end_when_stuck(table, gate, again, signal.SIGKILL) == -9
    assert is_held(folder_of(table, 3, 0)) and is_held(folder_of(table, 4, 0))
    gate.touch()
    assert work(table) == 0
    assert (table / "result.json").read_bytes() == (whole / "result.json").read_bytes()
    # Neither what was done nor what was still at work after the kill was started once more.
    assert starts(table) == dict.fromkeys(RUNS, 1) | again
    assert work(table) == 0 and starts(table) == dict.fromkeys(RUNS, 1) | again
    assert "12 runs, 12 of them done" in capsys.readouterr().err


def _end_when_stuck(table, gate, expected, number: int) -> int:
    """Starts the table, and ends it by a signal once these runs were started and two are done."""
    process = subprocess.Popen(
        [sys.executable, pathlib.Path(tables.__file__), table, gate],
        cwd=ROOT, env={**environment(), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    while starts(table) != expected or sum(run.is_done() for run in plan(table).wanted()) < 2:
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(number)
    return process.wait(timeout=60)


def test_a_run_that_fails_is_named_and_tried_again(tmp_path, capsys):
    table, broken = tmp_path / "table", tmp_path / "broken"
    broken.touch()
    flags = (f"--broken={broken}",)
    assert work(table, 1, flags=flags) == 1
    result = result_of(table)
    assert result["status"] == "failed" and result["done"] == 0
    assert "Each run has 8 steps." in (table / "report.html").read_text()
    assert result["failed"]["level1 seed 2"] == "RuntimeError: out of luck"
    shown = capsys.readouterr()
    assert "level1 seed 0 FAILED" in shown.err
    assert "RuntimeError: out of luck" in shown.out
    broken.unlink()
    assert work(table, 1, flags=flags) == 0
    assert not result_of(table)["failed"] and result_of(table)["done"] == 3


def test_a_table_whose_runs_all_fail_alike_is_given_up(tmp_path, capsys):
    table, broken = tmp_path / "table", tmp_path / "broken"
    broken.touch()
    assert work(table, flags=(f"--broken={broken}",)) == 1
    assert len(result_of(table)["failed"]) in (3, 4)  # two are at work at once
    assert "the others are not started" in capsys.readouterr().err


def test_the_seeds_of_one_process_fail_once(tmp_path):
    table, broken = tmp_path / "table", tmp_path / "broken"
    broken.touch()
    assert work(table, 1, 2, jobs=1, population=3, flags=(f"--broken={broken}",)) == 1
    assert len(result_of(table)["failed"]) == 6  # those of the second cell were tried as well


def test_a_damaged_log_stops_no_table(tmp_path, capsys):
    table = tmp_path / "table"
    assert work(table, 1) == 0
    (folder_of(table, 1, 1) / "metrics.jsonl").write_text("\0\0\0\n{}\n")
    assert work(table, 1, 2) == 0
    assert result_of(table)["done"] == 6
    page = (table / "report.html").read_text()
    assert "line 1 of" in page and "is damaged" in page


def test_runs_that_diverge_are_counted_and_not_averaged(tmp_path):
    table = tmp_path / "table"
    assert work(table, 1, 2, flags=("--diverges=1",)) == 0
    result = result_of(table)
    cell = result["cells"]["level1"]
    assert cell["finished"] == [0, 2] and cell["diverged"] == {"1": "the loss is not finite"}
    assert cell["measures"]["modes"]["values"] == [100, 102]
    assert cell["measures"]["modes"]["verdict"]["words"] == "too few seeds to say"
    assert result["status"] == "partial" and result["done"] == 6
    page = (table / "report.html").read_text()
    assert "1 diverged" in page and "not finished: seed 0, 1, 2" in page
    assert work(table, 1, 2, flags=("--diverges=1",)) == 0
    assert max(starts(table).values()) == 1


def test_runs_of_different_code_are_told_apart(tmp_path):
    table = tmp_path / "table"
    assert work(table, 1, seeds=range(1), flags=("--code=a",)) == 0
    assert work(table, 1, flags=("--code=b",)) == 0
    assert result_of(table)["versions_that_differ"] == {"code": ["a", "b"]}
    page = (table / "report.html").read_text()
    assert "different versions: a, b" in page and "Not finished" in page


def test_more_steps_go_on_and_fewer_change_nothing(tmp_path):
    table = tmp_path / "table"
    assert work(table, 1, steps=4) == 0
    assert work(table, 1, steps=6) == 0
    result = result_of(table)
    assert result["evaluated_at_steps"] == [6] and result["num_steps"] == 6
    assert starts(table) == {(1, 0): 2, (1, 1): 2, (1, 2): 2}
    assert work(table, 1, steps=5) == 0 and max(starts(table).values()) == 2
    assert result_of(table)["evaluated_at_steps"] == [6]


def test_seeds_of_different_lengths_have_no_mean_in_common(tmp_path):
    table = tmp_path / "table"
    assert work(table, 1, steps=6, seeds=range(1)) == 0
    assert work(table, 1, 2, steps=4) == 0
    result = result_of(table)
    cell = result["cells"]["level1"]
    assert cell["finished"] == [1, 2] and cell["of_another_length"] == {"0": 6}
    assert cell["measures"]["modes"]["values"] == [101, 102]
    assert result["evaluated_at_steps"] == [4]
    assert "seed 0 is left out: it has 6 steps" in (table / "report.html").read_text()
    assert work(table, 1, steps=6) == 0
    assert result_of(table)["cells"]["level1"]["finished"] == [0, 1, 2]


def test_finished_runs_of_another_table_are_taken_over(tmp_path, whole, capsys):
    there, table = tmp_path / "there", tmp_path / "table"
    assert work(there, 3, 4) == 0
    assert work(table, 1, 2, 3, merge=(there / "cells", whole)) == 0
    assert "3 finished runs taken over" in capsys.readouterr().err
    assert work(table, merge=(there,)) == 0
    assert starts(table) == dict.fromkeys(RUNS, 1)
    assert (table / "result.json").read_bytes() == (whole / "result.json").read_bytes()


def test_runs_are_put_together_without_starting_others(tmp_path, whole, capsys):
    table = tmp_path / "table"
    assert work(table, 1, jobs=0, merge=(whole,)) == 0
    assert work(table, jobs=0) == 0
    assert "12 runs, 3 of them done, none started" in capsys.readouterr().err
    assert starts(table) == dict.fromkeys([(1, 0), (1, 1), (1, 2)], 1)
    assert result_of(table)["status"] == "partial" and result_of(table)["done"] == 3


def test_the_same_run_under_another_cells_name_is_taken_over(tmp_path, whole, capsys):
    there, table = tmp_path / "there", tmp_path / "table"
    shutil.copytree(whole / "cells" / "level1", there / "cells" / "plain")
    other, longer = (there / "cells" / "plain" / f"seed{seed}" for seed in (1, 2))
    (other / "config.json").write_text('{"level": 2, "seed": 1, "num_steps": 8}')
    (longer / "result.json").write_text('{"status": "finished", "step": 9}')
    assert work(table, 1, merge=(there,)) == 0
    assert "1 finished runs taken over" in capsys.readouterr().err
    assert (table / "cells" / "level1").is_dir() and not (table / "cells" / "plain").exists()
    assert result_of(table)["cells"]["level1"] == result_of(whole)["cells"]["level1"]


def test_an_unfinished_run_that_is_further_on_is_kept(tmp_path, whole):
    table = tmp_path / "table"
    assert work(table, 1) == 0
    longer = folder_of(table, 1, 0)
    row = '{"step": 9, "wall_time_s": 1}\n'
    (longer / "metrics.jsonl").write_text(row)
    (longer / "result.json").write_text('{"status": "interrupted", "step": 9}')
    run = next(run for run in plan(table, 1).wanted() if run.seed == 0)
    assert not take_over(run, whole) and (longer / "metrics.jsonl").read_text() == row
    (longer / "metrics.jsonl").write_text(row.replace("9", "7"))
    assert take_over(run, whole) and run.is_done()
    assert sorted(path.name for path in longer.parent.iterdir() if path.is_dir()) == [
        f"seed{seed}" for seed in range(3)
    ]


def test_a_run_whose_settings_cannot_be_told_is_not_taken_over(tmp_path, whole):
    there = tmp_path / "there"
    shutil.copytree(whole, there)
    (folder_of(there, 1, 0) / "config.json").unlink()
    message = refusal(lambda: work(tmp_path / "a", 1, merge=(there,)))
    assert "level1/seed0 has no config.json" in message
    assert work(tmp_path / "b", 2, merge=(there,)) == 0  # which has no need of it
    assert starts(tmp_path / "b") == {(2, seed): 1 for seed in range(3)}


def test_a_run_that_made_way_when_all_was_killed_comes_back(tmp_path, whole):
    table = tmp_path / "table"
    assert work(table, 1) == 0
    folder = folder_of(table, 1, 0)
    folder.rename(folder.with_name(f".{folder.name}.old.unfinished"))
    assert work(table, 1) == 0
    assert starts(table) == {(1, seed): 1 for seed in range(3)}
    assert sorted(path.name for path in folder.parent.iterdir() if path.is_dir()) == [
        f"seed{seed}" for seed in range(3)
    ]


def test_a_seed_of_one_cell_alone_is_not_missed_in_the_others(tmp_path):
    table = tmp_path / "table"
    assert work(table, 1, seeds=range(2)) == 0
    assert work(table, 1, 2, seeds=range(1)) == 0
    cells = result_of(table)["cells"]
    assert cells["level1"]["finished"] == [0, 1] and cells["level2"]["missing"] == {}


def test_runs_with_other_settings_are_refused_by_name(tmp_path, whole):
    table = tmp_path / "table"
    other = {"config": {"num_steps": STEPS, "batch_size": 4}}
    message = refusal(lambda: work(table, merge=(whole,), **other))
    assert "cells/level1/seed0" in message and "batch_size: was absent, now 4" in message
    assert "other settings" in refusal(lambda: work(whole, **other))
    third = tmp_path / "third"
    folder_of(third, 1, 0).mkdir(parents=True)
    (third / "config.json").write_text('{"table": "table_9", "num_steps": 8}')
    config = folder_of(third, 1, 0) / "config.json"
    config.write_text('{"level": 2, "seed": 0, "num_steps": 8}')
    assert "level: was 2, now 1" in refusal(lambda: work(third))


def test_seeds_of_a_cell_in_one_process_come_to_the_same_result(tmp_path, whole, capsys):
    table = tmp_path / "table"
    assert work(table, 1, population=2) == 0  # seeds 0 and 1, then 2 alone
    assert "4 at once as populations of 2" in capsys.readouterr().err
    cells = table / "cells" / "level1"
    assert sorted(path.name for path in cells.glob("*.log")) == ["seed0to1.log", "seed2.log"]
    shutil.rmtree(cells / "seed1")
    assert work(table, population=3) == 0
    first = result_of(table)
    assert first["cells"] == result_of(whole)["cells"]
    assert starts(table) == dict.fromkeys(RUNS, 1)


def test_a_process_that_fails_fails_all_its_seeds_that_are_not_done(tmp_path, capsys):
    table, broken = tmp_path / "table", tmp_path / "broken"
    assert work(table, 1, seeds=range(1)) == 0
    broken.touch()
    assert work(table, 1, flags=(f"--broken={broken}",), population=3) == 1
    assert set(result_of(table)["failed"]) == {"level1 seed 1", "level1 seed 2"}
    assert "level1/seed1to2.log" in capsys.readouterr().err


def test_a_run_that_another_program_is_at_is_waited_for(tmp_path):
    table = tmp_path / "table"
    item = plan(table).item(plan(table).run(tables.TABLE.cells[0], 0))
    item.folders[0].mkdir(parents=True)
    shares = [Share(set(visible_cores()), {})]
    ticks, ended = [], []

    def work_on():
        schedule.work(
            [item], shares, is_done=lambda item: False, stop=lambda: False,
            ended=lambda item, status: ended.append(status), tick=tick, pause=0.01,
        )  # fmt: skip

    def tick(at_work):
        ticks.append(len(at_work))
        if len(ticks) == 5:
            other.close()

    other = _Holder(item.folders[0])
    work_on()
    assert ticks[:5] == [0] * 5 and ended == [0]


def test_an_item_that_another_program_started_a_moment_before_is_no_failure(tmp_path):
    """Its process finds the folder locked; it is started again, and ends well."""
    once = "import pathlib, sys; p = pathlib.Path(sys.argv[1]); there = p.exists(); p.touch()"
    command = [sys.executable, "-S", "-c", f"{once}; sys.exit(0 if there else 75)", tmp_path / "x"]
    shares = [Share(set(visible_cores()), {})]
    item, ended = schedule.Item("one", command, (tmp_path,), tmp_path / "log"), []
    schedule.work(
        [item], shares, is_done=lambda item: False, stop=lambda: False,
        ended=lambda item, status: ended.append(status), tick=lambda at_work: None, pause=0.01,
    )  # fmt: skip
    assert ended == [0]


class _Holder:
    def __init__(self, folder):
        self.context = held(folder)
        self.context.__enter__()

    def close(self):
        self.context.__exit__(None, None, None)


def test_processes_have_cores_of_their_own(whole):
    used = {tuple(json.loads((folder_of(whole, *run) / "cores").read_text())) for run in RUNS}
    shares = Machine(visible_cores(), "cpu").shares(2)
    assert used == {tuple(sorted(share.cores)) for share in shares}


def test_processes_have_gpus_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    table, machine = tmp_path / "table", Machine(visible_cores(), "gpu", ["3", "5"])
    assert work(table, 1, 2, machine=machine, seeds=range(2)) == 0
    used = {path.read_text() for path in table.glob("cells/*/*/gpus")}
    assert used == {"3", "5"}
