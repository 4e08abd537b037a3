"""Whether the field and the step of a game attract, rotate or repel near a state."""

import numpy as np

from ganstab.doctor.diversity import drift
from ganstab.doctor.examination import Examination
from ganstab.doctor.finding import Finding
from ganstab.doctor.remedies import REMEDIES
from ganstab.doctor.run import Record
from ganstab.types import Pair

__all__ = ["contracts", "field_motion", "step_motion"]

TURNING = 0.5
FAST = 0.1  # growth in one step
RIDGE = (
    "Growth that does not turn, along a direction within one player's parameters, is what a ridge "
    "or a saddle of its loss looks like, which it is about to leave: two runs part there, and "
    "neither need be the worse for it. Within the discriminator's, `penalties.r1`, `penalties.r2` "
    "and weight decay damp it. Shorter steps make it slower."
)
SPIRALS_OUT = (
    "Growth that turns as it goes: each player drives the other further round. What damps turning "
    "acts on it as well."
)
STRAIGHT = "See Motion: a difference that grows straight may be about to leave a ridge or a saddle."
OVERSHOOTS = (
    "The step is longer than 2 over the curvature of that player's loss, and jumps over the valley "
    "further each time: lower its learning rate."
)
SPIRALS = (
    "Shorter steps, or a technique that acts on the field "
    "(see Motion). Alternating steps grow less than simultaneous ones: |μ| = 1 as long as √(n_gen "
    "n_disc)·h·ω ≤ 2, against √(1 + h²ω²)."
)
SMALL = 1e-3  # of the largest eigenvalue: what iteration and float32 leave open
WITHIN_ONE = 0.9  # of a direction, from which on it lies within one player's parameters


def field_motion(examination: Examination | None, record: Record) -> Finding | None:
    """The field's eigenvalues, and how much of its Jacobian is rotation."""
    if examination is None or examination.eigenvalues is None or examination.rotation is None:
        return None
    values, rotation = examination.eigenvalues.values, examination.rotation
    growth, scale = float(values[0].real), float(abs(values).max())
    words = [
        f"Rotation is {rotation:.0%} of the squared Jacobian (0 % descends on one landscape, 100 % "
        f"only circles).",
        _described(values),
    ]
    remedies, state = [], "good"
    if growth > SMALL * scale:
        state, who = "watch", _who(examination.eigenvalues.vectors[:, 0], examination.sizes)
        words.append(
            f"It drives apart: along its rightmost direction, which lies {who}, a small difference "
            f"grows as exp({growth:.3g} t), t in units of a learning rate."
        )
        remedies.append(RIDGE if not values[0].imag else SPIRALS_OUT)
    elif growth > -SMALL * scale:
        words.append("Its slowest direction neither grows nor shrinks as far as this can tell.")
    else:
        words.append("All that was found draws in: runs that start alike here come together.")
    turning = _turning(values)
    if rotation > TURNING or turning is not None:
        state = "watch"
        words.append("It rotates more than it descends." if rotation > TURNING else "It rotates.")
        remedies.append(_turns_less(float(abs(values.imag).max()), record))
    answer = "" if state == "good" else _in_short(growth > SMALL * scale, turning, rotation)
    return Finding("Motion", state, " ".join(words), " ".join(filter(None, remedies)), answer)


def _in_short(grows: bool, turning: complex | None, rotation: float) -> str:
    turns = rotation > TURNING or turning is not None
    if grows and turns:
        return "The players turn around each other, and small differences between runs grow."
    return (
        "The players turn around each other." if turns else "Small differences between runs grow."
    )


