"""What can be measured on a game at one state of its training."""

import concurrent.futures
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from ganstab import nan_blame
from ganstab._compiling import SOON
from ganstab.doctor import scores
from ganstab.doctor.subject import Subject
from ganstab.dynamics import Spectrum, exact, helmholtz, spectrum, step_spectrum
from ganstab.dynamics.fields import field_product
from ganstab.steps import numbered
from ganstab.types import PLAYERS, Pair, PlayerName

__all__ = ["PARTS", "Examination", "examine"]

PARTS = 10
"""At most so many are told of before they are done."""
Measurements = Mapping[str, tuple[str, Callable[[], Any]]]
"""By the name of a field: what it is in words, and what measures it."""
ENOUGH = 5e-3  # relative accuracy of an eigenvalue, for words


class Examination(NamedTuple):
    """Numbers alone, taken at the state that the next step starts from."""

    step: int
    sizes: Pair
    """How many parameters each player has."""
    metrics: Mapping[str, float]
    """Of one training step."""
    strides: Pair
    """How far that step moves each player, over the length of its parameters."""
    terms: Pair
    """By term, the norm of the gradient that it alone gives each player; empty for one term."""
    fault: nan_blame.Fault | None = None
    """What in that step is not finite first; then nothing below is measured."""
    speed: float | None = None
    """Length of the field."""
    eigenvalues: Spectrum | None = None
    """Of the field's Jacobian, the largest."""
    multipliers: Spectrum | None = None
    """Of the training step, those furthest from 1."""
    rotation: float | None = None
    """Share of the antisymmetric part in the squared norm of the Jacobian."""
    modes: Mapping[int, np.ndarray] | None = None
    """Samples in each mode, by training step."""
    contrast: scores.Contrast | None = None
    """How much of the samples' contrast the discriminator sees."""
    memory: scores.Memory | None = None
    """Its scores of data that it was trained on, and of others."""
    unmeasured: tuple[str, ...] = ()
    """What failed, and why: iteration that did not converge, or a derivative that is no number."""


def examine(
    subject: Subject,
    *,
    eigenvalues: int = 4,
    probes: int = 16,
    tell: Callable[[str], None] = lambda line: None,
) -> Examination:
    """Takes one training step and measures the field around the state.

    All of it multiplies in float32: TF32 and bfloat16, to which jax by itself rounds on GPUs and
    TPUs, would move eigenvalues by more than what is told from 1. The training step's derivative
    is compiled and multiplied with beside all else, since it takes longest.

    Args:
      subject: the game at its state.
      eigenvalues: how many to look for at each edge of the spectrum (rightmost, most turning,
        largest), of the field and of the step; all, of a smaller game.
      probes: for `dynamics.helmholtz`.
      tell: called with what is done next, since a large game takes minutes.
    """
    with _in_float32():
        return _examine(subject, eigenvalues, probes, tell)


def _in_float32():
    """Of this thread alone."""
    return jax.default_matmul_precision("float32")


def _examine(
    subject: Subject, eigenvalues: int, probes: int, tell: Callable[[str], None]
) -> Examination:
    state = subject.state
    tell("one training step")
    take = jax.jit(subject.make_step(subject.game), compiler_options=SOON)
    moved, metrics = take(state, subject.batches)
    metrics = {name: float(value) for name, value in metrics.items()}
    found = Examination(
        step=int(state.step),
        sizes=Pair(*(ravel_pytree(own)[0].size for own in state.params)),
        metrics=metrics,
        strides=Pair(*map(_stride, state.params, moved.params)),
        terms=Pair({}, {}),
    )
    if not np.isfinite(list(metrics.values())).all():
        return found._replace(fault=_fault(subject, metrics))
    found = found._replace(modes=_modes(subject, tell))
    count = min(eigenvalues, sum(found.sizes))
    accuracy = {"count": count, "tolerance": ENOUGH, "which": ("LR", "LI", "LM")}
    # The step's multipliers take longest, so they come first, beside all else.
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        x64 = bool(jax.config.values["jax_enable_x64"])
        beside = pool.submit(_measured_beside, _of_step(subject, accuracy), tell, x64)
        terms = Pair(*(_terms(subject, player, metrics, tell) for player in PLAYERS))
        here = _measured({**_scores(subject), **_of_field(subject, accuracy, probes)}, tell)
        measured = here, beside.result()
    found = found._replace(terms=terms)
    for numbers, failed in measured:
        found = found._replace(**numbers, unmeasured=(*found.unmeasured, *failed))
    return found


