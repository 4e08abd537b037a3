"""A critic on training and other images: which they are, the gap, a run, the figure."""

import re
from unittest import mock

import jax
import numpy as np
import pytest
from common import failing
from short_runs import drawn, trained
from tiny_images import BYTES, write_idx

from experiments import critic_overfitting as program
from experiments.critic_overfitting import tables, values
from ganstab import Pair, data
from ganstab.reporting import run_log
from ganstab.tables import Cell
from ganstab.training import cli, samples

CONFIG = program.CriticOverfitting(
    num_steps=2, eval_every=2, log_every=1, batch_size=4, images=12, samples=7, width=1
)


@pytest.fixture
def config(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    write_idx(folder)
    return CONFIG.replace(data_dir=str(folder))


def test_images_are_for_training_or_for_validation_whatever_the_seed(config):
    pixels = BYTES.reshape(len(BYTES), -1).tolist()
    parts = [program.split(config.replace(seed=seed)) for seed in (0, 1)]
    places = [[pixels.index(x) for x in part.image.reshape(-1, 784).tolist()] for part in parts[0]]
    assert [len(set(own)) for own in places] == [12, 7] and not set(places[0]) & set(places[1])
    assert all(own != sorted(own) for own in places)  # files may be sorted by class
    jax.tree.map(np.testing.assert_array_equal, *parts)
    fewer = program.split(config.replace(images=5))
    assert {x.tobytes() for x in fewer[0].image} < {x.tobytes() for x in parts[0][0].image}
    np.testing.assert_array_equal(fewer[1].image, parts[0][1].image)


def test_the_gap_without_a_penalty_is_that_of_the_mean_scores(config):
    """Of all images, though the game sees three or one of them at once."""
    experiment = program.build(config.replace(recipe="wgan"))
    made = experiment.recipe.build(experiment.players, experiment.prior)
    state = made.init(jax.random.key(0))
    training, validation = program.split(config)
    kinds = {"training": training.image[:7], "validation": validation.image}
    with mock.patch.object(values, "AT_ONCE", 3):
        evaluate = values.evaluation(kinds, made.game, experiment.prior, made.players.gen)
        found = evaluate(state, jax.random.key(1)).numbers
    means = {
        name: float(
            np.mean(
                made.players.disc.apply(
                    state.params.disc, state.carry.state.disc, data.to_unit_range(image), None
                )[0]
            )
        )
        for name, image in kinds.items()
    }
    gap = means["training"] - means["validation"]
    assert found["training"] - found["validation"] == found["gap"]
    assert found["gap"] == pytest.approx(gap, rel=1e-3) and abs(gap) > 1e-4


def test_a_run_draws_both_values_and_so_does_the_figure(config, tmp_path):
    run = tmp_path / "run"
    results = trained(program.build, config, run)["results"]
    assert set(results) == {"training", "validation", "gap"}
    values = {name: entry["mean"] for name, entry in results.items()}
    assert values["training"] - values["validation"] == pytest.approx(values["gap"])
    assert {"values.png", "training.png", "curves.png"} <= drawn(run)
    rows = run_log.read_rows(run / "evaluations.jsonl")
    assert [row["step"] for row in rows] == [0, 2]
    assert rows[0]["training"] != rows[1]["training"]
    assert samples.read_samples(run)[2]["samples"].shape == (64, 28, 28, 1)
    report = (run / "report.html").read_text()
    assert "Figure 5b" in report and "on training and on validation images" in report
    assert "<p>E D(x) − E D(G(z))" in report and "--smoke" not in report
    (table,) = tables.TABLES.values()
    (picture,) = table.pictures([(cell, {0: run, 1: run}) for cell in table.cells], tmp_path)
    assert picture.path.stat().st_size > 5000
    assert {claim.measure for claim in table.claims} <= set(results)
    lost = [(Cell("a", "b", "c", {}), {0: tmp_path / "nowhere"})]
    assert len(table.pictures(lost, tmp_path)) == 1


def test_the_networks_have_the_width_and_no_norm():
    experiment = program.build(program.CriticOverfitting(width=2, samples=10))
    state = jax.eval_shape(
        lambda key: Pair(*(player.init(key) for player in experiment.players)), jax.random.key(0)
    )
    (gen, gen_state), (disc, disc_state) = state
    assert not jax.tree.leaves((gen_state, disc_state)) and not gen.get("norms")
    shapes = [conv["kernel"].shape for conv in disc["convs"].values()]
    assert shapes == [(3, 3, 1, 4), (3, 3, 4, 8), (3, 3, 8, 16)]
    assert len(experiment.data.image) == 1000


BAD = {
    "--images=59001": "--images=59001 and --samples=1000 need 60001 images, the data have 60000",
    "--images=10": "--batch_size=64 is larger than the data, 10 samples",
    "--samples=0": "samples must be from 1",
    "--width=0": "width must be from 1",
    "--recipe=gan": "recipe",
    "--data_dir=nowhere": "nowhere",
    "--dataset=nothing": "nothing",
}


@pytest.mark.parametrize("flag", BAD)
def test_bad_input_is_told_in_one_line(flag, tmp_path, capfd):
    arguments = ["it", flag, f"--workdir={tmp_path / 'run'}", "--compilation_cache="]
    compiling = mock.patch.object(jax.stages.Lowered, "compile", failing(1))
    with compiling, pytest.raises(SystemExit) as end:
        cli.main(
            program.build, program.CriticOverfitting, tables=tables.TABLES, arguments=arguments
        )
    said = capfd.readouterr().err.strip().splitlines()
    assert end.value.code == 2 and said[-1].startswith("error: ")
    assert re.search(re.escape(BAD[flag]), said[-1])
    assert not (tmp_path / "run").exists()
