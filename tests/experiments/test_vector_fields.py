"""The essay's smallest GANs: the closed forms, what is computed beside them, and one picture."""

import json

import numpy as np
import pytest
from common import quick

from experiments import vector_fields
from experiments.one_parameter_gans import biases, closed_forms, planes, sampled, weights
from experiments.runner import progress, study
from experiments.runner.stopping import StopRequest
from ganstab import games

Z = np.linspace(-12, 12, 24000)  # even, so that 0 is not among them
NORMAL = np.exp(-(Z**2) / 2) / np.sqrt(2 * np.pi) * (Z[1] - Z[0])


@pytest.mark.parametrize("w", [0.3, 1.0, 2.0])
def test_curvature_is_an_expectation(w):
    """`w² a(w) = 2 E[q / (exp(q) − 1)]` with `q = w²z²`."""
    q = (w * Z) ** 2
    expected = 2 * np.sum(NORMAL * q / np.expm1(q))
    np.testing.assert_allclose(w**2 * closed_forms.curvature(w), expected, rtol=1e-6)


@pytest.mark.parametrize(("average", "expected"), [(False, 0.67145), (True, 0.56295)])
def test_below_which_width_the_essays_stable_point_is_none(x64, average, expected):
    found = biases.critical_width(average)
    assert found == pytest.approx(closed_forms.critical_width(average), abs=1e-8)
    assert found == pytest.approx(expected, abs=1e-5)
    for w in (0.5, found - 0.01, found + 0.01):
        growth = closed_forms.bias_rates(w, average)[0].real
        assert (growth > 0) == (w < found) and abs(growth) > 1e-3


def test_no_clip_makes_half_width_stable(x64):
    traces = [
        np.trace(planes.slopes(biases.gaussian_biases_of(0.5, clip=clip))) for clip in (0.01, 0.49)
    ]
    assert traces[0] > traces[1] > 0


def test_rate_and_period_of_a_run():
    time = 0.02 * np.arange(1500)
    swing = np.exp(-0.3 * time)[:, None] * np.stack([np.sin(2 * time), np.cos(2 * time)], axis=1)
    assert biases.late_rate(swing, 0.02) == pytest.approx(-0.3, rel=1e-9)
    assert biases.period(swing, 0.02) == pytest.approx(np.pi, rel=1e-4)


def test_weights_collapse_in_a_finite_time(x64):
    (run,) = planes.followed(games.weight_gan(games.gaussian()), [(1.0, 1.0)], 0.002, 160)
    kept = weights.until_collapse(run)
    end = closed_forms.collapse(1.0, 1.0)
    assert 0 < abs(kept[-1, 0]) < 0.1 < kept[-2, 0]
    assert weights.collapse_time(kept, 0.002) == pytest.approx(end.time, abs=1e-4)
    assert end.time == pytest.approx(0.3044, abs=1e-4)
    assert kept[-1, 1] == pytest.approx(end.disc, abs=1e-3)


def test_between_any_two_poles_there_is_one_saddle(x64):
    samples = planes.draw(3, 5)
    game = games.bias_gan(games.gaussian(), samples=samples)
    found = planes.resting(game, sampled.between_poles(samples))
    assert len(found) == 4
    for point in found:
        growth = np.sort(point.eigenvalues.real)
        assert growth[0] < 0 < growth[1]
        assert float(point.params.disc) == pytest.approx(-float(np.mean(samples.disc)), abs=1e-9)


def test_the_scatter_of_a_mean_of_pulls_has_no_use_for_more_samples():
    rng = np.random.default_rng(0)
    for count in (50, 800):
        u = 1 + rng.standard_normal((4000, count))
        low, high = np.percentile(np.mean(2 * u / np.expm1(u**2), axis=1), [25, 75])
        assert high - low == pytest.approx(closed_forms.scatter(1.0), rel=0.08)


def test_a_blur_is_the_mean_over_all_noise(x64):
    samples = planes.draw(0, 3)
    gen, disc, stddev = 0.7, -0.4, 0.2
    game = sampled.blurred(samples, stddev)
    losses = quick(lambda at: game(at, **planes.NOTHING, key=None)[0])(planes.at(gen, disc))
    s = np.asarray(samples.gen)[:, None] + gen + disc + 2**0.5 * stddev * Z
    fake = np.mean(np.sum(NORMAL * np.log(-np.expm1(-(s**2))), axis=1))
    real = np.mean((np.asarray(samples.disc) + disc) ** 2) + stddev**2
    np.testing.assert_allclose(losses, (fake, real - fake), rtol=2e-3)


def test_one_exhibit_is_made(x64, tmp_path):
    made = vector_fields.exhibits(0)
    assert len(made) == len(vector_fields.MAKERS) and all(make.__doc__ for make in made.values())
    (tmp_path / "figures").mkdir()
    only = {"sigmoid_weights": made["sigmoid_weights"]}
    study.make(
        study.Study("title", "words", only), tmp_path, {"seed": 0},
        progress.Progress(1), StopRequest([]),
    )  # fmt: skip
    result = json.loads((tmp_path / "result.json").read_text())
    findings = result["results"]["sigmoid_weights"]
    assert result["status"] == "finished" and len(findings) == 4
    assert [finding["agrees"] for finding in findings] == [True, None, True, True]
    assert "Sigmoid discriminator, weights" in (tmp_path / "report.html").read_text()
