"""From numbers to words: what is wrong, how that is seen, and what acts on it."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ganstab.doctor import coverage, diversity, motion, oscillation, sight, training
from ganstab.doctor.examination import Examination
from ganstab.doctor.finding import Finding
from ganstab.doctor.run import Record

__all__ = ["Report", "diagnose", "worst"]

NEVER_RUN = Record()
NOT_LOOKED_AT = "The game itself was not looked at, so nothing is said of its motion."
NOT_HELD_OUT = (
    "Whether the discriminator has learnt its data by heart was not measured: that takes data of "
    "the same kind which it was not trained on, `Experiment.held_out`. Where all batches are drawn "
    "anew, it cannot."
)
LIMITS = (
    "A state in the middle of training is no fixed point. Eigenvalues say what becomes of two runs "
    "that are close together here, for as long as they are near this state, and not where the "
    "run ends.",
    "They are those of one minibatch, with batch statistics and the optimizers' memory held, and "
    "only the outermost few of them; slower directions, which decide in the end, are not seen.",
    "Modes are counted by a classifier or by nearness. How much samples differ within a mode, and "
    "how good they look, is not measured.",
    "Closed-form reasons are exact for the Dirac-GAN, the simplest game that turns. For networks "
    "they give the direction and a first guess of the weight, not a promise.",
)


class Report(NamedTuple):
    """All that the doctor has to say."""

    findings: tuple[Finding, ...]
    limits: tuple[str, ...]
    """What it cannot tell."""


def diagnose(examination: Examination | None, record: Record = NEVER_RUN) -> Report:
    """Every finding for which there are numbers, the worst first.

    Args:
      examination: of the game, if there is one.
      record: of the run, if there was one.
    """
    looks: tuple[Callable, ...] = (
        training.fault, sight.overfitting, sight.contrast, coverage.modes, training.saturation,
        sight.discrimination, training.balance, diversity.spread, coverage.turnover,
        oscillation.oscillation, diversity.drift, motion.field_motion, motion.step_motion,
        training.terms, training.gradients,
    )  # fmt: skip
    found = [finding for look in looks if (finding := look(examination, record)) is not None]
    rank = {"bad": 0, "watch": 1, "good": 2}
    unseen = (NOT_LOOKED_AT,) if examination is None else _unmeasured(examination)
    ranked = sorted(found, key=lambda one: rank[one.state])
    return Report(tuple(_advised_once(ranked)), unseen + LIMITS)


def _advised_once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings, of which a later one with the same advice names the first."""
    given: dict[str, str] = {}
    for one in findings:
        if one.remedy and (first := given.setdefault(one.remedy, one.topic)) != one.topic:
            one = one._replace(remedy=f"The same acts on this: see {first}.")
        yield one


def worst(report: Report) -> tuple[Finding, ...]:
    """What the first line tells: two faults at most, or else two findings to watch."""
    for state in ("bad", "watch"):
        if found := tuple(one for one in report.findings if one.state == state):
            return found[:2]
    return ()


def _unmeasured(examination: Examination) -> tuple[str, ...]:
    failed = [f"Not measured, since it failed: {what}." for what in examination.unmeasured]
    return (*failed, *([] if examination.memory else [NOT_HELD_OUT]))