def _of_field(subject: Subject, accuracy: dict[str, Any], probes: int) -> Measurements:
    state, game = subject.state, subject.game
    key = jax.random.fold_in(state.key, state.step)
    carry, batch = numbered(state), subject.batch
    at = {"carry": carry, "batch": batch, "key": key}

    def speed() -> float:
        nowhere = np.zeros(ravel_pytree(state.params)[0].size)
        here = state.params, carry, batch, key
        return float(np.linalg.norm(field_product(game, exact, nowhere, *here)[0]))

    return {
        "speed": ("the field", speed),
        "eigenvalues": (
            "the field's eigenvalues",
            lambda: spectrum(game, state.params, **at, **accuracy),
        ),
        "rotation": (
            "the share of rotation",
            lambda: helmholtz(game, state.params, **at, probes=probes).rotation,
        ),
    }


def _of_step(subject: Subject, accuracy: dict[str, Any]) -> Measurements:
    step, state, batches = subject.make_step(subject.game), subject.state, subject.batches
    return {
        "multipliers": (
            "the training step's multipliers",
            lambda: step_spectrum(step, state, batches, **accuracy),
        )
    }


def _measured(line: Measurements, tell: Callable) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What can be measured by name, and in words what cannot, and why."""
    numbers, failed = {}, []
    for name, (what, measure) in line.items():
        tell(what)
        try:
            numbers[name] = measure()
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            failed.append(f"{what} ({' '.join(str(error).split())})")
    return numbers, tuple(failed)


def _measured_beside(line: Measurements, tell: Callable, x64: bool):
    """The same in a thread of its own, which has no settings of the one that started it."""
    with jax.enable_x64(x64), _in_float32():
        return _measured(line, tell)


def _scores(subject: Subject) -> Measurements:
    contrast = "what the discriminator sees of contrast", lambda: scores.contrast(subject)
    if subject.data is None:
        return {"contrast": contrast}
    unseen = "data that the discriminator was not trained on"
    return {"contrast": contrast, "memory": (unseen, lambda: scores.memory(subject))}


def _stride(before, after) -> float:
    here, there = ravel_pytree(before)[0], ravel_pytree(after)[0]
    length = float(np.linalg.norm(here))
    return float(np.linalg.norm(there - here)) / length if length else float("inf")


def _terms(subject: Subject, player: PlayerName, metrics, tell: Callable) -> dict[str, float]:
    names = nan_blame.terms_of(player, metrics)
    if len(names) < 2:
        return {}
    tell(f"the gradient of each term, {player}")
    at = subject.make_step, subject.game, subject.state, subject.batches
    return nan_blame.term_gradients(player, names, *at)


def _fault(subject: Subject, metrics: Mapping[str, float]) -> nan_blame.Fault:
    first = nan_blame.first_fault({name: np.array([value]) for name, value in metrics.items()})
    return nan_blame.blame(first, subject.make_step, subject.game, subject.state, subject.batches)


def _modes(subject: Subject, tell: Callable) -> dict[int, np.ndarray] | None:
    if subject.modes is None:
        return None
    tell("the modes")
    found = {step: np.asarray(counts) for step, counts in sorted(subject.modes().items())}
    shapes = {counts.shape for counts in found.values()}
    sound = all(
        counts.ndim == 1 and len(counts) and (counts >= 0).all() for counts in found.values()
    )
    if len(shapes) > 1 or not sound:
        raise ValueError(f"modes must be counts [M] by step, M > 0, got shapes {sorted(shapes)}")
    return found or None
