"""One run from its first step to its last: what it leaves, how it ends, and a user's own."""

import dataclasses
import io
import json
import math
import os
import shutil
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import names, perceptron, prior, refusal
from flax import nnx
from tiny_run import Tiny, build, content, rows

from ganstab import Pair, Player, checkpoint, players, recipes
from ganstab.errors import InputError
from ganstab.reporting import Picture
from ganstab.training import Experiment, Findings, RunConfig, View, run_folder, train
from ganstab.training.samples import read_samples


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A whole run, and what its writer was handed."""
    handed = []
    folder = tmp_path_factory.mktemp("whole") / "run"
    stream = io.StringIO()
    trained = train(
        build, Tiny(), folder, writers=[lambda *row: handed.append(row)], tensorboard=True,
        stream=stream,
    )  # fmt: skip
    return trained, handed, stream.getvalue()


def test_a_run_writes_all_it_has_to_show(run):
    trained, handed, said = run
    assert (trained.status, trained.exit_status, int(trained.state.step)) == ("finished", 0, 8)
    folder, result = trained.folder, trained.result
    assert names(folder) == sorted(
        [
            *("checkpoints", "config.json", "evaluations.jsonl", "figures", "metrics.jsonl"),
            *("report.html", "result.json", "samples", "tensorboard"),
        ]
    )
    assert json.loads((folder / "result.json").read_text()) == result
    assert result["params_digest"] == checkpoint.digest(trained.state.params)
    assert checkpoint.steps(folder / "checkpoints") == [8, 6, 4]
    spread = rows(folder, "evaluations.jsonl")[-1]["spread"]
    entry = result["results"]["spread"]
    assert entry["values"] == [spread] and entry["published"]["value"] == 0.9
    assert list(result["results"]) == ["spread"] and result["evaluated_at_step"] == 8
    assert (result["seed"], result["saved_at_step"], result["num_steps"]) == (0, 8, 8)
    assert run_folder.read_config(folder, Tiny) == Tiny() and "population" not in result
    pictures = ["curves.png", "modes.png", *(f"samples_{s:09d}.png" for s in (0, 4, 8))]
    assert names(folder / "figures") == [*pictures, "training.png"]
    assert "A ring" in (folder / "report.html").read_text()
    assert "compiling the training step" in said and "8/8" in said and "spread" in said
    assert [step for step, _, _ in handed] == [0, 2, 4, 6, 8]
    logged = [{name: v for name, v in row.items() if name != "step"} for row in rows(folder)]
    assert [numbers for _, numbers, _ in handed] == logged


def test_an_evaluation_is_of_the_state_and_of_the_same_latents(run):
    trained, *_ = run
    kept = read_samples(trained.folder)
    assert sorted(kept) == [0, 4, 8] and kept[8]["samples"].shape == (32, 2)
    found = rows(trained.folder, "evaluations.jsonl")
    for row in found:
        points = kept[row["step"]]["samples"]
        assert row["spread"] == pytest.approx(points.std()) and sum(row["counts"]) == 32
    assert len({row["spread"] for row in found}) == 3
    first, second = (kept[step]["samples"].ravel() for step in (0, 4))
    assert 0.98 < np.corrcoef(first, second)[0, 1] < 1


def test_tensorboard_has_the_same_rows(run):
    events = pytest.importorskip("tensorboardX.proto.event_pb2")
    trained, *_ = run
    (path,) = (trained.folder / "tensorboard").iterdir()
    data, values = path.read_bytes(), {}
    while data:  # records: a length in 8 bytes, a checksum, an event, a checksum
        size = int.from_bytes(data[:8], "little")
        event = events.Event.FromString(data[12 : 12 + size])
        values |= {(event.step, v.tag): v.simple_value for v in event.summary.value}
        data = data[16 + size :]
    for row in rows(trained.folder):
        for name in row.keys() - {"step"}:
            assert values[row["step"], name] == pytest.approx(row[name], rel=1e-6)


def test_a_step_that_is_not_finite_is_not_taken_and_is_blamed(tmp_path):
    """The generator's update of step 1 is too large, so that the discriminator's loss is not."""
    trained = train(build, Tiny(rate=1e30, loss="minimax"), tmp_path)
    assert (trained.status, trained.exit_status) == ("diverged", 1)
    at = int(trained.state.step)
    assert trained.result["reason"].startswith(f"step {at + 1}: ")
    assert "minimax" in trained.result["reason"] and "not finite" in trained.result["reason"]
    assert checkpoint.steps(tmp_path / "checkpoints")[0] == at == trained.result["step"]
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(trained.state.params))
    before = content(tmp_path)
    again = train(build, Tiny(rate=1e30, loss="minimax", num_steps=99), tmp_path)
    assert again.status == "diverged" and content(tmp_path) == before


def test_the_steps_before_a_divergence_are_in_the_log(tmp_path):
    trained = train(build, Tiny(bad_seed=0, log_every=8), tmp_path)
    assert trained.result["reason"] == "step 4: wasserstein in the generator's loss is not finite"
    assert [row["step"] for row in rows(tmp_path)] == [0, 2, 3]
    assert np.isfinite(rows(tmp_path)[-1]["gen/loss"])


def test_a_run_ends_with_the_numbers_and_the_state_of_its_last_step(tmp_path):
    """Even where that is a step of neither an evaluation nor a checkpoint."""
    trained = train(build, Tiny(num_steps=5, checkpoint_every=3, eval_every=9), tmp_path)
    assert trained.result["evaluated_at_step"] == 5
    assert checkpoint.steps(tmp_path / "checkpoints") == [5, 3]


def test_what_is_measured_after_the_last_step(tmp_path):
    """A stop within it is a stop of the run; what it gives at last is in the result."""

    def conclude(state, folder, stop):
        if not (folder / "half").exists():
            (folder / "half").touch()
            os.kill(os.getpid(), signal.SIGINT)
        return None if stop() else Findings({"seconds": 3.0}, [Picture(folder / "none.png", "")], 5)

    def make(config):
        return dataclasses.replace(build(config), conclude=conclude)

    first = train(make, Tiny(num_steps=2), tmp_path)
    assert (first.status, first.exit_status) == ("interrupted", 130) and first.result["step"] == 2
    last = train(make, Tiny(num_steps=2), tmp_path)
    assert last.status == "finished" and last.result["results"]["seconds"]["mean"] == 3.0
    assert last.result["wall_time_s"] > 5


def gan_of(shape):
    """Players of images of this shape, as a user's Flax modules."""

    class Generator(nnx.Module):
        def __init__(self, *, rngs):
            self.out = nnx.Linear(3, math.prod(shape), rngs=rngs)

        def __call__(self, z):
            return jnp.tanh(self.out(z)).reshape(-1, *shape)

    class Critic(nnx.Module):
        def __init__(self, *, rngs):
            self.out = nnx.Linear(math.prod(shape), 1, rngs=rngs)

        def __call__(self, x):
            return self.out(x.reshape(len(x), -1))

    def player(module):
        return players.from_nnx(lambda rngs: module(rngs=rngs))

    return Pair(player(Generator), player(Critic))


