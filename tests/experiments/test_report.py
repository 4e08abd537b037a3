"""The report and its words."""

import json
import math
import re

import numpy as np
import pytest
from experiments.runner import records, report, result_text, samples, workdir

from ganstab.reporting import run_log, writing

CONFIG = {"unroll_steps": 5, "optimizer": {"learning_rate": 1e-4, "betas": (0.5, 0.999)}}


PAPER = records.Published(236.4, 63.3, "Metz et al. 2017, Table 1")


@pytest.mark.parametrize(
    ("mean", "better", "words"),
    [
        (236.4, "higher", "equal to the published mean"),
        (911, "higher", "675 above the paper, on the better side; one seed only"),
        (46.4, "higher", "190 below the paper, on the worse side; one seed only"),
        (46.4, "lower", "190 below the paper, on the better side; one seed only"),
    ],
)
def test_reading_in_plain_words(mean, better, words):
    entry = records.measured([mean], "modes", published=PAPER, better=better)
    assert result_text.reading(entry).startswith(words)
    assert "not the end" in result_text.reading(entry, "interrupted")


@pytest.mark.parametrize(
    ("mean", "error", "words"),
    [
        (1234.5, None, "1,234"),
        (0.12345, None, "0.1235"),
        (8.0, 0.0, "8 ± 0"),
        (519.66, 200.4, "520 ± 200"),
        (1234.5, 23.4, "1,234 ± 23"),
        (826.66, 8.21, "826.7 ± 8.2"),
        (0.0050031, 0.00233, "0.0050 ± 0.0023"),
        (-66.8, 166.6, "−67 ± 167"),
        (-0.5, None, "−0.5"),
        (None, None, "not a number"),
    ],
)
def test_a_mean_is_shown_to_two_digits_of_its_error(mean, error, words):
    assert result_text.shown(mean, error) == words


def _result(status, step):
    return {
        "status": status,
        "step": step,
        "num_steps": 500,
        "reason": "NaN in the discriminator's loss <term 2>",
        "results": {"modes": records.measured([911], "modes <covered>", published=PAPER)},
        "evaluated_at_step": 100,
        "command": "python -m experiments.stacked_mnist --name='<b>'",
        "wall_time_s": 61.0,
        "params_digest": "ab" * 32,
        "versions": {"jax": "0.10.2"},
    }


@pytest.mark.parametrize(
    ("status", "step", "state"),
    [
        ("finished", 500, "Finished: 500 steps."),
        ("running", 100, "Running: at step 100 of 500 when this was written."),
        ("interrupted", 200, "Stopped at step 200 of 500; the same command goes on from there."),
        ("diverged", 300, "Diverged after step 300 of 500. NaN in the discriminator"),
    ],
)
def test_report_stands_alone(tmp_path, status, step, state):
    folder = workdir.open_workdir(tmp_path / "run", CONFIG)
    for sample_step in range(0, 1000, 100):
        samples.sample_grid(np.zeros((4, 8, 8, 3)), samples.sample_path(folder, sample_step))
    run_log.append_row(folder / "metrics.jsonl", {"step": 900, "modes": 911, "kl": 0.95})
    curves = [report.Picture(folder / "figures" / "missing.png", "never drawn")]
    result = _result(status, step)
    report.write_result(folder, result)
    path = report.write_report(
        folder,
        title="K < 5 & $x",
        description="a <p>\n\nb",
        result=result,
        config=CONFIG,
        curves=curves,
    )
    page = path.read_text(encoding="utf-8")
    assert state in page and "236 ± 63" in page and "1 min 1 s" in page
    assert "K &lt; 5 &amp; $x" in page and "&lt;covered&gt;" in page and "&lt;b&gt;" in page
    assert "step 900 · modes 911 · KL 0.95" in page and "never drawn" not in page
    assert "Measured at step 100." in page and page.count("data:image/png;base64,") == 6
    assert not re.search(r"""(src|href)=["'](?!data:)|https?:|<script|@import|url\(""", page)
    assert json.loads((folder / "result.json").read_text()) == writing.plain(result)


def test_summary_for_the_terminal():
    ended, modes = report.summary(_result("diverged", 300))
    assert ended == "Diverged after step 300 of 500. NaN in the discriminator's loss <term 2>."
    assert modes.startswith("modes <covered>: 911 (paper 236 ± 63); 675 above the paper, on")
    nan = _result("finished", 500) | {"results": {"kl": records.measured([math.nan], "KL")}}
    assert report.summary(nan)[1] == "KL: not a number"


def test_report_of_a_run_with_nothing_yet(tmp_path):
    result = {"status": "interrupted", "step": 0, "num_steps": 5}
    path = report.write_report(tmp_path, title="t", description="", result=result, config={})
    page = path.read_text(encoding="utf-8")
    assert "Nothing is measured yet" in page and "Curves" not in page and "Samples" not in page


def test_sample_pictures_are_spread_over_the_run(tmp_path):
    (tmp_path / "figures").mkdir()
    assert report.sample_pictures(tmp_path) == []
    for step in range(0, 1100, 100):
        samples.sample_path(tmp_path, step).touch()
    captions = [picture.caption for picture in report.sample_pictures(tmp_path)]
    assert captions == [f"step {step:,}" for step in range(0, 1001, 200)]


def test_the_samples_of_a_grid_can_be_read_again(tmp_path):
    images = np.random.default_rng(0).uniform(-1, 1, (11, 28, 28, 3)).astype(np.float32)
    samples.sample_grid(images, tmp_path / "grid.png")
    found = samples.read_grid(tmp_path / "grid.png")
    np.testing.assert_allclose(found[:11], images, atol=1 / 127)
