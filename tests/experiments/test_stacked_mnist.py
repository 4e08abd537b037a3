"""Stacked MNIST: what a run leaves and measures, its settings, its table, its command line."""

import gzip
import io
import json
import subprocess
import sys

import jax
import numpy as np
import pytest
from common import names
from matplotlib.figure import Figure
from program import ROOT, environment
from short_runs import FEW, drawn, empty_state, one_device, telling_mode, trained
from tiny_images import write_idx

from experiments import digits, stacked_mnist
from experiments.stacked_mnist import StackedMnist, remedies, tables
from ganstab import checkpoint, data, recipes
from ganstab.data import Images, RandomAccess, load_mnist
from ganstab.doctor.trained import subject_of_run
from ganstab.training import distributed, images, samples
from ganstab.training.run_folder import read_config
from ganstab.training.train import train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run's folder and its result."""
    folder = tmp_path_factory.mktemp("stacked") / "run"
    return folder, trained(stacked_mnist.build, StackedMnist(unroll_steps=1, **FEW), folder)


def test_a_run_leaves_its_numbers_pictures_and_samples(run):
    folder, result = run
    modes, kl = result["results"]["modes"], result["results"]["kl"]
    assert 1 <= modes["mean"] <= 64 and modes["published"]["value"] == 65.4
    assert kl["ideal"] == pytest.approx(999 / (2 * 64)) and kl["better"] == "lower"
    figures = {f"samples_00000000{step}.png" for step in (0, 2)}
    assert drawn(folder) == {"curves.png", "modes.png", "training.png", *figures}
    rows = [json.loads(row) for row in (folder / "evaluations.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 2]
    assert [(sum(row["counts"]), len(row["counts"])) for row in rows] == [(64, 1000)] * 2
    assert [np.count_nonzero(row["counts"]) for row in rows] == [row["modes"] for row in rows]
    kept = samples.read_samples(folder)
    assert kept[2]["samples"].shape == (64, 28, 28, 3)
    assert not np.array_equal(kept[0]["samples"], kept[2]["samples"])
    report = (folder / "report.html").read_text()
    assert "Metz et al. 2017, Table 1" in report and "Finished" in report


def test_the_folder_says_all_settings_and_goes_on_with_the_same_alone(run):
    folder, _ = run
    config = StackedMnist(unroll_steps=1, **FEW)
    assert read_config(folder, StackedMnist) == config
    with pytest.raises(ValueError, match="batch_size: was 16, now 32; seed: was 0, now 3"):
        train(stacked_mnist.build, config.replace(batch_size=32, seed=3), folder,
              stream=io.StringIO())  # fmt: skip


def test_the_doctor_is_given_the_state_that_was_saved(run, monkeypatch):
    folder, result = run
    monkeypatch.setattr(distributed, "make_mesh", one_device)
    found = subject_of_run(folder)
    assert int(found.state.step) == 2
    assert checkpoint.digest(found.state.params) == result["params_digest"]
    assert found.batches.real.shape == (2, 16, 28, 28, 3) and found.batch.real.shape[0] == 16
    assert sorted(found.modes()) == [0, 2]


@pytest.mark.parametrize(("mode", "shade"), [("running", 0), ("batch", 1)])
def test_the_generators_batch_norm_at_an_evaluation(mode, shade):
    config = StackedMnist(samples=4, bn_mode=mode)
    evaluate = stacked_mnist.evaluation(config, telling_mode(28, 28, 3))
    arrays = evaluate(empty_state(), jax.random.key(0)).arrays
    assert set(arrays["samples"].flat) == {shade}


def test_the_networks_are_those_of_the_settings():
    def disc(**settings):
        modules = stacked_mnist.networks(0.25, **StackedMnist(**settings).network_settings())
        params, _ = stacked_mnist.unrolled_gan.players(modules).disc.init(jax.random.key(0))
        return params

    assert len(disc()["norms"]) == 3 and len(disc(disc_first_norm=False)["norms"]) == 2
    narrow = disc(init_stddev=0.01)["dense"]["kernel"]
    np.testing.assert_allclose(narrow, disc()["dense"]["kernel"] / 5, rtol=1e-5)


def test_published_numbers_are_of_the_settings_they_were_printed_for():
    modes, kl, *_ = stacked_mnist.measures(StackedMnist(disc_width=0.5, unroll_steps=10))
    assert (modes.published.value, modes.published.standard_error) == (817.4, 37.91)
    assert kl.published.value == 1.43
    unknown = StackedMnist(disc_width=1.0), StackedMnist(dataset="kmnist")
    assert all(m.published is None for c in unknown for m in stacked_mnist.measures(c))
    for dataset, ideal in (("mnist", remedies.REAL), ("kmnist", None)):
        assert remedies.sure(StackedMnist(recipe="dcgan", dataset=dataset)).ideal == ideal
    for name, cell in [(n, c) for n, t in tables.TABLES.items() for c in t.cells]:
        found = {m.name: m.published for m in stacked_mnist.measures(StackedMnist(**cell.settings))}
        sure = {"sure": None} if name == "remedies" else {}
        assert found == {"modes": None, "kl": None, **cell.published, **sure, "ruler": None}, name


def test_the_ruler_is_tried_on_the_users_own_digits():
    image, label = (array[:200] for array in load_mnist("test"))
    assert images.classifier_accuracy(Images(image, label)) > 0.97
    shifted = label + (label < 5)  # as if 0 to 4 were other characters
    accuracy = images.classifier_accuracy(Images(image, shifted))
    assert accuracy == pytest.approx(np.mean(label >= 5), abs=0.03)
    on_disk = RandomAccess([{"image": i, "label": n} for i, n in zip(image, shifted, strict=True)])
    assert images.classifier_accuracy(on_disk) == accuracy
    assert digits.classifier_fields(StackedMnist(), on_disk) == {}
    own = digits.classifier_fields(StackedMnist(dataset="kmnist"), on_disk)
    assert own["numbers"] == {"ruler": accuracy} and "mean little" in own["notes"][0]


def said(monkeypatch, capsys, **flags):
    """The exit status of the program, and the last line of what it says on stderr."""
    given = {"compilation_cache": "", **flags}
    monkeypatch.setattr(sys, "argv", ["it", *(f"--{name}={v}" for name, v in given.items())])
    monkeypatch.setattr(distributed, "use_compilation_cache", lambda folder: None)
    with pytest.raises(SystemExit) as end:
        stacked_mnist.run()
    return end.value.code, capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"unroll_steps": -1}, "unroll_steps"),
        ({"disc_width": 0.3}, "[0.25, 0.5, 1.0]"),
        ({"loss": "cross"}, "non_saturating"),
        ({"dataset": "mnits"}, "mnits"),
        ({"batch_size": 60_008}, "60000"),
        ({"data_dir": "nowhere/at/all"}, "nowhere/at/all"),
        ({"data_dir": ""}, "--data_dir is empty"),
        ({"data_dir": "truncated"}, "train-images-idx3-ubyte.gz"),
        ({"data_dir": "other shape"}, "(28, 28, 1)"),
        ({"process_id": 0}, "--coordinator"),
        ({"unrol_steps": 5}, "unrol_steps"),
        ({"num_steps": "many"}, "num_steps"),
        ({"workdir": "a file"}, "is a file, not a folder"),
    ],
)
def test_bad_input_gets_one_line_and_leaves_nothing(monkeypatch, capsys, tmp_path, flags, words):
    monkeypatch.chdir(tmp_path)
    write_bad_data(tmp_path)
    before = names(tmp_path)
    status, line = said(monkeypatch, capsys, **flags)
    assert status == 2 and line.startswith("error: ") and words in line
    assert names(tmp_path) == before


