"""Means over seeds, and what they say of a paper's values and claims: Welch's t test at 5 %."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ganstab.tables.table import Claim
from ganstab.training.measures import Measure, Published, measured

__all__ = ["Mean", "judged", "merged", "verdict", "welch"]

ENOUGH = 3
"""Finished seeds below which nothing is said."""
MARGIN = 0.5
"""Of the published value: what the least significant difference of an agreement may be."""
TINY = 1e-30
"""What is compared in place of 0, which has no logarithm."""
TOO_FEW = "too few seeds to say"
NO_ERROR = "no verdict: the paper gives no error"


class Mean(NamedTuple):
    """What a test has to know of a mean beside its value."""

    error: float
    """The standard error."""
    freedom: float
    """Of the standard error, the degrees of freedom; infinite where it is known exactly."""


def welch(difference: float, *means: Mean) -> dict[str, Any]:
    """Welch's t test of a difference of two means, two-sided, at 5 %.

    With standard errors s_i of f_i degrees of freedom,

        t = |difference| / √(Σ s_i²),   degrees of freedom = (Σ s_i²)² / Σ (s_i⁴ / f_i).

    Unlike `scipy.stats.ttest_ind_from_stats` it takes an error that is known exactly.

    Returns:
      "significant", "t" (`None` where both errors are 0), "critical" (the 97.5 % quantile of
      Student's distribution), "least_significant" (the difference from which on it is significant,
      critical × √(Σ s_i²)) and "degrees_of_freedom" (`None` for infinitely many).
    """
    from scipy import stats  # here, so that a run starts without SciPy

    squares = [mean.error**2 for mean in means]
    below = sum(square**2 / mean.freedom for square, mean in zip(squares, means, strict=True))
    freedom = sum(squares) ** 2 / below if below else math.inf
    error, critical = math.sqrt(sum(squares)), float(stats.t.ppf(0.975, freedom))
    return {
        "significant": abs(difference) > critical * error,
        "least_significant": critical * error,
        "t": abs(difference) / error if error else None,
        "critical": critical,
        "degrees_of_freedom": freedom if math.isfinite(freedom) else None,
    }


def merged(
    entries: Mapping[int, Mapping[str, Any]], published: Published | None, *, judged: bool = True
) -> dict[str, Any]:
    """One entry of many seeds, out of the entries of one seed each.

    A value that is not a number is left out of the mean, and its seed named under "not_a_number".
    The entries are by seed, at least one, as `measured` makes them of one value. With `judged` a
    verdict says whether the mean agrees with the published value.
    """
    first = next(iter(entries.values()))
    known = {name: first[name] for name in ("label", "ideal", "better")}
    values = {seed: entry["mean"] for seed, entry in sorted(entries.items())}
    sound = {seed: value for seed, value in values.items() if value is not None}
    measure = Measure("", published=published, **known)
    return {
        **measured(list(sound.values()) or [math.nan], measure),
        "n": len(sound),
        "seeds": list(sound),
        "not_a_number": [seed for seed in values if seed not in sound],
        "verdict": verdict(list(sound.values()), published) if judged else None,
    }


def verdict(values: Sequence[float], published: Published | None) -> dict[str, Any] | None:
    """Whether the seeds' mean agrees with the published one, by Welch's test.

    No significant difference is not agreement: three seeds of 0.31 ± 0.07 cannot tell 0.08 from
    0.5. So "agrees" also asks that the least significant difference be at most half the published
    value. The paper's standard error counts as known exactly where it does not say of how many runs
    it is. Where all seeds are equal, s = 0 adds nothing to the error or its degrees of freedom.

    Returns:
      `None` without a published value, else "words", and with enough seeds what `welch` tells:
      "t", "critical", "degrees_of_freedom" and "least_significant".
    """
    if published is None:
        return None
    if len(values) < ENOUGH:
        return {"words": TOO_FEW}
    if published.standard_error is None:
        return {"words": NO_ERROR}
    entry = measured(values, Measure("", ""))
    difference = entry["mean"] - published.value
    theirs = Mean(published.standard_error, published.runs - 1 if published.runs else math.inf)
    test = welch(difference, Mean(entry["standard_error"], len(values) - 1), theirs)
    if test.pop("significant"):
        words = "differs: higher" if difference > 0 else "differs: lower"
    else:
        could_tell = test["least_significant"] <= MARGIN * abs(published.value)
        words = "agrees" if could_tell else TOO_FEW
    return {"words": words, **test}


def judged(claims: Sequence[Claim], cells: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each claim with "difference" (first minus second), its "standard_error" and the "verdict".

    Of a claim of logarithms both numbers are of the decimal ones; `cells` are those of its table's
    `result.json`.
    """
    return [_judged(claim, cells) for claim in claims]


def _judged(claim: Claim, cells: Mapping[str, Any]) -> dict[str, Any]:
    both = [cells[name] for name in (claim.first, claim.second)]
    entries = [cell["measures"].get(claim.measure) for cell in both]
    known = [entry for entry in entries if entry and entry["n"]]
    told = {**dataclasses.asdict(claim), "label": known[0]["label"] if known else claim.measure}
    gone = sum(len(cell["diverged"]) for cell in both)
    but = f" ({gone} runs diverged)" if gone > 1 else " (1 run diverged)" if gone else ""
    if len(known) < 2 or min(entry["n"] for entry in known) < ENOUGH:
        return {**told, "verdict": TOO_FEW + but}
    first, second = map(_logarithms, known) if claim.log else known
    difference = first["mean"] - second["mean"]
    means = [Mean(entry["standard_error"], entry["n"] - 1) for entry in (first, second)]
    test = welch(difference, *means)
    return {
        **told,
        "difference": difference,
        "standard_error": math.hypot(*(mean.error for mean in means)),
        **test,
        "verdict": _words(claim, difference, test["significant"]) + but,
    }


def _logarithms(entry: Mapping[str, Any]) -> dict[str, Any]:
    values = [math.log10(max(value, TINY)) for value in entry["values"]]
    return measured(values, Measure("", entry["label"]))


def _words(claim: Claim, difference: float, significant: bool) -> str:
    if claim.relation == "like":
        if not significant:
            return "no difference shown"
        return f"does not hold: {'higher' if difference > 0 else 'lower'}"
    if not difference:
        return "not seen: no difference"
    expected = (difference > 0) == (claim.relation == "above")
    side = "as claimed" if expected else "the other way round"
    if not significant:
        return f"{side}, but not significant"
    return "holds" if expected else f"does not hold: {side}"
