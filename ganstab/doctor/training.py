"""What the losses, scores and gradients of a training run say."""

import statistics
from collections.abc import Mapping

import numpy as np
from scipy.special import expit

from ganstab.doctor.examination import Examination
from ganstab.doctor.finding import Finding
from ganstab.doctor.motion import contracts
from ganstab.doctor.remedies import advice
from ganstab.doctor.run import Record
from ganstab.types import Pair

__all__ = ["balance", "fault", "gradients", "probabilities", "saturation", "terms"]

PROBABILITIES = ("minimax", "non_saturating")
CERTAIN, SURE = 0.99, 0.9
VANISHED = 0.01
"""Of the score's gradient, below which the loss passes none that counts."""
APART, FAR_APART = 30.0, 300.0
DOMINATES = 10.0
GROWN = 10.0
PLAYERS = {"gen": "generator", "disc": "discriminator"}


def fault(examination: Examination | None, record: Record) -> Finding | None:
    """The first number that was not finite."""
    reason = (record.result or {}).get("reason") or ""
    if examination is not None and examination.fault is not None:
        first = f"step {examination.step + 1:,}: {examination.fault} is not finite"
        reason = reason or first
    if not reason or "not finite" not in reason:
        return None
    remedy = (
        "Where it is a gradient alone, look for a square root or a norm at 0 (`penalties` are safe "
        "there) and for `optax.adam` inside an unroll (`optimizers.adam` has a derivative at 0). "
        "Where a loss grew without bound first, lower that player's learning rate, or bound its "
        "slope: `penalties.r1`, `penalties.wgan_gp`, `players.spectral_norm`."
    )
    answer = "Training ended at a number that is not finite."
    return Finding("First fault", "bad", f"Training ended at {reason}.", remedy, answer)


def probabilities(examination: Examination | None, record: Record) -> Pair | None:
    """What the discriminator gives generated samples and data, at its mean scores.

    None for a loss whose scores are no logits.
    """
    scores = [_typical(examination, record, f"disc/{kind}_score") for kind in ("fake", "real")]
    if None in scores or not _loss(examination, record):
        return None
    return Pair(*expit(np.array(scores, float)).tolist())


def saturation(examination: Examination | None, record: Record) -> Finding | None:
    """Whether the discriminator is so sure that it teaches nothing."""
    given, loss = probabilities(examination, record), _loss(examination, record)
    if given is None:
        return None
    fake, real = given
    passed = fake if loss == "minimax" else 1 - fake
    words = (
        f"At its mean scores the discriminator gives real samples a probability of {real:.2f} and "
        f"generated ones {fake:.2f}; of its score's gradient, {passed:.0%} reaches the generator "
        f"through the {loss.replace('_', '-')} loss."
    )
    if passed < VANISHED and real > fake:
        remedy = advice(record, "non_saturating", "wgan_gp", "instance_noise")
        words += " It is saturated: the generator's gradient vanishes."
        return Finding("Saturation", "bad", words, remedy, VANISHES)
    remedy = advice(record, "instance_noise", "r1", "non_saturating", "wgan_gp")
    if real > CERTAIN and fake < 1 - CERTAIN:
        return Finding("Saturation", "bad", f"{words} It is saturated.", remedy, SATURATED)
    if real > SURE and fake < 1 - SURE:
        words += " It is nearly sure of itself."
        return Finding("Saturation", "watch", words, remedy, SATURATED)
    if real - fake < 0.1:
        words += (
            " It hardly tells them apart: near an equilibrium, or too weak (see Discrimination)."
        )
    return Finding("Saturation", "good", words)


VANISHES = "The generator's gradient vanishes: the loss passes next to none of the score's slope."
SATURATED = "The discriminator is so sure of itself that it teaches the generator little."


