"""`ganstab train` and `ganstab sample`: from a folder of images to samples, in a few steps."""

import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from common import refusal
from PIL import Image
from short_runs import empty_state, one_device

import ganstab
from ganstab import __main__ as program
from ganstab import metrics
from ganstab.errors import InputError
from ganstab.generator import Generator
from ganstab.image_gan import (
    ImageGan,
    build,
    evaluation,
    open_source,
    recipe_of,
    sample_command,
)
from ganstab.priors import as_prior
from ganstab.training import distributed, train
from ganstab.training.run_folder import write_result

RNG = np.random.default_rng(1)
CLASSES = ["ant", "bee", "cat"]
TINY = {"num_steps": 2, "batch_size": 4, "width": 2, "latent": 5, "samples": 64, "log_every": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eighteen images of three sizes in three classes, and one that is none."""
    place = tmp_path_factory.mktemp("images")
    for i, name in enumerate(CLASSES * 6):
        (place / name).mkdir(exist_ok=True)
        pixels = RNG.integers(0, 256, (12 + i % 3, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / name / f"{i}.png")
    (place / "ant" / "broken.png").write_bytes(b"?")
    return place


@pytest.fixture(autouse=True, scope="module")
def alone(tmp_path_factory):
    """One device, and a cache of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distributed, "make_mesh", one_device)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def run(alone, folder, tmp_path_factory):
    """A conditional run of two steps."""
    place = tmp_path_factory.mktemp("runs") / "run"
    config = ImageGan(data=str(folder), conditional=True, eval_every=2, **TINY)
    assert train(build, config, place).status == "finished"
    return place


def test_a_run_keeps_what_follows_from_its_images(run, folder):
    known = json.loads((run / "config.json").read_text())
    assert known["shape"] == "13x13x3"  # the median of 12, 13 and 14 pixels
    assert json.loads(known["classes"]) == CLASSES
    assert known["augment"] == "adaptive"  # so few images
    assert known["gamma"] == pytest.approx(0.3 * 13 * 13 / 32**2)
    assert known["decay_steps"] == 2
    result = json.loads((run / "result.json").read_text())
    assert np.isfinite(result["results"]["swd"]["mean"])
    with np.load(run / "samples" / "data.npz") as data:
        assert data["samples"].shape == (18, 13, 13, 3)
    again = ImageGan(data=str(folder), conditional=True, eval_every=2, **TINY).fingerprinted()
    assert {name: known[name] for name in vars(again)} == vars(again)


def test_a_generator_is_loaded_without_the_images(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"data": str(tmp_path / "gone")}))
    generator = ganstab.load(copy)
    assert (generator.step, list(generator.classes)) == (2, CLASSES)
    images = generator.sample(jax.random.key(0), 5, at_once=2)
    assert images.shape == (5, 13, 13, 3) and bool(jnp.all(jnp.abs(images) <= 1))
    whole = generator.sample(jax.random.key(0), 5)
    np.testing.assert_allclose(images, whole, atol=1e-5)
    named = generator.sample(jax.random.key(0), 5, label=1)
    np.testing.assert_allclose(named[1], whole[1], atol=1e-5)  # classes in turn: 0, 1, 2, 0, 1


def test_truncated_inputs_stay_within_and_keep_the_others(run):
    generator = ganstab.load(run)
    z = generator.latents(jax.random.key(0), 300)
    cut = generator.latents(jax.random.key(0), 300, truncation=0.7)
    inside = np.abs(z) <= 0.7
    np.testing.assert_array_equal(cut[inside], z[inside])
    assert float(jnp.max(jnp.abs(cut))) <= 0.7
    # A normal between ±0.7 has this deviation.
    assert float(jnp.std(cut)) == pytest.approx(0.391, abs=0.02)


