"""Training images sought in generators: who wins, the search's chunks, a run, comparisons."""

import io
import json
import os
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import names, refusal
from PIL import Image
from short_runs import FEW, empty_state, one_device, trained

from experiments import cifar10_reconstruction as program
from experiments.cifar10_reconstruction import Cifar10Reconstruction, comparison, search, tables
from ganstab import Player
from ganstab.training import distributed, samples, train
from ganstab.training.compare import compare
from ganstab.training.run_folder import write_config


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
    order = search.order(1000)
    assert sorted(order) == list(range(1000)) and order[:9].tolist() != sorted(order[:9])
    np.testing.assert_array_equal(order, search.order(1000))


def written(folder, unroll_steps, seed, error, *, status="finished", images=0, dataset="cifar10"):
    """A run's folder with what compare reads of it; `images` chooses other training images."""
    folder.mkdir()
    config = Cifar10Reconstruction(unroll_steps=unroll_steps, seed=seed, dataset=dataset)
    write_config(folder, config)
    (folder / "result.json").write_text(
        json.dumps({"status": status, "step": 2, "num_steps": 2, "results": {}})
    )
    draw = np.random.default_rng(images)
    image = draw.integers(0, 256, (len(error), 32, 32, 3)).astype(np.uint8)
    kept = {"image": image, "reconstruction": 255 - image, "error": np.asarray(error, float)}
    distance = draw.normal(20, 3, (2, 100))
    kept |= {"sample_distance": distance[0] - 5, "data_distance": distance[1]}
    search._write(search.chunks_of(folder, 2) / "images.npz", kept)
    return folder


def test_runs_of_several_k_and_seeds_are_compared(tmp_path):
    runs = {
        "a": (10, 0, [1, 1, 1, 4]),
        "b": (0, 0, [2, 2, 2, 3]),
        "c": (0, 1, [2, 2, 2, 2]),
        "d": (10, 1, [1, 1, 5, 5]),
        "e": (10, 2, [0, 0, 0, 0]),  # a seed that K = 0 has not
    }
    said = compare([written(tmp_path / n, *run) for n, run in runs.items()], tmp_path / "all.png")
    assert said[0].startswith("K = 0: mean squared error") and "best, %: 38 ± 12" in said[0]
    found = json.loads((tmp_path / "all.json").read_text())
    assert found["seeds"] == [0, 1] and list(found["results"]) == ["K = 0", "K = 10"]
    entries = found["results"]["K = 10"]
    assert entries["mse"]["values"] == [1.75, 3] and entries["win_share"]["values"] == [75, 50]
    assert entries["win_share"]["published"]["value"] == 61.09
    assert entries["mse"]["published"]["standard_error"] == 0.0018
    for picture, size in (("all.png", (600, 516)), ("all_distances.png", (840, 400))):
        with Image.open(tmp_path / picture) as opened:
            assert opened.size == size
    others = [written(tmp_path / f"other {n}", *runs[n], dataset="svhn") for n in "ab"]
    compare(others, tmp_path / "other.png")
    other = json.loads((tmp_path / "other.json").read_text())["results"]["K = 10"]["mse"]
    assert other["mean"] == 1.75 and not other["published"]


def test_a_table_tells_who_wins_once_all_are_there(tmp_path):
    table = tables.TABLES["table_3"]
    errors = {0: [3, 3, 3, 3], 1: [1, 2, 2, 2], 5: [2, 1, 2, 1], 10: [4, 4, 1, 4]}
    runs = []
    for cell in table.cells:
        k = cell.settings["unroll_steps"]
        folder = written(tmp_path / cell.name, k, 0, errors[k])
        np.save(folder / "errors.npy", np.array(errors[k], float))
        runs.append((cell, {0: folder, 3: folder} if k else {0: folder}))
    across = comparison.across(runs, 4)
    assert [list(seeds) for seeds in across.values()] == [[0]] * 4
    shares = [across[cell.name][0]["win_share"] for cell in table.cells]
    assert [share["values"] for share in shares] == [[0], [25], [50], [25]]
    assert shares[3]["published"]["value"] == 61.09
    assert comparison.across(runs[:3], 4) == {"K0": {}, "K1": {}, "K5": {}}
    bare = tmp_path / "merged"  # a run that came without the files of its last measurement
    bare.mkdir()
    incomplete = [(runs[0][0], {0: bare}), *runs[1:]]
    assert comparison.across(incomplete, 4) == {cell.name: {} for cell, _ in runs[1:]}
    assert comparison.of_table([(cell, {0: bare}) for cell, _ in runs], tmp_path) == []
    (tmp_path / "drawn").mkdir()
    drawn = comparison.of_table(runs[::3], tmp_path / "drawn")
    assert [picture.path.name for picture in drawn] == names(tmp_path / "drawn")[1:]
    assert comparison.of_table(runs[:1], tmp_path) == comparison.of_table([], tmp_path) == []


