"""Rows, measured numbers, versions, and TensorBoard events."""

import errno
import math
import os
import sys

import jax
import jax.numpy as jnp
import pytest
from common import failing
from experiments.runner import devices, events, fingerprint, records

from ganstab.errors import InputError
from ganstab.reporting import run_log

PAPER = records.Published(236.4, 63.3, "Metz et al. 2017, Table 1")


def test_rows_come_back_and_a_torn_last_line_is_left_out(tmp_path):
    log = tmp_path / "metrics.jsonl"
    assert run_log.read_rows(log) == []
    run_log.append_row(log, {"step": 1, "loss_gen": jnp.float32(0.5)})
    run_log.append_row(log, {"step": 2, "loss_gen": math.inf})
    rows = [{"step": 1, "loss_gen": 0.5}, {"step": 2, "loss_gen": None}]
    assert run_log.read_rows(log) == rows
    whole = log.read_bytes()
    for torn in (b'{"step": 3, "lo', b"{", b"\x00\x00\n"):
        log.write_bytes(whole + torn)
        assert run_log.read_rows(log) == rows
    log.write_bytes(b"{\n" + whole)
    with pytest.raises(InputError, match=r"line 1 of .* is damaged"):
        run_log.read_rows(log)


def test_kept_rows_are_those_up_to_the_step(tmp_path):
    log = tmp_path / "metrics.jsonl"
    assert run_log.keep_rows(log, -1) == [] and not log.exists()
    for step in range(4):
        run_log.append_row(log, {"step": step, "kl": 0.1 * step})
    with open(log, "ab") as file:
        file.write(b'{"step"')
    assert [row["step"] for row in run_log.keep_rows(log, 2)] == [0, 1, 2]
    run_log.append_row(log, {"step": 3, "kl": 0.1 * 3})
    assert run_log.read_rows(log) == [{"step": step, "kl": 0.1 * step} for step in range(4)]


def test_full_disk_leaves_the_log_as_it_was(tmp_path, monkeypatch):
    log = tmp_path / "metrics.jsonl"
    run_log.append_row(log, {"step": 1})
    before = log.read_bytes()

    def short_write(file, data):
        file.write(data[:3])
        failing(errno.ENOSPC)()

    monkeypatch.setattr(run_log, "_write_whole", short_write)
    with pytest.raises(InputError, match="No space left on device; free some space"):
        run_log.append_row(log, {"step": 2})
    assert log.read_bytes() == before


def test_measured_numbers():
    entry = records.measured([1, 2, 3, 6], "modes", published=PAPER, ideal=1000)
    assert entry["mean"] == 3 and entry["n"] == 4
    assert entry["standard_error"] == pytest.approx(math.sqrt((4 + 1 + 0 + 9) / 3 / 4))
    assert entry["published"] == {
        "value": 236.4, "standard_error": 63.3, "source": PAPER.source, "runs": None,
    }  # fmt: skip
    assert records.measured([5], "modes")["standard_error"] is None


def test_versions_name_what_the_numbers_depend_on(monkeypatch):
    versions = records.versions()
    named = {"python", "jax", "jaxlib", "flax", "optax", "ganstab", "code", "device"}
    assert named <= versions.keys()
    with jax.default_matmul_precision("tensorfloat32"):
        assert records.versions()["matmul_precision"] == "tensorfloat32"
    monkeypatch.setenv("XLA_FLAGS", "--xla_gpu_autotune_level=0")
    assert records.versions()["xla_flags"] == "--xla_gpu_autotune_level=0"
    monkeypatch.delenv("XLA_FLAGS")
    assert records.versions()["xla_flags"] == "none"
    assert versions["platform"] == "cpu" and all(isinstance(v, str) for v in versions.values())


def test_programs_multiply_in_float32_unless_the_environment_says_otherwise(monkeypatch):
    name = "jax_default_matmul_precision"
    before = jax.config.values[name]
    try:
        monkeypatch.setenv("JAX_DEFAULT_MATMUL_PRECISION", "tensorfloat32")
        devices.use_full_precision()
        assert jax.config.values[name] == before
        monkeypatch.delenv("JAX_DEFAULT_MATMUL_PRECISION")
        devices.use_full_precision()
        assert jax.config.values[name] == "float32"
        assert devices.in_words() == "8 × cpu"
        monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
        assert devices.in_words().startswith("8 × cpu, products in float32 (")
    finally:
        jax.config.update(name, before)


def test_tensorboard_writes_events_and_names_the_extra(tmp_path, monkeypatch):
    write = events.tensorboard_writer(tmp_path / "events")
    write({"step": 3, "loss_gen": 0.25, "kl": None})
    (path,) = (tmp_path / "events").iterdir()
    assert b"loss_gen" in path.read_bytes() and b"kl" not in path.read_bytes()
    monkeypatch.setitem(sys.modules, "tensorboardX.event_file_writer", None)
    with pytest.raises(InputError, match=r"ganstab\[tensorboard\]"):
        events.tensorboard_writer(tmp_path / "events")


class _Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_data_are_known_by_their_content_wherever_they_lie(tmp_path):
    """A few files by all their bytes, many by name and size."""
    for name in ("a", "b"):
        (tmp_path / name / "train").mkdir(parents=True)
        (tmp_path / name / "train" / "images").write_bytes(b"0123")
    known = fingerprint.of_data(tmp_path / "a")
    assert fingerprint.of_data(tmp_path / "b") == known and len(known) == fingerprint.DIGITS
    (tmp_path / "b" / "train" / "images").write_bytes(b"0124")
    assert fingerprint.of_data(tmp_path / "b") != known
    for i in range(fingerprint.MANY):
        (tmp_path / "a" / f"{i}").write_bytes(b"x")
    many = fingerprint.of_data(tmp_path / "a")
    assert many != known
    (tmp_path / "a" / "3").write_bytes(b"xy")
    assert fingerprint.of_data(tmp_path / "a") != many


def test_runs_and_hidden_files_within_the_data_are_none_of_them(tmp_path):
    (tmp_path / "images").write_bytes(b"0123")
    known = fingerprint.of_data(tmp_path)
    for name in (".hidden", ".cache/file", "runs/x/config.json", "runs/x/figures/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert fingerprint.of_data(tmp_path) == known
    (tmp_path / os.fsdecode(b"c\xe4t")).touch()  # not UTF-8
    assert fingerprint.of_data(tmp_path) != known


def test_the_code_is_known_by_every_file(tmp_path):
    for name, text in (("a.py", "x = 1"), ("b.py", "y = 2")):
        (tmp_path / name).write_text(text)

    def known():
        return fingerprint._digest(tmp_path, sorted(tmp_path.iterdir()))

    before = known()
    assert fingerprint.of_code() != "" and known() == before
    (tmp_path / "b.py").write_text("y = 3")
    assert known() != before
