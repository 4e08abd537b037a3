"""Mixtures of Gaussians: what is counted, the networks, the pictures, the program."""

import json
import re
import subprocess
import sys

import jax
import matplotlib.image
import numpy as np
import pytest
from common import quick, refusal
from experiments.mixtures import papers, pictures, protocols, tables
from experiments.mixtures.networks import NETWORKS, PIECES, UNITS
from experiments.runner import gan_flags, samples
from program import ROOT, environment

from experiments import compare

RUN = {
    "data": "small_ring", "unroll_steps": 5, "num_steps": 2, "eval_every": 2, "log_every": 1,
    "batch_size": 16, "samples": 64, "gen_steps": 2,
}  # fmt: skip
SCRIPT = """
import json, sys
sys.path.append("tests")
from absl import flags
from absl.testing import flagsaver
from experiments import mixture_of_gaussians as program
from experiments.mixtures.networks import NETWORKS
from ganstab import optimizers, steps, surrogates
from spies import spied
parts = [(optimizers, name) for name in ("adam", "snapshots")]
parts += [(surrogates, name) for name in
          ("snapshot_ensemble", "gradient_norm", "consensus", "unrolled")]
built = []
for table in program.TABLES.values():
    for cell in table.cells:
        with flagsaver.flagsaver():
            flags.FLAGS(["cell", *(f"--{name}={value}" for name, value in cell.settings.items())])
            assert dict(cell.published).items() <= program.published().items()
            with spied(seen := [], *parts):
                txs = program.make_txs()
                players = NETWORKS[flags.FLAGS.networks].players(flags.FLAGS.pack)
                program.make_trained_game(players, txs.disc, None)
            built.append([dict(cell.settings), seen])
print(json.dumps(built))
flags.FLAGS(sys.argv)
with spied(seen := [], (steps, "alternating")):
    status = program.main()
assert seen == [("alternating", [], {"n_gen": 2})], seen
sys.exit(status)
"""
DEFAULTS = {"beta1": 0.5, "ensemble_every": 1, "second_order": True, "average": False}


@pytest.mark.parametrize("name", protocols.MIXTURES)
def test_a_perfect_sampler_covers_all_modes_and_one_point_covers_one(name):
    mixture = protocols.MIXTURES[name]
    count = len(mixture.modes())
    drawn = np.asarray(quick(lambda key: mixture.sample(key, 20_000))(jax.random.key(0)))
    assert np.abs(drawn).max() < mixture.reach
    numbers, counts = protocols.measure(mixture, drawn)
    assert numbers["modes"] == count == len(counts) and numbers["samples"] == 20_000
    assert numbers["high_quality"] == pytest.approx(98.89, abs=0.3)
    assert numbers["distance"] == pytest.approx(protocols.PERFECT_DISTANCE, rel=0.02)
    assert numbers["kl"] == pytest.approx(protocols.floor(mixture, 20_000), rel=1)
    collapsed, _ = protocols.measure(mixture, np.asarray(mixture.modes())[:1].repeat(9, 0))
    assert (collapsed["modes"], collapsed["high_quality"]) == (1, 100)
    assert collapsed["kl"] == pytest.approx(np.log(count))
    away, _ = protocols.measure(mixture, np.full((9, 2), 1e4 * mixture.stddev) + 50)
    assert away["modes"] == 0 and 1e2 < away["distance"] < 1e5


def test_the_networks_of_pacgan():
    """Batch norm in the generator; in the discriminator, of every five pieces the largest."""
    players = NETWORKS["pacgan"].players(2)
    key = jax.random.key(0)
    (gen, gen_state), (disc, disc_state) = quick(lambda: [p.init(key) for p in players])()
    z = jax.random.normal(key, (6, NETWORKS["pacgan"].latent))
    fake, moved = quick(players.gen.apply)(gen, gen_state, z, key)
    assert fake.shape == (6, 2) and not np.allclose(moved["norms"][0]["mean"], 0)
    score, _ = quick(players.disc.apply)(disc, disc_state, 30 * z, key)
    x = np.asarray(30 * z).reshape(3, 4)
    disc = jax.tree.map(np.asarray, disc)
    for layer in disc["layers"].values():
        pieces = (x @ layer["kernel"] + layer["bias"]).reshape(3, UNITS, PIECES)
        x = np.max(pieces, axis=-1)
    expected = (x @ disc["out"]["kernel"] + disc["out"]["bias"])[:, 0].repeat(2)
    np.testing.assert_allclose(score.reshape(-1), expected, rtol=1e-4)
    assert len(np.unique(score)) == 3


