"""Mixtures of Gaussians: what is counted, the networks, the techniques, a run, the tables."""

import functools
import re

import jax
import matplotlib.image
import numpy as np
import optax
import pytest
from common import assert_close, perceptron, quick
from short_runs import FEW, drawn, trained

from experiments import mixture_of_gaussians as program
from experiments import unrolled_gan
from experiments.mixture_of_gaussians import MixtureOfGaussians, mixtures, tables
from experiments.mixture_of_gaussians.networks import NETWORKS, PIECES, UNITS
from ganstab import Batch, Pair, optimizers, steps, surrogates, terms
from ganstab.game import make_game
from ganstab.training import samples

CELLS = [cell for table in tables.TABLES.values() for cell in table.cells]


@pytest.mark.parametrize("name", mixtures.MIXTURES)
def test_a_perfect_sampler_covers_all_modes_and_one_point_covers_one(name):
    mixture = mixtures.MIXTURES[name]
    count = len(mixture.modes())
    drawn = np.asarray(quick(lambda key: mixture.sample(key, 20_000))(jax.random.key(0)))
    assert np.abs(drawn).max() < mixture.reach
    numbers, counts = mixtures.measure(mixture, drawn)
    assert numbers["modes"] == count == len(counts) and numbers["samples"] == 20_000
    assert numbers["high_quality"] == pytest.approx(98.89, abs=0.3)
    assert numbers["distance"] == pytest.approx(mixtures.PERFECT_DISTANCE, rel=0.02)
    assert numbers["kl"] == pytest.approx(mixtures.floor(mixture, 20_000), rel=1)
    collapsed, _ = mixtures.measure(mixture, np.asarray(mixture.modes())[:1].repeat(9, 0))
    assert (collapsed["modes"], collapsed["high_quality"]) == (1, 100)
    assert collapsed["kl"] == pytest.approx(np.log(count))
    away, _ = mixtures.measure(mixture, np.full((9, 2), 1e4 * mixture.stddev) + 50)
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
    found = tables.published("mlp", "grid", 5, 1)
    assert (found["modes"].value, found["high_quality"].value) == (23.6, 16)
    kl = tables.published("pacgan", "small_ring", 0, 3)["kl"]
    assert (kl.value, kl.standard_error) == (0.10, 0.02)
    assert tables.published("mlp", "ring", 10, 1) == tables.published("pacgan", "grid", 5, 1) == {}
    of_veegan = MixtureOfGaussians(data="small_ring", unroll_steps=5)
    assert program.published(of_veegan)["modes"].value == 7.6
    others = [{"ensemble": 2}, {"gradient_norm": 0.5}, {"consensus": 1.0}, {"gen_steps": 2},
              {"average": True}, {"second_order": False}, {"loss": "wasserstein"}]  # fmt: skip
    assert all(program.published(of_veegan.replace(**other)) == {} for other in others)


def test_the_tables_cells_are_settings_and_have_what_papers_print():
    assert all(re.fullmatch(r"[\w.]+", cell.name) for cell in CELLS) and len(CELLS) == 59
    for cell in CELLS:
        config = MixtureOfGaussians(**cell.settings)
        assert cell.published.items() <= program.published(config).items()
    with pytest.raises(ValueError, match="pack must divide batch_size, got 3 and 512"):
        MixtureOfGaussians(pack=3)


TECHNIQUES = {
    "adam": {"unroll_steps": 0, "beta1": 0.8},
    "unrolled": {"unroll_steps": 2},
    "first_order": {"unroll_steps": 2, "second_order": False},
    "average": {"unroll_steps": 2, "second_order": False, "average": True},
    "ensemble": {"unroll_steps": 0, "ensemble": 3, "ensemble_every": 2},
    "gradient_norm": {"unroll_steps": 0, "gradient_norm": 0.5},
    "consensus": {"unroll_steps": 0, "consensus": 10.0},
    "two": {"unroll_steps": 1, "ensemble": 2, "gradient_norm": 0.5},
}