def test_the_way_between_inputs_is_an_arc_that_closes(run):
    generator = ganstab.load(run)
    frames = generator.interpolate(jax.random.key(0), 2, 6, corners=3, label=0)
    assert frames.shape == (6, 2, 13, 13, 3)
    z = generator.latents(jax.random.key(0), 6).reshape(3, 2, -1)
    np.testing.assert_allclose(
        frames[::2], jnp.stack([generator.generate(c, 0) for c in z]), atol=1e-5
    )
    a, b = z[2, 0], z[0, 0]
    angle = np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    middle = (a + b) * np.sin(angle / 2) / np.sin(angle)
    expected = generator.generate(middle[None], 0)[0]
    np.testing.assert_allclose(frames[5, 0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda g: g.sample(jax.random.key(0), 0), "n must be 1 or more"),
        (lambda g: g.sample(jax.random.key(0), 2, label=3), "label must be from 0 to 2"),
        (lambda g: g.sample(jax.random.key(0), 2, truncation=0.0), "truncation must be positive"),
        (lambda g: g.generate(jnp.zeros((1, 5))), "one of 3 labels, got None"),
        (lambda g: g.interpolate(jax.random.key(0), 1, 4, corners=1), "corners must be 2"),
    ],
)
def test_what_a_generator_cannot_draw_is_refused(run, call, words):
    generator = ganstab.load(run)
    with pytest.raises(ValueError, match=words):
        call(generator)


def test_sample_writes_pictures_a_grid_and_an_animation(run, tmp_path, capsys):
    words = f"sample {run} --n=11 --class=bee --out={tmp_path / 'out'}".split()
    assert program.main([*words, f"--interpolate={tmp_path / 'way.gif'}"]) == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [*(f"{i:02}.png" for i in range(11)), "grid.png"]
    expected = ganstab.load(run).sample(jax.random.fold_in(jax.random.key(0), 0), 11, label=1)
    pixels = np.asarray(Image.open(tmp_path / "out" / "07.png"))
    np.testing.assert_allclose(pixels, (np.asarray(expected[7]) + 1) * 127.5, atol=0.51)
    assert Image.open(tmp_path / "way.gif").n_frames > 10
    assert "11 in" in capsys.readouterr().out