def test_published_numbers_are_of_the_settings_they_were_printed_for():
    found = papers.published("mlp", "grid", 5, 1)
    assert (found["modes"].value, found["high_quality"].value) == (23.6, 16)
    packed = papers.published("pacgan", "small_ring", 0, 3)
    assert packed["kl"][:2] == (0.10, 0.02)
    assert papers.published("mlp", "ring", 10, 1) == papers.published("pacgan", "grid", 5, 1) == {}
    cells = [cell for table in tables.TABLES.values() for cell in table.cells]
    assert all(re.fullmatch(r"[\w.]+", cell.name) for cell in cells) and len(cells) == 59


def written(folder, steps, **config):
    """A run's folder, with samples at these steps."""
    (folder / "figures").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"data": "ring", **config}))
    for step in steps:
        points = np.random.default_rng(step).normal(size=(50, 2))
        samples.keep(points, folder, step)
        samples.sample_path(folder, step).touch()
    return folder


def test_several_runs_are_drawn_at_the_steps_they_share(tmp_path):
    runs = [
        written(tmp_path / "a", range(0, 90, 10), unroll_steps=10, seed=0),
        written(tmp_path / "b", (0, 10, 25, 30), unroll_steps=0, seed=0),
    ]
    found = [compare.find(run) for run in runs]
    names = compare.labels([run.config for run in found])
    assert names == ["K = 10", "K = 0"]
    later = {**found[0].config, "a later flag": True}
    assert compare.labels([later, found[1].config]) == names
    compare.draw_points(found, names, tmp_path / "rows.png")
    height, width, _ = matplotlib.image.imread(tmp_path / "rows.png").shape
    assert (width, height) == (round(4 * 1.28 * 200), round(2 * 1.36 * 200))
    other = compare.find(written(tmp_path / "c", (1, 2)))
    assert "no step in common" in refusal(lambda: compare.draw_points([*found, other], "abc", ""))
    grid = other._replace(config={"data": "grid"})
    assert "on one mixture" in refusal(lambda: compare.draw_points([other, grid], "ab", ""))


def test_a_table_shows_a_row_for_the_first_seed_of_each_cell(tmp_path):
    plain, unrolled = tables.TABLES["figure_2"].cells
    grid = tables.TABLES["protocol_grid"].cells[0]
    runs = [
        (plain, {1: written(tmp_path / "a1", (0, 5)), 3: written(tmp_path / "a3", (0, 7))}),
        (unrolled, {1: written(tmp_path / "b1", (0, 5, 10))}),
        (grid, {2: written(tmp_path / "c2", (0,))}),
    ]
    drawn = pictures.of_table(runs, tmp_path)
    assert [picture.path.name for picture in drawn] == ["training_ring.png", "training_grid.png"]
    assert "seed 1." in drawn[0].caption and "seed 2." in drawn[1].caption
    height, width, _ = matplotlib.image.imread(drawn[0].path).shape
    assert (width, height) == (round(3 * 1.28 * 200), round(2 * 1.36 * 200))
    assert pictures.of_table([(plain, runs[0][1]), (unrolled, runs[2][1])], tmp_path) == [
        pictures.Picture(
            tmp_path / "training_ring.png", "Samples over the training steps, seeds 1, 2."
        )
    ]


def test_runs_without_samples_are_left_out_of_the_picture(tmp_path):
    """As they are where a table was merged in from its small files."""
    plain, unrolled = tables.TABLES["figure_2"].cells
    bare = tmp_path / "bare"
    bare.mkdir()
    runs = [
        (plain, {0: bare, 1: written(tmp_path / "a", (0, 5))}),
        (unrolled, {0: bare}),
    ]
    [drawn] = pictures.of_table(runs, tmp_path)
    assert "seed 1." in drawn.caption
    height, width, _ = matplotlib.image.imread(drawn.path).shape
    assert (width, height) == (round(3 * 1.28 * 200), round(1.36 * 200))
    assert pictures.of_table(runs[1:], tmp_path) == []


