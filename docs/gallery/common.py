"""What several figures share: runs of small games, and the triangle of mixed strategies."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.axes import Axes

from ganstab import Carry, Game, Pair, TrainState, dynamics
from ganstab.style import INK

NOTHING: dict[str, Any] = {"carry": Carry(Pair((), ()), Pair((), ())), "batch": None, "key": None}
"""What a closed-form game is evaluated with: no state, no data, no randomness."""
# These programs run once or twice, so compiling them costs more than running them.
quick = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def pair(gen: Any, disc: Any) -> Pair:
    """Parameters as arrays."""
    return Pair(jnp.asarray(gen, float), jnp.asarray(disc, float))


def normal(key: jax.Array, count: int) -> jax.Array:
    """Latents or data in one dimension: `[count, 1]`."""
    return jax.random.normal(key, (count, 1))


def sgd(rate: Any) -> Pair:
    """Gradient descent for both players."""
    return Pair(optax.sgd(rate), optax.sgd(rate))


def started(txs: Pair, params: Pair, state: Pair = NOTHING["carry"].state) -> TrainState:
    """A training state at these parameters."""
    params = pair(*params)
    opt = Pair(*(tx.init(own) for tx, own in zip(txs, params, strict=True)))
    return TrainState(params, Carry(state, opt), jnp.int32(0), jax.random.key(0))


def trained(step: Callable, txs: Pair, params: Pair, count: int) -> Pair:
    """The parameters along `count` training steps of a closed-form game: `[count + 1, …]`."""
    advance = dynamics.training(step)
    found = quick(lambda start: dynamics.orbit(advance, start, count).params)(started(txs, params))
    return jax.tree.map(np.asarray, found)


def followed(game: Game, params: Pair, dt: float, count: int, at: Any = None) -> Pair:
    """The parameters along the continuous field, `count` steps of `dt`: `[count + 1, …]`."""
    advance = dynamics.flow(game, dt, **(at or NOTHING))
    found = quick(lambda params: dynamics.orbit(advance, params, count))(pair(*params))
    return jax.tree.map(np.asarray, found)


CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, math.sqrt(3) / 2]])
"""Where rock, paper and scissors are in the triangle of mixed strategies."""


def strategy(logits: np.ndarray) -> np.ndarray:
    """The probabilities of logits `[…, 3]`."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def triangle(axis: Axes, title: str) -> None:
    """The frame of the triangle, with uniform play marked in the middle."""
    axis.plot(*CORNERS[[0, 1, 2, 0]].T, color=INK, linewidth=0.9)
    axis.plot(*CORNERS.mean(axis=0), "+", color=INK, markersize=7)
    shifts = ((-0.02, -0.08), (0.02, -0.08), (0, 0.03))
    for name, (x, y) in zip(("rock", "paper", "scissors"), CORNERS + shifts, strict=True):
        axis.text(x, y, name, ha="center", fontsize=7.5)
    axis.set(title=title, xlim=(-0.1, 1.1), ylim=(-0.12, 0.98), aspect="equal")
    axis.axis("off")