def test_sample_says_which_evaluation_was_better_and_draws_of_its_checkpoint(run, tmp_path, capsys):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    result = json.loads((copy / "result.json").read_text())
    assert result["best"] == {
        "step": 2,
        "measure": "swd",
        "value": result["results"]["swd"]["mean"],
    }
    words = ["sample", str(copy), "--n=2", f"--out={tmp_path / 'out'}"]
    assert program.main(words) == 0 and "Best at" not in capsys.readouterr().out
    # As if a later evaluation had been worse.
    write_result(copy, result | {"evaluated_at_step": 4})
    assert program.main(words) == 0
    assert "Best at step 2: sliced Wasserstein distance × 1,000, 64 samples" in (
        capsys.readouterr().out
    )
    assert program.main([*words, "--step=best"]) == 0
    assert capsys.readouterr().out.startswith("step 2 of ")
    assert ganstab.load(copy, step="best").step == 2
    with pytest.raises(SystemExit, match="2"):
        program.main([*words, "--step=last"])
    assert "--step: last: a whole number or best is expected" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--class=dog", "one of ant, bee, cat is expected"),
        ("--n=0", "1 or more is expected"),
        ("--truncation=-1", "a number above 0 is expected"),
        ("--interpolate=way.mp4", "a file ending in .gif, .png, .webp is expected"),
        ("--step=1", "no checkpoint of step 1, but of 2"),
        ("--seed=-1", "from 0 to 4294967295 is expected"),
        ("--seed=4294967296", "from 0 to 4294967295 is expected"),
        ("--interpolate=", "--interpolate: empty: name a file"),
    ],
)
def test_a_bad_word_for_sample_is_told_in_one_line(run, tmp_path, capsys, words, line):
    assert ended(["sample", str(run), f"--out={tmp_path / 'out'}", words]) == 2
    said = capsys.readouterr().err
    assert line in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_sample_replaces_samples_and_no_other_images(run, folder, tmp_path, capsys):
    out = tmp_path / "out"
    shutil.copytree(folder / "ant", out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    words = ["sample", str(run), f"--out={out}"]
    assert program.main([*words, "--n=9"]) == 2  # 0.png and 3.png are there
    assert "has a file 0.png, and no grid.png says that it is" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert program.main([*words, "--n=101"]) == 0  # 000.png and so on
    first = (out / "000.png").read_bytes()
    assert program.main([*words, "--n=101", "--seed=1"]) == 0
    assert (out / "000.png").read_bytes() != first
    assert program.main(["sample", str(run), f"--out={run}"]) == 2
    assert "is the folder of a run: name another" in capsys.readouterr().err


def test_samples_that_were_cut_short_are_replaced(run, tmp_path, monkeypatch):
    words = ["sample", str(run), f"--out={tmp_path / 'out'}", "--n=3"]
    with monkeypatch.context() as patch:
        encode, made = sample_command._encoded, []

        def killed(pictures, kind):
            made.append(kind)
            if len(made) == 3:
                raise KeyboardInterrupt
            return encode(pictures, kind)

        patch.setattr(sample_command, "_encoded", killed)
        assert program.main(words) == 130
    assert not (tmp_path / "out" / "2.png").exists()
    assert program.main(words) == 0
    assert (tmp_path / "out" / "2.png").exists()


def test_sample_of_a_folder_that_is_no_run_is_refused(tmp_path, capsys):
    (tmp_path / "file").touch()
    for name, why in (
        ("", "has no config.json"),
        ("no", "there is no such"),
        ("file", "is a file"),
    ):
        assert program.main(["sample", str(tmp_path / name)]) == 2
        said = capsys.readouterr().err
        assert "is no folder of a run" in said and why in said


def ended(words):
    """The exit status of a command, which a parser may end itself."""
    try:
        return program.main(words)
    except SystemExit as end:
        return end.code


def distance(capsys, *words):
    """What `ganstab metrics … --json` prints."""
    assert program.main(["metrics", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_runs_metrics_are_those_of_the_pictures_that_sample_writes(run, tmp_path, capsys):
    out, data = tmp_path / "out", run / "samples" / "data.npz"
    assert program.main(["sample", str(run), "--n=9", "--seed=3", f"--out={out}"]) == 0
    assert " other images" not in capsys.readouterr().out
    found = distance(capsys, run, data, "--n=9", "--seed=3")
    assert found.pop("fake") == {"run": str(run), "step": 2, "n": 9}
    assert found == distance(capsys, data, out, "--seed=3")
    assert found == {"swd": distance(capsys, data, run, "--n=9", "--seed=3")["swd"]}
    assert found != {"swd": distance(capsys, data, run, "--n=9")["swd"]}
    two = distance(capsys, run, run, "--n=9", "--step=2")
    assert two["swd"]["value"] > 0 and two["real"] == two["fake"]
    assert program.main(["sample", str(run), "--n=11", f"--out={out}"]) == 0
    assert "11 in" in (said := capsys.readouterr().out) and "beside 9 other images" in said


def test_a_run_alone_is_measured_against_its_training_images(run, folder, capsys):
    assert program.main(["metrics", str(run)]) == 0
    told = capsys.readouterr().out
    assert f"fake: 18 samples of {run} at step 2" in told and "n = 18 real, 18 fake" in told
    source = metrics.data_source(ganstab.load(run))
    images = open_source(str(folder), None).data.image
    for size in (5, 64):
        np.testing.assert_array_equal(np.concatenate([*source.batches(size)]), images)


def test_samples_are_the_same_in_batches_of_any_size(run):
    source = metrics.sample_source(ganstab.load(run), jax.random.key(0), 300)
    parts = {size: [*source.batches(size)] for size in (64, 100, 400)}
    assert [len(part) for part in parts[100]] == [100] * 3
    whole = parts[400][0]
    assert whole.shape == (source.n, *source.shape) and whole.dtype == np.uint8
    for each in parts.values():
        np.testing.assert_array_equal(np.concatenate(each), whole)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["{folder}"], "FAKE is missing, and {folder} is no folder of a run"),
        (["{run}", "{empty}"], "{empty}: no run, which has a config.json, and no images"),
        (["{run}", "{folder}"], "both must have one size"),
        (["{run}", "--n=1"], "--n=1: 2 or more is expected"),
        (["{folder}", "{folder}", "--n=5"], "--n goes with a run"),
        (["{run}", "--step=1"], "no checkpoint of step 1, but of 2"),
        (["{gone}"], "the data of {gone}: {empty}/x: no such file or folder"),
        (["{other}"], "has other images than the run began with"),
        (["{damaged}"], "config.json is damaged"),
        (["{half}"], "it has no config.json"),
    ],
)
def test_a_run_that_cannot_be_measured_is_told_in_one_line(
    run, folder, tmp_path, capsys, words, line
):
    names = {name: tmp_path / name for name in ("empty", "gone", "other", "damaged", "half")}
    names["empty"].mkdir()
    fewer = shutil.copytree(folder, tmp_path / "fewer")
    (fewer / "bee" / "1.png").unlink()
    for name in ("gone", "other", "damaged", "half"):
        shutil.copytree(run, names[name])
    config = json.loads((run / "config.json").read_text())
    for name, data in {"gone": names["empty"] / "x", "other": fewer}.items():
        (names[name] / "config.json").write_text(json.dumps(config | {"data": str(data)}))
    (names["damaged"] / "config.json").write_text("{")
    (names["half"] / "config.json").unlink()
    names |= {"run": run, "folder": folder}
    assert program.main(["metrics", *(word.format(**names) for word in words)]) == 2
    told = capsys.readouterr()
    assert line.format(**names) in told.err and told.err.count("\n") == 1 and not told.out