def test_what_cannot_be_compared_is_refused(tmp_path):
    runs = [
        written(tmp_path / "a", 0, 0, [1, 2]),
        written(tmp_path / "b", 5, 1, [1, 2]),
        written(tmp_path / "c", 5, 0, [1, 2], images=1),
        written(tmp_path / "d", 5, 0, [1, 2], status="interrupted"),
        written(tmp_path / "e", 5, 0, [1, 2]),
    ]
    (search.chunks_of(runs[4], 2) / "images.npz").unlink()

    def message(*chosen):
        return refusal(lambda: compare(chosen, tmp_path / "out.png"))

    assert "K = 0 (seed 0), K = 5 (seed 1)" in message(runs[0], runs[1])
    assert "different images" in message(runs[0], runs[2])
    assert f"{runs[3]} has not sought all" in message(runs[0], runs[3])
    assert f"{runs[4]} came without conclusion/" in message(runs[0], runs[4])
    assert not (tmp_path / "out.png").exists()


def test_the_table_has_the_papers_values():
    for name in ("table_3", "table_3_small"):
        cells = tables.TABLES[name].cells
        assert [cell.name for cell in cells] == ["K0", "K1", "K5", "K10"]
        shares = [cell.published["win_share"].value for cell in cells]
        assert sum(shares) == pytest.approx(100) and shares[1] == 22.97
        error = cells[3].published["mse"]
        assert (error.value, error.standard_error) == (0.0181, 0.0018)
        for cell in cells:
            mse, *_ = program.measures(Cifar10Reconstruction(**cell.settings), 0.0)
            assert mse.published == cell.published["mse"]
    mse, *_ = program.measures(Cifar10Reconstruction(dataset="svhn"), 0.0)
    assert mse.published is None


def linear(shape):
    """A generator of images of this shape, affine in its latents."""
    weights = jax.random.normal(jax.random.key(5), (search.LATENT, int(np.prod(shape)))) / 16

    def apply(params, state, z, key, *, train=True):
        return jnp.tanh(z @ weights).reshape(-1, *shape), state

    return Player(lambda key: ((), ()), apply)


def test_a_search_goes_on_after_a_stop_and_mends_a_damaged_chunk(tmp_path):
    image = np.random.default_rng(1).integers(0, 256, (5, 2, 2, 3)).astype(np.uint8)
    settings = search.Settings(starts=2, iterations=4, at_once=2)
    conclude = search.make_conclusion(linear((2, 2, 3)), image, settings, np.ones(3))
    state = empty_state()._replace(step=3)

    def make(folder, stop=lambda: False):
        shown = {"samples": np.zeros((1, 2)), "sample_distance": np.ones(4)}
        samples.write_samples(folder, 3, shown)
        return conclude(state, folder, stop)

    parts = tmp_path / "a" / "conclusion" / "step_000000003"
    for folder in ("a", "b"):
        (tmp_path / folder / "figures").mkdir(parents=True)
    assert make(tmp_path / "a", lambda: len(list(parts.glob("*"))) == 2) is None
    first = (parts / "images_000000.npz").stat().st_mtime_ns
    found, whole = make(tmp_path / "a"), make(tmp_path / "b")
    assert found.numbers == whole.numbers and found.earlier_seconds > whole.earlier_seconds == 0
    assert first == (parts / "images_000000.npz").stat().st_mtime_ns
    content = bytearray((parts / "images_000002.npz").read_bytes())
    content[len(content) // 4] ^= 1
    (parts / "images_000002.npz").write_bytes(content)
    assert make(tmp_path / "a").numbers == whole.numbers
    both = [search.read(tmp_path / folder, 3) for folder in ("a", "b")]
    assert both[0].keys() == both[1].keys() and len(both[0]["error"]) == 5
    for name in both[0].keys() - {"seconds"}:
        np.testing.assert_array_equal(both[0][name], both[1][name])
    assert search.read(tmp_path / "a", 4) == {}  # of another state


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


def test_a_run_that_is_stopped_while_it_seeks_goes_on(tmp_path, data, monkeypatch):
    config = Cifar10Reconstruction(
        width=1 / 32, unroll_steps=0, data_dir=str(data), inference_images=7, inference_batch=2,
        starts=2, iterations=3, **FEW | {"batch_size": 8},
    )  # fmt: skip
    write, made = search._write, []

    def stopped(file, arrays):
        write(file, arrays)
        made.append(file)
        if len(made) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(search, "_write", stopped)
    monkeypatch.setattr(distributed, "make_mesh", one_device)
    ended = train(program.build, config, tmp_path / "run", stream=io.StringIO())
    assert (ended.status, ended.exit_status, len(made)) == ("interrupted", 143, 2)
    result = trained(program.build, config, tmp_path / "run")
    assert len(made) == 5 and len(set(made)) == 5  # four chunks, and the distances
    check_the_files(tmp_path / "run", result, search.read(tmp_path / "run", 2), data)


def check_the_files(run, result, kept, data):
    """What a run says is what its own arrays say."""
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
        "curves.png", "distances.png", "reconstructions.png", "samples_000000000.png",
        "samples_000000002.png", "training.png",
    ]  # fmt: skip
    report = (run / "report.html").read_text()
    for words in ("After the last step", "from the best found to the worst", "L-BFGS"):
        assert words in report
    assert "ganstab compare" not in report
    assert os.stat(run / "figures" / "reconstructions.png").st_size > 1000
