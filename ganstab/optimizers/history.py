"""Transforms that remember parameters.

Their memory is arrays in the optimizer's state: it is saved, sharded and mapped with that.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ganstab._arrays import nodes_of
from ganstab._checks import check_count
from ganstab._precision import wide
from ganstab.optimizers.precision import in_float32

__all__ = [
    "Average",
    "SlowWeights",
    "Snapshots",
    "historical_averaging",
    "needed",
    "slow_weights",
    "slow_weights_in",
    "snapshots",
    "snapshots_in",
]


class Average(NamedTuple):
    """The mean of the parameters so far, and how many went into it."""

    updates: jax.Array
    mean: Any


def historical_averaging(weight: float) -> optax.GradientTransformation:
    """A pull back to where the player has been, to stand before the optimizer.

    Adds to the gradient that of `λ‖w_t − h_t‖²`, which is `2λ(w_t − h_t)`, with the average
    `h_t = 1/t Σ_{i≤t} w_i` of all parameters so far, the present ones included, held constant
    (Salimans et al. 2016, arXiv:1606.03498, section 3.3; it gives no weight). At the first update
    it adds 0. As in `optax.chain(historical_averaging(0.1), optax.sgd(h))`. The average of
    half-precision parameters is kept in float32.

    Args:
      weight: λ.
    """

    def init(params):
        return Average(jnp.zeros((), jnp.int32), jax.tree.map(jnp.zeros_like, params))

    def update(updates, state: Average, params=None):
        params = needed(params, "historical_averaging")
        count = optax.safe_increment(state.updates)
        mean = jax.tree.map(lambda h, w: h + (w - h) / count.astype(w.dtype), state.mean, params)
        pulled = jax.tree.map(lambda g, w, h: g + 2.0 * weight * (w - h), updates, params, mean)
        return pulled, Average(count, mean)

    return in_float32(optax.GradientTransformation(init, update))


class Snapshots(NamedTuple):
    """Past parameters, and the count of updates."""

    past: Any
    """Leaves `[count, …]`, the newest in front."""
    updates: jax.Array


def snapshots(count: int, every: int = 1) -> optax.GradientTransformation:
    """Keeps the parameters after every `every`-th update, the last `count` of them.

    It stands last, `optax.chain(adam(2e-4), snapshots(5, every=100))`, lets the update pass, and
    notes where it leads. Before that many updates, the places are filled with the parameters that
    training began with. `ganstab.surrogates.snapshot_ensemble` plays against them.

    Args:
      count: how many are kept, at least 1.
      every: after how many updates a new one takes the place of the oldest, at least 1.

    Raises:
      ValueError: for a number below 1, or, at an update, without parameters.
    """
    check_count("count", count)
    check_count("every", every)

    def init(params):
        return Snapshots(
            jax.tree.map(lambda leaf: jnp.stack([leaf] * count), params), jnp.zeros((), jnp.int32)
        )

    def update(updates, state: Snapshots, params=None):
        new = optax.apply_updates(needed(params, "snapshots"), updates)
        number = optax.safe_increment(state.updates)
        pushed = jax.tree.map(
            lambda leaf, past: jnp.concatenate([leaf[None], past[:-1]]), new, state.past
        )
        past = jax.tree.map(lambda a, b: jnp.where(number % every == 0, a, b), pushed, state.past)
        return updates, Snapshots(past, number)

    return optax.GradientTransformation(init, update)


def snapshots_in(opt: Any) -> Snapshots:
    """The snapshots that an optimizer's state holds.

    Raises:
      ValueError: where it holds none, or more than one set.
    """
    return _held(opt, Snapshots, "the discriminator", "snapshots(count, every)", "snapshots(5)")


class SlowWeights(NamedTuple):
    """The parameters that a player last went back to."""

    params: Any


def slow_weights() -> optax.GradientTransformation:
    """Keeps the parameters that training began with, for `ganstab.steps.lookahead` to move.

    It lets the update pass, as in `optax.chain(adam(2e-4), slow_weights())`. Of half-precision
    parameters it keeps float32 copies.
    """

    def update(updates, state, params=None):
        del params
        return updates, state

    return optax.GradientTransformation(lambda params: SlowWeights(wide(params)), update)


def slow_weights_in(opt: Any) -> SlowWeights:
    """The slow weights that an optimizer's state holds.

    Raises:
      ValueError: where it holds none, or more than one set.
    """
    return _held(opt, SlowWeights, "either player", "slow_weights()", "slow_weights()")


def _held(opt: Any, kind: type, whose: str, made: str, example: str) -> Any:
    found = nodes_of(opt, kind)
    if len(found) != 1:
        raise ValueError(
            f"{whose}'s optimizer must hold one optimizers.{made}, "
            f"as in optax.chain(tx, {example}), but holds {len(found)}"
        )
    return found[0]


def needed(params, name: str):
    """The parameters, which optax lets a caller leave out."""
    if params is None:
        raise ValueError(f"{name} needs the parameters: tx.update(grads, state, params)")
    return params
