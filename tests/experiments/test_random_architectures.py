"""Random architectures: the set and its draws, runs, counts by minimum score, bad input."""

import collections
import dataclasses
import json
from unittest import mock

import jax
import numpy as np
import optax
import pytest
from common import failing
from PIL import Image
from short_runs import trained

from experiments import random_architectures as program
from experiments.random_architectures import outcomes, tables
from experiments.random_architectures.architectures import SIZE, Architecture, draw
from ganstab import recipes
from ganstab.tables import Cell
from ganstab.training import cli
from ganstab.training.measures import Measure, measured

CONFIG = program.RandomArchitectures(
    num_steps=2, eval_every=2, log_every=1, batch_size=4, samples=64, width=1 / 32, critic_updates=1
)


def drawn(count, seed=0):
    return [draw(number, seed) for number in range(count)]


def test_the_set_is_the_papers():
    """4 nonlinearities, 4 depths, norm or none, 3 counts of filters, for either network."""
    found = drawn(SIZE)
    assert SIZE == (4 * 4 * 2 * 3) ** 2 == len(set(found))
    for player in ("gen", "disc"):
        for name, options in {
            "nonlinearity": {"relu", "leaky", "softplus", "tanh"},
            "depth": {4, 8, 12, 20},
            "norm": {True, False},
            "filters": {32, 64, 128},
        }.items():
            counts = collections.Counter(getattr(getattr(each, player), name) for each in found)
            assert counts == dict.fromkeys(options, SIZE // len(options))


def test_draws_are_even_and_the_same_for_the_same_seed():
    first = drawn(400)
    assert first == drawn(400) and first[:50] != drawn(50, 1)
    assert [str(each) for each in first[:2]] == [str(draw(0)), str(draw(1))]
    for player in ("gen", "disc"):
        for name in ("nonlinearity", "depth", "norm", "filters"):
            counts = collections.Counter(getattr(getattr(each, player), name) for each in first)
            expected = 400 / len(counts)
            assert all(abs(n - expected) < 5 * expected**0.5 for n in counts.values())
    pairs = collections.Counter((each.gen.depth, each.disc.depth) for each in first)
    assert len(pairs) == 16 and max(pairs.values()) < 50  # the networks are drawn apart


def test_a_name_gives_its_architecture_again():
    for each in drawn(50):
        assert Architecture.read(str(each)) == each
    assert str(draw(0)) == str(program.RandomArchitectures(draw=0).fingerprinted().architecture)
    assert program.RandomArchitectures().drawn() == program.BASELINE
    known = program.RandomArchitectures(draw=7, draw_seed=3).fingerprinted()
    assert known.drawn() == draw(7, 3) and known.draw is None and known == known.fingerprinted()
    assert str(draw(7, 3)) in known.run_name()


def test_nonlinearities_are_the_papers():
    x = np.linspace(-3, 3, 7)
    found = {name: np.asarray(f(x)) for name, f in program.architectures.NONLINEARITIES.items()}
    np.testing.assert_allclose(found["softplus"], np.log1p(np.exp(2 * x + 2)) / 2 - 1, rtol=1e-5)
    np.testing.assert_allclose(found["leaky"], np.where(x < 0, 0.2 * x, x), rtol=1e-6)
    np.testing.assert_allclose(found["tanh"], np.tanh(x), rtol=1e-6)


def test_norms_decay_and_rates_are_of_the_recipe():
    for norm in ("norm", "plain"):
        name = f"relu-4-norm-32_tanh-4-{norm}-32"
        for recipe in program.RECIPES:
            config = dataclasses.replace(CONFIG, architecture=name, recipe=recipe)
            experiment = program.build(config.fingerprinted())
            gen, disc = experiment.players
            assert gen.mixes and bool(disc.mixes) == (norm == "norm" and recipe == "dcgan")
            # A gradient of 0 moves kernels where there is weight decay, and nothing else.
            params = {"kernel": np.ones((2, 2), "f"), "bias": np.ones(2, "f")}
            nothing = jax.tree.map(np.zeros_like, params)
            tx = experiment.recipe.txs.disc
            updates, _ = tx.update(nothing, tx.init(params), params)
            assert (float(optax.tree.norm(updates["kernel"])) > 0) == (norm == "norm")
            assert not np.any(updates["bias"]) and experiment.recipe.n_disc == 1
    assert program.recipe_of(program.RandomArchitectures()).n_disc == recipes.wgan_gp().n_disc


@pytest.mark.parametrize("recipe", [pytest.param("dcgan", marks=pytest.mark.slow), "wgan_gp"])
def test_a_run_scores_its_samples(tmp_path, recipe):
    name = "softplus-4-norm-32_tanh-8-norm-32"
    config = dataclasses.replace(CONFIG, architecture=name, recipe=recipe)
    found = trained(program.build, config, tmp_path / "run")["results"]["score"]
    assert 1 <= found["mean"] < 10 and found["label"] == "digit score, 64 samples"
    assert 4 < found["ideal"] < 10  # of as many images of the data
    kept = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (kept["architecture"], kept["score"], kept["channels"]) == (name, "digits", 1)
    report = (tmp_path / "run" / "report.html").read_text()
    assert name in report and "Table 1" in report


TRIALS = np.array([[1.2, 5.0], [6.0, 6.5], [3.0, outcomes.FAILED], [1.0, 1.0]])


def test_counts_by_minimum_score():
    assert outcomes.counts(TRIALS, 1.0) == (1, 0, 2, 1)
    assert outcomes.counts(TRIALS, 2.0) == (1, 1, 1, 1)
    assert outcomes.counts(TRIALS, 6.0) == (0, 1, 0, 3)
    assert outcomes.counts(TRIALS, 9.0) == (0, 0, 0, 4)
    assert {sum(each) for each in outcomes.PAPER} == {200}
    assert len(outcomes.PAPER) == len(outcomes.MINIMUMS)
    assert outcomes.PAPER[outcomes.MINIMUMS.index(7.0)] == (1, 104, 5, 90)


def test_which_way_scores_higher():
    found = outcomes.sides(TRIALS)
    assert found[:3] == (1, 2, 1) and found.p == pytest.approx(1.0)
    assert outcomes.sides(np.array([[1.0, 2.0]] * 6)).p == pytest.approx(2 / 64)
    assert outcomes.sides(np.ones((2, 2))) == (0, 0, 2, 1.0)


def table(folder, scores, ways, label):
    """A table's folder with these scores by architecture and recipe; None has diverged."""
    runs = []
    for architecture, row in scores.items():
        for way, score in zip(ways, row, strict=True):
            cell = Cell(f"{architecture}_{way}", architecture, way, {})
            place = folder / "cells" / cell.name / "seed0"
            place.mkdir(parents=True)
            result = {"status": "diverged", "results": {}, "step": 1, "num_steps": 1}
            if score is not None:
                known = measured([score], Measure("score", label))
                result |= {"status": "finished", "results": {"score": known}}
                runs.append((cell, {0: place}))
            (place / "result.json").write_text(json.dumps(result))
    (folder / "figures").mkdir()
    return runs


@pytest.mark.parametrize("label", ["digit score", "Inception score"])
def test_a_tables_picture_has_the_counts(tmp_path, label):
    one, two, three = map(str, drawn(3))
    scores = {one: (1.2, 5.0), two: (None, 3.0), three: (4.0, 4.5)}
    runs = table(tmp_path, scores, tables.OBJECTIVES, label)
    (shown,) = tables.TABLES["table_1"].pictures(runs, tmp_path / "figures")
    assert shown.path.stat().st_size > 1000
    assert shown.caption.startswith(f"3 architectures that ended both ways, by the least {label}")
    assert ("of 200" in shown.caption) == (label == "Inception score")
    found = json.loads((tmp_path / "figures" / "outcomes.json").read_text())
    at = dict(zip(found["minimum"], found["counts"], strict=True))
    assert at[1.0] == {"first": 0, "second": 1, "both": 2, "neither": 0}
    assert at[4.0] == {"first": 0, "second": 2, "both": 0, "neither": 1}
    assert tables.TABLES["table_1"].pictures(runs[:1], tmp_path / "figures") == []


def test_the_table_of_penalties_says_which_is_higher(tmp_path):
    one, two = map(str, drawn(2))
    runs = table(tmp_path, {one: (2.0, 3.0), two: (5.0, None)}, tables.SIDES, "digit score")
    (shown,) = tables.TABLES["table_5"].pictures(runs, tmp_path / "figures")
    assert "two-sided scores higher in 1, one-sided in 1" in shown.caption
    assert shown.path.stat().st_size > 1000


def test_tables_have_the_first_draws_in_every_way():
    for name, count, ways in (
        ("table_1", 24, {"dcgan", "wgan_gp"}),
        ("table_1_full", 200, {"dcgan", "wgan_gp"}),
        ("table_5", 24, {"wgan_gp", "wgan_gp_one_sided"}),
        ("table_5_full", 174, {"wgan_gp", "wgan_gp_one_sided"}),
    ):
        cells = tables.TABLES[name].cells
        assert {cell.settings["recipe"] for cell in cells} == ways and len(cells) == 2 * count
        found = dict.fromkeys(cell.settings["architecture"] for cell in cells)
        assert list(found) == [str(draw(number)) for number in range(count)]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"architecture": "relu-4-norm-64"}, "architecture must be two networks like relu-4-norm"),
        ({"architecture": "relu-5-norm-64_relu-4-norm-64"}, "got 'relu-5-norm-64_relu-4-norm-64'"),
        ({"architecture": "elu-4-norm-64_relu-4-norm-64"}, "relu or leaky or softplus or tanh"),
        ({"architecture": ""}, "got ''"),
        ({"draw": SIZE}, "draw must be from 0 to 9,215"),
        ({"draw": 3, "architecture": str(program.BASELINE)}, "draw does not go with architecture"),
        ({"size": 8}, "size must leave 2 pixels or more after three halvings, got 8"),
        ({"size": 16}, "--size=16 does not go with --data=mnist, whose images have 28 × 28"),
        ({"width": 0.1}, "width 0.1 has to make whole numbers"),
        ({"data": "folder"}, "--data=folder has no classifier of its own"),
        ({"data": "folder", "inception": ""}, "--inception is empty: name a file"),
        ({"data": "nowhere"}, "nowhere"),
        ({"data": " "}, "--data is missing"),
    ],
)
def test_bad_input_is_told_in_one_line_before_anything_is_compiled(
    tmp_path, monkeypatch, capfd, flags, told
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "folder").mkdir()
    for i in range(2):
        pixels = np.broadcast_to(np.uint8([9, 99 * i, 200]), (40, 40, 3))
        Image.fromarray(pixels).save(tmp_path / "folder" / f"{i}.png")
    arguments = ["it", f"--workdir={tmp_path / 'run'}", "--compilation_cache="]
    arguments += [f"--{name}={value}" for name, value in flags.items()]
    with mock.patch.object(jax, "jit", failing(1)), pytest.raises(SystemExit) as end:
        cli.main(program.build, program.RandomArchitectures, arguments=arguments)
    said = capfd.readouterr().err.strip()
    assert end.value.code == 2 and told in said and "\n" not in said
    assert not (tmp_path / "run").exists()