def step_motion(examination: Examination | None, record: Record) -> Finding | None:
    """The multipliers of the actual training step.

    Growth is no fault by itself where samples keep their places from one evaluation to the next: it
    is that of one minibatch, and did not show in them.
    """
    if examination is None or examination.multipliers is None:
        return None
    values = examination.multipliers.values
    place = int(np.argmax(abs(values)))
    furthest, growth = values[place], float(abs(values[place])) - 1
    words = (
        "With the optimizers as they are, the largest multiplier found of one training step is "
        f"{1 + growth:.5f}: by as much, in the long run, a step stretches small differences"
    )
    if contracts(examination):
        return Finding("Training step", "good", f"{words}. They die out.")
    if growth <= SMALL:
        doubling = f" If it is what it seems, they double in {_doubling(growth)} steps."
        near = f"{words}. That is too near 1 to tell whether they grow."
        return Finding("Training step", "good", near + (doubling if growth > 0 else ""))
    way, remedy = _way(furthest)
    direction = examination.multipliers.vectors[:, place]
    words += (
        f". They are twice as far apart after {_doubling(growth)} steps, {way}. The direction lies "
        f"{_who(direction, examination.sizes)}."
    )
    share = _share_of_gen(direction, examination.sizes)
    ridge = remedy is STRAIGHT and max(share, 1 - share) > WITHIN_ONE
    bad = growth > FAST and not ridge
    seen = drift(examination, record)
    if bad and seen is not None and seen.state == "good":
        bad, words = False, f"{words} The samples have settled all the same (see Drift)."
    answer = f"Runs that start alike here are twice as far apart after {_doubling(growth)} steps."
    return Finding("Training step", "bad" if bad else "watch", words, remedy, answer)


def contracts(examination: Examination) -> bool:
    """Whether a training step makes all small differences smaller, as far as that was measured."""
    found = examination.multipliers
    return found is not None and float(abs(found.values).max()) - 1 <= -SMALL


def _way(multiplier: complex) -> tuple[str, str]:
    """How a difference that grows goes on its way, and what acts on that."""
    if abs(multiplier.imag) > abs(multiplier.real - 1):
        return "turning as they go", SPIRALS
    if multiplier.real < 0:
        return "from side to side", OVERSHOOTS
    return "straight", STRAIGHT


def _doubling(growth: float) -> str:
    return f"{np.log(2) / np.log1p(growth):,.0f}"


def _who(direction: np.ndarray, sizes: Pair) -> str:
    """Whose parameters a direction of the raveled pair is made of."""
    share = _share_of_gen(direction, sizes)
    if share > 0.5:
        return f"{share:.0%} in the generator's parameters"
    return f"{1 - share:.0%} in the discriminator's parameters"


def _share_of_gen(direction: np.ndarray, sizes: Pair) -> float:
    weight = np.abs(direction) ** 2
    return float(weight[: sizes.gen].sum() / weight.sum())


def _turning(values: np.ndarray) -> complex | None:
    """The eigenvalue that turns most, if it turns more than it grows or shrinks."""
    most = complex(values[np.argmax(abs(values.imag))])
    return most if abs(most.imag) > max(abs(most.real), SMALL * float(abs(values).max())) else None


def _described(values: np.ndarray) -> str:
    shown = ", ".join(_figures(value) for value in values[values.imag >= 0][:6])
    return f"Its outermost eigenvalues: {shown}."


def _figures(value: complex) -> str:
    turn = f" ± {value.imag:.3g}i" if value.imag else ""
    return f"{value.real:.3g}{turn}".replace("-", "−")


def _turns_less(omega: float, record: Record) -> str:
    """What acts on eigenvalues ±iω, with numbers for the ω that was found."""
    if not omega:
        return ""
    ways = {
        "r1": (
            "`terms.disc_penalty(w, penalties.r1)` makes them −w ± √(w² − ω²), soonest at rest for "
            f"w = ω = {omega:.3g}"
        ),
        "unrolled": (
            "`surrogates.unrolled` with K plain gradient steps of length η makes them "
            f"−Kηω² ± ω√(K²η²ω² − 1), soonest for Kη = 1/ω = {1 / omega:.3g}"
        ),
        "consensus": "`surrogates.consensus` of weight γ adds −γω² at any γ, and keeps ω",
    }
    used = {name: words for name in ways if (words := REMEDIES[name].in_use(record))}
    told = f"In use already: {', '.join(used.values())}. " if used else ""
    left = "; ".join(words for name, words in ways.items() if name not in used)
    found = f"The fastest turn has ω = {omega:.3g}."
    return f"{told}{found}" + (f" In the Dirac-GAN, with eigenvalues ±iω: {left}." if left else "")
