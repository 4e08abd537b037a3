"""Digits by columns: how they are read and counted, what a run measures, the figure's runs."""

import jax
import numpy as np
import pytest
from short_runs import FEW, drawn, trained

from experiments import digits, rnn_mnist
from ganstab import data
from ganstab.training import samples


def test_digits_are_counted_against_those_of_the_data():
    known = np.arange(1000) % 10
    sure = np.where(np.arange(1000) < 250, 0.95, 0.85)
    found = digits.measure(known, sure, known)
    assert (found["samples"], found["modes"], found["sure"]) == (1000, 10, 25)
    assert found["kl"] == pytest.approx(0, abs=1e-12)
    collapsed = digits.measure(np.full(1000, 7), sure, known)
    assert collapsed["modes"] == 1 and collapsed["kl"] == pytest.approx(np.log(10))
    missing = digits.kl_to_data(np.full(9, 7), np.zeros(1000, int))
    assert missing == pytest.approx(np.log(1005 / 0.5))


def test_the_floor_is_what_a_perfect_sampler_has():
    rng = np.random.default_rng(0)
    shares = np.linspace(1, 2, 10) / 15
    trials = [
        digits.kl_to_data(*(rng.choice(10, n, p=shares) for n in (300, 600))) for _ in range(300)
    ]
    assert np.mean(trials) == pytest.approx(digits.kl_floor(300, 600), rel=0.1)


def test_the_classifier_reads_the_data():
    source = data.load_mnist("test")
    image = digits.some_data(source, 200)
    assert image.shape == (200, 28, 28, 1) and image.min() == -1 and image.max() == 1
    found, sure = digits.read_data(image)
    places = np.linspace(0, 9999, 200).astype(int)
    assert np.mean(found == source.label[places]) > 0.97
    assert np.mean(sure > 0.9) > 0.9 and sure.max() <= 1 + 1e-6


def test_a_run_leaves_its_numbers_pictures_and_samples(tmp_path):
    config = rnn_mnist.RnnMnist(
        unroll_steps=0, disc_batch="separate", disc_first_norm=False, init_stddev=0.04, **FEW
    )
    results = trained(rnn_mnist.build, config, tmp_path / "run")["results"]
    assert 1 <= results["modes"]["mean"] < results["modes"]["ideal"] == 10
    assert results["kl"]["mean"] > results["kl"]["ideal"] == digits.kl_floor(64)
    assert results["sure"]["mean"] < 50 < 95 < results["sure"]["ideal"]
    assert {"training.png", "curves.png", "modes.png", "samples_000000002.png"} <= drawn(
        tmp_path / "run"
    )
    kept = {step: each["samples"] for step, each in samples.read_samples(tmp_path / "run").items()}
    assert kept[2].shape == (64, 28, 28, 1) and not np.array_equal(kept[0], kept[2])
    assert "Figure 3" in (tmp_path / "run" / "report.html").read_text()


def test_the_networks_are_those_of_the_settings():
    def disc(**settings):
        config = rnn_mnist.RnnMnist(**settings)
        modules = rnn_mnist.networks(**config.network_settings())
        return rnn_mnist.unrolled_gan.players(modules).disc.init(jax.random.key(0))[0]

    assert len(disc()["norms"]) == len(disc(disc_first_norm=False)["norms"]) + 1
    narrow = disc(init_stddev=0.01)["dense"]["kernel"]
    np.testing.assert_allclose(narrow, disc()["dense"]["kernel"] / 5, rtol=1e-5)


def test_the_figure_has_both_k():
    (table,) = rnn_mnist.TABLES.values()
    configs = {cell.name: rnn_mnist.RnnMnist(**cell.settings) for cell in table.cells}
    assert {name: config.unroll_steps for name, config in configs.items()} == {"K20": 20, "K0": 0}
