"""What means over seeds say of a paper's values and claims."""

import dataclasses
import math

import pytest

from ganstab.tables import Claim
from ganstab.tables.statistics import Mean, judged, merged, verdict, welch
from ganstab.training.measures import Measure, Published, measured

FOUR = [1.0, 2.0, 3.0, 4.0]  # mean 2.5, squared standard error 5/12
HIGH = [3.0, 4.0, 5.0, 6.5]  # squared standard error 0.557
MODES = Measure("modes", "modes covered")
CLAIM = Claim("one is more than the other", "modes", "one", "above", "other")


@pytest.mark.parametrize(
    ("values", "value", "error", "words"),
    [
        (FOUR, 4.0, 0.5, "agrees"),  # t = 1.5 / √(2/3) = 1.84, 7.68 degrees of freedom: 2.32
        (FOUR, 4.35, 0.5, "agrees"),  # 2.27
        (FOUR, 4.45, 0.5, "differs: lower"),  # 2.39
        (FOUR, 0.55, 0.5, "differs: higher"),
        (FOUR, 4.5, 0.0, "agrees"),  # 2 / √(5/12) = 3.10, 3 degrees of freedom: 3.18
        (FOUR, 4.6, 0.0, "differs: lower"),  # 3.25
        (FOUR, 4.6, None, "no verdict: the paper gives no error"),
        ([5.0] * 3, 5.97, 0.5, "agrees"),  # 1.94, infinitely many: 1.96
        ([5.0] * 3, 6.0, 0.5, "differs: lower"),  # 2
        ([5.0] * 3, 5.0, 0.0, "agrees"),
        ([5.0] * 3, 4.9, 0.0, "differs: higher"),
        ([1.0, 9.0], 5.0, 9.0, "too few seeds to say"),
        # 2.323 · √(2/3) = 1.897 would have shown: more than half of 3.7, less than half of 3.9
        (FOUR, 3.7, 0.5, "too few seeds to say"),
        (FOUR, 3.9, 0.5, "agrees"),
        (FOUR, -3.9, 0.5, "differs: higher"),
        ([5.0] * 3, 0.0, 9.0, "too few seeds to say"),
    ],
)
def test_verdict_by_welchs_test(values, value, error, words):
    found = verdict(values, Published(value, error, ""))
    assert found is not None and found["words"] == words


def test_verdict_says_how_it_comes_about():
    found = verdict(FOUR, Published(4.0, 0.5, ""))
    assert found is not None
    # (2/3)² / ((5/12)² / 3) = 7.68; Student's table has 2.365 for 7 and 2.306 for 8.
    assert found["degrees_of_freedom"] == pytest.approx(7.68)
    assert found["t"] == pytest.approx(1.5 / (2 / 3) ** 0.5)
    assert 2.306 < found["critical"] < 2.365
    assert found["least_significant"] == pytest.approx(found["critical"] * (2 / 3) ** 0.5)
    assert verdict(FOUR, None) is None
    five = verdict(FOUR, Published(4.0, 0.5, "", runs=5))
    # (2/3)² / ((5/12)² / 3 + (1/4)² / 4) = 6.05
    assert five is not None and five["degrees_of_freedom"] == pytest.approx(6.05, abs=0.01)


def test_welch_is_scipys_where_both_errors_are_estimated():
    from scipy.stats import ttest_ind

    theirs = ttest_ind(FOUR, HIGH, equal_var=False)
    means = [Mean(measured(v, MODES)["standard_error"], len(v) - 1) for v in (FOUR, HIGH)]
    ours = welch(2.5 - 4.625, *means)
    assert ours["t"] == pytest.approx(abs(theirs.statistic))
    assert ours["degrees_of_freedom"] == pytest.approx(theirs.df)
    assert ours["significant"] == (theirs.pvalue < 0.05)


def test_an_error_that_is_known_exactly_has_no_degrees_of_freedom():
    known = welch(1.0, Mean(0.5, 3), Mean(0.5, math.inf))
    assert known["degrees_of_freedom"] == pytest.approx((0.5**2 * 2) ** 2 / (0.5**4 / 3))
    assert welch(1.0, Mean(0.0, 3), Mean(0.5, math.inf))["critical"] == pytest.approx(1.96, 1e-3)


