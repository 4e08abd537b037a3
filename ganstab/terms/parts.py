"""What terms are made of: a weight at a step, and what the discriminator has to give."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from ganstab._precision import wide
from ganstab.types import Pair, Round

__all__ = ["Term", "given", "now", "step_of", "times"]

Term = Callable[[Round], Pair]
"""A function from a `Round` to a `Pair` of scalars, one for each player's loss."""


def times(weight: optax.ScalarOrSchedule, value: jax.Array, round: Round) -> jax.Array:
    """The product, at the step's weight and in the value's precision."""
    return jnp.asarray(now(weight, round), value.dtype) * value


def now(number: optax.ScalarOrSchedule, round: Round) -> jax.Array | float:
    """A number, or a schedule's at the round's step."""
    return number(step_of(round, "a schedule")) if callable(number) else number


def step_of(round: Round, what: str) -> jax.Array:
    """The training step's number.

    Raises:
      ValueError: outside a training step, naming who asks.
    """
    if round.step is None:
        raise ValueError(
            f"{what} needs the training step's number, which a step of ganstab.steps gives; a game "
            "evaluated alone takes it from its carry: carry._replace(step=state.step)"
        )
    return round.step


def given(what: str, *arrays: jax.Array | None) -> list[jax.Array]:
    """The arrays, in float32 at least, or one line that says who has to give them."""
    if any(array is None for array in arrays):
        raise ValueError(
            f"the term needs the discriminator's {what}: let it return "
            f"ganstab.Verdict(score, {what}=…)"
        )
    return [wide(array) for array in arrays if array is not None]
