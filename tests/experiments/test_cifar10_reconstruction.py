"""Training images sought in generators: who wins, the last measurement's pieces, the program."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from common import names, refusal
from experiments.reconstruction import comparison, inference, tables
from experiments.runner import Conclusion, Findings, conclusion, progress, samples
from PIL import Image
from program import ROOT, environment

from experiments import compare

RUN = {
    "width": 1 / 64, "unroll_steps": 0, "num_steps": 2, "eval_every": 2, "log_every": 2,
    "batch_size": 8, "samples": 64, "inference_images": 7, "inference_batch": 2, "starts": 2,
    "iterations": 3,
}  # fmt: skip
# One run, sent SIGTERM after two pieces of its last measurement; then the same run, and a copy
# without these pieces. The programs are compiled once for the three.
SCRIPT = """
import os, pathlib, shutil, signal, sys
from absl import flags
from experiments import cifar10_reconstruction as program
from experiments.runner import conclusion, run, start

flags.FLAGS(sys.argv)
session = start(program.__name__, "")
experiment = program.build(session)
keep, made = conclusion._keep, []

def kept(file, arrays):
    keep(file, arrays)
    made.append(file)
    if len(made) == 2:
        os.kill(os.getpid(), signal.SIGTERM)

conclusion._keep = kept
print("status", run(experiment, session))
whole = session._replace(folder=session.folder.with_name("whole"))
shutil.copytree(session.folder, whole.folder)
shutil.rmtree(whole.folder / "conclusion")
session.stop.received.clear()
for going_on in (session, whole):
    print("status", run(experiment, going_on))
"""


def test_who_reconstructs_most_images_best():
    errors = np.array([[3, 1, 2, 4, np.nan], [2, 2, 2, 5, np.nan], [4, 3, 9, np.nan, np.nan]])
    np.testing.assert_allclose(comparison.win_shares(errors), [2.5 / 5, 1.5 / 5, 0])
    assert comparison.win_shares(errors[:, :4]).sum() == pytest.approx(1)


def test_the_largest_differences_are_relative():
    first, last = np.array([1.0, 10, 0, 3, np.nan, 0]), np.array([3.0, 12, 0, 2, 1, 0.1])
    # Halves of their sums: 2, 11, 0, 2.5, none, 0.05; their differences: 2, 2, 0, 1, none, 0.1.
    assert comparison.largest_differences(first, last, 3).tolist() == [5, 0, 3]
    assert comparison.largest_differences(first, last, 9).tolist() == [5, 0, 3, 1, 2, 4]


def test_the_images_are_the_same_for_every_run_and_fewer_are_some_of_the_more():
    order = inference.order(1000)
    assert sorted(order) == list(range(1000)) and order[:9].tolist() != sorted(order[:9])
    np.testing.assert_array_equal(order, inference.order(1000))


def written(folder, unroll_steps, seed, error, *, status="finished", images=0):
    """A run's folder with what compare reads of it; `images` chooses other training images."""
    (folder / "figures").mkdir(parents=True)
    samples.sample_path(folder, 2).touch()
    config = {"unroll_steps": unroll_steps, "seed": seed, "num_steps": 2}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "result.json").write_text(json.dumps({"status": status}))
    draw = np.random.default_rng(images)
    image = draw.integers(0, 256, (len(error), 32, 32, 3)).astype(np.uint8)
    kept = {"image": image, "reconstruction": 255 - image, "error": np.asarray(error, float)}
    distance = draw.normal(20, 3, (2, 100))
    kept |= {"sample_distance": distance[0] - 5, "data_distance": distance[1]}
    conclusion._keep(conclusion._file(folder, 2, "images"), kept)
    return folder


def found(*folders):
    return [compare.find(folder) for folder in folders]


