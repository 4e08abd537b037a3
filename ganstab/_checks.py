"""What functions ask of their arguments: chex's assertions, as `ValueError`s."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax


def check_at_least(name: str, value: int, least: int) -> None:
    """Refuse a count that is too small.

    Raises:
      ValueError: naming the count, its value and the least that is allowed.
    """
    if value < least:
        raise ValueError(f"{name} is {value}; {least} or more is expected")


def check_key(key: jax.Array | None, name: str) -> None:
    """Refuse a missing key, as closed-form games have none.

    Raises:
      ValueError: naming who needs it.
    """
    if key is None:
        raise ValueError(f"{name} draws random numbers and needs a key, got key=None")


@contextlib.contextmanager
def or_value_error(message: str) -> Iterator[None]:
    """Where an assertion of chex fails, raises a `ValueError` with this message from it."""
    try:
        yield
    except AssertionError as error:
        raise ValueError(message) from error


def check_number(name: str, value: Any, holds: Callable[[Any], Any], allowed: str) -> None:
    """Refuse a number that is out of its range; of a traced one nothing is known.

    Raises:
      ValueError: naming the number, what is allowed, and its value.
    """
    if not isinstance(value, jax.core.Tracer) and not holds(value):
        raise ValueError(f"{name} must be {allowed}, got {value}")


def scores_of(score: jax.Array, x: jax.Array, who: str) -> jax.Array:
    """The scores of samples `x[B, …]`: `[B]` where there is one each, else as they are.

    Raises:
      ValueError: for scores that do not have B in front, naming who gave them.
    """
    n = x.shape[0]
    if score.shape[:1] != (n,):
        raise ValueError(
            f"{who} must give scores of shape {(n,)}, {(n, 1)} or {(n, '…')}, the batch in front, "
            f"but gave {score.shape}"
        )
    return score.reshape(n) if score.size == n else score


def one_score_each(score: jax.Array, x: jax.Array, who: str) -> jax.Array:
    """The scores of samples `x[B, …]` as `[B]`, from `[B]` or `[B, 1]`.

    Raises:
      ValueError: for scores of another shape, naming who needs them.
    """
    n = x.shape[0]
    if score.shape[:1] != (n,) or score.size != n:
        raise ValueError(
            f"{who} needs one score a sample, shape {(n,)} or {(n, 1)}, but got {score.shape}"
        )
    return score.reshape(n)