def test_cells_of_another_length_have_a_picture_of_their_own(tmp_path, monkeypatch):
    cells = {cell.name: cell for cell in tables.TABLES["protocol_ring"].cells}
    names = "veegan_small_ring_K0", "veegan_small_ring_K5", "pacgan_small_ring_K0"
    ends = 25_000, 25_000, 5_000
    runs = [
        (cells[name], {0: written(tmp_path / name, (0, 1000, end))})
        for name, end in zip(names, ends, strict=True)
    ]
    drawn = [picture.path for picture in pictures.of_table(runs, tmp_path)]
    assert [path.name for path in drawn] == [
        "training_small_ring.png", "training_small_ring_5000.png",
    ]  # fmt: skip
    shapes = [matplotlib.image.imread(path).shape[:2] for path in drawn]
    assert shapes == [(round(n * 1.36 * 200), round(4 * 1.28 * 200)) for n in (2, 1)]
    labelled = []
    monkeypatch.setattr(
        pictures, "rows", lambda rows, *_, **__: labelled.extend(label for label, _ in rows)
    )
    pictures.of_table(runs, tmp_path)
    assert labelled == ["as in VEEGAN,\nK = 0", "as in VEEGAN,\nK = 5", "as in PacGAN,\nK = 0"]


def test_over_training_six_steps_are_drawn_and_the_data(tmp_path):
    kept = {step: np.zeros((5, 2)) for step in range(20)}
    pictures.over_training(kept, tmp_path / "all.png", mixture=protocols.MIXTURES["grid"])
    shape = matplotlib.image.imread(tmp_path / "all.png").shape
    assert shape[:2] == (round(1.36 * 200), round(7 * 1.28 * 200))


def test_the_program_runs_reports_and_takes_every_cell_of_its_tables(tmp_path, cache):
    flags = {**RUN, "workdir": tmp_path / "run", "compilation_cache": cache}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *(f"--{name}={value}" for name, value in flags.items())],
        cwd=ROOT, capture_output=True, text=True, env=environment(), timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["status"] == "finished" and result["step"] == 2
    assert result["results"]["modes"]["published"] is None  # it has two generator steps
    assert result["results"]["high_quality"]["ideal"] == pytest.approx(98.889, abs=1e-3)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["unroll_steps"] == 5 and not {"dataset", "data_dir", "download"} & config.keys()
    kept = samples.kept(tmp_path / "run", 2)
    assert list(kept) == [0, 2] and kept[2].shape == (64, 2)
    assert 0 < np.max(np.abs(kept[2] - kept[0])) < 0.1
    for picture in ("training.png", "curves.png", "samples_000000000.png"):
        assert (tmp_path / "run" / "figures" / picture).stat().st_size > 1000
    assert "step 2" in (tmp_path / "run" / "report.html").read_text()
    built = json.loads(done.stdout.splitlines()[0])
    assert len(built) == 59
    for settings, seen in built:
        assert seen == techniques(DEFAULTS | settings)


def techniques(settings):
    """The parts that the settings stand for, from the innermost, as `spies.spied` has them."""
    moments = {"b1": settings["beta1"], "b2": 0.999}
    found = [["adam", [1e-4], moments]] * 2
    if "ensemble" in settings:
        found.append(["snapshots", [settings["ensemble"], settings["ensemble_every"]], {}])
        found.append(["snapshot_ensemble", [], {}])
    for name in ("gradient_norm", "consensus"):
        found += [[name, [settings[name]], {}]] if name in settings else []
    how = {name: settings[name] for name in ("second_order", "average")}
    return [*found, ["unrolled", [settings["unroll_steps"]], {**how, "live": True}]]


def test_losses_by_their_names():
    assert {name: loss.__name__ for name, loss in gan_flags.LOSSES.items()} == {
        name: name for name in gan_flags.LOSSES
    }
