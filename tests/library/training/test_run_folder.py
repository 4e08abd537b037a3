"""A run's folder: made, recognised, refused, held."""

import json
import os

import pytest
from common import names, refusal
from tiny_run import Tiny

from ganstab.training import RunConfig, run_folder
from ganstab.training.config import reference
from ganstab.training.run_folder import open_folder, read_config, read_result


def write(folder, content):
    (folder / "config.json").write_bytes(content if isinstance(content, bytes) else
                                         json.dumps(content).encode())  # fmt: skip


def test_a_folder_is_made_with_parents_and_opens_again(tmp_path):
    folder = tmp_path / "deep" / "run"
    with run_folder.hold(folder):
        open_folder(folder, Tiny(), "tiny_run:build")
    assert names(folder) == ["config.json", "figures"]
    named = json.loads((folder / "config.json").read_text())
    assert named["experiment"] == "tiny_run:build" and named["config_class"] == reference(Tiny)
    (folder / "metrics.jsonl").write_text("")
    (folder / ".config.json.unfinished").write_text("half")
    (folder / "figures" / ".curves.png.unfinished").write_text("half")
    with run_folder.hold(folder):
        open_folder(folder, Tiny(num_steps=99))
        assert names(folder) == ["config.json", "figures", "metrics.jsonl"]
    assert names(folder / "figures") == [] and read_config(folder, Tiny).num_steps == 8


def test_a_changed_byte_of_a_result_is_noticed(tmp_path):
    entry = {"label": "spread", "better": "higher", "mean": 0.25, "values": [0.25]}
    given = {"status": "finished", "step": 8, "num_steps": 8, "results": {"spread": entry}}
    written = run_folder.write_result(tmp_path, given)
    assert run_folder.read_sound_result(tmp_path) == written and given.items() <= written.items()
    path = tmp_path / "result.json"
    whole = path.read_text()
    for old, new in [("0.25", "0.26"), ("spread", "spready"), ('"step": 8', '"step": 7')]:
        path.write_text(whole.replace(old, new, 1))
        told = refusal(lambda: run_folder.read_sound_result(tmp_path))
        assert "its checksum is not that of what is in it" in told and read_result(tmp_path) == {}
    lines = [line for line in whole.splitlines() if "checksum" not in line]
    path.write_text("\n".join(lines).replace("0.25", "0.26"))  # by hand, or an older version
    assert read_result(tmp_path)["results"]["spread"]["mean"] == 0.26


def test_who_shares_a_folder_alone_removes_what_is_left_half_written(tmp_path):
    leftover = tmp_path / "table" / ".result.json.0123.unfinished"
    with run_folder.share(tmp_path / "table"):
        leftover.touch()
        with run_folder.share(tmp_path / "table"):
            assert leftover.exists()  # another one may be writing it
    with run_folder.share(tmp_path / "table"):
        assert not leftover.exists()
    (tmp_path / "file").touch()
    assert "cannot use --workdir=" in refusal(run_folder.share(tmp_path / "file").__enter__)


def test_each_setting_that_differs_is_named(tmp_path):
    open_folder(tmp_path, Tiny())
    before = (tmp_path / "config.json").read_bytes()
    told = refusal(lambda: open_folder(tmp_path, Tiny(rate=0.1, seed=7)))
    assert "seed: was 0, now 7; rate: was 0.05, now 0.1" in told and "another --workdir" in told
    told = refusal(lambda: open_folder(tmp_path, RunConfig()))
    assert "is of another program (tiny_run:Tiny, not ganstab.training.config:RunConfig)" in told
    assert (tmp_path / "config.json").read_bytes() == before


def test_settings_of_an_older_version_have_their_defaults(tmp_path):
    write(tmp_path, {"seed": 3, "rate": 1})
    assert read_config(tmp_path, Tiny) == Tiny(seed=3, rate=1.0)
    write(tmp_path, {})
    assert read_config(tmp_path, Tiny) == Tiny()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is damaged"),
        (b'{"a": ', "is damaged"),
        (b"\xff\x00", "is damaged"),
        (b"[" * 100_000, "is damaged"),
        ([1], "is damaged (no JSON object)"),
        (None, "is damaged (no JSON object)"),
        ({"speed": 1, "live": 2}, "cannot be used: live is unknown; speed is unknown"),
        ({"seed": "0", "rate": []}, "rate must be a number, got []; seed must be a whole number"),
        ({"seed": 2**32}, "seed must be from 0"),
        (b'{"rate": NaN}', "rate must be 0 or more, got nan"),
        ({"config_class": "no:Such"}, "is of another program (no:Such, not tiny_run:Tiny)"),
        ({"config_class": [1]}, "is of another program ([1], not tiny_run:Tiny)"),
    ],
)
def test_a_config_that_cannot_be_used_is_refused_and_kept(tmp_path, content, told):
    write(tmp_path, content)
    before = (tmp_path / "config.json").read_bytes()
    assert told in refusal(lambda: open_folder(tmp_path, Tiny()))
    assert (tmp_path / "config.json").read_bytes() == before and names(tmp_path) == ["config.json"]


GOOD = {"status": "finished", "step": 8, "num_steps": 8, "results": {}}


@pytest.mark.parametrize("content", ["", "[]", "\0", "[" * 100_000, '{"step": 8}'])
def test_a_result_that_cannot_be_used_is_none(tmp_path, content):
    assert read_result(tmp_path) == {}
    (tmp_path / "result.json").write_text(json.dumps(GOOD))
    assert read_result(tmp_path) == GOOD and run_folder.is_done(GOOD, 8)
    assert not run_folder.is_done(GOOD, 9)
    (tmp_path / "result.json").write_text(content)
    assert read_result(tmp_path) == {} and not run_folder.is_done({}, 8)


def test_a_folder_with_something_else_in_it_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    assert "is not empty (thesis.tex" in refusal(lambda: open_folder(tmp_path, Tiny()))
    assert names(tmp_path) == ["thesis.tex"]


def test_a_folder_that_cannot_be_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")

    def told(path):
        return refusal(lambda: run_folder.hold(run_folder.local_folder(path)).__enter__())

    for path, why in (
        (tmp_path / "file" / "run", "is a file"),
        (tmp_path / "file", "is a file"),
        ("", "is empty"),
        ("  ", "is empty"),
        ("gs://bucket/run", "is an address"),
        ("s3:/bucket", "is an address"),
        ("~nosuchuser/run", "cannot be found"),
        (tmp_path / ("x" * 300), "too long"),
        (tmp_path / "nul\0", "null"),
    ):
        assert why in told(path)
    os.symlink(tmp_path / "loop", tmp_path / "loop")
    assert "cannot use --workdir" in told(tmp_path / "loop" / "run")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "is not writable" in told(tmp_path / "a" / "b")
    assert names(tmp_path) == ["file", "loop"]


def test_a_held_folder_keeps_a_second_process_out(tmp_path):
    with run_folder.hold(tmp_path):
        assert run_folder.is_held(tmp_path)
        with pytest.raises(run_folder.InUseError, match="in use by another process"):
            run_folder.hold(tmp_path).__enter__()
    with run_folder.hold(tmp_path):
        pass
    assert not run_folder.is_held(tmp_path) and not run_folder.is_held(tmp_path / "nowhere")
