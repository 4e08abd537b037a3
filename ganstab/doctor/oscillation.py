"""Whether the scores of a run swing with one period and do not come to rest."""

from typing import NamedTuple

import numpy as np
from scipy import signal

from ganstab.doctor.examination import Examination
from ganstab.doctor.finding import Finding
from ganstab.doctor.remedies import advice
from ganstab.doctor.run import Record

__all__ = ["Swing", "oscillation", "swing"]

SERIES = {
    "disc/fake_score": "the mean score of samples",
    "disc/real_score": "the mean score of data",
    "gen/loss": "the generator's loss",
}
"""A game without scores is told by its loss. Losses come last: a term that is added only every
other step has a period of its own."""
ENOUGH, TURNS = 24, 6
"""Rows, and periods, that the last half of a run must have."""
FINER = 5
"""Frequencies that are tried, for each one that the rows can tell from its neighbour."""
PERIODIC = 0.8
"""Of the variance."""
RESTS = 0.8
"""Of the swing a quarter of the run earlier, below which it dies out."""
COARSE = 8
"""Rows a period, below which a faster swing may look like this one."""
TINY = 1e-6
"""Of a series' largest value, what float32 leaves open."""


class Swing(NamedTuple):
    """The sinusoid that explains most of a series, in the last half of its rows."""

    share: float
    """The part of the variance that it explains: R² of the least-squares fit, in [0, 1]."""
    period: float
    """In steps."""
    lasts: float
    """The standard deviation in the last quarter of the run, over that of the quarter before."""
    spacing: float
    """Steps from row to row."""


def oscillation(examination: Examination | None, record: Record) -> Finding | None:
    """Whether one period explains most of how the scores change."""
    del examination
    found = {words: seen for name, words in SERIES.items() if (seen := swing(record, name))}
    if not found:
        return None
    who = max(found, key=lambda words: found[words].share)
    seen = found[who]
    if seen.share < PERIODIC:
        words = (
            f"In the last half of the run no period explains most of how the scores change: the "
            f"best one, for {who}, {seen.share:.0%}."
        )
        return Finding("Oscillation", "good", words)
    words = (
        f"In the last half of the run {who} swings with a period of {seen.period:,.0f} steps, "
        f"which explains {seen.share:.0%} of how it changes. The swing in the last quarter is "
        f"{seen.lasts:.2g} times that in the quarter before."
    )
    if seen.lasts < RESTS:
        return Finding("Oscillation", "good", f"{words} It dies out.")
    if seen.period < COARSE * seen.spacing:
        words += (
            f" The log has a row every {seen.spacing:,.0f} steps, so a faster swing may look like "
            "this one."
        )
    answer = "The players circle around each other and do not come to rest."
    return Finding("Oscillation", "bad", words, advice(record, "r1", "unrolled"), answer)


def swing(record: Record, name: str) -> Swing | None:
    """The swing of a metric; None of too few rows, or where it does not change.

    A straight line is taken out of the last half of the rows. Of the sinusoids with at least six
    periods in it, and two rows a period, the one that fits best is returned (the Lomb-Scargle
    periodogram, which does not need rows at equal distances).
    """
    known = [(row["step"], row[name]) for row in record.rows if _is_number(row.get(name))]
    if len(known) < 2 * ENOUGH:
        return None
    steps, values = np.array(known[len(known) // 2 :], float).T
    steps -= steps[0]
    length, spacing = float(steps[-1]), float(np.median(np.diff(steps)))
    if spacing <= 0 or length <= 2 * TURNS * spacing:
        return None
    left = values - np.polyval(np.polyfit(steps, values, 1), steps)
    before, after = np.split(left, [len(left) // 2])
    if min(map(np.std, (before, after))) <= TINY * np.max(np.abs(values)):
        return None
    rates = np.arange(TURNS / length, 1 / (2 * spacing), 1 / (FINER * length))
    shares = signal.lombscargle(steps, left, 2 * np.pi * rates, normalize=True)
    best = int(np.argmax(shares))
    return Swing(
        float(shares[best]), 1 / float(rates[best]), float(np.std(after) / np.std(before)), spacing
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and bool(np.isfinite(value))
