"""Measured numbers, as `result.json` has them."""

import json
import math

import numpy as np
import pytest

from ganstab.training.measures import Measure, Published, best_row, measured


def test_a_measure_of_several_seeds_beside_the_papers():
    published = Published(236.4, 63.3, "Metz et al. 2017, Table 1")
    measure = Measure("modes", "modes covered, of 1,000", ideal=1000, published=published)
    entry = measured(np.float32([1, 2, 3, 6]), measure)
    assert json.loads(json.dumps(entry)) == {
        "label": "modes covered, of 1,000", "values": [1.0, 2.0, 3.0, 6.0], "n": 4, "mean": 3.0,
        "standard_error": pytest.approx(math.sqrt((4 + 1 + 0 + 9) / 3 / 4)), "ideal": 1000,
        "published": {
            "value": 236.4, "standard_error": 63.3, "source": published.source, "runs": None,
        },
        "better": "higher",
    }  # fmt: skip


def test_one_seed_has_no_standard_error_and_no_number_is_null():
    entry = measured([math.nan], Measure("kl", "KL", better="lower"))
    assert entry["mean"] is None and entry["values"] == [None] and entry["n"] == 1
    assert entry["standard_error"] is entry["published"] is None and entry["better"] == "lower"


def test_the_best_evaluation_is_the_last_of_equal_ones_and_counts_no_initial_state():
    values = {0: 0.1, 10: 3.0, 20: 2.0, 30: math.nan, 40: 2.0, 50: None, 60: 5.0}
    rows = [{"step": step, "kl": value} for step, value in values.items()] + [{"step": 70}]
    assert best_row(rows, Measure("kl", "KL", better="lower"))["step"] == 40
    assert best_row(rows, Measure("kl", "KL", better="higher"))["step"] == 60
    assert best_row(rows[:1], Measure("kl", "KL")) is None
