"""A table is worked off whatever happens on the way, and ends with the same result."""

import dataclasses
import importlib
import json
import os
import threading
import time

import pytest
from common import refusal
from table_runs import STEPS, TABLE, InThreads, Levels, fill, plan, work

from ganstab.tables.merge import merge
from ganstab.training.run_folder import hold, is_held, read_result
from ganstab.training.signals import StopRequest

RUNS = [(level, seed) for level in (1, 2, 3, 4) for seed in (0, 1, 2)]
SWEEP = importlib.import_module("ganstab.tables.sweep")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(SWEEP, "PAUSE", 0.02)
    monkeypatch.setattr(SWEEP, "RETRY", 0.1)


def folder_of(table, level, seed):
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
    assert result["cells"]["level2"]["settings"] == {"level": 2}
    assert result["wall_time_s"] == 0.5 * STEPS * len(RUNS)
    assert [claim["verdict"] for claim in result["claims"]] == [
        "holds",
        "does not hold: the other way round",
    ]
    assert result["config"]["batch_size"] == 64 and "level" not in result["config"]
    assert not list(whole.glob(".stop*")) and (whole / "report.html").exists()


def test_first_seeds_go_first(tmp_path):
    executor = InThreads()
    assert work(tmp_path / "table", 1, 2, executor=executor, seeds=2) == 0
    order = [folder.split("cells/")[1] for job in executor.jobs for folder in job.folders]
    assert order == ["level1/seed0", "level2/seed0", "level1/seed1", "level2/seed1"]


def test_a_table_that_is_stopped_ends_with_the_same_result(tmp_path, whole, capsys):
    table, gate, stop = tmp_path / "table", tmp_path / "gate", StopRequest()
    executor = InThreads(gate=gate)
    threading.Thread(target=_stop_when_stuck, args=(table, stop)).start()
    assert work(table, executor=executor, stop=stop) == 128 + 15
    stopped = result_of(table)
    assert stopped["status"] == "interrupted" and stopped["done"] == 2
    assert stopped["cells"]["level3"]["missing"]["0"] == 3
    assert not any(is_held(folder_of(table, *run)) for run in RUNS)
    gate.touch()
    leftover = table / ".result.json.0123.unfinished"
    leftover.touch()
    again = {(3, 0): 2, (4, 0): 2}
    assert work(table, executor=executor) == 0 and not leftover.exists()
    assert (table / "result.json").read_bytes() == (whole / "result.json").read_bytes()
    assert starts(table) == dict.fromkeys(RUNS, 1) | again
    assert work(table, executor=executor) == 0 and starts(table) == dict.fromkeys(RUNS, 1) | again
    assert "12 runs, 12 of them done" in capsys.readouterr().err


def _stop_when_stuck(table, stop):
    """Once both levels whose gate is closed have started, and the two before them are done."""
    while starts(table) != dict.fromkeys([(1, 0), (2, 0), (3, 0), (4, 0)], 1):
        time.sleep(0.02)
    stop.received.append(15)


def test_a_run_that_fails_is_named_and_tried_again(tmp_path, capsys):
    table, broken = tmp_path / "table", tmp_path / "broken"
    broken.touch()
    assert work(table, 1, executor=InThreads(broken=broken)) == 1
    result = result_of(table)
    assert result["status"] == "failed" and result["done"] == 0
    assert result["failed"]["level1 seed 2"] == "RuntimeError: out of luck"
    shown = capsys.readouterr()
    assert "level1 seed 0 FAILED" in shown.err
    assert "RuntimeError: out of luck" in shown.out
    broken.unlink()
    assert work(table, 1) == 0
    assert not result_of(table)["failed"] and result_of(table)["done"] == 3


def test_a_table_whose_runs_all_fail_alike_is_given_up(tmp_path, capsys):
    table, broken = tmp_path / "table", tmp_path / "broken"
    broken.touch()
    assert work(table, executor=InThreads(jobs=1, broken=broken)) == 1
    assert 3 <= len(result_of(table)["failed"]) < 12
    assert "the others are not started" in capsys.readouterr().err


def test_a_worker_that_is_lost_is_a_failure_of_its_run_alone(tmp_path):
    class Lossy(InThreads):
        def _train(self, job):
            if job.folders[0].endswith("seed1"):
                raise RuntimeError("worker lost")
            return super()._train(job)

    assert work(tmp_path / "table", 1, executor=Lossy()) == 1
    assert result_of(tmp_path / "table")["failed"] == {"level1 seed 1": "worker lost"}


def test_seeds_of_a_cell_in_one_job(tmp_path, whole, capsys):
    table, executor = tmp_path / "table", InThreads()
    assert work(table, 1, executor=executor, population=2, jobs=2) == 0
    assert "4 at once as populations of 2" in capsys.readouterr().err
    logs = [job.log.rpartition("/")[2] for job in executor.jobs]
    assert [len(job.folders) for job in executor.jobs] == [2, 1]
    assert logs == ["seed0to1.log", "seed2.log"]
    assert work(table, executor=executor, population=3) == 0
    assert result_of(table)["cells"] == result_of(whole)["cells"]


