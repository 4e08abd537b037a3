"""The field of a game, and its dense Jacobian for small ones."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from ganstab._compiling import SOON
from ganstab.dynamics.derivatives import Derivative, exact
from ganstab.types import Carry, Game, Pair, PlayerName

__all__ = ["field", "field_product", "flat", "jacobian"]

CHUNK = 64


def field(game: Game, params: Pair, *, carry: Carry, batch: Any, key: Any) -> Pair:
    """The direction each player moves: `−∂L_G/∂θ` and `−∂L_D/∂ψ`, each of its own loss.

    Args:
      game: any game.
      params: where, a `Pair`.
      carry: the players' state, and their optimizers' for a surrogate that starts from them.
      batch: the data; `None` for a closed-form game.
      key: the randomness of this evaluation; `None` for a closed-form game.

    Returns:
      A `Pair` shaped as `params`.
    """

    def direction(player: PlayerName) -> Any:
        def own_loss(own):
            losses, _ = game(params._replace(**{player: own}), carry, batch, key)
            return losses.of(player)

        return jax.tree.map(jnp.negative, jax.grad(own_loss)(params.of(player)))

    return Pair(direction("gen"), direction("disc"))


def flat(
    game: Game, params: Pair, *, carry: Carry, batch: Any, key: Any
) -> tuple[Callable[[jax.Array], jax.Array], jax.Array]:
    """The field as a function of one vector, and `params` as one: `(v: [n] -> [n], point[n])`.

    The generator's numbers come first, in the order of `jax.flatten_util.ravel_pytree`.
    """
    point, unravel = ravel_pytree(params)

    def velocity(point: jax.Array) -> jax.Array:
        return ravel_pytree(field(game, unravel(point), carry=carry, batch=batch, key=key))[0]

    return velocity, point


# The game is static and all that is large an argument: a training run is looked at many times, and
# compiled once.
@functools.partial(jax.jit, static_argnames=("game", "derivative"), compiler_options=SOON)
def field_product(game, derivative, along, params, carry, batch, key):
    """The field at a point, and the derivative of it along a vector: two of `[n]`."""
    velocity, point = flat(game, params, carry=carry, batch=batch, key=key)
    return derivative(velocity, point, along.astype(point.dtype))


def jacobian(
    game: Game,
    params: Pair,
    *,
    carry: Carry,
    batch: Any,
    key: Any,
    derivative: Derivative = exact,
) -> jax.Array:
    """`∂v_i/∂x_j` of the field over the raveled pair, generator first: `[n, n]`, n small.

    Args:
      game: any game.
      params: where, a `Pair` of n numbers in all.
      carry: as in `field`.
      batch: as in `field`.
      key: as in `field`.
      derivative: `exact` or `central`, of `ganstab.dynamics.derivatives`; both see a
        `stop_gradient` for the identity it computes.
    """
    velocity, point = flat(game, params, carry=carry, batch=batch, key=key)

    def column(along: jax.Array) -> jax.Array:
        return derivative(velocity, point, along)[1]

    basis = jnp.eye(point.size, dtype=point.dtype)
    # Chunks bound the memory of a larger game, at a compilation that a smaller one is spared.
    columns = jax.vmap(column) if point.size <= CHUNK else _chunked(column)
    return columns(basis).T


def _chunked(fn: Callable) -> Callable:
    return lambda rows: jax.lax.map(fn, rows, batch_size=CHUNK)
