"""Runs of a game: maps from a point to the next, and what repeating them draws.

A map is a function `(point, i) -> point`, i counting from 0. `flow` makes one of the continuous
field, `training` one of an optimizer's actual step.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ganstab._checks import check_count
from ganstab.dynamics.fields import field
from ganstab.steps import Step
from ganstab.types import Carry, Game, Pair, TrainState

__all__ = ["Map", "flow", "orbit", "training"]

Map = Callable[[Any, jax.Array], Any]
"""`(point, i) -> point`, one step of an orbit, i counting from 0."""


def flow(game: Game, dt: float, *, carry: Carry, batch: Any, key: Any) -> Map:
    """The field followed for a time `dt`, by one step of the classical Runge–Kutta method.

    Its error over a unit of time is O(dt⁴).

    Args:
      game: any game.
      dt: the step in time, above 0.
      carry: as in `field`, the same all along.
      batch: as in `field`, the same all along.
      key: as in `field`, the same all along.

    Returns:
      A map of `Pair`s of parameters.

    Raises:
      ValueError: for a step that is not above 0.
    """
    if not dt > 0:
        raise ValueError(f"dt must be above 0, got {dt}")

    def velocity(params: Pair) -> Pair:
        return field(game, params, carry=carry, batch=batch, key=key)

    def moved(params: Pair, along: Pair, time: float) -> Pair:
        return jax.tree.map(lambda x, v: x + time * v, params, along)

    def advance(params: Pair, i: jax.Array) -> Pair:
        del i
        first = velocity(params)
        second = velocity(moved(params, first, dt / 2))
        third = velocity(moved(params, second, dt / 2))
        fourth = velocity(moved(params, third, dt))
        mean = jax.tree.map(
            lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, first, second, third, fourth
        )
        return moved(params, mean, dt)

    return advance


def training(step: Step, feed: Callable[[jax.Array], Any] = lambda i: None) -> Map:
    """A training step of `ganstab.steps` as a map of `TrainState`s.

    Args:
      step: `(train_state, batches) -> (train_state, metrics)`.
      feed: `i -> batches`, traced; by default the `None` of a closed-form game.
    """

    def advance(train_state: TrainState, i: jax.Array) -> TrainState:
        return step(train_state, feed(i))[0]

    return advance


def orbit(advance: Map, start: Any, steps: int) -> Any:
    """The start and the `steps` points after it, stacked in front: leaves `[steps + 1, …]`.

    Raises:
      ValueError: for steps that are no whole number from 0 on.
    """

    def move(point, i):
        point = advance(point, i)
        return point, point

    check_count("steps", steps, 0)
    start = jax.tree.map(jnp.asarray, start)
    _, points = jax.lax.scan(move, start, jnp.arange(steps))
    return jax.tree.map(lambda a, rest: jnp.concatenate([a[None], rest]), start, points)
