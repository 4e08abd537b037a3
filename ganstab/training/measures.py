"""A measure is declared once; curves, tables, cards, captions and progress follow from it."""

import dataclasses
import statistics
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from ganstab.reporting.writing import plain

__all__ = ["Measure", "Published", "check_numbers", "measured"]

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
