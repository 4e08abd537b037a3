"""The main job as a program: what it writes, how it ends, and what it says to bad input."""

import gzip
import json
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from program import ROOT, RUN, command, environment, run, start
from tiny_images import write_idx

from experiments.stacked_mnist import ruler_accuracy
from ganstab.data import Images, RandomAccess, load_mnist

PICTURES = ("curves.png", "modes.png", "samples_000000020.png", "samples_000000040.png")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, cache):
    """A run from its first step to its last."""
    workdir = tmp_path_factory.mktemp("finished") / "run"
    done = run(workdir, cache)
    assert done.returncode == 0, done.stderr
    return workdir, done


def result_of(workdir) -> dict:
    return json.loads((workdir / "result.json").read_text())


def test_writes_all_it_has_to_show(finished):
    workdir, done = finished
    result = result_of(workdir)
    assert result["status"] == "finished" and result["step"] == RUN["num_steps"]
    assert 1 <= result["results"]["modes"]["mean"] <= 512
    assert result["results"]["modes"]["published"]["value"] == 65.4
    assert result["results"]["kl"]["ideal"] == pytest.approx(999 / (2 * 512))
    assert result["params_digest"].startswith("sha256:") and result["versions"]["jax"]
    assert json.loads((workdir / "config.json").read_text())["unroll_steps"] == 1
    for picture in PICTURES:
        assert (workdir / "figures" / picture).stat().st_size > 1000
    report = (workdir / "report.html").read_text()
    assert "Metz et al. 2017" in report and "Finished" in report
    assert "modes covered" in done.stdout and "compiling" in done.stderr


def test_a_finished_run_is_only_shown_again(finished, cache):
    workdir, _ = finished
    before = result_of(workdir)
    done = run(workdir, cache)
    assert done.returncode == 0 and "compiling" not in done.stderr
    assert result_of(workdir)["params_digest"] == before["params_digest"]


def test_other_settings_are_refused_by_name(finished, cache):
    done = run(finished[0], cache, seed=3, batch_size=32)
    assert done.returncode == 2
    assert "batch_size: was 16, now 32" in done.stderr and "seed: was 0, now 3" in done.stderr