def test_runs_of_several_k_and_seeds_are_compared(tmp_path, capsys):
    runs = found(
        written(tmp_path / "a", 10, 0, [1, 1, 1, 4]),
        written(tmp_path / "b", 0, 0, [2, 2, 2, 3]),
        written(tmp_path / "c", 0, 1, [2, 2, 2, 2]),
        written(tmp_path / "d", 10, 1, [1, 1, 5, 5]),
        written(tmp_path / "e", 10, 2, [0, 0, 0, 0]),  # a seed that K = 0 has not
    )
    names = compare.labels([{"unroll_steps": run.config["unroll_steps"]} for run in runs])
    compare.draw_reconstructions(runs, names, tmp_path / "all.png")
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("K = 0: mean squared error") and "best, %: 38 ± 12" in said[0]
    written_down = json.loads((tmp_path / "all.json").read_text())
    assert written_down["seeds"] == [0, 1] and list(written_down["results"]) == ["K = 0", "K = 10"]
    entries = written_down["results"]["K = 10"]
    assert entries["mse"]["values"] == [1.75, 3] and entries["win_share"]["values"] == [75, 50]
    assert entries["win_share"]["published"]["value"] == 61.09
    assert entries["mse"]["published"]["standard_error"] == 0.0018
    compare.draw_reconstructions(
        [run._replace(config={**run.config, "dataset": "svhn"}) for run in runs],
        names,
        tmp_path / "other.png",
    )
    others = json.loads((tmp_path / "other.json").read_text())["results"]["K = 10"]
    assert others["mse"]["mean"] == entries["mse"]["mean"] and not others["mse"]["published"]
    for picture, size in (("all.png", (702, 466)), ("all_distances.png", (840, 400))):
        with Image.open(tmp_path / picture) as opened:
            assert opened.size == size


def test_a_table_tells_who_wins_once_all_are_there(tmp_path):
    table = tables.TABLES["table_3"]
    errors = {0: [3, 3, 3, 3], 1: [1, 2, 2, 2], 5: [2, 1, 2, 1], 10: [4, 4, 1, 4]}
    runs = []
    for cell in table.cells:
        k = cell.settings["unroll_steps"]
        folder = written(tmp_path / cell.name, k, 0, errors[k])
        np.save(folder / "errors.npy", np.array(errors[k], float))
        runs.append((cell, {0: folder, 3: folder} if k else {0: folder}))
    across = comparison.across(runs)
    assert [list(seeds) for seeds in across.values()] == [[0]] * 4
    shares = [across[cell.name][0]["win_share"] for cell in table.cells]
    bare = tmp_path / "merged"  # a run that came without the files of its last measurement
    bare.mkdir()
    incomplete = [(runs[0][0], {0: bare}), *runs[1:]]
    assert comparison.across(incomplete) == {cell.name: {} for cell, _ in runs[1:]}
    assert comparison.of_table([(cell, {0: bare}) for cell, _ in runs], tmp_path) == []
    assert [share["values"] for share in shares] == [[0], [25], [50], [25]]
    assert shares[3]["published"]["value"] == 61.09
    assert comparison.across(runs[:3]) == {"K0": {}, "K1": {}, "K5": {}}
    (tmp_path / "drawn").mkdir()
    drawn = comparison.of_table(runs[::3], tmp_path / "drawn")
    assert [picture.path.name for picture in drawn] == names(tmp_path / "drawn")[1:]
    assert comparison.of_table(runs[:1], tmp_path) == comparison.of_table([], tmp_path) == []


def test_what_cannot_be_compared_is_refused(tmp_path):
    runs = found(
        written(tmp_path / "a", 0, 0, [1, 2]),
        written(tmp_path / "b", 5, 1, [1, 2]),
        written(tmp_path / "c", 5, 0, [1, 2], images=1),
        written(tmp_path / "d", 5, 0, [1, 2], status="interrupted"),
    )

    def message(*chosen):
        labels = [f"K = {run.config['unroll_steps']}" for run in chosen]
        out = tmp_path / "out.png"
        return refusal(lambda: compare.draw_reconstructions(chosen, labels, out))

    assert "K = 0 (seed 0), K = 5 (seed 1)" in message(runs[0], runs[1])
    assert "different images" in message(runs[0], runs[2])
    assert str(tmp_path / "d") in message(runs[0], runs[3])
    assert not (tmp_path / "out.png").exists()


