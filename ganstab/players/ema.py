"""`averaged`, Player → Player: a network evaluated at the running average of its parameters."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ganstab._checks import check_number
from ganstab.types import Player

__all__ = ["Averaged", "averaged", "half_life"]


class Averaged(NamedTuple):
    """What an averaged player's state holds."""

    live: Any
    """The player's own state, as it trains."""
    params: Any
    """Running average of its parameters."""
    state: Any
    """Running average of its own state: the batch-norm statistics that belong to them."""
    updates: jax.Array | None = None
    """int32, how many updates there were, where a schedule asks for it."""


def averaged(player: Player, decay: float | Callable) -> Player:
    """The player that trains as before, and at evaluation is its exponential moving average.

        a ← d·a + (1 − d)·w    of parameters and of state, once an update, from a = w at the start

    So `apply(params, state, x, key, train=False)` uses averaged parameters and averaged batch-norm
    statistics, and samples drawn from a training state are those of the average. Progressive
    growing (arXiv:1710.10196) and Mescheder et al. 2018 average their generators with d = 0.999.

    The average of half-precision numbers is kept in float32, where d = 0.999 is not 1. An update's
    average takes the parameters that its gradient was taken at, so it is one update
    behind. Entries of the state that are not floating-point numbers (counts) are the latest.

    Args:
      player: the generator, as a rule.
      decay: d, 0 ≤ d < 1, or a schedule `updates -> d`, so that an average which is to be long
        need not hold on to the initial parameters: `half_life`.

    Raises:
      ValueError: for another number.
    """
    if not callable(decay):
        check_number("decay", decay, lambda value: 0.0 <= value < 1.0, "in [0, 1)")

    def towards(average, latest, d):
        latest = jnp.asarray(latest)
        if not jnp.issubdtype(latest.dtype, jnp.floating):
            return latest
        d = jnp.asarray(d, average.dtype) if callable(decay) else d
        return d * average + (1.0 - d) * latest.astype(average.dtype)

    def wide(leaf):
        """A copy, or a step that donates its state would donate one array twice."""
        leaf = jnp.asarray(leaf)
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            return jnp.copy(leaf)
        return jnp.array(leaf, jnp.promote_types(leaf.dtype, jnp.float32))

    def like(average, latest):
        dtype = jnp.result_type(latest)
        return average.astype(dtype) if jnp.issubdtype(dtype, jnp.floating) else average

    def init(key):
        params, state = player.init(key)
        count = jnp.zeros((), jnp.int32) if callable(decay) else None
        average = jax.tree.map(wide, (params, state))
        return params, Averaged(state, average[0], average[1], count)

    def apply(params, state: Averaged, x, key, *, train=True):
        if not train:
            averages, latest = (state.params, state.state), (params, state.live)
            mean, mean_state = jax.tree.map(like, averages, latest)
            return player.apply(mean, mean_state, x, key, train=False)[0], state
        output, live = player.apply(params, state.live, x, key, train=True)
        d = decay(state.updates) if callable(decay) else decay
        averages, latest = (state.params, state.state), (params, live)
        average = jax.tree.map(lambda old, new: towards(old, new, d), averages, latest)
        average = jax.lax.stop_gradient(average)
        count = None if state.updates is None else state.updates + 1
        return output, Averaged(live, average[0], average[1], count)

    return dataclasses.replace(player, init=init, apply=apply)


def half_life(updates: Callable) -> Callable:
    """The decay `½^(1/h(t))` of an average whose half-life is a schedule h of updates.

    Where h is 0 the decay is 0, and the average is the latest parameters.

    Args:
      updates: h, `count -> updates`, in which what is remembered falls to half.
    """

    def decay(count):
        h = updates(count)
        return jnp.where(h > 0, 0.5 ** (1 / jnp.where(h > 0, h, 1.0)), 0.0)

    return decay