@pytest.mark.parametrize(
    ("shape", "value", "data", "words"),
    [
        ((2,), 0.0, None, "samples of the generator have the shape [2] and are no images"),
        ((8, 8, 3), np.nan, None, "hold a number that is not finite"),
        ((8, 8, 3), 0.0, lambda key, n: None, "are drawn at random"),
        ((8, 8, 3), 0.0, np.zeros((4, 8, 8, 1), np.uint8), "have the shape [8, 8, 1]"),
    ],
)
def test_a_generator_of_other_things_is_not_measured(shape, value, data, words):
    def apply(params, state, z, key, *, train=True):
        return jnp.full((len(z), *shape), value), state

    player = ganstab.Player(lambda key: ((), ()), apply)
    generator = Generator(player, empty_state(), as_prior(3), data=data)

    def sources():
        [*metrics.sample_source(generator, jax.random.key(0), 3).batches(3)]
        metrics.data_source(generator)

    assert words in refusal(sources)


def trained(*words):
    return ended(["train", *words])


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "data is missing: name a folder"),
        (["--data=nowhere"], "no such file or folder"),
        (["--data={folder}", "--batch_size=64"], "larger than the data, 18 images"),
        (["{folder}"], "settings are given as --name=value, such as --data="),
        (["--data={folder}/ant", "--batch_size=2", "--conditional"], "--conditional needs labels"),
        (["--data=mnist", "--size=32"], "whose images have 28 × 28 pixels"),
        (["--data={folder}", "--recipe=dcgan", "--gamma=1"], "gamma does not go with recipe=dcgan"),
        (["--data={folder}", "--metrics=fid"], "metrics=fid needs --inception=FILE"),
        (["--data={folder}", "--inception="], "--inception is empty: name a file"),
        (["--data={folder}", "--metrics=beauty"], "metrics must be some of"),
        (["--data={folder}", "--recipe=pacgan", "--batch_size=3"], "goes with an even batch_size"),
        (["--data={folder}", "--size=7"], "size must be from 8 to 256"),
    ],
)
def test_a_bad_word_for_train_is_told_in_one_line(folder, tmp_path, capsys, words, line):
    asked = [word.format(folder=folder) for word in words]
    assert trained(*asked, f"--workdir={tmp_path / 'run'}") == 2
    said = capsys.readouterr().err
    assert line in said and said.count("error:") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "name",
    [
        name
        if name in ("unrolled", "wgan_gp", "sngan")
        else pytest.param(name, marks=pytest.mark.slow)
        for name in ganstab.recipes.by_name
    ],
)
def test_each_recipe_gets_the_settings_numbers(folder, name):
    config = ImageGan(data=str(folder), recipe=name, learning_rate=1e-3, **TINY).fingerprinted()
    recipe = recipe_of(config)
    parts = build(config)
    trainable = recipe.build(parts.players, parts.prior)
    state = jax.eval_shape(trainable.init, jax.random.key(0))
    batch = ganstab.Batch(jnp.zeros((recipe.n_gen + recipe.n_disc, 4, 13, 13, 3)))
    new, _ = jax.eval_shape(trainable.step, state, batch)
    assert jax.tree.structure(new) == jax.tree.structure(state)