def by_hand(settings):
    """The optimizers and the game of the settings, from the innermost technique outwards."""
    adam = optimizers.adam(1e-4, b1=settings.get("beta1", 0.5), b2=0.999)
    disc, wraps = adam, []
    if "ensemble" in settings:
        snapshots = optimizers.snapshots(settings["ensemble"], settings.get("ensemble_every", 1))
        disc = optax.chain(adam, snapshots)
        wraps.append(surrogates.snapshot_ensemble)
    if "gradient_norm" in settings:
        wraps.append(functools.partial(surrogates.gradient_norm, weight=0.5))
    if "consensus" in settings:
        wraps.append(functools.partial(surrogates.consensus, weight=settings["consensus"]))
    how = {name: settings[name] for name in ("second_order", "average") if name in settings}
    unrolled = functools.partial(
        surrogates.unrolled, tx=disc, steps=settings["unroll_steps"], **how
    )
    return Pair(adam, disc), [*wraps, unrolled]


@pytest.mark.parametrize("name", TECHNIQUES)
def test_the_recipe_is_the_techniques_of_the_settings(name):
    """Two steps with small networks end where those of a game put together by hand end."""
    settings = TECHNIQUES[name]
    config = MixtureOfGaussians(batch_size=4, **settings)
    small = Pair(perceptron(2, 4, 2), perceptron(2, 4, 1))

    def prior(key, n):
        return jax.random.normal(key, (n, 2))

    txs, wraps = by_hand(settings)
    game = make_game(small, terms.score_loss(unrolled_gan.LOSSES["minimax"]), prior=prior)
    for wrap in wraps:
        game = wrap(game)
    trainable = config.paper_recipe().build(small, prior)
    real = jax.random.normal(jax.random.key(1), (4, 4, 2))

    def ends(init, step):
        state, step = init(jax.random.key(0)), quick(step)
        for place in (0, 2):
            state, _ = step(state, Batch(real[place : place + 2]))
        return state.params

    expected = ends(functools.partial(steps.init, small, txs), steps.alternating(game, txs))
    assert_close(ends(trainable.init, trainable.step), expected, rtol=1e-6, atol=1e-8)


def test_generator_steps_are_the_recipes():
    assert MixtureOfGaussians(gen_steps=5).paper_recipe().n_gen == 5
    assert (
        MixtureOfGaussians().paper_recipe().n_gen == MixtureOfGaussians().paper_recipe().n_disc == 1
    )


def test_losses_by_their_names():
    assert {name: loss.__name__ for name, loss in unrolled_gan.LOSSES.items()} == {
        name: name for name in unrolled_gan.LOSSES
    }


def test_over_training_six_steps_are_drawn_and_the_data(tmp_path):
    (view,) = MixtureOfGaussians(data="grid").views()
    kept = {step: {"samples": np.zeros((5, 2))} for step in range(20)}
    samples.over_training([("", kept, view)], kept[0], tmp_path / "all.png")
    shape = matplotlib.image.imread(tmp_path / "all.png").shape
    assert shape[:2] == (round(1.36 * 200), round(7 * 1.28 * 200))


def test_a_run_leaves_its_numbers_pictures_and_samples(tmp_path):
    config = MixtureOfGaussians(data="small_ring", unroll_steps=1, gen_steps=2, **FEW)
    results = trained(program.build, config, tmp_path / "run")["results"]
    assert results["modes"]["published"] is None  # it has two generator steps
    assert results["high_quality"]["ideal"] == pytest.approx(98.889, abs=1e-3)
    kept = {step: each["samples"] for step, each in samples.read_samples(tmp_path / "run").items()}
    assert list(kept) == [0, 2] and kept[2].shape == (64, 2)
    assert 0 < np.max(np.abs(kept[2] - kept[0])) < 0.1
    data = samples.read_reference(tmp_path / "run")["samples"]
    assert mixtures.measure(mixtures.MIXTURES["small_ring"], data)[0]["modes"] == 8
    assert {"training.png", "curves.png", "samples_000000000.png"} <= drawn(tmp_path / "run")
    assert "step 2" in (tmp_path / "run" / "report.html").read_text()
