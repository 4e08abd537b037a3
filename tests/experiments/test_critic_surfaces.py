"""Critics in the plane: gaps, gradients through layers, what a run keeps, the figures."""

import re
from unittest import mock

import jax
import numpy as np
import pytest
import scipy.spatial
from common import arrays, failing, quick
from short_runs import drawn, trained

from experiments import critic_surfaces as program
from experiments.critic_surfaces import critics, tables, toys
from ganstab import Batch
from ganstab.tables import Cell
from ganstab.training import cli, samples

CONFIG = program.CriticSurfaces(
    num_steps=2, eval_every=2, log_every=1, batch_size=16, width=8, samples=32, critic_updates=2
)


def linear(x):
    return x @ np.array([0.83, -0.36])


def quadratic(x):
    return 3 - linear(x) - 40 * np.sum((x - 0.2) ** 2, axis=-1) + 7 * x[:, 0] * x[:, 1]


@pytest.mark.parametrize("name", toys.TOYS)
def test_critics_that_see_the_data_and_critics_that_do_not(name):
    toy = toys.TOYS[name]
    support = scipy.spatial.KDTree(toy.sample(jax.random.key(0), 20_000))
    x = np.asarray(toys.places(toy), np.float64)

    def near(x):
        return -support.query(x)[0]

    def auc(critic):
        return toys.gap_auc(critic(x).astype(np.float32), toy)

    def peaked(x):
        return np.exp(-((near(x) / 0.1) ** 2))

    assert auc(peaked) > 99 and auc(near) > 85 and auc(lambda x: -peaked(x)) < 1
    assert auc(lambda x: 1e-6 * near(x) + 1e-6) == pytest.approx(auc(near), abs=0.1)
    assert auc(lambda x: near(x) + quadratic(x) / 10) == pytest.approx(auc(near), abs=0.5)
    assert auc(linear) == auc(quadratic) == auc(lambda x: 0 * linear(x) + 5) == 50
    data, gaps = toy.support()
    counts = {"ring": (8, 8), "grid": (25, 56), "swiss_roll": (128, 128)}
    assert (len(data), len(gaps)) == counts[name]
    assert near(data).min() > -0.06 and near(gaps).max() < -0.2
    assert len(x) == 33**2 + len(data) + len(gaps)


def test_half_of_the_data_tells_half():
    toy = toys.TOYS["ring"]
    values = np.zeros(len(toys.places(toy)))
    values[33**2 : 33**2 + 4] = 1
    assert toys.gap_auc(values, toy) == 75


def by_differences(layers, real, fake):
    """The norms at each layer, by central differences of each of its outputs."""
    layers = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), layers)
    x = np.concatenate([real, fake]).astype(np.float64)

    def loss(place, change):
        h = x
        for at, layer in enumerate(layers):
            h = h @ layer["kernel"] + layer["bias"]
            h = np.maximum(h, 0) if at < len(layers) - 1 else h
            h = h + change if at == place else h
        return h[len(real) :].mean() - h[: len(real)].mean()

    norms = []
    for place, layer in enumerate(layers):
        shape = len(x), len(layer["bias"])
        steps = 1e-6 * np.eye(np.prod(shape)).reshape(-1, *shape)
        gradient = [(loss(place, step) - loss(place, -step)) / 2e-6 for step in steps]
        norms.append(np.linalg.norm(gradient))
    return norms


def test_gradients_at_each_layer_are_differences_in_float64():
    layers, _ = critics.perceptron([2, 5, 4, 6, 1]).init(jax.random.key(0))
    layers = [{**layer, "bias": 0.1 * arrays(3, layer["bias"].size)} for layer in layers]
    real, fake = arrays(1, 3, 2), arrays(2, 3, 2)
    got = np.asarray(quick(critics.gradient_norms)(layers, real, fake))
    np.testing.assert_allclose(got, by_differences(layers, real, fake), rtol=1e-4)
    assert got[-1] == pytest.approx(np.sqrt(2 / 3))


def test_gradients_too_small_to_square_have_their_norm():
    layers, _ = critics.perceptron([2, 5, 4, 1]).init(jax.random.key(0))
    real, fake = arrays(1, 3, 2), arrays(2, 3, 2)
    small = [{**layer, "kernel": 1e-13 * layer["kernel"]} for layer in layers]
    scale = [1e-26, 1e-13, 1]
    norms = quick(critics.gradient_norms)
    expected = np.asarray(norms(layers, real, fake), np.float64) * scale
    np.testing.assert_allclose(norms(small, real, fake), expected, rtol=1e-5)


