"""Does what a paper claims of its cells hold of ours?"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.runner import records
from experiments.runner.table.cells import Claim
from experiments.runner.table.verdict import ENOUGH, TOO_FEW, Mean, welch

TINY = 1e-30
"""What is compared in place of 0, which has no logarithm."""
SIDE = {"above": 1.0, "below": -1.0}
RULE = (
    f"A claim is of two cells' means. With {ENOUGH} or more finished seeds in both, their "
    "difference is put to Welch's t test, two-sided, at 5 %. A claim of a difference holds if the "
    "difference is significant and to the claimed side. A claim of no difference is contradicted "
    "by a significant one, but never shown to hold: few seeds that vary much show no difference "
    "either. Each claim is tested by itself: of twenty claims of no difference, one is "
    "contradicted by chance. What spans orders of magnitude is compared by its decimal logarithms. "
    "Runs that diverged have no part in the means, and are counted beside "
    "them."
)


def judged(claims: Sequence[Claim], cells: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each claim with the two means and what they say of it, as JSON wants it.

    Args:
      claims: of a table.
      cells: of its `result.json`.
    """
    return [_judged(claim, cells) for claim in claims]


def _judged(claim: Claim, cells: Mapping[str, Any]) -> dict[str, Any]:
    """With "difference" (first minus second) and its "standard_error" where it can be told.

    Of a claim of logarithms both are of the decimal ones.
    """
    entries = [cells[name]["measures"].get(claim.measure) for name in (claim.first, claim.second)]
    known = [entry if entry and entry["n"] else None for entry in entries]
    told = {**claim._asdict(), "label": next((e["label"] for e in known if e), claim.measure)}
    first, second = known
    gone = sum(len(cells[name]["diverged"]) for name in (claim.first, claim.second))
    but = f" ({gone} runs diverged)" if gone > 1 else " (1 run diverged)" if gone else ""
    if not first or not second or min(first["n"], second["n"]) < ENOUGH:
        return {**told, "verdict": TOO_FEW + but}
    if claim.log:
        first, second = map(_logarithms, (first, second))
    difference = first["mean"] - second["mean"]
    means = [Mean(entry["standard_error"], entry["n"] - 1) for entry in (first, second)]
    test = welch(difference, *means)
    return {
        **told,
        "difference": difference,
        "standard_error": sum(mean.error**2 for mean in means) ** 0.5,
        **test,
        "verdict": _words(claim, difference, test["significant"]) + but,
    }


def _logarithms(entry: Mapping[str, Any]) -> dict[str, Any]:
    values = [math.log10(max(value, TINY)) for value in entry["values"]]
    return records.measured(values, entry["label"])


def _words(claim: Claim, difference: float, significant: bool) -> str:
    if claim.relation == "like":
        if not significant:
            return "no difference shown"
        return f"does not hold: {'higher' if difference > 0 else 'lower'}"
    if not difference:
        return "not seen: no difference"
    side = "as claimed" if difference * SIDE[claim.relation] > 0 else "the other way round"
    if not significant:
        return f"{side}, but not significant"
    return "holds" if side == "as claimed" else f"does not hold: {side}"