def balance(examination: Examination | None, record: Record) -> Finding | None:
    """How far either player moves in a step."""
    del record
    if examination is None or not all(np.isfinite(examination.strides)):
        return None
    gen, disc = examination.strides
    if not gen or not disc:
        still = PLAYERS["gen" if not gen else "disc"]
        words = f"The {still} does not move at all in a step."
        return Finding("Step lengths", "bad", words, answer=words)
    ratio = max(gen / disc, disc / gen)
    ahead = "generator" if gen > disc else "discriminator"
    words = (
        f"In one step the generator moves by {gen:.2g} of its parameters' length and the "
        f"discriminator by {disc:.2g}: the {ahead} {ratio:.2g} times as far."
    )
    state = "good" if ratio < APART else "watch" if ratio < FAR_APART else "bad"
    if state == "bad" and contracts(examination):
        state = "watch"
        words += (
            " Small differences die out all the same (see Training step), so the slower player is "
            "not left behind: one of them may be at rest, or its parameters near 0."
        )
    remedy = (
        f"Lower the {ahead}'s learning rate, or let the other move more often: `n_gen` and "
        "`n_disc` of `steps.alternating`, or `steps.balanced`, which decides by a metric. "
        "Alternating steps on a game that turns stay bounded while √(n_gen n_disc)·h·ω ≤ 2."
    )
    if state == "good":
        return Finding("Step lengths", state, words)
    answer = f"The {ahead} moves {ratio:.2g} times as far in a step as the other player."
    return Finding("Step lengths", state, words, remedy, answer)


def terms(examination: Examination | None, record: Record) -> Finding | None:
    """Which term's gradient leads, for each player of more than one term."""
    del record
    told = (
        [
            _leading(player, norms)
            for player, norms in zip(PLAYERS, examination.terms, strict=True)
            if len([norm for norm in norms.values() if norm]) > 1
        ]
        if examination
        else []
    )
    if not told:
        return None
    words, ratios = zip(*told, strict=True)
    if max(ratios) < DOMINATES:
        return Finding("Terms", "good", " ".join(words))
    remedy = (
        "A term that is far ahead decides alone: lower its weight, unless that is what you want. A "
        "penalty far ahead of its loss keeps the critic flat; far behind, it does nothing."
    )
    answer = "One term of a loss decides alone."
    return Finding("Terms", "watch", " ".join(words), remedy, answer)


def gradients(examination: Examination | None, record: Record) -> Finding | None:
    """Whether gradients grow or fade along the run."""
    del examination
    told, state = [], "good"
    for player, whole in PLAYERS.items():
        series = [row.get(f"{player}/grad_norm") for row in record.rows]
        known = [value for value in series if value is not None]
        if len(known) < 20:
            return None
        fifth = len(known) // 5
        before, after = map(statistics.median, (known[fifth : 2 * fifth], known[-fifth:]))
        ratio = after / before if before else float("inf")
        told.append(f"the {whole}'s from {before:.2g} to {after:.2g}")
        state = "watch" if not 1 / GROWN < ratio < GROWN else state
    words = f"Gradient norms, from the second fifth of the run to the last: {', '.join(told)}."
    remedy = (
        "Growing gradients are tamed where they arise by `penalties.r1`, `penalties.wgan_gp` or "
        "`players.spectral_norm`, and where they end by `optax.clip_by_global_norm`. Fading ones "
        "in the generator come from a saturated discriminator."
    )
    if state == "good":
        return Finding("Gradients", state, words)
    answer = "Gradients change by more than a factor of ten along the run."
    return Finding("Gradients", state, words, remedy, answer)


def _loss(examination: Examination | None, record: Record) -> str:
    """The loss among the run's terms whose scores are logits; empty without one."""
    known = record.names() or (examination.metrics if examination else {})
    terms = {name.partition("/")[2] for name in known}
    return next((name for name in PROBABILITIES if name in terms), "")


def _leading(player: str, norms: Mapping[str, float]) -> tuple[str, float]:
    ranked = sorted(norms.items(), key=lambda item: -item[1])
    (first, most), (second, next_most) = ranked[:2]
    ratio = most / next_most if next_most else float("inf")
    return (
        f"Of the {PLAYERS[player]}'s gradient, {first} gives {most:.2g} and {second} "
        f"{next_most:.2g}.",
        ratio,
    )


def _typical(examination: Examination | None, record: Record, name: str) -> float | None:
    """The median over the last fifth of the run, or else the number of the one step."""
    recent = record.recent(name)
    if recent:
        return statistics.median(recent)
    return examination.metrics.get(name) if examination else None