def write_bad_data(folder):
    (folder / "a file").write_text("")
    (folder / "truncated").mkdir()
    header = bytes.fromhex("00000803 00000064 0000001c 0000001c")
    with gzip.open(folder / "truncated" / "train-images-idx3-ubyte.gz", "wb") as file:
        file.write(header + bytes(1000))
    labels = folder / "truncated" / "train-labels-idx1-ubyte"
    labels.write_bytes(bytes.fromhex("00000801 00000064") + bytes(100))
    (folder / "other shape").mkdir()
    write_idx(folder / "other shape", image=np.zeros((100, 32, 32)), label=np.zeros(100))


def started(*words, cwd=ROOT):
    """What a program of its own says; it ends well."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, words)],
        cwd=cwd, capture_output=True, text=True, env=environment(), timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_small_table_from_end_to_end(tmp_path, cache):
    """Two cells of Table 1, made longer by a second command, which goes on with both."""
    table = tmp_path / "table"
    flags = [f"--workdir={table}", f"--compilation_cache={cache}", "--table=table_1", "--smoke"]
    for steps in (10, 20):
        started("experiments.stacked_mnist", *flags, "--jobs=2", f"--num_steps={steps}")
        result = json.loads((table / "result.json").read_text())
        assert result["done"] == 2 and result["evaluated_at_steps"] == [steps]
    kl = result["cells"]["width0.25_K1"]["measures"]["kl"]
    assert kl["published"]["value"] == 5.911 and kl["seeds"] == [0]
    assert kl["verdict"]["words"] == "too few seeds to say"
    page = (table / "report.html").read_text()
    assert 'href="cells/width0.25_K1/seed0/report.html"' in page
    assert page.count("data:image/png;base64,") == 5  # all cells, two measures, each cell


@pytest.mark.slow
def test_the_doctor_examines_a_run(run):
    folder, _ = run
    found = started("ganstab.doctor", folder, "--eigenvalues=2")
    assert "Motion" in found and "modes are covered by 64 samples" in found
    assert (folder / "doctor" / "spectrum.png").stat().st_size > 1000


def test_a_remedy_trains_other_networks_and_measures_how_many_digits_are_legible(tmp_path):
    config = StackedMnist(recipe="r3gan", **FEW)
    assert config.run_name() == "stacked_mnist_r3gan_seed0"
    result = trained(stacked_mnist.build, config, tmp_path / "run")
    assert 0 <= result["results"]["sure"]["mean"] <= 100
    assert result["results"]["modes"]["published"] is None
    experiment = stacked_mnist.build(config)
    gen, disc = (jax.eval_shape(p.init, jax.random.key(0))[0] for p in experiment.players)
    widths = [sorted({x.shape[-1] for x in jax.tree.leaves(p) if x.ndim == 4}) for p in (gen, disc)]
    assert widths == [[3, 12, 24, 48], [32, 64, 128]]


def test_a_picture_shows_the_channels_of_each_stack_side_by_side_in_grey():
    shades = np.arange(36, dtype=np.uint8).reshape(12, 1, 1, 3) * 7
    stacks = np.broadcast_to(shades, (12, 28, 28, 3))
    axis = Figure().subplots()
    digits.draw_channels(axis, {"samples": stacks}, {})
    picture = axis.images[0].get_array()
    corner = [picture[0, i * 58 + (8 - 2) * (i > 2)] for i in range(6)]
    np.testing.assert_array_equal(corner, np.array([0, 1, 2, 18, 19, 20])[:, None] * 7 + [0] * 3)


def test_digits_of_the_data_are_named_with_confidence():
    source = images.take(load_mnist("train"), np.arange(900))
    x = data.to_unit_range(source.image).reshape(300, 3, 28, 28).transpose(0, 2, 3, 1)
    assert 100 * np.mean(remedies.sure_digits(x)) == pytest.approx(remedies.REAL, abs=1.5)
    assert not remedies.sure_digits(np.zeros((4, 28, 28, 3), np.float32)).any()


@pytest.mark.parametrize(
    ("name", "value"), [("unroll_steps", 3), ("disc_width", 1.0), ("beta1", 0.0)]
)
def test_settings_of_the_paper_do_not_go_with_another_recipe(name, value):
    with pytest.raises(ValueError, match=f"{name} goes with recipe=paper alone"):
        StackedMnist(recipe="wgan_gp", **{name: value})


def test_the_table_of_remedies_has_every_recipe():
    table = tables.TABLES["remedies"]
    assert [cell.name for cell in table.cells] == list(recipes.by_name)
    for cell in table.cells:
        parts = stacked_mnist.build(StackedMnist(**cell.settings))
        assert parts.recipe.name == cell.name and parts.recipe.conditional is False


def test_it_starts_without_what_draws_saves_and_measures():
    """They take a second of the processor to import, and the first step needs none of them."""
    later = "matplotlib", "orbax", "tensorstore", "scipy", "tensorflow_datasets"
    code = f"import experiments.stacked_mnist, sys; print({{*{later}}} & {{*sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "set()\n"
