"""A swing that goes on is told with its period; noise, drift and swings that die out are none."""

import numpy as np
import pytest

from ganstab import doctor
from ganstab.doctor.oscillation import oscillation, swing

STEPS = np.arange(0, 2000, 20)
SCORE = "disc/fake_score"


def record(values, steps=STEPS, name=SCORE):
    pairs = zip(steps, values, strict=True)
    return doctor.Record([{"step": int(step), name: float(value)} for step, value in pairs])


def wave(period, steps=STEPS, growth=0.0):
    return np.exp(growth * steps) * np.sin(2 * np.pi * steps / period)


@pytest.mark.parametrize("period", [47, 63, 100, 150])
@pytest.mark.parametrize("line", [0.0, 0.01], ids=["level", "drifting"])
def test_a_swing_has_its_period(period, line):
    seen = swing(record(3 + line * STEPS + wave(period)), SCORE)
    assert seen.share > 0.97 and seen.spacing == 20
    assert seen.period == pytest.approx(period, rel=0.03)
    assert seen.lasts == pytest.approx(1, abs=0.1)


def test_rows_need_no_equal_distances():
    steps = np.sort(np.random.default_rng(0).choice(2000, 100, replace=False))
    seen = swing(record(wave(80, steps), steps), SCORE)
    assert seen.share > 0.9 and seen.period == pytest.approx(80, rel=0.03)


def test_its_share_is_that_of_the_variance():
    """R² of a sinusoid of variance ½ in noise of variance s² is ½ / (½ + s²)."""
    steps = np.arange(0, 40_000, 20)
    noise = np.random.default_rng(0).normal(size=len(steps))
    seen = swing(record(wave(100, steps) + 0.5 * noise, steps), SCORE)
    assert seen.share == pytest.approx(0.5 / (0.5 + 0.25), abs=0.03)


@pytest.mark.parametrize(
    ("growth", "state"), [(0.0, "bad"), (0.001, "bad"), (-0.0002, "bad"), (-0.001, "good")]
)
def test_a_swing_that_dies_out_is_no_fault(growth, state):
    found = oscillation(None, record(wave(63, growth=growth)))
    assert found.topic == "Oscillation" and found.state == state
    assert "period of 63 steps" in found.words
    assert ("It dies out." in found.words) == (state == "good")
    assert bool(found.answer) == bool(found.remedy) == (state == "bad")
    assert ("a row every 20 steps" in found.words) == (state == "bad")


def walk(seed, memory):
    """Noise that remembers a share of what it was a row before; all of it is a random walk."""
    values = np.random.default_rng(seed).normal(size=len(STEPS))
    for i in range(1, len(values)):
        values[i] += memory * values[i - 1]
    return values


@pytest.mark.parametrize("memory", [0.0, 0.9, 1.0])
def test_noise_is_no_swing(memory):
    shares = [swing(record(walk(seed, memory)), SCORE).share for seed in range(200)]
    assert max(shares) < 0.5


def test_it_says_of_which_score_it_speaks():
    still = record(walk(0, 0.0), name="disc/real_score").rows
    rows = [a | b for a, b in zip(still, record(wave(200 / 3)).rows, strict=True)]
    found = oscillation(None, doctor.Record(rows))
    assert found.state == "bad" and "the mean score of samples swings" in found.words
    loss = oscillation(None, record(wave(200 / 3), name="gen/loss"))
    assert "the generator's loss swings" in loss.words


def test_a_penalty_of_every_other_step_is_no_swing_of_the_scores():
    """With scores in the log, the losses are not looked at."""
    rows = [
        row | {"gen/loss": float(i % 4 == 0)} for i, row in enumerate(record(walk(0, 0.5)).rows)
    ]
    assert oscillation(None, doctor.Record(rows)).state == "good"


def test_numbers_that_are_none_are_left_out():
    rows = list(record(wave(63)).rows)
    for place, value in ((60, float("nan")), (70, "x"), (80, None)):
        rows[place] = rows[place] | {SCORE: value}
    assert oscillation(None, doctor.Record(rows)).state == "bad"


@pytest.mark.parametrize(
    "values",
    [np.sin(np.arange(47)), np.full(100, 3.0), np.full(100, 0.1) + 1e-9 * STEPS, np.zeros(0)],
    ids=["few rows", "constant", "straight", "none"],
)
def test_of_too_little_nothing_is_said(values):
    assert oscillation(None, record(values, STEPS[: len(values)])) is None


def test_rows_of_one_step_say_nothing():
    assert oscillation(None, record(wave(63), np.full(100, 7))) is None
