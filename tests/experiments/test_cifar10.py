"""CIFAR-10: what a run measures, the numbers of each method, and which images are refused."""

import dataclasses
import json
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import arrays, assert_equal, failing, plain_pair, quick
from PIL import Image
from short_runs import FEW, drawn, trained

from experiments import cifar10 as program
from experiments.cifar10 import methods, tables
from ganstab import Batch, Pair, Round, cifar_classifier, losses, metrics, steps, terms
from ganstab.game import make_game
from ganstab.training import cli
from ganstab.training.samples import read_samples

CONFIG = program.Cifar10(**{**FEW, "batch_size": 8}, width=2)


def write_images(folder, classes=cifar_classifier.CLASSES, size=(32, 32), grey=False):
    rng = np.random.default_rng(0)
    for name in classes:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(2):
            shape = (*size, 1 if grey else 3)
            pixels = np.broadcast_to(rng.integers(0, 256, shape, dtype=np.uint8), (*size, 3))
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return str(folder)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cifar")
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield write_images(folder / "images")


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "dcgan"},
        pytest.param({"method": "adam"}, marks=pytest.mark.slow),
        pytest.param({"method": "clipping"}, marks=pytest.mark.slow),
        pytest.param({"method": "resnet", "conditional": True}, marks=pytest.mark.slow),
    ],
    ids=lambda settings: settings["method"],
)
def test_a_run_measures_the_score_and_reports(tmp_path, data, settings):
    config = dataclasses.replace(CONFIG, data=data, **settings)
    result = trained(program.build, config, tmp_path / "run")
    found = result["results"][tables.SCORE]
    assert found["label"] == f"{metrics.classifier_score_name()}, 64 samples"
    assert 1 <= found["mean"] <= 10 and 1 < found["ideal"] <= 10 and found["published"] is None
    kept = read_samples(tmp_path / "run")
    assert sorted(kept) == [0, 2] and kept[2]["samples"].shape == (64, 32, 32, 3)
    assert {"training.png", "curves.png", "samples_000000002.png"} <= drawn(tmp_path / "run")
    report = (tmp_path / "run" / "report.html").read_text()
    assert "accuracy" in report and "Table 3" in report
    known = json.loads((tmp_path / "run" / "config.json").read_text())
    assert len(known["data_files"]) == 12 and known["papers_classes"]
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert ("disc/auxiliary_classifier" in rows[-1]) == config.conditional


def test_the_rate_falls_linearly_to_zero_over_the_steps_of_either_player():
    steps = 40
    for updates in (1, 5):
        rate = methods.linear_decay(2e-4, steps, updates)
        at = [float(rate(jnp.int32(count))) for count in range(steps * updates + 3)]
        assert at[0] == pytest.approx(2e-4) and at[-1] == 0 == at[steps * updates]
        assert at[steps * updates - 1] == pytest.approx(2e-4 / steps)
        assert at[updates - 1] == at[0] > at[updates]
    resnet = methods.resnet(steps, False)
    assert (resnet.n_gen, resnet.n_disc, resnet.conditional) == (2, 5, False)


def test_the_class_losses_have_the_papers_weights():
    """The critic learns the classes of real images, the generator a tenth of those of its own."""
    recipe = methods.resnet(10, True)
    assert recipe.conditional == "gen" and len(recipe.terms) == 3
    assert len(methods.resnet(10, False).terms) == 2
    label, logits = jnp.array([2, 0]), np.random.default_rng(0).normal(size=(2, 2, 3))
    logits = jnp.asarray(logits, jnp.float32)
    nothing = jnp.zeros(2)
    round = Round(
        Pair((), ()), nothing, nothing, nothing, nothing, lambda x: x, jax.random.key(0), label,
        real_class_logits=logits[0], fake_class_logits=logits[1],
    )  # fmt: skip
    found = recipe.terms[-1](round)
    real, fake = -np.asarray(jax.nn.log_softmax(logits))[:, [0, 1], label].mean(axis=1)
    assert float(found.disc) == pytest.approx(real, rel=1e-5)
    assert float(found.gen) == pytest.approx(0.1 * fake, rel=1e-5)


def test_only_the_conditional_networks_know_classes():
    for classes in (None, 10):
        gen, disc = (
            jax.eval_shape(player.init, jax.random.key(0))[0]
            for player in methods.players(methods.RESNET, 2, classes)
        )
        names = {jax.tree_util.keystr(path) for path, _ in jax.tree.leaves_with_path((gen, disc))}
        assert any("scales" in name for name in names) == bool(classes)
        assert any("classes" in name for name in names) == bool(classes)


def test_the_generator_moves_on_two_batches_put_together():
    recipe = methods.resnet(10, False)
    game = make_game(plain_pair(), terms.score_loss(losses.wasserstein), prior=3)
    state = steps.init(plain_pair(), recipe.txs, jax.random.key(0))
    batches = arrays(1, 7, 4, 2)
    assert len(batches) == recipe.n_gen + recipe.n_disc
    got, _ = quick(recipe.make_step(game, recipe.txs))(state, Batch(batches))
    apart = Pair(Batch(batches[:2].reshape(1, 8, 2)), Batch(batches[2:]))
    expected, _ = quick(steps.alternating(game, recipe.txs, n_disc=5))(state, apart)
    assert_equal(got, expected)


