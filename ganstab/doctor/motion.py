"""Whether a game draws in, turns or drives apart around a state."""

import numpy as np

from ganstab.doctor.examination import Examination
from ganstab.doctor.finding import Finding
from ganstab.doctor.run import Record
from ganstab.types import Pair

TURNING = 0.5
FAST = 0.1  # growth in one step
RIDGE = (
    "Growth that does not turn, in the parameters of one player, is a ridge or a saddle of its own "
    "loss, which it is about to leave: two runs part there, and neither need be the worse for it. "
    "In the discriminator's parameters, what adds −γ to its block damps it: `penalties.r1` and "
    "`penalties.r2` of weight γ, or weight decay. Shorter steps make it slower."
)
SPIRALS_OUT = "Growth that turns is the game's own, and not a feature of either loss."
OWN_LOSS = "It is a ridge or a saddle of that player's own loss: see Motion."
OVERSHOOTS = (
    "The step is longer than 2 over the curvature of that player's loss, and jumps over the valley "
    "further each time: lower its learning rate."
)
SPIRALS = (
    "Growth that turns is the game's own. Shorter steps, or a technique that acts on the field "
    "(see Motion). Alternating steps grow less than simultaneous ones: |μ| = 1 as long as √(n_gen "
    "n_disc)·h·ω ≤ 2, against √(1 + h²ω²)."
)
SMALL = 1e-3  # of the largest eigenvalue: what iteration and float32 leave open


def field_motion(examination: Examination | None, record: Record) -> Finding | None:
    """The field's eigenvalues, and how much of its Jacobian is rotation."""
    del record
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
        remedies.append(_turns_less(float(abs(values.imag).max())))
    return Finding("Motion", state, " ".join(words), " ".join(filter(None, remedies)))


def step_motion(examination: Examination | None, record: Record) -> Finding | None:
    """The multipliers of the actual training step."""
    del record
    if examination is None or examination.multipliers is None:
        return None
    values = examination.multipliers.values
    place = int(np.argmax(abs(values)))
    furthest, growth = values[place], float(abs(values[place])) - 1
    words = (
        "With the optimizers as they are, one training step multiplies small differences by at "
        f"most {1 + growth:.5f} in the directions looked at"
    )
    if growth <= SMALL:
        return Finding("Training step", "good", f"{words}: none of them runs away.")
    way, remedy = _way(furthest)
    words += (
        f": twice as far apart after {np.log(2) / np.log1p(growth):,.0f} steps, {way}. The "
        f"direction lies {_who(examination.multipliers.vectors[:, place], examination.sizes)}."
    )
    bad = growth > FAST and remedy is not OWN_LOSS
    return Finding("Training step", "bad" if bad else "watch", words, remedy)


def _way(multiplier: complex) -> tuple[str, str]:
    """How a difference that grows goes on its way, and what acts on that."""
    if abs(multiplier.imag) > abs(multiplier.real - 1):
        return "turning as they go", SPIRALS
    if multiplier.real < 0:
        return "from side to side", OVERSHOOTS
    return "straight", OWN_LOSS


def _who(direction: np.ndarray, sizes: Pair) -> str:
    """Whose parameters a direction of the raveled pair is made of."""
    weight = np.abs(direction) ** 2
    share = float(weight[: sizes.gen].sum() / weight.sum())
    if share > 0.5:
        return f"{share:.0%} in the generator's parameters"
    return f"{1 - share:.0%} in the discriminator's parameters"


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


def _turns_less(omega: float) -> str:
    """What acts on eigenvalues ±iω, with numbers for the ω that was found."""
    if not omega:
        return ""
    return (
        f"The fastest turn has ω = {omega:.3g}. In the Dirac-GAN, with eigenvalues ±iω: "
        f"`penalties.r1` of weight γ makes them −γ/2 ± √(γ²/4 − ω²), soonest at rest for γ = 2ω = "
        f"{2 * omega:.3g}; `surrogates.unrolled` with K steps of length η makes them −Kηω² ± "
        f"ω√(K²η²ω² − 1), soonest for Kη = 1/ω = {1 / omega:.3g}; `surrogates.consensus` of weight "
        f"γ adds −γω² at any γ, and keeps ω."
    )
