"""Which runs can be shown in one picture, and by which."""

import json

import matplotlib.image
import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver
from common import refusal
from experiments.runner import samples

from experiments import compare
from ganstab.data import Images


@pytest.fixture(scope="module", autouse=True)
def _flags():
    compare.define_flags()
    flags.FLAGS(["compare"])


def written(folder, program, k=0, steps=(5,), images=(9, 28, 28, 1), kept=None, **config):
    """A run's folder, as far as it is looked at; it keeps its images unless `kept` is something."""
    (folder / "figures").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"unroll_steps": k, **config}))
    command = f"python -m experiments.{program} --unroll_steps={k}"
    (folder / "result.json").write_text(json.dumps({"status": "finished", "command": command}))
    for step in steps:
        samples.keep(np.zeros(images, np.float32) if kept is None else kept, folder, step)
        samples.sample_grid(np.zeros(images), samples.sample_path(folder, step))
    return folder


def compared(out, *runs):
    with flagsaver.flagsaver(run=[str(run) for run in runs], out=str(out)):
        return compare.main()


def test_recurrent_runs_are_shown_by_their_samples_over_training(tmp_path):
    runs = [written(tmp_path / f"{k}", "rnn_mnist", k, (0, 5)) for k in (20, 0)]
    assert compared(tmp_path / "out.png", *runs) == 0
    height, width, _ = matplotlib.image.imread(tmp_path / "out.png").shape
    assert (width, height) == (round(2 * 1.28 * 200), round(2 * 1.36 * 200))


def test_a_run_that_was_started_as_a_file_has_a_program_too(tmp_path):
    run = written(tmp_path / "a", "rnn_mnist")
    command = {"command": "python experiments/rnn_mnist.py --unroll_steps=0", "status": "finished"}
    (run / "result.json").write_text(json.dumps(command))
    assert compare.program(compare.find(run)) == "rnn_mnist"


@pytest.mark.parametrize(
    "columns, config",
    [
        (4, {"dataset": "mnist"}),
        (3, {"dataset": "mnist", "data_files": "1f"}),
        (3, {"dataset": "x"}),
    ],
)
def test_colored_runs_are_shown_by_their_colours(tmp_path, monkeypatch, columns, config):
    """Beside the data's, where the package has them; and by the samples of the last common step."""
    digits = Images(np.full((20, 28, 28, 1), 255, np.uint8), np.arange(20) % 10)
    monkeypatch.setattr(compare, "load_mnist", lambda split: digits)
    found = np.random.default_rng(0).normal(0, 0.3, (50, 3)).astype(np.float32)
    runs = [
        written(tmp_path / f"{k}", "colored_mnist", k, steps, (25, 28, 28, 3), found, **config)
        for k, steps in ((10, (0, 5, 9)), (0, (0, 5)))
    ]
    samples.sample_grid(np.ones((25, 28, 28, 3)), samples.sample_path(runs[0], 9))
    assert compared(tmp_path / "out.png", *runs) == 0
    picture = matplotlib.image.imread(tmp_path / "out.png")
    height, width, _ = picture.shape
    assert (width, height) == (round(columns * 1.28 * 200), round(2 * 1.36 * 200))
    above, below = picture[: height // 2, -60, 0], picture[height // 2 :, -60, 0]
    assert np.median(above) == np.median(below) == pytest.approx(0.5, abs=0.05)  # grey, not white


def test_runs_that_nothing_can_show_together_are_refused(tmp_path):
    recurrent = written(tmp_path / "a", "rnn_mnist")
    colored = written(tmp_path / "b", "colored_mnist")
    unknown = written(tmp_path / "c", "rnn_mnist")
    (unknown / "result.json").unlink()
    out = tmp_path / "out.png"
    assert "--run=FOLDER" in refusal(lambda: compared(out))
    assert "colored_mnist, rnn_mnist" in refusal(lambda: compared(out, recurrent, colored))
    study = written(tmp_path / "e", "games")
    assert "of games" in refusal(lambda: compared(out, study, study))
    assert "no known program" in refusal(lambda: compared(out, unknown, recurrent))
    later = written(tmp_path / "d", "rnn_mnist", steps=(7,))
    assert "no step in common" in refusal(lambda: compared(out, recurrent, later))
    sought = written(tmp_path / "f", "cifar10_reconstruction", seed=0)
    assert "without conclusion/" in refusal(lambda: compared(out, sought, sought))
    assert "--out=" in refusal(lambda: compared(tmp_path / "out.json", recurrent, recurrent))
    assert not out.exists()
