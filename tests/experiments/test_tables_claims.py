"""Whether what a paper claims of two cells holds of ours."""

import pytest

from experiments.runner import records
from experiments.runner.table import Claim
from experiments.runner.table.claims import judged
from experiments.runner.table.verdict import Mean, merged, welch

LOW, HIGH = [1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 5.0, 6.5]  # squared errors 5/12 and 0.557


def cells(first, second):
    def of(values):
        entries = {i: records.measured([value], "modes covered") for i, value in enumerate(values)}
        measures = {"modes": merged(entries, None)} if values else {}
        return {"measures": measures, "diverged": {}}

    return {"one": of(first), "other": of(second)}


def judge(first, relation, second):
    claim = Claim("one is more than the other", "modes", "one", relation, "other")
    return judged([claim], cells(first, second))[0]


@pytest.mark.parametrize(
    ("first", "relation", "second", "verdict"),
    [
        (HIGH, "above", LOW, "as claimed, but not significant"),  # t = 2.125 / 0.987 = 2.15 < 2.46
        ([v + 0.35 for v in HIGH], "above", LOW, "holds"),  # 2.51
        ([v + 0.35 for v in HIGH], "below", LOW, "does not hold: the other way round"),
        (HIGH, "below", LOW, "the other way round, but not significant"),
        (HIGH, "like", LOW, "no difference shown"),
        ([v + 0.35 for v in HIGH], "like", LOW, "does not hold: higher"),
        (LOW, "like", [v + 0.35 for v in HIGH], "does not hold: lower"),
        (LOW, "above", LOW, "not seen: no difference"),
        ([8.0] * 3, "above", [0.0] * 3, "holds"),
        ([8.0] * 3, "like", [8.0] * 3, "no difference shown"),
        ([8.0] * 9, "above", [0.0] * 2, "too few seeds to say"),
        ([], "above", LOW, "too few seeds to say"),
    ],
)
def test_a_claim_by_welchs_test(first, relation, second, verdict):
    assert judge(first, relation, second)["verdict"] == verdict


def test_a_claim_counts_the_runs_that_it_leaves_out():
    claim = Claim("one is more than the other", "modes", "one", "above", "other")
    found = cells([8.0] * 3, [0.0] * 3)
    found["other"]["diverged"] = {3: "NaN"}
    assert judged([claim], found)[0]["verdict"] == "holds (1 run diverged)"
    found = cells([8.0] * 3, [])
    found["other"]["diverged"] = {0: "NaN", 1: "NaN", 2: "NaN"}
    assert judged([claim], found)[0]["verdict"] == "too few seeds to say (3 runs diverged)"


def test_what_spans_orders_of_magnitude_is_compared_by_its_logarithms():
    claim = Claim("one is more than the other", "modes", "one", "above", "other", log=True)
    found = judged([claim], cells([1e3, 1e4, 1e5], [0.1, 1.0, 10.0]))[0]
    assert found["difference"] == pytest.approx(4) and found["verdict"] == "holds"
    assert found["standard_error"] == pytest.approx((2 / 3) ** 0.5)
    plain = judged([claim._replace(log=False)], cells([1e3, 1e4, 1e5], [0.1, 1.0, 10.0]))[0]
    assert plain["verdict"] == "as claimed, but not significant"


def test_a_claim_says_how_its_verdict_comes_about():
    found = judge(HIGH, "above", LOW)
    assert found["difference"] == pytest.approx(2.125) and found["label"] == "modes covered"
    assert found["standard_error"] == pytest.approx((5 / 12 + 0.5573) ** 0.5, rel=1e-3)
    assert found["t"] == pytest.approx(found["difference"] / found["standard_error"])
    # (0.4167 + 0.5573)² / (0.4167² / 3 + 0.5573² / 3) = 5.88; Student's table has 2.447 for 6.
    assert found["degrees_of_freedom"] == pytest.approx(5.88, abs=0.01)
    assert 2.447 < found["critical"] < 2.571


def test_an_error_that_is_known_exactly_has_no_degrees_of_freedom():
    known = welch(1.0, Mean(0.5, 3), Mean(0.5, float("inf")))
    assert known["degrees_of_freedom"] == pytest.approx((0.5**2 * 2) ** 2 / (0.5**4 / 3))
    assert welch(1.0, Mean(0.0, 3), Mean(0.5, float("inf")))["critical"] == pytest.approx(
        1.96, 1e-3
    )