def test_sigterm_saves_and_the_run_goes_on_bit_equal(tmp_path, finished, cache):
    workdir = tmp_path / "run"
    process = start(workdir, cache)
    rows = workdir / "metrics.jsonl"
    while not rows.exists() or len(rows.read_text().splitlines()) < 3:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    stopped = result_of(workdir)
    assert stopped["status"] == "interrupted" and 15 <= stopped["step"] < RUN["num_steps"]
    assert "Stopped at step" in (workdir / "report.html").read_text()
    assert run(workdir, cache).returncode == 0
    assert result_of(workdir)["params_digest"] == result_of(finished[0])["params_digest"]


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(tmp_path, finished, cache):
    workdir = tmp_path / "run"
    shutil.copytree(finished[0], workdir)
    newest = workdir / "checkpoints" / "step_000000040"
    largest = max((p for p in newest.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    done = run(workdir, cache)
    assert done.returncode == 0
    assert "step_000000040 is damaged" in done.stderr and "from step 30" in done.stderr
    assert result_of(workdir)["params_digest"] == result_of(finished[0])["params_digest"]


def test_divergence_names_step_player_and_term(tmp_path, cache):
    workdir = tmp_path / "run"
    done = run(workdir, cache, loss="wasserstein", disc_learning_rate=1e30, unroll_steps=0)
    assert done.returncode == 1
    result = result_of(workdir)
    assert result["status"] == "diverged" and result["step"] < RUN["log_every"]
    assert "wasserstein in the generator's loss" in result["reason"]
    assert f"step {result['step'] + 1}" in result["reason"]
    saved = workdir / "checkpoints" / f"step_{result['step']:09d}"
    assert saved.is_dir()


BAD = {
    "negative K": ({"unroll_steps": -1}, "unroll_steps"),
    "unsupported width": ({"disc_width": 0.3}, "(0.25, 0.5, 1.0)"),
    "no such loss": ({"loss": "cross"}, "non_saturating"),
    "unknown dataset": ({"dataset": "mnits"}, "mnist"),
    "batch larger than the data": ({"batch_size": 60_001}, "60000"),
    "no folder": ({"data_dir": "nowhere/at/all"}, "nowhere/at/all"),
    "process without coordinator": ({"process_id": 0}, "--coordinator"),
    "unknown flag": ({"unrol_steps": 5}, "unrol_steps"),
    "not a number": ({"num_steps": "many"}, "num_steps"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_line_and_leaves_nothing(tmp_path, cache, name):
    settings, named = BAD[name]
    check_refused(run(tmp_path / "run", cache, **settings), named)
    assert not (tmp_path / "run").exists()


def test_a_truncated_idx_file_is_named(tmp_path, cache):
    data = tmp_path / "data"
    data.mkdir()
    header = bytes.fromhex("00000803 00000064 0000001c 0000001c")
    with gzip.open(data / "train-images-idx3-ubyte.gz", "wb") as file:
        file.write(header + bytes(1000))
    (data / "train-labels-idx1-ubyte").write_bytes(bytes.fromhex("00000801 00000064") + bytes(100))
    check_refused(run(tmp_path / "run", cache, data_dir=data), "train-images-idx3-ubyte.gz")


def test_the_ruler_is_tried_on_the_users_own_digits():
    image, label = (array[:200] for array in load_mnist("test"))
    assert ruler_accuracy(Images(image, label)) > 0.97
    shifted = label + (label < 5)  # as if 0 to 4 were other characters
    expected = np.mean(label >= 5)
    assert ruler_accuracy(Images(image, shifted)) == pytest.approx(expected, abs=0.03)
    on_disk = RandomAccess([{"image": i, "label": n} for i, n in zip(image, shifted, strict=True)])
    assert ruler_accuracy(on_disk) == ruler_accuracy(Images(image, shifted))


def test_images_of_another_shape_are_refused(tmp_path, cache):
    data = tmp_path / "data"
    data.mkdir()
    write_idx(data, image=np.zeros((100, 32, 32)), label=np.zeros(100))
    check_refused(run(tmp_path / "run", cache, data_dir=data), "(28, 28, 1)")


def test_a_workdir_that_is_a_file_is_refused(tmp_path, cache):
    (tmp_path / "run").write_text("")
    check_refused(run(tmp_path / "run", cache), "is a file, not a folder")


def check_refused(done, named: str) -> None:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    *_, line = done.stderr.strip().splitlines()
    assert line.startswith("error: ") and named in line


def test_help_is_for_a_newcomer(tmp_path, cache):
    done = subprocess.run(
        [*command(tmp_path / "run", cache), "--help"],
        cwd=ROOT, capture_output=True, text=True, env=environment(),
    )  # fmt: skip
    assert done.returncode == 0
    for word in ("--unroll_steps", "--batch_size", "plain GAN", "modes"):
        assert word in done.stdout
    assert str(ROOT) not in done.stdout


def test_the_doctor_is_given_the_state_that_was_saved(finished):
    script = (
        "import pathlib, sys; from experiments.stacked_mnist import subject\n"
        "from ganstab import checkpoint\n"
        "found = subject(pathlib.Path(sys.argv[1]))\n"
        "print(int(found.state.step), checkpoint.digest(found.state.params))\n"
        "print(found.batches.real.shape, found.batch.real.shape, sorted(found.modes()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, finished[0]],
        cwd=ROOT, capture_output=True, text=True, env=environment(), timeout=600,
    )  # fmt: skip
    step, digest, *rest = done.stdout.split(maxsplit=2)
    assert (step, digest) == ("40", result_of(finished[0])["params_digest"]), done.stderr
    assert rest == ["(2, 16, 28, 28, 3) (16, 28, 28, 3) [20, 40]\n"]


@pytest.mark.slow
def test_the_doctor_examines_a_run(finished):
    done = subprocess.run(
        [sys.executable, "-m", "ganstab.doctor", finished[0], "--eigenvalues=2"],
        cwd=ROOT, capture_output=True, text=True, env=environment(), timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Motion" in done.stdout and "modes are covered by 512 samples" in done.stdout
    assert (finished[0] / "doctor" / "spectrum.png").stat().st_size > 1000
