"""What functions ask of their arguments: chex's assertions, as `ValueError`s."""

import contextlib
import operator
from collections.abc import Callable, Iterator
from typing import Any

import jax


def check_count(name: str, value: int, least: int = 1) -> None:
    """Refuse a count that is too small, or no count.

    Raises:
      ValueError: naming the count, its value and the least that is allowed.
    """
    check_whole(name, value, least)
    if value < least:
        raise ValueError(f"{name} must be {least} or more, got {value}")


def check_whole(name: str, value: Any, least: int) -> None:
    """Refuse what is no whole number, of Python, NumPy or jax: 2.5, NaN, a string.

    Raises:
      ValueError: naming the count, its value and the least that is allowed.
    """
    try:
        operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be a whole number, {least} or more, got {value!r}") from None


def check_pair(name: str, value: Any) -> None:
    """Refuse what is no `ganstab.Pair`, such as a plain tuple, or one thing for both players.

    Raises:
      ValueError: naming it.
    """
    if getattr(value, "_fields", None) != ("gen", "disc"):
        raise ValueError(
            f"{name} must be a ganstab.Pair(gen=…, disc=…), got {type(value).__name__}"
        )


def check_players(players: Any) -> None:
    """Refuse what is no `ganstab.Pair` of players, such as two Flax modules.

    Raises:
      ValueError: naming what is none.
    """
    check_pair("players", players)
    for name, player in zip(players._fields, players, strict=True):
        # A module of Linen has init and apply too.
        if not all(hasattr(player, each) for each in ("init", "apply", "mixes")):
            raise ValueError(
                f"players.{name} must be a ganstab.Player, as players.from_nnx(…) and "
                f"from_linen(…) make, got {kind_of(player)}"
            )


def check_txs(txs: Any) -> None:
    """Refuse what is no `ganstab.Pair` of optax transforms, such as two learning rates.

    Raises:
      ValueError: naming what is none.
    """
    check_pair("txs", txs)
    for name, tx in zip(txs._fields, txs, strict=True):
        if not (hasattr(tx, "init") and hasattr(tx, "update")):
            raise ValueError(
                f"txs.{name} must be an optax transform, such as optax.adam(1e-4), got "
                f"{kind_of(tx)}"
            )


def check_function(name: str, value: Any, example: str) -> None:
    """Refuse what cannot be called, such as the name of a function.

    Raises:
      ValueError: naming it, and what is expected.
    """
    if not callable(value):
        got = repr(value) if isinstance(value, str | int | float) else kind_of(value)
        raise ValueError(f"{name} must be a function, such as {example}, got {got}")


def kind_of(value: Any) -> str:
    """What a value is, in a word or two."""
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


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
    """Refuse a number that is out of its range, or no number; of a traced one nothing is known.

    Raises:
      ValueError: naming the number, what is allowed, and its value.
    """
    if isinstance(value, jax.core.Tracer):
        return
    try:
        held = bool(holds(value))
    except (TypeError, ValueError, OverflowError):  # no number, more than one, NaN, infinity
        held = False
    if not held:
        got = repr(value) if isinstance(value, str) else value
        raise ValueError(f"{name} must be {allowed}, got {got}")


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
