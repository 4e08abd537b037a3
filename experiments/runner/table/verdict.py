"""Seeds of a cell put together: mean, standard error, and whether that agrees with the paper."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.runner import records

ENOUGH = 3
RULE = (
    f"The rule: with fewer than {ENOUGH} finished seeds nothing is said. With more, the mean "
    "agrees with the published one if they are no further apart than chance explains in 95 of "
    "100 cases, by Welch's t test: |mean − published| ≤ t √(s² + p²). Here s is the standard error "
    "over the n seeds, p the published one, which is taken as known exactly (as 0 where the paper "
    "gives none), and t the 97.5 % quantile of Student's distribution with "
    "(s² + p²)² / (s⁴ / (n − 1)) degrees of freedom. Otherwise it differs. "
    "With few seeds that vary much, “agrees” says little: no difference is shown."
)


def merged(
    entries: Mapping[int, Mapping[str, Any]], published: records.Published | None
) -> dict[str, Any]:
    """One entry of many seeds, out of the entries of one seed each.

    A value that is not a number is left out of the mean, and its seed named under "not_a_number".

    Args:
      entries: of `records.measured` with one value, by seed; at least one.
      published: the paper's value.
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
    return {**entry, **seeds, "verdict": verdict(list(sound.values()), published)}


def verdict(values: Sequence[float], published: records.Published | None) -> dict[str, Any] | None:
    """Whether the seeds' mean agrees with the published one, by Welch's test (see `RULE`).

    With standard errors s of the n seeds and p of the paper,

        t = |mean − published| / √(s² + p²),   degrees of freedom = (s² + p²)² / (s⁴ / (n − 1)),

    and they agree if t is at most the 97.5 % quantile of Student's distribution. Welch 1947 has a
    term of the paper's own degrees of freedom below; p counts as known exactly, so there is none.
    Where all seeds are equal, s = 0, the quantile is that of the normal distribution.

    Args:
      values: one a seed.
      published: the paper's value.

    Returns:
      `None` without a published value, else "words", and with enough seeds "t", "critical" and
      "degrees_of_freedom" (`None` for infinitely many).
    """
    if published is None:
        return None
    n = len(values)
    if n < ENOUGH:
        return {"words": "too few seeds to say"}
    entry = records.measured(values, "")
    difference = entry["mean"] - published.value
    own, theirs = entry["standard_error"] ** 2, (published.standard_error or 0.0) ** 2
    freedom = (own + theirs) ** 2 / (own**2 / (n - 1)) if own else math.inf
    error, critical = math.sqrt(own + theirs), _quantile(freedom)
    side = "higher" if difference > 0 else "lower"
    agrees = abs(difference) <= critical * error
    return {
        "words": "agrees" if agrees else f"differs: {side}",
        "t": abs(difference) / error if error else None,
        "critical": critical,
        "degrees_of_freedom": freedom if math.isfinite(freedom) else None,
    }


def _quantile(freedom: float) -> float:
    """The 97.5 % quantile of Student's distribution."""
    from scipy import stats  # here, so that a run starts without SciPy

    return float(stats.t.ppf(0.975, freedom) if math.isfinite(freedom) else stats.norm.ppf(0.975))
