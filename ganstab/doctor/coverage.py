"""Modes: how many are covered, and whether they are the same ones from one look to the next."""

from collections.abc import Mapping

import numpy as np

from ganstab.doctor.examination import Examination
from ganstab.doctor.finding import Finding
from ganstab.doctor.remedies import COLLAPSE, advice
from ganstab.doctor.run import Record

__all__ = ["mass_moved", "mass_moved_by_chance", "modes", "turnover"]

COVERED, LOST = 0.9, 0.5
FALLEN = 0.7
MOVED = 0.2


def modes(examination: Examination | None, record: Record) -> Finding | None:
    """How many of the modes the generator covers now, and how many it has covered."""
    known = _known(examination, record)
    if known:
        counts = known[max(known)]
        covered, there, spread = int(np.count_nonzero(counts)), len(counts), _spread(counts)
    elif result := _in_result(record):
        covered, there, spread = *result, ""
    else:
        return None
    words = f"{covered:,} of {there:,} modes are covered{spread}."
    seen = [(row["modes"], row["step"]) for row in record.rows if row.get("modes")]
    best = max(seen, default=None)
    state = "good" if covered >= COVERED * there else "watch" if covered >= LOST * there else "bad"
    answer = f"The generator misses modes: it covers {covered:,} of {there:,}."
    if best and covered < FALLEN * best[0]:
        words += f" It is collapsing: at step {best[1]:,} it covered {best[0]:,.0f}."
        answer = f"The generator is collapsing: it covers {covered:,} of {there:,} modes."
        state = "bad"
    elif state == "bad":
        words += " It has collapsed."
        answer = f"The generator has collapsed: it covers {covered:,} of {there:,} modes."
    if state == "good":
        return Finding("Modes", state, words)
    return Finding("Modes", state, words, advice(record, *COLLAPSE), answer)


def _in_result(record: Record) -> tuple[int, int] | None:
    """The modes that the run's result has as covered, and how many there are."""
    measured = (record.result or {}).get("results", {}).get("modes", {})
    covered, there = measured.get("mean"), measured.get("ideal")
    numbers = isinstance(covered, int | float) and isinstance(there, int | float)
    return (round(covered), round(there)) if numbers and there >= 1 else None


def _spread(counts: np.ndarray) -> str:
    """By how many samples the modes are covered, and how evenly."""
    if not counts.any():
        return ": no sample lies in any"
    share = counts / counts.sum()
    even = float(np.exp(-np.sum(share[share > 0] * np.log(share[share > 0]))))
    return (
        f" by {counts.sum():,} samples, as evenly as {even:,.0f} equal ones; the commonest has "
        f"{share.max():.1%} of the samples, an even share is {1 / len(counts):.2%}"
    )


def turnover(examination: Examination | None, record: Record) -> Finding | None:
    """Whether the generator stays on its modes, or moves from some to others.

    Looks at which no sample lay in any mode are left out.
    """
    known = _known(examination, record)
    looks = [(step, counts) for step, counts in sorted(known.items()) if counts.any()]
    if len(looks) < 2:
        return None
    (before, old), (after, new) = looks[-2:]
    moved, chance = mass_moved(old, new), mass_moved_by_chance(old, new)
    words = (
        f"Between steps {before:,} and {after:,}, {moved:.0%} of the samples moved to other modes; "
        f"drawing samples anew moves {chance:.0%}."
    )
    if moved < chance + MOVED:
        return Finding("Turnover", "good", f"{words} It stays where it is.")
    few = np.count_nonzero(new) < LOST * len(new)
    words += " It cycles: " if few else " It has not settled: "
    words += (
        "the discriminator drives it out of some modes into others."
        if few
        else "most modes are covered, but by changing shares."
    )
    answer = "The generator moves from some modes to others, and settles on none."
    remedy = "What acts on lost modes acts on this: see Modes."
    if np.count_nonzero(new) >= COVERED * len(new):
        remedy = advice(record, *COLLAPSE)
    return Finding("Turnover", "bad" if few else "watch", words, remedy, answer)


def mass_moved(old: np.ndarray, new: np.ndarray) -> float:
    """Total variation `½ Σ|p − q|` of two histograms, in [0, 1]."""
    return float(np.abs(old / old.sum() - new / new.sum()).sum() / 2)


def mass_moved_by_chance(old: np.ndarray, new: np.ndarray) -> float:
    """What two samples of these sizes from one distribution, their mean, differ by on average.

    `½ Σ_c √(2 s_c / π)` with the variance `s_c = p_c(1 − p_c)(1/n + 1/m)` of the difference of the
    shares, as if each were normal.
    """
    share = (old + new) / (old.sum() + new.sum())
    variance = share * (1 - share) * (1 / old.sum() + 1 / new.sum())
    return float(np.sqrt(2 * variance / np.pi).sum() / 2)


def _known(examination: Examination | None, record: Record) -> Mapping[int, np.ndarray]:
    """Counts by training step, of the examination or else of the log."""
    return (examination.modes if examination else None) or record.modes
