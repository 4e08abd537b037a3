"""Seven pairs of networks in four ways: what a run leaves, the picture of all, recipes, data."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import refusal
from PIL import Image
from short_runs import trained
from tiny_images import BYTES, write_idx

from experiments import scores
from experiments import seven_architectures as program
from ganstab import cifar_classifier
from ganstab.image_gan import open_source
from ganstab.networks.wgan_gp import SEVEN
from ganstab.players import from_nnx
from ganstab.training import samples

CONFIG = program.SevenArchitectures(
    num_steps=2, eval_every=2, log_every=1, batch_size=4, samples=64, width=2, critic_updates=1
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three images in colour."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    place = tmp_path / "images"
    place.mkdir()
    for i in range(3):
        pixels = np.random.default_rng(i).integers(0, 256, (40, 36, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{i}.png")
    return place


def test_a_run_scores_its_samples(tmp_path):
    result = trained(program.build, CONFIG.replace(recipe="dcgan"), tmp_path / "run")
    found = result["results"]["score"]
    assert 1 <= found["mean"] < 10 and found["label"] == "digit score, 64 samples"
    kept = samples.read_samples(tmp_path / "run")
    assert sorted(kept) == [0, 2] and kept[2]["samples"].shape == (64, 32, 32, 1)
    assert (tmp_path / "run" / "figures" / "samples_000000002.png").exists()
    # The picture of the table takes each cell's last samples.
    cells = {cell.name: cell for cell in program.TABLES["figure_2"].cells}
    (shown,) = program.picture([(cells["tanh_lsgan"], {0: tmp_path / "run"})], tmp_path)
    assert shown.path.stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("recipe", program.RECIPES)
@pytest.mark.parametrize("pair", SEVEN)
def test_every_cell_of_the_table_trains(tmp_path, pair, recipe):
    config = CONFIG.replace(pair=pair, recipe=recipe)
    assert trained(program.build, config, tmp_path / "run")["results"]["score"]["mean"] >= 1


def test_a_folder_of_colours_is_trained_on_without_a_score(folder):
    config = CONFIG.replace(data=str(folder), size=64).fingerprinted()
    experiment = program.build(config)
    assert (config.channels, config.score) == (3, None) and experiment.measures == ()
    assert experiment.data.image.shape == (3, 64, 64, 3)
    assert experiment.reference["samples"].shape == (3, 64, 64, 3)
    assert "3 images of 64 × 64 pixels" in experiment.notes[0] and "no score" in experiment.notes[1]
    # The networks can be had where the images cannot, the images not where they changed.
    (folder / "0.png").unlink()
    open_source.cache_clear()
    changed = program.build(config)
    assert "other images" in str(changed.data)
    assert jax.tree.structure(changed.players) == jax.tree.structure(experiment.players)


def test_rates_are_those_of_the_appendix():
    """The first step of each optimizer from a gradient of 1, and Adam's second from −1."""

    def steps(tx):
        nothing, one = jnp.zeros(()), jnp.ones(())
        first, state = tx.update(one, tx.init(nothing), nothing)
        second, _ = tx.update(-one, state, nothing)
        return float(first), float(second)

    for name, rate in (("lsgan", 1e-4), ("wgan", 5e-5)):
        first, _ = steps(program.RECIPES[name].txs.gen)
        assert first == pytest.approx(-10 * rate, rel=1e-4)  # 1 / √(1 − 0.99)
    for name, adam in {
        "dcgan": optax.adam(2e-4, 0.5, 0.999),
        "wgan_gp": optax.adam(1e-4, 0.5, 0.9),
    }.items():
        for tx in program.RECIPES[name].txs:
            assert steps(tx) == pytest.approx(steps(adam), rel=1e-5)
    assert {name: recipe.n_disc for name, recipe in program.RECIPES.items()} == {
        "dcgan": 1, "lsgan": 1, "wgan": 5, "wgan_gp": 5,
    }  # fmt: skip


@pytest.mark.parametrize("recipe", program.RECIPES)
def test_critics_under_the_penalty_have_layer_norm(recipe):
    config = dataclasses.replace(CONFIG, recipe=recipe, pair="gated", data_files="x", channels=1)
    disc = program.build(config).players.disc
    assert bool(disc.mixes) == (recipe != "wgan_gp")
    params = jax.eval_shape(disc.init, jax.random.key(0))[0]
    assert "scale" in json.dumps(jax.tree.map(str, params))


def test_the_table_has_every_pair_in_every_way():
    cells = program.TABLES["figure_2"].cells
    assert len(cells) == 28
    assert {tuple(cell.settings.values()) for cell in cells} == {
        (pair, recipe) for pair in SEVEN for recipe in program.RECIPES
    }


def test_digits_get_a_black_border(tmp_path):
    write_idx(tmp_path)
    found = open_source(str(tmp_path), 33, border=True)
    image = np.asarray(found.data.image)
    assert found.shape == (33, 33, 1) == image.shape[1:]
    np.testing.assert_array_equal(image[:, 2:30, 2:30], BYTES)
    assert image.sum() == BYTES.sum()
    assert "does not go with" in refusal(lambda: open_source(str(tmp_path), 27, border=True))
    assert "does not go with" in refusal(lambda: open_source(str(tmp_path), 33))


def test_a_score_is_of_what_the_classifier_reads():
    """Ten kinds of digits in equal shares, one kind, and nothing."""
    digits = open_source("mnist", 32, border=True).data
    ten = np.concatenate([digits.image[digits.label == label][:20] for label in range(10)])
    mixed = ten[np.random.default_rng(0).permutation(200)]
    one = digits.image[digits.label == 7][:200]
    assert scores.suiting((32, 32, 1), [str(i) for i in range(10)]) == "digits"
    assert scores.suiting((32, 32, 3), cifar_classifier.CLASSES) == "cifar10"
    for shape, classes in [((32, 32, 1), ()), ((32, 32, 3), "ab"), ((16, 16, 1), "0123456789")]:
        assert scores.suiting(shape, classes) is None
    assert scores.score("digits", mixed) > 6 > 1.5 > scores.score("digits", one) >= 1
    assert scores.score("digits", np.zeros((20, 32, 32, 1), np.uint8)) == pytest.approx(1)


def test_networks_are_those_of_the_settings():
    config = CONFIG.replace(pair="constant", data_files="x", channels=1, width=6)
    params, _ = jax.eval_shape(program.build(config).players.gen.init, jax.random.key(0))
    assert sorted(leaf.shape[-1] for leaf in jax.tree.leaves(params) if leaf.ndim == 4) == [1, 6, 6]
    assert from_nnx(program.seven_pairs(32, 1, width=6)["constant"].gen).mixes == ()
