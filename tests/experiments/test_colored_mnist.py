"""Coloured digits: the colours of data and samples, what a run measures, the table."""

import jax
import matplotlib.image
import numpy as np
import pytest
from short_runs import FEW, drawn, empty_state, telling_mode, trained
from tiny_images import IMAGES

from experiments import colored_mnist
from experiments.colored_mnist import ColoredMnist, colors, tables
from ganstab import data, metrics, plots
from ganstab.training import samples


def test_colors_of_the_data_are_those_of_its_batches():
    """The same key gives what training sees; a set smaller than a batch is drawn several times."""
    key = jax.random.key(1)
    batch = data.draw(data.colored_digits, IMAGES, jax.random.split(key, 1)[0], 23)
    found = colors._draw_colors(IMAGES, key, 23)
    np.testing.assert_allclose(found, metrics.foreground_colors(batch.real), atol=1e-6)
    many = colors._draw_colors(IMAGES, key, 50)
    assert many.shape == (50, 3) and len(np.unique(many[:, 0])) == 50


def test_colors_are_compared_with_the_data_and_other_data_is_the_floor():
    known, floor = colors.of_data(IMAGES, jax.random.key(0), 50)
    assert colors.divergence(known, known[:1].repeat(50, 0)) > 4 * abs(floor) > 0
    again, same = colors.of_data(IMAGES, jax.random.key(0), 50)
    np.testing.assert_array_equal(known, again)
    assert floor == same


def test_a_line_holds_its_share_of_a_density():
    points = np.random.default_rng(0).normal(0, 0.2, (20_000, 2))
    density = plots.kernel_density(points, reach=1.0, bandwidth=0.05)
    area = np.sum(density > colors.level(density, 0.5)) * (2 / 160) ** 2
    # Half of a Gaussian lies within √(2 ln 2) standard deviations.
    assert area == pytest.approx(np.pi * (0.2**2 + 0.05**2) * 2 * np.log(2), rel=0.05)


def test_a_row_for_each_plane_six_steps_and_the_data(tmp_path):
    rng = np.random.default_rng(0)
    found = {step: {"colors": rng.normal(0, 0.3, (50, 3))} for step in range(9)}
    rows = [(view.label, found, view) for view in colors.VIEWS]
    assert samples.over_training(rows, found[0], tmp_path / "colors.png")
    height, width, _ = matplotlib.image.imread(tmp_path / "colors.png").shape
    assert (height, width) == (round(3 * 1.36 * 200), round(7 * 1.28 * 200))


def test_a_run_leaves_its_numbers_pictures_and_colours(tmp_path):
    config = ColoredMnist(unroll_steps=0, **FEW)
    js = trained(colored_mnist.build, config, tmp_path / "run")["results"]["js"]
    assert js["published"]["value"] == 0.073 and js["better"] == "lower"
    assert 0 < js["ideal"] < js["mean"] < np.log(2)
    assert {"training.png", "curves.png", "samples_000000002.png"} <= drawn(tmp_path / "run")
    kept = {step: each["colors"] for step, each in samples.read_samples(tmp_path / "run").items()}
    assert list(kept) == [0, 2] and kept[0].shape == (64, 3)
    assert 0 < np.max(np.abs(kept[2] - kept[0])) < 0.2


@pytest.mark.parametrize(("mode", "shade"), [("running", 0), ("batch", 1)])
def test_the_generators_batch_norm_at_an_evaluation(mode, shade):
    config = ColoredMnist(samples=4, bn_mode=mode)
    evaluate = colored_mnist.evaluation(np.eye(4, 3), config, telling_mode(28, 28, 3))
    arrays = evaluate(empty_state(), jax.random.key(0)).arrays
    assert set(arrays["samples"].flat) == set(arrays["colors"].flat) == {shade}


def test_the_table_has_the_papers_values():
    table = {
        (c.settings["width"], c.settings["unroll_steps"]): c for c in tables.TABLES["table_2"].cells
    }
    js = {place: cell.published["js"] for place, cell in table.items()}
    assert len(js) == 12 and js[0.25, 5].value == 0.049 and js[1, 10].standard_error == 0.00076
    for width in tables.WIDTHS:
        assert js[width, 1].value > js[width, 0].value > js[width, 5].value
    for cell in table.values():
        assert colored_mnist.published(ColoredMnist(**cell.settings)) == cell.published["js"]
    assert colored_mnist.published(ColoredMnist(dataset="kmnist")) is None
    assert colored_mnist.published(ColoredMnist(unroll_steps=3)) is None
