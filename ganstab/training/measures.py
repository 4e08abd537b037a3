"""A measure is declared once; curves, tables, cards, captions and progress follow from it."""

import dataclasses
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from ganstab.reporting.writing import plain

__all__ = ["Measure", "Published", "best_row", "check_numbers", "measured"]

OWN_NAMES = ("step", "wall_time_s", "counts")


@dataclasses.dataclass(frozen=True)
class Published:
    """A number of a paper, and where it stands."""

    value: float
    standard_error: float | None
    """None where the paper prints none."""
    source: str
    runs: int | None = None
    """Of how many runs it is the mean; None where the paper does not say."""


@dataclasses.dataclass(frozen=True)
class Measure:
    """A number that evaluations give: what curves, tables, cards and progress say of it.

    It is declared once, by the experiment; `Evaluation.numbers` has its value under `name`.
    """

    name: str
    """In metrics.jsonl and result.json, e.g. "modes"."""
    label: str
    """In words, with its unit, e.g. "modes covered, of 1,000"."""
    short: str = ""
    """A word or two for the progress line and captions; without, they leave it out."""
    better: Literal["higher", "lower"] = "higher"
    ideal: float | None = None
    """What a perfect generator would have."""
    published: Published | None = None
    final: bool = False
    """Whether it is measured after the last step alone (`Experiment.conclude`)."""

    def __post_init__(self) -> None:
        check_numbers([self.name])


def check_numbers(names: Iterable[str]) -> None:
    """Refuse numbers whose names a run's rows have for others.

    Raises:
      ValueError: naming the first such number.
    """
    for name in names:
        if name in OWN_NAMES or name.startswith(("gen/", "disc/")):
            raise ValueError(
                f"a measure cannot be called {name!r}: {', '.join(OWN_NAMES)}, and what begins "
                "with gen/ or disc/, are a run's own"
            )


def best_row(rows: Iterable[Mapping[str, Any]], measure: Measure) -> Mapping[str, Any] | None:
    """The evaluation after which the measure is best, of equal ones the last.

    Args:
      rows: evaluations in the order of their steps; one before the first step does not count, and
        neither does one whose number is missing or not finite.
      measure: which is looked at.
    """
    sign = 1 if measure.better == "higher" else -1
    best, found = -math.inf, None
    for row in rows:
        value = row.get(measure.name)
        if row["step"] and value is not None and math.isfinite(value) and sign * value >= best:
            best, found = sign * value, row
    return found


def measured(values: Sequence[float], measure: Measure) -> dict[str, Any]:
    """One entry of `result.json`: a number measured with n seeds, and the paper's beside it.

    The standard error is s/√n with the sample standard deviation s (n − 1 below), None for n = 1.
    """
    values = [float(value) for value in values]
    n = len(values)
    entry = {
        "label": measure.label,
        "values": values,
        "n": n,
        "mean": statistics.fmean(values),
        "standard_error": statistics.stdev(values) / n**0.5 if n > 1 else None,
        "published": measure.published and dataclasses.asdict(measure.published),
        "ideal": measure.ideal,
        "better": measure.better,
    }
    return plain(entry)