@pytest.mark.parametrize("slope", [0.7, 0.0, -1.9])
def test_growth_is_the_slope_towards_the_input(slope):
    layers = np.arange(13)
    norms = (10.0 ** (slope * (12 - layers) - 3)).astype(np.float32)
    assert critics.growth(norms) == pytest.approx(slope, abs=1e-5)
    assert np.isfinite(critics.growth(np.zeros(13, np.float32)))


def test_a_critic_of_noisy_data(tmp_path):
    result = trained(program.build, CONFIG, tmp_path)
    assert set(result["results"]) == {"gap_auc", "steepness", "growth"}
    assert 0 <= result["results"]["gap_auc"]["mean"] <= 100
    kept = samples.read_samples(tmp_path)
    assert sorted(kept) == [0, 2] and kept[2]["surface"].shape == (128, 128)
    assert not np.array_equal(kept[0]["surface"], kept[2]["surface"])
    noise = kept[2]["samples"] - kept[2]["data"]
    assert 0.7 < noise.std() < 1.3 and abs(noise.mean()) < 0.4
    np.testing.assert_array_equal(kept[0]["samples"], kept[2]["samples"])
    np.testing.assert_allclose(np.linalg.norm(kept[2]["data"], axis=1), 2**0.5, atol=0.07)
    assert {"training.png", "curves.png", "samples_000000002.png"} <= drawn(tmp_path)
    assert "Figure 1" in (tmp_path / "report.html").read_text()


def test_deep_clipped_networks_and_both_figures(tmp_path):
    config = CONFIG.replace(
        dataset="swiss_roll", generator="trained", recipe="wgan", clip=0.02, depth=4
    )
    result = trained(program.build, config, tmp_path / "run")["results"]
    assert result["steepness"]["mean"] == abs(result["growth"]["mean"])
    last = samples.read_samples(tmp_path / "run")[2]
    assert last["norms"].shape == (5,) and last["norms"][-1] == pytest.approx((2 / 32) ** 0.5)
    assert last["weights"].sum() == 2 * 8 + 3 * 64 + 8  # none is far out
    assert np.abs(last["edges"]).max() == pytest.approx(0.02)
    assert last["weights"][0] + last["weights"][-1] > 0.9 * last["weights"].sum()
    for name, table in tables.TABLES.items():
        runs = [(cell, {0: tmp_path / "run"}) for cell in table.cells]
        (picture,) = table.pictures(runs, tmp_path)
        assert picture.path.name == f"{name}.png" and picture.path.stat().st_size > 5000
        known = {measure.name for measure in program.MEASURES}
        assert {claim.measure for claim in table.claims} <= known
    lost = [(Cell("a", "b", "c", {}), {0: tmp_path / "nowhere"})]
    assert [table.pictures(lost, tmp_path) for table in tables.TABLES.values()] == [(), ()]


def test_the_penalty_has_the_weight_of_the_settings():
    x = arrays(0, 8, 2)
    losses, penalties = [], []
    for weight in (0.1, 10.0):
        experiment = program.build(CONFIG.replace(penalty_weight=weight))
        made = experiment.recipe.build(experiment.players, experiment.prior)
        state = made.init(jax.random.key(0))
        found, aux = quick(made.game)(state.params, state.carry, Batch(x, x), jax.random.key(1))
        losses.append(float(found.disc))
        penalties.append(float(aux.metrics["disc/wgan_gp"]))
    assert penalties[1] == pytest.approx(100 * penalties[0], rel=1e-5)
    assert losses[1] - losses[0] == pytest.approx(0.99 * penalties[1], rel=1e-4)
    assert experiment.recipe.n_disc == 2


BAD = {
    "--dataset=moons": "dataset",
    "--recipe=dcgan": "recipe",
    "--clip=0": "clip",
    "--penalty_weight=-1": "penalty_weight",
    "--depth=0": "depth",
    "--generator=": "generator",
    "--learning_rate=nan": "learning_rate",
}


@pytest.mark.parametrize("flag", BAD)
def test_a_bad_flag_is_told_in_one_line(flag, tmp_path, capfd):
    arguments = ["it", flag, f"--workdir={tmp_path / 'run'}", "--compilation_cache="]
    with mock.patch.object(jax, "jit", failing(1)), pytest.raises(SystemExit) as end:
        cli.main(program.build, program.CriticSurfaces, tables=tables.TABLES, arguments=arguments)
    said = capfd.readouterr().err.strip()
    assert end.value.code == 2 and re.match("error: .*" + BAD[flag], said) and "\n" not in said
    assert not (tmp_path / "run").exists()
