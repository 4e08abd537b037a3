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
from common import names
from experiments.runner.classifier_check import ruler_accuracy
from program import ROOT, RUN, arguments, command, environment, launched, run, start
from tiny_images import write_idx

from ganstab.data import Images, RandomAccess, load_mnist

PICTURES = ("curves.png", "modes.png", "samples_000000010.png", "samples_000000020.png")


def result_of(workdir) -> dict:
    return json.loads((workdir / "result.json").read_text())


def config_of(workdir) -> dict:
    return json.loads((workdir / "config.json").read_text())


def test_writes_all_it_has_to_show(finished):
    result = result_of(finished)
    assert result["status"] == "finished" and result["step"] == RUN["num_steps"]
    assert 1 <= result["results"]["modes"]["mean"] <= 512
    assert result["results"]["modes"]["published"]["value"] == 65.4
    assert result["results"]["kl"]["ideal"] == pytest.approx(999 / (2 * 512))
    assert result["params_digest"].startswith("sha256:") and result["versions"]["jax"]
    assert config_of(finished)["unroll_steps"] == 1
    for picture in PICTURES:
        assert (finished / "figures" / picture).stat().st_size > 1000
    report = (finished / "report.html").read_text()
    assert "Metz et al. 2017" in report and "Finished" in report
    said = finished.with_suffix(".log").read_text()
    assert "modes covered" in said and "compiling" in said


def test_a_finished_run_is_only_shown_again_if_fewer_steps_are_asked_for_too(
    tmp_path, finished, cache
):
    workdir = shutil.copytree(finished, tmp_path / "run")
    older = {name: value for name, value in config_of(workdir).items() if name != "live"}
    (workdir / "config.json").write_text(json.dumps(older))  # of a program without this flag
    before = result_of(workdir)
    done = run(workdir, cache, num_steps=10)
    assert done.returncode == 0 and "compiling" not in done.stderr
    assert result_of(workdir)["params_digest"] == before["params_digest"]
    assert result_of(workdir)["step"] == result_of(workdir)["num_steps"] == RUN["num_steps"]
    assert config_of(workdir)["num_steps"] == RUN["num_steps"]


def test_other_settings_are_refused_by_name(finished, cache):
    done = run(finished, cache, seed=3, batch_size=32)
    assert done.returncode == 2
    assert "batch_size: was 16, now 32" in done.stderr and "seed: was 0, now 3" in done.stderr