def test_pieces_are_made_once_and_a_damaged_one_again(tmp_path):
    state, calls, stop = SimpleNamespace(step=3), [], []
    lines = io.StringIO()

    def piece(name, value):
        def make(given):
            calls.append(name)
            if name == "b":
                stop.append(signal.SIGTERM)
            return {"value": np.array([value, given.step]), name: np.ones(1)}

        return make

    pieces = {name: piece(name, value) for name, value in (("b", 2), ("a", 1), ("c", 9))}
    last = Conclusion(pieces, lambda arrays, folder: Findings({}))

    def make():
        wanted = conclusion.missing(last, tmp_path, 3)
        shown = progress.Progress(3, stream=lines)
        return conclusion.make(last, wanted, state, tmp_path, shown, stop)

    assert make() == 2 and calls == ["b"]
    stop.clear()
    assert make() == 0 and calls == ["b", "a", "c"] and make() == 0 and len(calls) == 3
    arrays = conclusion.read(tmp_path, 3)
    np.testing.assert_array_equal(arrays["value"], [1, 3, 2, 3, 9, 3])  # in the names' order
    assert len(arrays["seconds"]) == 3 and arrays.keys() >= {"a", "b", "c"}
    assert conclusion.read(tmp_path, 3, ["c"])["value"].tolist() == [9, 3]
    file = tmp_path / "conclusion" / "step_000000003" / "a.npz"
    content = bytearray(file.read_bytes())
    content[len(content) // 4] ^= 1
    file.write_bytes(content)
    assert conclusion.missing(last, tmp_path, 3) == ["a"]
    assert conclusion.missing(last, tmp_path, 4) == ["b", "a", "c"]  # of another state
    assert make() == 0 and conclusion.read(tmp_path, 3)["value"].tolist() == [1, 3, 2, 3, 9, 3]


def test_the_table_has_the_papers_values():
    for name in ("table_3", "table_3_small"):
        cells = tables.TABLES[name].cells
        assert [cell.name for cell in cells] == ["K0", "K1", "K5", "K10"]
        shares = [cell.published["win_share"].value for cell in cells]
        assert sum(shares) == pytest.approx(100) and shares[1] == 22.97
        assert cells[3].published["mse"][:2] == (0.0181, 0.0018)


def test_the_papers_values_are_of_its_data(monkeypatch):
    monkeypatch.setattr(tables, "has_papers_data", lambda: False)
    assert tables.published(10) == {}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder of 12 small images in two classes."""
    folder = tmp_path_factory.mktemp("data")
    pixels = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3)).astype(np.uint8)
    for number, image in enumerate(pixels):
        path = folder / ("cat", "dog")[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(path)
    return folder


def test_a_run_stopped_while_it_seeks_ends_with_the_same_numbers(tmp_path, cache, data):
    stopped, whole = tmp_path / "run", tmp_path / "whole"
    flags = {**RUN, "workdir": stopped, "compilation_cache": cache, "data_dir": data}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *(f"--{name}={value}" for name, value in flags.items())],
        cwd=ROOT, capture_output=True, text=True, env=environment(), timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = re.findall("status (\\d+)|(Stopped at step 2 of 2.*to be made)", done.stdout)
    assert [first or "stopped" for first, _ in said] == ["stopped", "143", "0", "0"]
    assert "3 of 5 pieces" in said[0][1]
    results = [json.loads((run / "result.json").read_text()) for run in (stopped, whole)]
    assert results[0]["results"] == results[1]["results"]
    both = [conclusion.read(run, 2) for run in (stopped, whole)]
    assert both[0].keys() == both[1].keys()
    for name in both[0].keys() - {"seconds"}:
        np.testing.assert_array_equal(both[0][name], both[1][name])
    check_the_files(stopped, results[0], both[0], data)


def check_the_files(run, result, kept, data):
    """What a run says is what its own arrays say."""
    assert result["status"] == "finished" and result["step"] == 2
    entries = result["results"]
    error = np.load(run / "errors.npy")
    assert entries["mse"]["mean"] == pytest.approx(error.mean()) and error.shape == (7,)
    assert entries["mse"]["published"]["value"] == 0.0231
    image, made = (kept[name].astype(float) / 255 for name in ("image", "reconstruction"))
    np.testing.assert_allclose(((image - made) ** 2).mean(axis=(1, 2, 3)), error, rtol=0.01)
    flat = np.sort([np.asarray(Image.open(path)).sum() for path in data.rglob("*.png")])
    assert set(kept["image"].sum(axis=(1, 2, 3), dtype=int)) <= set(flat)
    assert len(np.unique(kept["image"], axis=0)) == 7 and kept["latent"].shape == (7, 256)
    assert entries["distance"]["ideal"] == pytest.approx(np.median(kept["data_distance"]))
    assert entries["distance"]["mean"] == pytest.approx(np.median(kept["sample_distance"]))
    assert 20 < entries["distance"]["ideal"] < 25  # of noise: √(3072 · 2/12) = 22.6
    assert names(run / "figures") == [
        "curves.png", "distances.png", "reconstructions.png", "samples_000000002.png",
    ]  # fmt: skip
    report = (run / "report.html").read_text()
    assert (
        "After the last step" in report
        and "from the best found to the worst" in report
        and "L-BFGS" in report
    )
    assert "python -m experiments.compare" not in report
    assert os.stat(run / "figures" / "reconstructions.png").st_size > 1000