def test_each_method_has_its_published_numbers():
    recipes = {name: method.recipe(10, False) for name, method in methods.METHODS.items()}
    assert [recipe.n_disc for recipe in recipes.values()] == [5, 5, 5, 1, 5]
    one = {"w": jnp.array([0.5, -0.5])}
    first = {}
    for name, recipe in recipes.items():
        updates, _ = recipe.txs.gen.update(one, recipe.txs.gen.init(one), one)
        first[name] = float(updates["w"][0])
    rate = {"adam": -1e-4, "rmsprop": -5e-4, "clipping": -5e-4, "dcgan": -2e-4, "resnet": -2e-4}
    assert first == pytest.approx(rate, rel=1e-3)  # RMSProp's first is 10 times its rate


@pytest.mark.parametrize(("width", "norm"), [(128, False), (4, True)])
def test_the_dcgan_like_networks_have_the_authors_layers(width, norm):
    """Parameters by hand: dense, three kernels of 5 × 5, biases, scale and offset of each norm."""
    name = "clipping" if norm else "adam"
    gen, disc = methods.players(name, width, None)
    sizes = [
        sum(x.size for x in jax.tree.leaves(jax.eval_shape(player.init, jax.random.key(0))[0]))
        for player in (gen, disc)
    ]
    a, b, c = 4 * width, 2 * width, width
    kernels = 25 * (a * b + b * c + 3 * c)
    assert sizes[0] == 129 * 16 * a + kernels + b + c + 3 + 2 * (16 * a + b + c)
    assert sizes[1] == kernels + a + b + c + 16 * a + 1 + norm * 2 * (a + b)
    assert bool(disc.mixes) == norm


def test_pixels_are_uniform_within_their_step_for_the_resnet_alone():
    image = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    sampler, key = methods.sampler("resnet"), jax.random.key(0)
    real = sampler.augment(sampler.assemble(jnp.asarray(image), jnp.zeros(1)), key).real
    steps = (np.asarray(real) + 1) * 128 - image
    assert 0 <= steps.min() < 0.1 and 0.9 < steps.max() <= 1
    assert methods.sampler("adam") is methods.sampler("dcgan")


@pytest.mark.parametrize(
    ("folder", "flags", "told"),
    [
        (None, [], "--data is missing"),
        (None, ["--data=nowhere"], "nowhere"),
        ({"size": (28, 28)}, [], "28 × 28 pixels"),
        ({"size": (64, 64)}, [], "64 × 64 pixels"),
        ({"grey": True}, [], "1 channels"),
        ({"classes": ["a", "b"]}, ["--conditional", "--batch_size=2"], "needs labels"),
        ({"classes": [""]}, ["--conditional", "--batch_size=2"], "needs labels"),
        ({}, ["--method=dcgan", "--conditional"], "conditional goes with method=resnet"),
        ({}, ["--batch_size=64"], "--batch_size=64 is larger than the data, 20 images"),
        ({}, ["--inception=weights"], "weights"),
        ({}, ["--samples=63"], "samples"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(tmp_path, monkeypatch, capfd, folder, flags, told):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    if folder is not None:
        flags = [f"--data={write_images(tmp_path / 'images', **folder)}", *flags]
    arguments = ["it", *flags, f"--workdir={tmp_path / 'run'}", "--compilation_cache="]
    with mock.patch.object(jax, "jit", failing(1)), pytest.raises(SystemExit) as end:
        cli.main(program.build, program.Cifar10, arguments=arguments)
    said = capfd.readouterr().err.strip().splitlines()[-1]
    assert end.value.code == 2 and told in said
    assert not (tmp_path / "run").exists()


def test_scores_are_drawn_over_the_time_that_runs_took(tmp_path):
    table, runs = tables.TABLES["figure_3"], []
    for place, cell in enumerate(table.cells):
        seeds = {seed: tmp_path / cell.name / str(seed) for seed in (0, 1)}
        for seed, folder in seeds.items():
            folder.mkdir(parents=True)
            rows = [
                {"step": i, "wall_time_s": (1 + seed) * 10 * i, tables.SCORE: 1 + place + i / 10}
                for i in range(5 + seed)
            ]
            lines = [json.dumps(row) for row in [*rows, {"step": 9, "wall_time_s": 99}]]
            (folder / "evaluations.jsonl").write_text("\n".join(lines) + "\n")
        runs.append((cell, seeds))
    curve = tables.curve(runs[1][1][1])
    np.testing.assert_allclose(curve, [[20 * i, 2 + i / 10] for i in range(6)])
    (picture,) = table.pictures(runs, tmp_path)
    with Image.open(picture.path) as image:
        assert image.width > 500 and len(image.convert("RGB").getcolors(2**24)) > 50
