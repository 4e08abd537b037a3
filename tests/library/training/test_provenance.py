"""What numbers depend on beside settings."""

import os

import jax
from common import refusal
from tiny_run import Tiny, build

from ganstab.training import distributed, provenance


def test_data_are_known_by_their_content_wherever_they_lie(tmp_path):
    """A few files by all their bytes, many by name and size."""
    for name in ("a", "b"):
        (tmp_path / name / "train").mkdir(parents=True)
        (tmp_path / name / "train" / "images").write_bytes(b"0123")
    known = provenance.of_data(tmp_path / "a")
    assert provenance.of_data(tmp_path / "b") == known and len(known) == provenance.DIGITS
    (tmp_path / "b" / "train" / "images").write_bytes(b"0124")
    assert provenance.of_data(tmp_path / "b") != known
    (tmp_path / "b" / "train" / "images").write_bytes(b"0123")
    (tmp_path / "b" / "train" / "images").rename(tmp_path / "b" / "train" / "labels")
    assert provenance.of_data(tmp_path / "b") != known
    for i in range(provenance.MANY):
        (tmp_path / "a" / f"{i}").write_bytes(b"x")
    many = provenance.of_data(tmp_path / "a")
    (tmp_path / "a" / "3").write_bytes(b"y")
    assert provenance.of_data(tmp_path / "a") == many != known
    (tmp_path / "a" / "3").write_bytes(b"xy")
    assert provenance.of_data(tmp_path / "a") != many
    assert "is no folder" in refusal(lambda: provenance.of_data(tmp_path / "c"))


def test_runs_and_hidden_files_within_the_data_are_none_of_them(tmp_path):
    (tmp_path / "images").write_bytes(b"0123")
    known = provenance.of_data(tmp_path)
    for name in (".hidden", ".cache/file", "runs/x/config.json", "runs/x/figures/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert provenance.of_data(tmp_path) == known
    (tmp_path / os.fsdecode(b"c\xe4t")).touch()  # not UTF-8
    assert provenance.of_data(tmp_path) != known


def test_the_code_is_known_by_every_file(tmp_path):
    (tmp_path / "a.py").write_text("x = 1")
    (tmp_path / "b.py").write_text("y = 2")
    before, again = (provenance._digest(tmp_path, sorted(tmp_path.iterdir())) for _ in range(2))
    (tmp_path / "b.py").write_text("y = 3")
    assert before == again != provenance._digest(tmp_path, sorted(tmp_path.iterdir()))
    assert len(provenance.of_code().split("+")[0]) == provenance.DIGITS


def test_versions_name_what_the_numbers_depend_on(monkeypatch):
    versions = provenance.versions()
    assert list(versions) == [
        "python", "ganstab", "code", *provenance.PACKAGES,
        "system", "platform", "device", "cores", "matmul_precision", "xla_flags",
    ]  # fmt: skip
    assert versions["platform"] == "cpu" and all(isinstance(v, str) for v in versions.values())
    assert versions["jax"] == jax.__version__ and versions["code"] == provenance.of_code()
    with jax.default_matmul_precision("tensorfloat32"):
        assert provenance.versions()["matmul_precision"] == "tensorfloat32"
    for given, told in (("--xla_gpu_autotune_level=0",) * 2, ("", "none")):
        monkeypatch.setenv("XLA_FLAGS", given)
        assert provenance.versions()["xla_flags"] == told
    monkeypatch.setattr(provenance, "PACKAGES", ("no-such-package",))
    assert provenance.versions()["no-such-package"] == "not installed"


def test_commands_train_the_run_or_go_on_with_it(tmp_path, monkeypatch):
    config, folder = Tiny(seed=3, rate=0.5), tmp_path / "two words"
    of_user = "python -m ganstab.training {} --experiment=tiny_run:build"
    assert provenance.command_of(build, config, None) == of_user.format("runs/tiny_seed3")
    assert provenance.command_of(build, config, folder) == of_user.format(f"'{folder}'")
    monkeypatch.setattr(build, "__module__", "experiments.tiny.__main__")
    own = "python -m experiments.tiny --seed=3 --rate=0.5"
    assert provenance.command_of(build, config, None) == own
    assert provenance.command_of(build, config, folder) == f"{own} '--workdir={folder}'"


def test_programs_multiply_in_float32_unless_the_environment_says_otherwise(monkeypatch):
    name = "jax_default_matmul_precision"
    before = jax.config.values[name]
    try:
        monkeypatch.setenv("JAX_DEFAULT_MATMUL_PRECISION", "tensorfloat32")
        distributed.use_full_precision()
        assert jax.config.values[name] == before
        monkeypatch.delenv("JAX_DEFAULT_MATMUL_PRECISION")
        distributed.use_full_precision()
        assert jax.config.values[name] == "float32"
        assert distributed.in_words() == "8 × cpu"
        monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
        assert distributed.in_words() == (
            "8 × cpu, products in float32 (see JAX_DEFAULT_MATMUL_PRECISION)"
        )
    finally:
        jax.config.update(name, before)
