"""Coloured digits and digits by columns: what is measured, the pictures, the two programs."""

import json
import re
import subprocess
import sys

import jax
import matplotlib.image
import numpy as np
import pytest
from experiments.runner import samples
from experiments.runner.report import prose
from program import ROOT, environment
from tiny_images import IMAGES

from experiments.digits import colors, counts, pictures
from ganstab import data, metrics, plots

RUN = {
    "num_steps": 2, "eval_every": 2, "log_every": 1, "batch_size": 4, "samples": 12, "seed": 3,
}  # fmt: skip
SCRIPT = """
import importlib, json, pathlib, sys
sys.path.append("tests")
from absl import flags
from absl.testing import flagsaver
from experiments.digits import counts
from experiments.runner import image_gan
from ganstab import Pair
from ganstab.types import Carry, Player, TrainState
from spies import spied
import jax
counts.some_data.__defaults__ = (100,)
program = importlib.import_module("experiments." + sys.argv[1])
(table,) = program.TABLES.values()
print(json.dumps([[c.name, dict(c.settings), dict(c.published)] for c in table.cells]))
def trains(*mode):
    # Whether the generator's batch norm is in training mode where samples are drawn.
    def apply(params, state, z, key, train):
        asked.append(train)
        return z[:, :1], state
    asked, nothing = [], Pair((), ())
    state = TrainState(nothing, Carry(nothing, nothing), 0, jax.random.key(0))
    with flagsaver.flagsaver():
        flags.FLAGS(["sampler", "--samples=4", *mode])
        image_gan.make_sampler(Player(None, apply), jax.random.key(0), lambda x: x)(state)
    return set(asked)
assert trains() == {False}
if "bn_mode" in flags.FLAGS:
    assert trains("--bn_mode=batch") == {True}
for values in (program.SMOKE, *(cell.settings for cell in table.cells)):
    with flagsaver.flagsaver():
        flags.FLAGS(["cell", *(f"--{name}={value}" for name, value in values.items())])
        if program.__name__.endswith("colored_mnist") and values is not program.SMOKE:
            (cell,) = (cell for cell in table.cells if cell.settings == values)
            assert program.published() == cell.published["js"]
            flags.FLAGS["dataset"].value = "kmnist"
            assert program.published() is None
flags.FLAGS(sys.argv[1:])
with spied(seen := [], (image_gan, "make_game"), (program.unrolled_gan, sys.argv[1])):
    status = program.main()
(_, _, networks), game = seen
assert game == ("make_game", [], {"joint": flags.FLAGS.disc_batch == "joint"}), seen
first_norm = flags.FLAGS.disc_first_norm
assert networks == {"init_stddev": flags.FLAGS.init_stddev, "disc_first_norm": first_norm}, seen
if table.pictures:
    folder = pathlib.Path(flags.FLAGS.workdir)
    table.pictures([(cell, {3: folder}) for cell in table.cells], folder / "figures")
sys.exit(status)
"""


def ran(name, workdir, cache, **settings):
    """The cells of the program's table, its results, and its folder, after two steps."""
    values = {**RUN, "workdir": workdir, "compilation_cache": cache, **settings}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, name, *(f"--{k}={v}" for k, v in values.items())],
        cwd=ROOT, capture_output=True, text=True, env=environment(), timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads((workdir / "result.json").read_text())
    assert result["status"] == "finished" and result["step"] == 2
    for picture in ("training.png", "curves.png", "samples_000000002.png"):
        assert (workdir / "figures" / picture).stat().st_size > 1000
    assert "Metz et al." in (workdir / "report.html").read_text()
    config = json.loads((workdir / "config.json").read_text())
    assert (config["seed"], config["samples"], config["num_steps"]) == (3, 12, 2)
    assert {"disc_batch", "init_stddev", "unroll_steps", "dataset"} <= config.keys()
    cells = json.loads(done.stdout.splitlines()[0])
    assert all(re.fullmatch(r"[\w.]+", cell_name) for cell_name, *_ in cells)
    return cells, result["results"], samples.kept(workdir, 2)


