"""Seeds of a cell put together: mean, standard error, and whether that agrees with the paper."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from experiments.runner import records

ENOUGH = 3
MARGIN = 0.5
"""Of the published value: what the least significant difference of an agreement may be."""
TOO_FEW = "too few seeds to say"
NO_ERROR = "no verdict: the paper gives no error"
RULE = (
    f"There is no verdict with fewer than {ENOUGH} finished seeds, nor where the paper prints no "
    "error. Otherwise the mean differs from the published one if they are further apart than "
    "chance explains in 95 of 100 cases, by Welch's t test: |mean − published| > t √(s² + p²). "
    "Here s is the standard error over the n seeds that finished, p the published one over m "
    "runs, and t the 97.5 % quantile of Student's distribution with (s² + p²)² / (s⁴/(n − 1) + "
    "p⁴/(m − 1)) degrees of freedom. Where the paper does not tell m, p counts as known exactly, "
    "and more cells than 5 in 100 differ by chance. Where the mean does not differ, it agrees if "
    "the least significant difference, t √(s² + p²), is at most |published| / 2 (the true "
    "difference may still be larger); else the seeds are too few to say."
)


def merged(
    entries: Mapping[int, Mapping[str, Any]],
    published: records.Published | None,
    *,
    judged: bool = True,
) -> dict[str, Any]:
    """One entry of many seeds, out of the entries of one seed each.

    A value that is not a number is left out of the mean, and its seed named under "not_a_number".

    Args:
      entries: of `records.measured` with one value, by seed; at least one.
      published: the paper's value.
      judged: whether to say if the mean agrees with it.
    """
    first = next(iter(entries.values()))
    values = {seed: entry["mean"] for seed, entry in sorted(entries.items())}
    sound = {seed: value for seed, value in values.items() if value is not None}
    entry = records.measured(
        list(sound.values()) or [math.nan],
        first["label"],
        published=published,
        ideal=first["ideal"],
        better=first["better"],
    )
    missing = [seed for seed in values if seed not in sound]
    seeds = {"n": len(sound), "seeds": list(sound), "not_a_number": missing}
    said = verdict(list(sound.values()), published) if judged else None
    return {**entry, **seeds, "verdict": said}


def verdict(values: Sequence[float], published: records.Published | None) -> dict[str, Any] | None:
    """Whether the seeds' mean agrees with the published one, by Welch's test (see `RULE`).

    No significant difference is not agreement: three seeds of 0.31 ± 0.07 cannot tell 0.08 from
    0.5. So "agrees" asks too that the error be small beside the published value. The paper's
    standard error counts as known exactly where it does not say of how many runs it is. Where all
    seeds are equal, s = 0 adds nothing to the error or its degrees of freedom.

    Args:
      values: one a seed.
      published: the paper's value.

    Returns:
      `None` without a published value, else "words", and with enough seeds what `welch` tells:
      "t", "critical", "degrees_of_freedom" and "least_significant".
    """
    if published is None:
        return None
    n = len(values)
    if n < ENOUGH:
        return {"words": TOO_FEW}
    if published.standard_error is None:
        return {"words": NO_ERROR}
    entry = records.measured(values, "")
    difference = entry["mean"] - published.value
    own = Mean(entry["standard_error"], n - 1)
    theirs = Mean(published.standard_error, published.runs - 1 if published.runs else math.inf)
    test = welch(difference, own, theirs)
    if test["significant"]:
        words = "differs: higher" if difference > 0 else "differs: lower"
    else:
        could_tell = test["least_significant"] <= MARGIN * abs(published.value)
        words = "agrees" if could_tell else TOO_FEW
    return {
        "words": words,
        **{
            name: test[name]
            for name in ("t", "critical", "degrees_of_freedom", "least_significant")
        },
    }


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

    Returns:
      "significant", "t" (`None` where both errors are 0), "critical" (the 97.5 % quantile of
      Student's distribution), "least_significant" (the difference from which on it is significant,
      critical × √(Σ s_i²)) and "degrees_of_freedom" (`None` for infinitely many).
    """
    squares = [mean.error**2 for mean in means]
    below = sum(square**2 / mean.freedom for square, mean in zip(squares, means, strict=True))
    freedom = sum(squares) ** 2 / below if below else math.inf
    error, critical = math.sqrt(sum(squares)), _quantile(freedom)
    return {
        "significant": abs(difference) > critical * error,
        "least_significant": critical * error,
        "t": abs(difference) / error if error else None,
        "critical": critical,
        "degrees_of_freedom": freedom if math.isfinite(freedom) else None,
    }


def _quantile(freedom: float) -> float:
    """The 97.5 % quantile of Student's distribution."""
    from scipy import stats  # here, so that a run starts without SciPy

    return float(stats.t.ppf(0.975, freedom) if math.isfinite(freedom) else stats.norm.ppf(0.975))