def test_sigterm_saves_and_a_longer_run_goes_on_bit_equal(tmp_path, finished, cache):
    workdir = tmp_path / "run"
    process = start(workdir, cache, num_steps=RUN["num_steps"] - 1)
    rows = workdir / "metrics.jsonl"
    while not rows.exists() or len(rows.read_text().splitlines()) < 3:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    stopped = result_of(workdir)
    assert stopped["status"] == "interrupted" and 6 <= stopped["step"] < RUN["num_steps"]
    assert "Stopped at step" in (workdir / "report.html").read_text()
    assert run(workdir, cache).returncode == 0
    assert result_of(workdir)["params_digest"] == result_of(finished)["params_digest"]
    assert config_of(workdir) == config_of(finished)


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(tmp_path, finished, cache):
    workdir = shutil.copytree(finished, tmp_path / "run")
    newest = workdir / "checkpoints" / "step_000000020"
    largest = max((p for p in newest.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    done = run(workdir, cache)
    assert done.returncode == 0
    assert "step_000000020 is damaged" in done.stderr and "from step 16" in done.stderr
    assert result_of(workdir)["params_digest"] == result_of(finished)["params_digest"]


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


DATA = {"truncated": "train-images-idx3-ubyte.gz", "other shape": "(28, 28, 1)"}


@pytest.fixture(scope="module")
def refused(tmp_path_factory, cache):
    """By its name, the exit status of all bad input and what was said; no run leaves a folder."""
    folder = tmp_path_factory.mktemp("refused")
    write_bad_data(folder)
    (folder / "a file").write_text("")
    settings = {name: flags for name, (flags, _) in BAD.items()}
    settings |= {name: {"data_dir": folder / name} for name in DATA}
    settings |= {"a file": {"workdir": folder / "a file"}}
    own = {"workdir": folder / "run", "cache": cache}
    lines = [arguments(**own | flags) for flags in settings.values()]
    said = dict(zip(settings, launched(lines), strict=True))
    assert names(folder) == sorted([*DATA, "a file"])
    return said


def write_bad_data(folder) -> None:
    for name in DATA:
        (folder / name).mkdir()
    header = bytes.fromhex("00000803 00000064 0000001c 0000001c")
    with gzip.open(folder / "truncated" / "train-images-idx3-ubyte.gz", "wb") as file:
        file.write(header + bytes(1000))
    labels = folder / "truncated" / "train-labels-idx1-ubyte"
    labels.write_bytes(bytes.fromhex("00000801 00000064") + bytes(100))
    write_idx(folder / "other shape", image=np.zeros((100, 32, 32)), label=np.zeros(100))


WORDS = {name: words for name, (_, words) in BAD.items()} | DATA
WORDS["a file"] = "is a file, not a folder"


@pytest.mark.parametrize("name", WORDS)
def test_bad_input_gets_one_line_and_leaves_nothing(refused, name):
    status, said = refused[name]
    assert status == 2 and "Traceback" not in said
    *_, line = said.strip().splitlines()
    assert line.startswith("error: ") and WORDS[name] in line


def test_the_ruler_is_tried_on_the_users_own_digits():
    image, label = (array[:200] for array in load_mnist("test"))
    assert ruler_accuracy(Images(image, label)) > 0.97
    shifted = label + (label < 5)  # as if 0 to 4 were other characters
    expected = np.mean(label >= 5)
    assert ruler_accuracy(Images(image, shifted)) == pytest.approx(expected, abs=0.03)
    on_disk = RandomAccess([{"image": i, "label": n} for i, n in zip(image, shifted, strict=True)])
    assert ruler_accuracy(on_disk) == ruler_accuracy(Images(image, shifted))


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
        [sys.executable, "-c", script, finished],
        cwd=ROOT, capture_output=True, text=True, env=environment(), timeout=600,
    )  # fmt: skip
    step, digest, *rest = done.stdout.split(maxsplit=2)
    assert (step, digest) == ("20", result_of(finished)["params_digest"]), done.stderr
    assert rest == ["(2, 16, 28, 28, 3) (16, 28, 28, 3) [10, 20]\n"]


@pytest.mark.slow
def test_a_small_table_from_end_to_end(tmp_path, cache):
    """Two cells of Table 1, made longer by a second command, which runs both again."""
    table = tmp_path / "table"
    flags = [f"--workdir={table}", f"--compilation_cache={cache}", "--table=table_1", "--smoke"]
    program = [sys.executable, "-m", "experiments.stacked_mnist", *flags, "--jobs=2"]
    options = {"cwd": ROOT, "capture_output": True, "text": True, "env": environment()}
    for steps in (10, 20):
        done = subprocess.run([*program, f"--num_steps={steps}"], timeout=600, **options)
        assert done.returncode == 0, done.stderr
        result = result_of(table)
        assert result["done"] == 2 and result["evaluated_at_steps"] == [steps]
    kl = result["cells"]["width0.25_K1"]["measures"]["kl"]
    assert kl["published"]["value"] == 5.911 and kl["seeds"] == [0]
    assert kl["verdict"]["words"] == "too few seeds to say"
    page = (table / "report.html").read_text()
    assert 'href="cells/width0.25_K1/seed0/report.html"' in page
    assert page.count("data:image/png;base64,") == 4  # two measures, two cells' samples


@pytest.mark.slow
def test_the_doctor_examines_a_run(tmp_path, finished):
    workdir = shutil.copytree(finished, tmp_path / "run")
    done = subprocess.run(
        [sys.executable, "-m", "ganstab.doctor", workdir, "--eigenvalues=2"],
        cwd=ROOT, capture_output=True, text=True, env=environment(), timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Motion" in done.stdout and "modes are covered by 512 samples" in done.stdout
    assert (workdir / "doctor" / "spectrum.png").stat().st_size > 1000