def test_colored_digits_run_and_report(tmp_path, cache):
    cells, results, kept = ran("colored_mnist", tmp_path / "run", cache, unroll_steps=0)
    table = {(s["width"], s["unroll_steps"]): p["js"][:2] for _, s, p in cells}
    assert len(table) == 12 and table[0.25, 5] == [0.049, 0.0021] and table[1, 10][1] == 0.00076
    for width in (0.25, 0.5, 1):
        assert table[width, 1] > table[width, 0] > table[width, 5]
    js = results["js"]
    assert js["published"]["value"] == 0.073 and js["better"] == "lower"
    assert 0 < js["ideal"] < js["mean"] < np.log(2)
    assert list(kept) == [0, 2] and kept[0].shape == (12, 3)
    assert 0 < np.max(np.abs(kept[2] - kept[0])) < 0.2


def test_digits_by_columns_run_and_report(tmp_path, cache):
    cells, results, kept = ran(
        "rnn_mnist",
        tmp_path / "run",
        cache,
        unroll_steps=0,
        disc_batch="separate",
        disc_first_norm=False,
        init_stddev=0.04,
    )
    assert [(name, s["unroll_steps"]) for name, s, _ in cells] == [("K20", 20), ("K0", 0)]
    assert 1 <= results["modes"]["mean"] < results["modes"]["ideal"] == 10
    assert results["kl"]["mean"] > results["kl"]["ideal"] == counts.kl_floor(12)
    assert results["sure"]["mean"] < 50 < 95 < results["sure"]["ideal"]
    assert (tmp_path / "run" / "figures" / "figure_3.png").stat().st_size > 1000
    assert kept[2].shape == (12, 28, 28, 1) and not np.array_equal(kept[0], kept[2])


NETWORKS = """
import importlib, sys
from unittest import mock
from absl import flags
import jax, numpy as np
name, pair = sys.argv[1:]
program = importlib.import_module("experiments." + name)
assert flags.FLAGS["disc_first_norm"].default is True
flags.FLAGS(["run", "--nodisc_first_norm", "--init_stddev=0.04", "--dataset=other"])
image = np.zeros((4, 32, 32, 3), np.uint8)
with (
    mock.patch.object(program.images, "load", return_value=None),
    mock.patch.object(program.images, "load_ahead", return_value=None),
    mock.patch.object(program, "chosen_images", return_value=image, create=True),
    mock.patch.object(program.unrolled_gan, pair, side_effect=KeyError) as made,
):
    try:
        program.build(mock.Mock(key=jax.random.key(0)))
    except KeyError:
        print(made.call_args.kwargs)
if name == "stacked_mnist":
    print(program.published(0.25, 5))
"""


@pytest.mark.parametrize(
    ("name", "pair", "said"),
    [
        ("stacked_mnist", "stacked_mnist", "{'disc_norm': True, 'init_stddev': 0.04, "
         "'disc_first_norm': False}\n{}"),
        ("cifar10_reconstruction", "cifar10", "{'init_stddev': 0.04, 'disc_first_norm': False}"),
    ],
)  # fmt: skip
def test_the_networks_are_those_of_the_flags(name, pair, said):
    done = subprocess.run(
        [sys.executable, "-c", NETWORKS, name, pair],
        cwd=ROOT, capture_output=True, text=True, env=environment(), timeout=600,
    )  # fmt: skip
    assert done.stdout.strip() == said, done.stderr


def test_colors_of_the_data_are_those_of_its_batches():
    """The same key gives what training sees; a set smaller than a batch is drawn several times."""
    key = jax.random.key(1)
    batch = data.draw(data.colored_digits, IMAGES, jax.random.split(key, 1)[0], 23)
    found = colors.draw(IMAGES, key, 23)
    np.testing.assert_allclose(found, metrics.foreground_colors(batch.real), atol=1e-6)
    many = colors.draw(IMAGES, key, 50)
    assert many.shape == (50, 3) and len(np.unique(many[:, 0])) == 50