def test_the_seeds_of_one_job_fail_once(tmp_path):
    broken = tmp_path / "broken"
    broken.touch()
    executor = InThreads(jobs=1, broken=broken)
    assert work(tmp_path / "table", 1, 2, executor=executor, population=3) == 1
    assert len(result_of(tmp_path / "table")["failed"]) == 6


def test_runs_that_diverge_are_counted_and_not_averaged(tmp_path):
    table, executor = tmp_path / "table", InThreads(diverges=1)
    assert work(table, 1, 2, executor=executor) == 0
    result = result_of(table)
    cell = result["cells"]["level1"]
    assert cell["finished"] == [0, 2] and cell["diverged"] == {"1": "the loss is not finite"}
    assert cell["measures"]["modes"]["values"] == [100, 102]
    assert cell["measures"]["modes"]["verdict"]["words"] == "too few seeds to say"
    assert result["status"] == "partial" and result["done"] == 6
    assert work(table, 1, 2, executor=executor) == 0 and max(starts(table).values()) == 1


def test_a_run_that_another_process_is_at_is_waited_for(tmp_path):
    table = tmp_path / "table"
    work(table, 1, seeds=1, jobs=0)
    folder = folder_of(table, 1, 0)
    executor = InThreads()
    with hold(folder):
        thread = threading.Thread(target=work, args=(table, 1), kwargs={"executor": executor})
        thread.start()
        while not executor.jobs:  # the other seeds
            time.sleep(0.02)
        time.sleep(0.3)
        assert (1, 0) not in starts(table)
    thread.join()
    assert starts(table) == {(1, seed): 1 for seed in range(3)}
    assert not result_of(table)["failed"]


def test_a_run_that_another_process_started_a_moment_before_is_no_failure(tmp_path):
    class Late(InThreads):
        def _train(self, job):
            return 75 if len(self.jobs) == 1 else super()._train(job)

    executor = Late()
    assert work(tmp_path / "table", 1, executor=executor, seeds=1) == 0
    assert len(executor.jobs) == 2


def test_more_steps_go_on_and_fewer_change_nothing(tmp_path):
    table = tmp_path / "table"
    assert work(table, 1, config={"num_steps": 4}) == 0
    assert work(table, 1, config={"num_steps": 6}) == 0
    result = result_of(table)
    assert result["evaluated_at_steps"] == [6] and result["num_steps"] == 6
    assert starts(table) == {(1, 0): 2, (1, 1): 2, (1, 2): 2}
    assert work(table, 1, config={"num_steps": 5}) == 0 and max(starts(table).values()) == 2


def test_seeds_of_different_lengths_have_no_mean_in_common(tmp_path):
    table = tmp_path / "table"
    assert work(table, 1, config={"num_steps": 6}, seeds=1) == 0
    assert work(table, 1, 2, config={"num_steps": 4}) == 0
    cell = result_of(table)["cells"]["level1"]
    assert cell["finished"] == [1, 2] and cell["of_another_length"] == {"0": 6}
    assert cell["measures"]["modes"]["values"] == [101, 102]
    assert work(table, 1, config={"num_steps": 6}) == 0
    assert result_of(table)["cells"]["level1"]["finished"] == [0, 1, 2]


def test_runs_of_different_code_are_told_apart(tmp_path):
    table = tmp_path / "table"
    assert work(table, 1, seeds=1, executor=InThreads(versions={"code": "a"})) == 0
    assert work(table, 1, executor=InThreads(versions={"code": "b"})) == 0
    assert result_of(table)["versions_that_differ"] == {"code": ["a", "b"]}


def test_a_seed_of_one_cell_alone_is_not_missed_in_the_others(tmp_path):
    table = tmp_path / "table"
    assert work(table, 1, seeds=2) == 0
    assert work(table, 1, 2, seeds=1) == 0
    cells = result_of(table)["cells"]
    assert cells["level1"]["finished"] == [0, 1] and cells["level2"]["missing"] == {}


def test_entries_and_pictures_of_several_runs(tmp_path):
    asked = []

    def across(runs):
        asked.append({cell.name: sorted(folders) for cell, folders in runs})
        entry = {"label": "share", "mean": 30.0, "ideal": None, "better": "higher"}
        return {"level1": {0: {"share": entry}, 2: {}}}

    table = dataclasses.replace(TABLE, across=across, pictures=lambda runs, folder: [])
    assert work(tmp_path, 1, 2, table=table, seeds=2) == 0
    assert asked[-1] == {"level1": [0, 1], "level2": [0, 1]}
    cells = result_of(tmp_path)["cells"]
    assert cells["level1"]["measures"]["share"]["seeds"] == [0]
    assert "share" not in cells["level2"]["measures"]


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
    assert starts(table) == {(1, seed): 1 for seed in range(3)}
    assert result_of(table)["status"] == "partial" and result_of(table)["done"] == 3


