"""A run that was stopped, killed or damaged goes on with the same bits, or says why it cannot."""

import os
import random
import shutil
import signal
import time

import numpy as np
import pytest
from common import names, refusal
from tiny_run import Tiny, build, content, rows, start

from ganstab import checkpoint
from ganstab.training import run_folder, train

DIGEST = "params_digest"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run."""
    return train(build, Tiny(), tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture
def copied(whole, tmp_path):
    """Its folder, to be damaged."""
    return shutil.copytree(whole.folder, tmp_path / "run")


def check_same(folder, whole):
    result = run_folder.read_result(folder)
    for name in ("status", "step", DIGEST, "results"):
        assert result[name] == whole.result[name]
    for name in ("metrics.jsonl", "evaluations.jsonl"):
        assert rows(folder, name) == rows(whole.folder, name)
    assert not list(folder.glob("**/*.unfinished")) and not list(folder.glob("**/removed-*"))


def cut(folder, step=4):
    """As if the run had been killed after this step."""
    for later in checkpoint.steps(folder / "checkpoints"):
        if later > step:
            shutil.rmtree(folder / "checkpoints" / f"step_{later:09d}")
    (folder / "result.json").unlink()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stop_saves_and_the_same_command_goes_on_bit_equal(tmp_path, whole, number, capsys):
    def stop(step, numbers, images):
        if step == 4:
            os.kill(os.getpid(), number)

    first = train(build, Tiny(checkpoint_every=99), tmp_path, writers=[stop])
    assert (first.status, first.exit_status) == ("interrupted", 128 + number)
    assert first.result["step"] == first.result["saved_at_step"] == 4
    assert signal.getsignal(number) == signal.SIG_DFL
    assert train(build, Tiny(), tmp_path).status == "finished"
    assert "going on from step 4" in capsys.readouterr().err
    check_same(tmp_path, whole)


def test_a_run_may_be_made_longer(tmp_path, whole):
    short = train(build, Tiny(num_steps=6), tmp_path)
    assert short.result["evaluated_at_step"] == 6
    assert run_folder.read_config(tmp_path, Tiny).num_steps == 6
    longer = train(build, Tiny(), tmp_path)
    assert longer.result[DIGEST] == whole.result[DIGEST]
    assert run_folder.read_config(tmp_path, Tiny).num_steps == 8


@pytest.mark.parametrize("num_steps", [4, 8])
def test_a_run_that_is_done_is_only_shown_again(copied, num_steps, capsys):
    shutil.rmtree(copied / "checkpoints")  # of which it needs none
    before = content(copied)
    again = train(build, Tiny(num_steps=num_steps), copied)
    assert (again.status, again.exit_status, again.result["step"]) == ("finished", 0, 8)
    assert content(copied) == before
    told = capsys.readouterr()
    assert "spread of the samples" in told.out and "compiling" not in told.err


def test_a_stopped_run_may_be_told_that_this_was_its_last_step(copied, whole):
    cut(copied, 6)
    done = train(build, Tiny(num_steps=5), copied)
    assert (done.status, done.result["step"], done.result["evaluated_at_step"]) == (
        "finished", 6, 6,
    )  # fmt: skip
    assert run_folder.read_config(copied, Tiny).num_steps == 6


def test_a_run_without_its_checkpoints_is_not_started_over(copied):
    shutil.rmtree(copied / "checkpoints")
    before = content(copied)
    told = refusal(lambda: train(build, Tiny(num_steps=99), copied))
    assert "has no checkpoint, though its run was saved at step 8" in told
    assert content(copied) == before
    (copied / "result.json").write_text("[]")
    assert "saved at step (unknown)" in refusal(lambda: train(build, Tiny(), copied))


def test_a_damaged_checkpoint_is_told_and_an_older_one_is_used(copied, whole, capsys):
    cut(copied, 6)
    newest = copied / "checkpoints" / "step_000000006"
    for path in (newest / "arrays").rglob("*"):
        if path.is_file():
            data = bytearray(path.read_bytes())
            data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
            path.write_bytes(data)
    train(build, Tiny(), copied)
    told = capsys.readouterr().err
    assert "step_000000006 is damaged" in told and "going on from step 4" in told
    check_same(copied, whole)


def test_a_checkpoint_under_another_steps_name_is_not_used(copied, whole, capsys):
    cut(copied, 6)
    saved = copied / "checkpoints"
    (saved / "step_000000006").rename(saved / "step_000000007")
    train(build, Tiny(), copied)
    told = capsys.readouterr().err
    assert "step_000000007 is damaged: it is of step 6" in told and "from step 4" in told
    check_same(copied, whole)


def test_side_files_that_are_damaged_are_left_out(copied, whole):
    """Samples that cannot be read are not shown; all else is as it would be."""
    cut(copied)
    samples = copied / "samples"
    (samples / "step_000000000.npz").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    np.savez(samples / "step_000000002.npz", samples=np.zeros(3))
    np.savez(samples / "step_000000003.npz", samples=np.array([None]))
    (samples / "step_000000004.npz").write_bytes((samples / "step_000000004.npz").read_bytes()[:99])
    train(build, Tiny(), copied)
    check_same(copied, whole)


OTHER = [
    '{"step": "4"}', '{"step": 1e999}', '{"step": -1}', "[]", "null", "4", "{}", "\0\0", '{"a": ',
    '{"step": true}', '{"step": 2, "wall_time_s": "long", "spread": "x", "counts": 4}',
    '{"step": 2, "wall_time_s": 0.1, "spread": [1], "counts": ["a"]}',
    '{"step": 2, "wall_time_s": 0.1, "counts": [[1]], "gen/loss": {}}', "[" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("name", ["metrics.jsonl", "evaluations.jsonl"])
def test_rows_of_another_kind_are_left_out_and_told(copied, whole, name, capsys):
    cut(copied)
    first, *others = (copied / name).read_text().splitlines()
    (copied / name).write_text("\n".join([first, *OTHER, *others]) + "\n")
    train(build, Tiny(), copied)
    told = capsys.readouterr().err
    assert told.count(f"of {copied / name} is damaged") == len(OTHER)
    check_same(copied, whole)


def wait_for(condition, process, log):
    while not condition():
        assert process.poll() is None, log.read_text()
        time.sleep(0.01)


@pytest.mark.parametrize("kills", [1, pytest.param(30, marks=pytest.mark.slow)])
def test_bit_equal_after_sigkill_and_sigterm(tmp_path, kills):
    """Killed while it starts or after some rows, then stopped, at last left alone."""
    config = Tiny(num_steps=60 + 40 * kills, eval_every=50, checkpoint_every=4)
    whole = train(build, config, tmp_path / "whole")
    folder, log, draw = tmp_path / "run", tmp_path / "log", random.Random(kills)
    folder.mkdir()
    run_folder.write_config(folder, config)
    metrics = folder / "metrics.jsonl"

    def count():
        return len(metrics.read_bytes().splitlines()) if metrics.exists() else 0

    def begin():
        words = folder, "--experiment=tiny_run:build", "--compilation_cache="
        return start(*words, log=log)

    for kill in range(kills):
        process, goal = begin(), count() + draw.randint(1, 10)
        if draw.random() < 0.8 or kills == 1:
            wait_for(lambda goal=goal: count() >= goal, process, log)
        time.sleep(draw.uniform(0, 0.1 + 3 * (kill % 4 == 1)))
        process.kill()
        process.wait()
    process, goal = begin(), count() + 3
    wait_for(lambda: count() >= goal, process, log)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=120) == 128 + signal.SIGTERM, log.read_text()
    assert run_folder.read_result(folder)["status"] == "interrupted"
    assert begin().wait(timeout=300) == 0, log.read_text()
    check_same(folder, whole)


def test_a_second_signal_ends_at_once_and_a_held_folder_is_left_alone(tmp_path):
    """While the program compiles or trains: it does not wait for the step, nor for a report."""
    folder, log = tmp_path / "run", tmp_path / "log"
    folder.mkdir()
    run_folder.write_config(folder, Tiny(num_steps=10**6, log_every=10**6, eval_every=10**6))
    words = folder, "--experiment=tiny_run:build", "--compilation_cache="
    process = start(*words, log=log)
    wait_for((folder / "metrics.jsonl").exists, process, log)
    assert run_folder.is_held(folder)
    assert start(*words, log=tmp_path / "second").wait() == run_folder.IN_USE
    assert "is in use by another process" in (tmp_path / "second").read_text()
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=5) == -signal.SIGTERM
    assert not run_folder.is_held(folder)


def test_of_two_starts_with_different_settings_the_first_has_the_folder(tmp_path):
    """The lock is taken before anything is written."""
    folder = tmp_path / "run"
    with run_folder.hold(folder):
        with pytest.raises(run_folder.InUseError):
            train(build, Tiny(seed=1), folder)
        assert names(folder) == []
        run_folder.open_folder(folder, Tiny(seed=0))
    told = refusal(lambda: train(build, Tiny(seed=1, batch_size=32), folder))
    assert "batch_size: was 16, now 32" in told and "seed: was 0, now 1" in told
    assert run_folder.read_config(folder, Tiny) == Tiny(seed=0)
