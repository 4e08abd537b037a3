"""Thousands of bad inputs, and kills at random moments, each kind in a process of its own."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
KINDS = (
    "flags", "commands", "tables", "configs", "runs", "checkpoints", "looks", "data", "classifier",
    "places", "doctor", "code", "figures", "fuzz", "train", "sample", "metrics", "convert",
)  # fmt: skip


def started(module, *words):
    """What the tool says, of which a failure has the end."""
    environment = {k: v for k, v in os.environ.items() if k not in ("XLA_FLAGS", "JAX_PLATFORMS")}
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=ROOT, env=environment, capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_input_is_one_line_and_changes_nothing(kind):
    said = started("tests.attack", kind)
    print(said)
    assert " cases: " in said and "ok" in said


@pytest.mark.slow
def test_kills_at_random_moments_change_no_bit(tmp_path):
    said = started("tests.attack.kills", "--count=10", f"--out={tmp_path / 'kills.jsonl'}")
    assert "10 kills, 0 of them ended otherwise" in said
