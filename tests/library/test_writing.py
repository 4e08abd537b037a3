"""Files that are whole or not there at all, also on a full disk and after SIGKILL."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from common import failing, names

from ganstab.errors import InputError
from ganstab.reporting import run_log, writing


def test_write_atomic_replaces_text_and_bytes(tmp_path):
    writing.write_atomic(tmp_path / "file", "old ≤")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "old ≤"
    writing.write_atomic(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("call", ["replace", "fsync"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_failed_write_keeps_the_old_content(tmp_path, monkeypatch, call, number):
    path = tmp_path / "file"
    writing.write_atomic(path, "old")
    monkeypatch.setattr(os, call, failing(number))
    with pytest.raises(InputError, match=re.escape(f"{path}: {os.strerror(number)}; ")) as caught:
        writing.write_atomic(path, "new")
    monkeypatch.undo()
    assert "\n" not in str(caught.value)
    assert path.read_text() == "old" and names(tmp_path) == ["file"]


def test_write_atomic_follows_no_link_and_guesses_no_free_name(tmp_path, monkeypatch):
    outside = tmp_path / "outside"
    outside.write_text("precious")
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setattr(writing.secrets, "token_hex", lambda size: "guessed")
    for name in ("file", "file.guessed"):
        (folder / f".{name}{writing.UNFINISHED}").symlink_to(outside)
    with pytest.raises(InputError, match="File exists"):
        writing.write_atomic(folder / "file", "new")
    monkeypatch.undo()
    writing.write_atomic(folder / "file", "new")
    assert outside.read_text() == "precious" and (folder / "file").read_text() == "new"
    assert not (folder / "file").is_symlink()


def test_write_atomic_makes_files_that_others_may_read_and_leftovers_that_are_known(
    tmp_path, monkeypatch
):
    before = os.umask(0o022)
    try:
        writing.write_atomic(tmp_path / "file", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644
    left = []
    monkeypatch.setattr(os, "replace", lambda old, new: left.append(os.path.basename(old)))
    writing.write_atomic(tmp_path / "file", "text")
    assert left[0].startswith(".file.") and left[0].endswith(writing.UNFINISHED)


def test_write_atomic_into_a_missing_folder_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        writing.write_atomic(tmp_path / "missing" / "file", "text")


def test_json_is_strict_and_knows_arrays_and_paths(tmp_path):
    text = writing.to_json(
        {"b": float("nan"), "a": [jnp.float32(0.5), np.arange(2)], "c": tmp_path}
    )
    assert json.loads(text) == {"a": [0.5, [0, 1]], "b": None, "c": str(tmp_path)}
    assert text.index('"a"') < text.index('"b"') and "NaN" not in text


def test_paths_that_are_not_utf_8_can_be_written_down(tmp_path):
    name = os.fsdecode(b"t\xe5b")
    writing.write_atomic(tmp_path / "file", writing.to_json({"command": name}))
    assert json.loads((tmp_path / "file").read_text()) == {"command": name}


def test_a_folder_that_cannot_be_copied_is_one_line(tmp_path):
    for name in "ab":
        (tmp_path / "there" / name).mkdir(parents=True)
        (tmp_path / "there" / name / "file").touch()

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with (
        pytest.raises(InputError, match=r"^cannot copy: .*/file: .*No space left.*1 more.*free"),
        writing.explained("cannot copy"),
    ):
        shutil.copytree(tmp_path / "there", tmp_path / "here", copy_function=full)


def test_really_full_disk_is_one_input_error():
    with (
        pytest.raises(InputError, match="cannot write /dev/full: No space left on device"),
        writing.explained("cannot write /dev/full"),
        open("/dev/full", "wb", buffering=0) as full,
    ):
        full.write(b"x")


def test_sigkill_in_the_middle_of_writing_leaves_whole_files(tmp_path):
    script = (
        "import sys, pathlib; from ganstab.reporting import run_log, writing\n"
        "folder = pathlib.Path(sys.argv[1]); print('ready', flush=True)\n"
        "for step in range(10**9):\n"
        "    numbers = {'step': step} | dict.fromkeys(map(str, range(2000)), step)\n"
        "    writing.write_atomic(folder / 'result.json', writing.to_json(numbers))\n"
        "    run_log.append_row(folder / 'metrics.jsonl', {'step': step})\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE)
    with child:
        child.stdout.readline()
        while not (tmp_path / "metrics.jsonl").exists() or not len(
            run_log.read_rows(tmp_path / "metrics.jsonl")
        ):
            pass
        child.kill()
    run_log.keep_rows(tmp_path / "metrics.jsonl", 10**9)
    rows = run_log.read_rows(tmp_path / "metrics.jsonl")
    result = json.loads((tmp_path / "result.json").read_text())
    assert [row["step"] for row in rows] == list(range(len(rows)))
    assert result["step"] in (len(rows) - 1, len(rows)) and len(set(result.values())) == 1
