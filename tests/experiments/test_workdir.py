"""A run's folder: made, recognised, refused, held."""

import json
import os

import pytest
from common import names
from experiments.runner import workdir

from ganstab.errors import InputError

CONFIG = {"unroll_steps": 5, "optimizer": {"learning_rate": 1e-4, "betas": (0.5, 0.999)}}


def test_the_length_of_a_run_may_change(tmp_path):
    workdir.open_workdir(tmp_path, CONFIG | {"num_steps": 100})
    longer = CONFIG | {"num_steps": 200, "checkpoint_every": 50}
    assert workdir.differences(tmp_path, longer) == []
    workdir.open_workdir(tmp_path, longer)
    assert json.loads((tmp_path / "config.json").read_text())["num_steps"] == 100
    workdir.record(tmp_path, longer)
    assert json.loads((tmp_path / "config.json").read_text())["num_steps"] == 200
    other = longer | {"unroll_steps": 0}
    assert workdir.differences(tmp_path, other) == ["unroll_steps: was 5, now 0"]


def test_workdir_is_made_with_parents_and_opens_again(tmp_path):
    folder = workdir.open_workdir(tmp_path / "deep" / "run", CONFIG)
    assert names(folder) == ["config.json", "figures"]
    (folder / "metrics.jsonl").write_text("")
    (folder / ".config.json.unfinished").write_text("half")
    assert workdir.open_workdir(folder, CONFIG) == folder
    with workdir.held(folder):
        assert names(folder) == ["config.json", "figures", "metrics.jsonl"]


def test_workdir_names_each_setting_that_differs(tmp_path):
    workdir.open_workdir(tmp_path, CONFIG)
    before = (tmp_path / "config.json").read_bytes()
    other = {
        "unroll_steps": 0,
        "optimizer": CONFIG["optimizer"] | {"learning_rate": 2e-4},
        "new": 1,
    }
    with pytest.raises(InputError) as caught:
        workdir.open_workdir(tmp_path, other)
    message = str(caught.value)
    assert "new: was absent, now 1" in message and "unroll_steps: was 5, now 0" in message
    assert "optimizer.learning_rate: was 0.0001, now 0.0002" in message
    assert "betas" not in message and "another --workdir" in message and "\n" not in message
    assert (tmp_path / "config.json").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b'{"a": ', b"[1]", b"\xff\x00"])
def test_workdir_with_a_damaged_config_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        workdir.open_workdir(tmp_path, CONFIG)
    assert (tmp_path / "config.json").read_bytes() == content


def test_workdir_with_something_else_in_it_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match=r"is not empty \(thesis.tex"):
        workdir.open_workdir(tmp_path, CONFIG)
    assert names(tmp_path) == ["thesis.tex"]


def test_workdir_that_cannot_be_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for path, why in (
        (tmp_path / "file" / "run", "is a file"),
        (tmp_path / "file", "is a file"),
        ("", "is empty"),
        ("gs://bucket/run", "is an address"),
        (tmp_path / ("x" * 300), "too long"),
    ):
        with pytest.raises(InputError, match=why):
            workdir.open_workdir(path, CONFIG)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="is not writable"):
        workdir.open_workdir(tmp_path / "a" / "b", CONFIG)
    assert names(tmp_path) == ["file"]


def test_a_held_workdir_keeps_a_second_process_out(tmp_path):
    with (
        workdir.held(tmp_path),
        pytest.raises(InputError, match="in use by another process"),
        workdir.held(tmp_path),
    ):
        raise AssertionError
    with workdir.held(tmp_path):
        assert names(tmp_path) == [] and workdir.is_held(tmp_path)
    assert not workdir.is_held(tmp_path) and not workdir.is_held(tmp_path / "nowhere")