def test_each_recipe_adapts_its_augmentation(folder):
    """And trains it: what the look-ahead of unrolled takes is the extended optimizer too."""
    for name in ("unrolled", "pacgan", "r3gan"):
        config = ImageGan(data=str(folder), recipe=name, augment="adaptive", **TINY)
        parts = build(config.fingerprinted())
        trainable = parts.recipe.build(parts.players, parts.prior)
        state = jax.eval_shape(trainable.init, jax.random.key(0))
        recipe = parts.recipe
        batch = ganstab.Batch(jnp.zeros((recipe.n_gen + recipe.n_disc, 4, 13, 13, 3)))
        new, metrics = jax.eval_shape(trainable.step, state, batch)
        assert jax.tree.structure(new) == jax.tree.structure(state)
        assert {"disc/parameter/augment_probability", "disc/parameter/overfitting"} <= {*metrics}


@pytest.mark.slow
def test_an_adaptive_run_shows_its_probability_and_goes_on(folder, tmp_path):
    config = ImageGan(
        data=str(folder), augment="adaptive", recipe="dcgan", metrics="none", decay_steps=3,
        **(TINY | {"num_steps": 3, "checkpoint_every": 1}),
    )  # fmt: skip
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train(build, config, whole).status == "finished"
    assert train(build, config.replace(num_steps=1), parts).status == "finished"
    assert train(build, config, parts).status == "finished"
    rows = [
        [json.loads(line) for line in (place / "metrics.jsonl").read_text().splitlines()]
        for place in (whole, parts)
    ]
    shown = [
        [
            (row["disc/parameter/augment_probability"], row["disc/parameter/overfitting"])
            for row in each[1:]
        ]
        for each in rows
    ]
    assert shown[0] == shown[1] and len(shown[0]) == 3
    assert 0 < max(abs(overfitting) for _, overfitting in shown[0]) <= 1
    assert ganstab.load(parts).sample(jax.random.key(0), 2).shape == (2, 13, 13, 3)


def test_samples_are_made_under_the_labels_of_the_data(run):
    known = json.loads((run / "config.json").read_text())
    config = ImageGan(**{n: v for n, v in known.items() if n in vars(ImageGan(data="x"))})
    found = evaluation.labels(config.replace(samples=100), np.array([2, 2, 1]))
    shown, others = found[:64], found[64:]
    assert (np.diff(shown) >= 0).all() and np.bincount(shown).min() >= 21
    assert others.tolist() == ([2, 2, 1] * 12)[:36]


def test_the_learning_rate_rises_then_falls_to_a_fiftieth():
    config = ImageGan(data="mnist", gamma=1.0, decay_steps=1000)
    tx = recipe_of(config).txs.gen
    params = jnp.zeros(())
    state, sizes = tx.init(params), []
    for _ in range(1000):
        update, state = tx.update(jnp.ones(()), state, params)
        sizes.append(-float(update))
    assert sizes[0] == 0 and np.argmax(sizes) == 100
    assert sizes[100] == pytest.approx(4e-3, rel=1e-3)
    assert sizes[-1] == pytest.approx(8e-5, rel=1e-2)


def test_data_in_the_place_of_which_there_is_an_error_raise_it(run, tmp_path):
    config = json.loads((run / "config.json").read_text())
    known = {n: v for n, v in config.items() if n in vars(ImageGan(data="x"))}
    gone = ImageGan(**known).replace(data=str(tmp_path / "gone"))
    experiment = build(gone)
    assert isinstance(experiment.data, InputError)
    assert "no such file or folder" in refusal(lambda: train(build, gone, tmp_path / "run"))