def test_colors_are_compared_with_the_data_and_other_data_is_the_floor():
    known, floor = colors.of_data(IMAGES, jax.random.key(0), 50)
    assert colors.divergence(known, known[:1].repeat(50, 0)) > 4 * abs(floor) > 0
    again, same = colors.of_data(IMAGES, jax.random.key(0), 50)
    np.testing.assert_array_equal(known, again)
    assert floor == same


def test_digits_are_counted_against_those_of_the_data():
    known = np.arange(1000) % 10
    sure = np.where(np.arange(1000) < 250, 0.95, 0.85)
    found = counts.measure(known, sure, known)
    assert (found["samples"], found["modes"], found["sure"]) == (1000, 10, 25)
    assert found["kl"] == pytest.approx(0, abs=1e-12)
    collapsed = counts.measure(np.full(1000, 7), sure, known)
    assert collapsed["modes"] == 1 and collapsed["kl"] == pytest.approx(np.log(10))
    missing = counts.kl_to_data(np.full(9, 7), np.zeros(1000, int))
    assert missing == pytest.approx(np.log(1005 / 0.5))


def test_the_floor_is_what_a_perfect_sampler_has():
    rng = np.random.default_rng(0)
    shares = np.linspace(1, 2, 10) / 15
    trials = [
        counts.kl_to_data(*(rng.choice(10, n, p=shares) for n in (300, 600))) for _ in range(300)
    ]
    assert np.mean(trials) == pytest.approx(counts.kl_floor(300, 600), rel=0.1)


def test_the_classifier_reads_the_data():
    source = data.load_mnist("test")
    image = counts.some_data(source, 200)
    assert image.shape == (200, 28, 28, 1) and image.min() == -1 and image.max() == 1
    digits, sure = counts.read_data(image)
    places = np.linspace(0, 9999, 200).astype(int)
    assert np.mean(digits == source.label[places]) > 0.97
    assert np.mean(sure > 0.9) > 0.9 and sure.max() <= 1 + 1e-6


def test_at_most_six_steps_are_drawn_and_the_data(tmp_path):
    rng = np.random.default_rng(0)
    found = {step: rng.uniform(-1, 1, (30, 28, 28, 1)) for step in range(9)}
    pictures.strip(found, tmp_path / "strip.png", data=found[0])
    points = {step: rng.normal(0, 0.3, (50, 3)) for step in (0, 5)}
    pictures.colors(points, tmp_path / "colors.png", data=points[0])
    both = [("K = 20", found), ("K = 0", {0: found[0], 8: found[8], 9: found[8]})]
    pictures.strips(both, tmp_path / "strips.png")
    with pytest.raises(ValueError, match="no step at which all"):
        pictures.strips([("a", {0: found[0]}), ("b", {1: found[0]})], tmp_path / "none.png")
    names = ("strip", "colors", "strips")
    shapes = [matplotlib.image.imread(tmp_path / f"{name}.png").shape for name in names]
    assert shapes[0][1] == round(7 * 1.28 * 200)
    assert shapes[2][:2] == (round(2 * 1.36 * 200), round(2 * 1.28 * 200))
    assert shapes[1][:2] == (round(3 * 1.3 * 200), round(3 * 1.28 * 200))


def test_a_line_holds_its_share_of_a_density():
    points = np.random.default_rng(0).normal(0, 0.2, (20_000, 2))
    density = plots.kernel_density(points, reach=1.0, bandwidth=0.05)
    level = pictures.level(density, 0.5)
    area = np.sum(density > level) * (2 / 160) ** 2
    # Half of a Gaussian lies within √(2 ln 2) standard deviations.
    assert area == pytest.approx(np.pi * (0.2**2 + 0.05**2) * 2 * np.log(2), rel=0.05)


def test_a_description_is_the_docstring_without_its_commands():
    said = prose("Title.\n\nWhat it is.\n\n    python -m it --a=1\n    python -m it\n\nMore.\n")
    assert said == "Title.\n\nWhat it is.\n\nMore." and prose(None) == ""
