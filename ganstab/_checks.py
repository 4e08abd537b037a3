"""What functions ask of their arguments: chex's assertions, as `ValueError`s."""

import contextlib
from collections.abc import Iterator

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


def one_score_each(score: jax.Array, x: jax.Array, who: str) -> jax.Array:
    """The scores of samples `x[B, …]` as `[B]`, from `[B]` or `[B, 1]`.

    Raises:
      ValueError: for scores of another shape, naming who gave them.
    """
    n = x.shape[0]
    if score.shape not in ((n,), (n, 1)):
        raise ValueError(
            f"{who} must give one score a sample, shape {(n,)} or {(n, 1)}, but gave {score.shape}"
        )
    return score.reshape(n)