def test_the_same_run_under_another_cells_name_is_taken_over(tmp_path, whole):
    there = tmp_path / "there"
    for seed, config in enumerate([{}, {"batch_size": 4}, {"num_steps": 9}]):
        run = plan(whole, 1, **config).run(TABLE.cells[0], seed)
        fill(dataclasses.replace(run, folder=there / "cells" / "plain" / f"seed{seed}"))
    wanted = plan(tmp_path / "table", 1).wanted()
    assert merge(wanted, there)[0] == ["level1 seed 0", "level1 seed 2"]
    assert wanted[0].is_done() and not wanted[1].folder.exists()


def test_an_unfinished_run_that_is_further_on_is_kept(tmp_path, whole):
    (run,) = plan(tmp_path / "table", 1, seeds=1).wanted()
    fill(run, STEPS + 1, "interrupted")
    assert merge([run], whole) == ([], []) and not run.is_done()
    fill(run, STEPS - 1, "interrupted")
    with hold(run.folder):
        assert merge([run], whole) == ([], [])
    assert merge([run], whole) == (["level1 seed 0"], []) and run.is_done()
    assert [path.name for path in run.folder.parent.iterdir()] == ["seed0"]


def test_a_run_whose_settings_cannot_be_told_is_not_taken_over(tmp_path):
    there = plan(tmp_path / "there", 1, 2).wanted()
    for run in there:
        fill(run)
    (there[0].folder / "config.json").unlink()
    message = refusal(lambda: merge(plan(tmp_path / "a", 1).wanted(), tmp_path / "there"))
    assert "level1/seed0 has no config.json" in message and not (tmp_path / "a").exists()
    assert len(merge(plan(tmp_path / "b", 2).wanted(), tmp_path / "there")[0]) == 3


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_a_file_without_an_end_is_not_copied(tmp_path, make):
    (run,) = plan(tmp_path / "there", 1, seeds=1).wanted()
    fill(run)
    make(run.folder / "notes")
    (wanted,) = plan(tmp_path / "table", 1, seeds=1).wanted()
    message = refusal(lambda: merge([wanted], tmp_path / "there"))
    assert f"cannot take over {run.folder}" in message and "notes: it is no regular" in message
    assert not wanted.is_done()


def test_a_run_that_made_way_when_all_was_killed_comes_back(tmp_path):
    assert work(tmp_path, 1) == 0
    folder = folder_of(tmp_path, 1, 0)
    folder.rename(folder.with_name(f".{folder.name}.old.unfinished"))
    assert work(tmp_path, 1) == 0
    assert starts(tmp_path) == {(1, seed): 1 for seed in range(3)}
    assert sorted(path.name for path in folder.parent.iterdir() if path.is_dir()) == [
        f"seed{seed}" for seed in range(3)
    ]


def test_what_is_not_this_table_is_refused(tmp_path, whole):
    other = {"config": {"batch_size": 4}}
    message = refusal(lambda: work(tmp_path / "a", merge=(whole,), **other))
    assert "cells/level1/seed0" in message and "batch_size: was 64, now 4" in message
    assert "batch_size" in refusal(lambda: work(whole, **other))
    (run,) = plan(tmp_path / "b", 1, seeds=1).wanted()
    fill(dataclasses.replace(run, config=run.config.replace(level=2)))
    assert "level: was 2, now 1" in refusal(lambda: work(tmp_path / "b"))
    fill(dataclasses.replace(run, folder=tmp_path / "run"))
    assert "is no table's folder" in refusal(lambda: work(tmp_path / "run"))
    (tmp_path / "run" / "result.json").write_text('{"table": "table_8"}')
    (tmp_path / "run" / "config.json").unlink()
    assert "table table_8" in refusal(lambda: work(tmp_path / "run"))
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").touch()
    assert "chapter.tex" in refusal(lambda: work(tmp_path / "thesis"))
    assert "--merge" in refusal(lambda: work(tmp_path / "c", merge=(tmp_path / "thesis",)))
    assert "--cells=level9" in refusal(lambda: work(tmp_path / "c", 9))
    assert not (tmp_path / "c").exists()


def test_an_older_version_of_the_table_is_gone_on_with(tmp_path):
    """Its runs name no program and lack newer settings; its folder has a config.json."""
    (tmp_path / "config.json").write_text('{"table": "table_9", "num_steps": 8}')
    for run in plan(tmp_path, 1).wanted():
        fill(run)
        old = {"level": 1, "seed": run.seed, "num_steps": STEPS}
        (run.folder / "config.json").write_text(json.dumps(old))
    assert work(tmp_path, 1) == 0 and starts(tmp_path) == {}
    assert read_result(folder_of(tmp_path, 1, 2))["status"] == "finished"


def test_other_data_than_the_papers_has_no_published_values(tmp_path):
    class OtherData(Levels):
        def has_papers_data(self):
            return False

    assert OtherData(seed=1).replace(level=2) != Levels(seed=1, level=2)
    config = OtherData()
    executor = InThreads()
    SWEEP.sweep(
        TABLE, config, experiment="", folder=tmp_path, seeds=range(1), executor=executor, jobs=0
    )  # fmt: skip
    assert not any(cell["measures"] for cell in result_of(tmp_path)["cells"].values())