@pytest.mark.parametrize(("recipe", "got"), [("r3gan", "str"), (recipes.r3gan, "function")])
def test_what_is_no_recipe_is_told_before_anything_is_written(tmp_path, recipe, got):
    experiment = Experiment(gan_of((4, 6, 1)), recipe, prior, None)
    words = f"^recipe must be a ganstab.recipes.Recipe, such as .*, got {got}$"
    with pytest.raises(ValueError, match=words):
        train(experiment, RunConfig(), tmp_path)
    assert not names(tmp_path)


def test_what_is_no_player_is_told_before_anything_is_written(tmp_path):
    module = nnx.Linear(2, 1, rngs=nnx.Rngs(0))
    experiment = Experiment(Pair(module, module), recipes.dcgan(), prior, None)
    with pytest.raises(ValueError, match=r"players.gen must be a ganstab.Player, .*, got Linear"):
        train(experiment, RunConfig(), tmp_path)
    assert not names(tmp_path)


SHORT = {"num_steps": 2, "batch_size": 8, "eval_every": 2, "checkpoint_every": 2, "log_every": 1}


@pytest.mark.parametrize("kind", ["u1", "f4"])
def test_a_users_own_images_in_a_few_lines(tmp_path, kind):
    """Without a measure, a view or a title: samples are kept and drawn all the same."""
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 6, 1), np.uint8)
    data = images if kind == "u1" else (images / np.float32(127.5) - 1).astype(kind)
    experiment = Experiment(gan_of((4, 6, 1)), recipes.dcgan(), prior, data)
    handed = []
    trained = train(
        experiment, RunConfig(**SHORT), tmp_path, writers=[lambda *row: handed.append(row)]
    )
    assert trained.status == "finished" and trained.result["results"] == {}
    kept = read_samples(tmp_path)[2]["samples"]
    assert kept.shape == (64, 4, 6, 1) and kept.dtype == np.uint8
    assert handed[-1][2]["samples"].shape == (8 * 6 - 2, 8 * 8 - 2, 3)
    assert (tmp_path / "figures" / "training.png").exists()
    named = json.loads((tmp_path / "config.json").read_text())
    assert named["experiment"] is None and named["config_class"].endswith(":RunConfig")


