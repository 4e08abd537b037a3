"""Modes: how many are covered, and whether they are the same ones from one look to the next."""

from collections.abc import Mapping

import numpy as np

from ganstab.doctor.examination import Examination
from ganstab.doctor.finding import Finding
from ganstab.doctor.run import Record

__all__ = ["mass_moved", "mass_moved_by_chance", "modes", "turnover"]

COVERED, LOST = 0.9, 0.5
FALLEN = 0.7
MOVED = 0.2
REMEDY = (
    "`surrogates.unrolled(game, tx, K)`: the generator is scored by the discriminator as it will "
    "be after K updates, which has by then marked down a mode that everything went to; linearised, "
    "it adds −Kηω² to the real parts of eigenvalues ±iω, η the discriminator's learning rate. "
    "`players.packed(disc, m)` or `networks.MinibatchDiscrimination` show the discriminator "
    "several samples at once, so that samples which are all alike are told at a glance. A wider "
    "discriminator sees modes that a narrow one cannot tell apart."
)


def modes(examination: Examination | None, record: Record) -> Finding | None:
    """How many of the modes the generator covers now, and how many it has covered."""
    counts = _latest(examination)
    if counts is None:
        return None
    covered, there = int(np.count_nonzero(counts)), len(counts)
    words = f"{covered:,} of {there:,} modes are covered{_spread(counts)}."
    seen = [(row["modes"], row["step"]) for row in record.rows if row.get("modes")]
    best = max(seen, default=None)
    state = "good" if covered >= COVERED * there else "watch" if covered >= LOST * there else "bad"
    if best and covered < FALLEN * best[0]:
        words += f" It is collapsing: at step {best[1]:,} it covered {best[0]:,.0f}."
        state = "bad"
    elif state == "bad":
        words += " It has collapsed."
    return Finding("Modes", state, words, "" if state == "good" else REMEDY)


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
    del record
    known = examination.modes if examination else None
    looks = [(step, counts) for step, counts in (known or {}).items() if counts.any()]
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
    return Finding("Turnover", "bad" if few else "watch", words)


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


def _latest(examination: Examination | None) -> np.ndarray | None:
    known: Mapping[int, np.ndarray] | None = examination.modes if examination else None
    return known[max(known)] if known else None
