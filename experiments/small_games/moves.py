"""Runs, exponents and one-step matrices of games of a few numbers."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

from ganstab import Carry, Pair, TrainState, dynamics
from ganstab.types import Game

NOTHING: dict[str, Any] = {"carry": Carry(Pair((), ()), Pair((), ())), "batch": None, "key": None}
"""Where a closed-form game is: no state, no data, no randomness."""
# Programs here run once or twice: what they cost is their compilation.
quick = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def sgd(rate) -> Pair:
    """Gradient descent for both players."""
    return Pair(optax.sgd(rate), optax.sgd(rate))


def started(txs: Pair, params: Pair, state: Pair = NOTHING["carry"].state) -> TrainState:
    """A training state at the parameters given."""
    params = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), params)
    opt = Pair(*(tx.init(own) for tx, own in zip(txs, params, strict=True)))
    return TrainState(params, Carry(state, opt), jnp.int32(0), jax.random.key(0))


def run(step: Callable, txs: Pair, params: Pair, count: int) -> Pair:
    """The parameters along a training run of a closed-form game: leaves `[count + 1, …]`."""
    advance = dynamics.training(step)
    start = started(txs, params)
    found = quick(lambda start: dynamics.orbit(advance, start, count).params)(start)
    return jax.tree.map(np.asarray, found)


def followed(game: Game, params: Pair, dt: float, count: int) -> Pair:
    """The parameters along the continuous field: leaves `[count + 1, …]`."""
    advance = dynamics.flow(game, dt, **NOTHING)
    params = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), params)
    found = quick(lambda params: dynamics.orbit(advance, params, count))(params)
    return jax.tree.map(np.asarray, found)


def matrix(step: Callable, start: TrainState, batches: Any = None) -> jax.Array:
    """The derivative of one training step in all that it carries on in numbers: `[n, n]`."""

    def numbers(tree: Any) -> jax.Array:
        return ravel_pytree([leaf for leaf in jax.tree.leaves(tree) if _real(leaf)])[0]

    leaves, structure = jax.tree.flatten((start.params, start.carry.opt))
    _, unravel = ravel_pytree([leaf for leaf in leaves if _real(leaf)])

    def moved(vector: jax.Array) -> jax.Array:
        new = iter(unravel(vector))
        put = [next(new) if _real(leaf) else leaf for leaf in leaves]
        params, opt = jax.tree.unflatten(structure, put)
        at = start._replace(params=params, carry=start.carry._replace(opt=opt))
        after, _ = step(at, batches)
        return numbers((after.params, after.carry.opt))

    return jax.jacfwd(dynamics.through_stops(moved))(numbers(leaves))


def _real(leaf: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(leaf), jnp.floating)