def test_samples_of_any_shape_and_views_of_ones_own(tmp_path):
    """Vectors have no picture of their own; a program's views draw them."""
    seen = []

    class Viewed(RunConfig):
        def views(self):
            return [View(lambda axis, arrays, reference: seen.append(arrays["samples"].shape))]

    vectors = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    pair = Pair(perceptron(3, 4, 5), perceptron(5, 4, 1))
    experiment = Experiment(pair, recipes.dcgan(), prior, vectors)
    train(experiment, RunConfig(**SHORT), tmp_path / "plain")
    assert names(tmp_path / "plain" / "figures") == ["curves.png"]
    assert read_samples(tmp_path / "plain")[2]["samples"].shape == (1024, 5)
    train(experiment, Viewed(**SHORT), tmp_path / "viewed")
    assert set(seen) == {(1024, 5)} and len(seen) >= 2


def test_a_batch_is_split_evenly_or_the_run_does_not_start(tmp_path):
    told = refusal(lambda: train(build, Tiny(batch_size=12), tmp_path / "run"))
    assert "--batch_size=12 must be a multiple of the number of devices, 8" in told
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_used_is_told_before_data_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(Tiny, "fingerprinted", lambda self: pytest.fail("data were read"))
    (tmp_path / "file").write_text("")
    assert "is a file" in refusal(lambda: train(build, Tiny(), tmp_path / "file" / "run"))
    assert "is not empty (file, …)" in refusal(lambda: train(build, Tiny(), tmp_path))
    assert names(tmp_path) == ["file"]


def test_a_programs_fault_is_no_input_error(tmp_path):
    def broken(key):
        raise ZeroDivisionError

    experiment = Experiment(
        Pair(Player(broken, None), perceptron(2, 1)), recipes.dcgan(), prior, prior
    )
    with pytest.raises(ZeroDivisionError):
        train(experiment, RunConfig(**SHORT), tmp_path)
    assert not run_folder.is_held(tmp_path)


def kept_best(config):
    """An evaluation whose number follows from the step alone, and is best at step 4."""

    def evaluation(gen):
        measured = build(config).evaluation(gen)

        def evaluate(state, key):
            spread = 9.0 if state.step == 4 else 5.0 - int(state.step) / 100
            return dataclasses.replace(measured(state, key), numbers={"spread": spread})

        return evaluate

    return dataclasses.replace(build(config), evaluation=evaluation, best_by="spread")


def test_the_checkpoint_of_the_best_evaluation_outlives_newer_ones_and_a_kill(tmp_path):
    config = Tiny(num_steps=14, checkpoint_every=3)
    trained = train(kept_best, config, tmp_path)
    assert checkpoint.steps(tmp_path / "checkpoints") == [14, 12, 9, 4]
    best = {"step": 4, "measure": "spread", "value": 9.0}
    assert trained.result["best"] == best
    page = (tmp_path / "report.html").read_text()
    assert "Best at step 4: spread of the samples 9" in page and "--step=best" in page
    # As if it had been killed at step 13.
    shutil.rmtree(tmp_path / "checkpoints" / "step_000000014")
    (tmp_path / "result.json").unlink()
    assert train(kept_best, config, tmp_path).result["best"] == best
    assert checkpoint.steps(tmp_path / "checkpoints") == [14, 12, 9, 4]
    assert run_folder.checkpoint_step(tmp_path, "best") == 4


def test_what_is_best_has_to_be_measured_at_every_evaluation():
    for name in ("seconds", "unknown"):
        with pytest.raises(
            ValueError, match="best_by must be a measure of every evaluation, spread"
        ):
            dataclasses.replace(build(Tiny()), best_by=name)


def test_a_run_without_a_best_evaluation_says_so(run):
    trained, *_ = run
    assert "best" not in trained.result
    with pytest.raises(InputError, match="has no best step"):
        run_folder.checkpoint_step(trained.folder, "best")
    with pytest.raises(ValueError, match="a whole number or 'best'"):
        run_folder.checkpoint_step(trained.folder, "newest")
