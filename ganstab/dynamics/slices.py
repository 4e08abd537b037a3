"""Planes through the parameters of a game, and what loss and field are on them.

On a plane through a network most of the motion leaves the plane: what seems to run away may be on
its way to a fixed point elsewhere. So a slice says at each point how much of the speed it shows.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from ganstab.dynamics.fields import field
from ganstab.types import Carry, Game, Pair

__all__ = ["Plane", "Slice", "cut", "parameter_plane", "project", "random_plane"]


class Plane(NamedTuple):
    """The points `origin + a·first + b·second`; the axes are orthonormal."""

    origin: Pair
    first: Pair
    second: Pair


class Slice(NamedTuple):
    """Losses and field on a grid of a plane; arrays are `[len(b), len(a)]`, as pictures are."""

    a: jax.Array
    """Coordinates along the first axis."""
    b: jax.Array
    """Coordinates along the second axis."""
    losses: Pair
    """Each player's loss."""
    velocity: jax.Array
    """`[len(b), len(a), 2]`: the field's components along the two axes."""
    shown: jax.Array
    """Share of the squared speed that lies in the plane, in [0, 1]; 1 for a game of two numbers."""


def parameter_plane(params: Pair) -> Plane:
    """The whole parameter space of a game of two numbers, with the generator's across.

    Raises:
      ValueError: for players of more than one number each.
    """
    params = jax.tree.map(jnp.asarray, params)
    sizes = Pair(*(sum(leaf.size for leaf in jax.tree.leaves(own)) for own in params))
    if sizes != (1, 1):
        raise ValueError(f"parameter_plane takes players of one number each, got sizes {sizes}")
    zeros, ones = (jax.tree.map(like, params) for like in (jnp.zeros_like, jnp.ones_like))
    return Plane(zeros, Pair(ones.gen, zeros.disc), Pair(zeros.gen, ones.disc))


def random_plane(
    params: Pair, key: jax.Array, keep: Callable[[str], bool] = lambda path: True
) -> Plane:
    """A plane through `params` along two random orthonormal directions.

    Args:
      params: the plane's origin.
      key: draws the directions, with independent standard normal entries before they are
        orthonormalised.
      keep: which leaves may move, by their path as `jax.tree_util.keystr` writes it:
        `lambda path: path.endswith("['bias']")` cuts through the biases alone.

    Raises:
      ValueError: if the leaves that may move hold fewer than two numbers.
    """
    paths, structure = jax.tree_util.tree_flatten_with_path(params)
    kept = [jnp.full_like(leaf, keep(jax.tree_util.keystr(path))) for path, leaf in paths]
    mask = jax.tree.unflatten(structure, kept)
    free, unravel = ravel_pytree(mask)
    if int(jnp.sum(free)) < 2:
        names = ", ".join(jax.tree_util.keystr(path) for path, _ in paths)
        raise ValueError(f"random_plane needs two numbers that may move; keep chose among {names}")
    directions = free[:, None] * jax.random.normal(key, (free.size, 2), free.dtype)
    first, second = jnp.linalg.qr(directions)[0].T
    return Plane(params, unravel(first), unravel(second))


def project(plane: Plane, points: Pair) -> jax.Array:
    """Parameters stacked in front, `[T, …]`, as coordinates on the plane, `[T, 2]`.

    What is off the plane is seen from straight above. For a game of two numbers and
    `parameter_plane`, these are the numbers themselves.
    """
    away = jax.vmap(lambda at: ravel_pytree(jax.tree.map(jnp.subtract, at, plane.origin))[0])
    return away(points) @ _axes(plane).T


def cut(
    game: Game, plane: Plane, a: jax.Array, b: jax.Array, *, carry: Carry, batch: Any, key: Any
) -> Slice:
    """The losses and the field on the grid `a × b` of the plane.

    Args:
      game: any game.
      plane: e.g. `random_plane(params, key)`.
      a: `[A]`, coordinates along the first axis.
      b: `[B]`, coordinates along the second axis.
      carry: as in `field`, the same all over the plane.
      batch: as in `field`, the same all over the plane.
      key: as in `field`, the same all over the plane.
    """
    axes = _axes(plane)

    def at(place: jax.Array):
        params = jax.tree.map(
            lambda o, u, w: o + place[0] * u + place[1] * w, plane.origin, plane.first, plane.second
        )
        velocity, _ = ravel_pytree(field(game, params, carry=carry, batch=batch, key=key))
        inside, square = axes @ velocity, jnp.sum(velocity**2)
        shown = jnp.sum(inside**2) / jnp.where(square == 0, 1.0, square)
        return game(params, carry, batch, key)[0], inside, jnp.where(square == 0, 1.0, shown)

    a, b = jnp.asarray(a), jnp.asarray(b)
    grid = jnp.stack(jnp.meshgrid(a, b), axis=-1)
    losses, velocity, shown = jax.lax.map(jax.vmap(at), grid)
    return Slice(a, b, losses, velocity, shown)


def _axes(plane: Plane) -> jax.Array:
    return jnp.stack([ravel_pytree(axis)[0] for axis in (plane.first, plane.second)])