def test_seeds_of_a_cell_put_together():
    measure = Measure("kl", "KL", ideal=0.1, better="lower")
    values = {2: 4.0, 0: 1.0, 5: 1.0, 3: math.nan}
    entries = {seed: measured([value], measure) for seed, value in values.items()}
    entry = merged(entries, Published(2.0, 0.1, "a paper"))
    assert entry["values"] == [1.0, 4.0, 1.0] and entry["seeds"] == [0, 2, 5]
    assert entry["n"] == 3 and entry["not_a_number"] == [3] and entry["mean"] == 2.0
    assert entry["standard_error"] == pytest.approx(1.0)  # s = √3, n = 3
    assert (entry["label"], entry["ideal"], entry["better"]) == ("KL", 0.1, "lower")
    assert entry["published"]["value"] == 2.0
    assert entry["verdict"]["words"] == "too few seeds to say"  # 4.30 · √(1 + 0.1²) > 2 / 2
    assert merged(entries, Published(2.0, 0.1, ""), judged=False)["verdict"] is None
    nothing = merged({3: entries[3]}, None)
    assert nothing["mean"] is None and nothing["n"] == 0 and nothing["seeds"] == []


def cells(first, second, diverged=()):
    def of(values):
        entries = {seed: measured([value], MODES) for seed, value in enumerate(values)}
        return {"modes": merged(entries, None)} if values else {}

    gone = dict.fromkeys(diverged, "NaN")
    one, other = of(first), of(second)
    return {
        "one": {"measures": one, "diverged": {}},
        "other": {"measures": other, "diverged": gone},
    }


def judge(first, second, diverged=(), **claim):
    return judged([dataclasses.replace(CLAIM, **claim)], cells(first, second, diverged))[0]


@pytest.mark.parametrize(
    ("first", "relation", "second", "words"),
    [
        (HIGH, "above", FOUR, "as claimed, but not significant"),  # t = 2.125 / 0.987 = 2.15 < 2.46
        ([v + 0.35 for v in HIGH], "above", FOUR, "holds"),  # 2.51
        ([v + 0.35 for v in HIGH], "below", FOUR, "does not hold: the other way round"),
        (HIGH, "below", FOUR, "the other way round, but not significant"),
        (HIGH, "like", FOUR, "no difference shown"),
        ([v + 0.35 for v in HIGH], "like", FOUR, "does not hold: higher"),
        (FOUR, "like", [v + 0.35 for v in HIGH], "does not hold: lower"),
        (FOUR, "above", FOUR, "not seen: no difference"),
        ([8.0] * 3, "above", [0.0] * 3, "holds"),
        ([8.0] * 3, "like", [8.0] * 3, "no difference shown"),
        ([8.0] * 9, "above", [0.0] * 2, "too few seeds to say"),
        ([], "above", FOUR, "too few seeds to say"),
    ],
)
def test_a_claim_by_welchs_test(first, relation, second, words):
    assert judge(first, second, relation=relation)["verdict"] == words


def test_a_claim_counts_the_runs_that_it_leaves_out():
    assert judge([8.0] * 3, [0.0] * 3, [3])["verdict"] == "holds (1 run diverged)"
    nothing = judge([8.0] * 3, [], [0, 1, 2])
    assert nothing["verdict"] == "too few seeds to say (3 runs diverged)"


def test_what_spans_orders_of_magnitude_is_compared_by_its_logarithms():
    wide = [1e3, 1e4, 1e5], [0.1, 1.0, 10.0]
    found = judge(*wide, log=True)
    assert found["difference"] == pytest.approx(4) and found["verdict"] == "holds"
    assert found["standard_error"] == pytest.approx((2 / 3) ** 0.5)
    assert judge(*wide)["verdict"] == "as claimed, but not significant"
    assert judge([0.0] * 3, [1.0] * 3, log=True)["difference"] == pytest.approx(-30)


def test_a_claim_says_how_its_verdict_comes_about():
    found = judge(HIGH, FOUR)
    assert found["difference"] == pytest.approx(2.125) and found["label"] == "modes covered"
    assert found["standard_error"] == pytest.approx((5 / 12 + 0.5573) ** 0.5, rel=1e-3)
    assert found["t"] == pytest.approx(found["difference"] / found["standard_error"])
    # (0.4167 + 0.5573)² / (0.4167² / 3 + 0.5573² / 3) = 5.88; Student's table has 2.447 for 6.
    assert found["degrees_of_freedom"] == pytest.approx(5.88, abs=0.01)
    assert 2.447 < found["critical"] < 2.571
