"""The data of Figure 1, and whether a critic tells them from the gaps in them."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from ganstab import data

__all__ = ["REACH", "TOYS", "Toy", "above_gaps", "plane"]

REACH, SIDE = 3.0, 128
"""Values are shown at `SIDE` × `SIDE` points of [−`REACH`, `REACH`]²."""
ARMS = 64


class Toy(NamedTuple):
    """Data in the plane."""

    title: str
    sample: Callable[[Array, int], Array]
    """`(key, n) -> points [n, 2]`"""
    gaps: Callable[[], tuple[Array, Array]]
    """`() -> (neighbours [n, 2, 2], gaps [n, 2])`: each gap between two points of the data."""


def plane() -> Array:
    """The points at which values are shown, [128, 128, 2], row by row from below."""
    line = jnp.linspace(-REACH, REACH, SIDE)
    return jnp.stack(jnp.meshgrid(line, line), axis=-1)


def above_gaps(critic: Callable[[Array], Array], toy: Toy) -> Array:
    """100 / 2n Σ_i [D(a_i) > D(g_i)] + [D(b_i) > D(g_i)], in %; a tie counts half.

    Args:
      critic: D, points [..., 2] -> [...].
      toy: whose gaps are g_i, each between a_i and b_i.
    """
    beside, gap = toy.gaps()
    return 50 * jnp.mean(1 + jnp.sign(critic(beside) - critic(gap)[:, None]))


def _ring_gaps() -> tuple[Array, Array]:
    """Half-way on the circle, where what depends on the radius alone has the modes' values."""
    points = data.ring_modes(modes=16, scale=data.WGAN_GP_RING_SCALE)
    return jnp.stack([points[::2], jnp.roll(points[::2], -1, axis=0)], axis=1), points[1::2]


def _grid_gaps() -> tuple[Array, Array]:
    """Half-way between neighbours in a row or a column."""
    modes = data.grid_modes(scale=data.WGAN_GP_GRID_SCALE).reshape(5, 5, 2)
    ways = (modes, modes.swapaxes(0, 1))
    beside = [jnp.stack([way[:-1], way[1:]], axis=2).reshape(-1, 2, 2) for way in ways]
    return _half_way(jnp.concatenate(beside))


def _roll_gaps() -> tuple[Array, Array]:
    """Half-way between the inner arm at t in [1.5 π, 2.5 π] and the outer one at t + 2 π."""
    t = jnp.linspace(1.5, 2.5, ARMS) * jnp.pi
    direction = jnp.stack([jnp.cos(t), jnp.sin(t)], axis=-1) / data.WGAN_GP_SWISS_ROLL_SCALE
    radius = jnp.stack([t, t + 2 * jnp.pi], axis=-1)
    return _half_way(radius[..., None] * direction[:, None])


def _half_way(beside: Array) -> tuple[Array, Array]:
    return beside, beside.mean(axis=1)


TOYS = {
    "ring": Toy(
        "8 Gaussians", functools.partial(data.ring, scale=data.WGAN_GP_RING_SCALE), _ring_gaps
    ),
    "grid": Toy(
        "25 Gaussians", functools.partial(data.grid, scale=data.WGAN_GP_GRID_SCALE), _grid_gaps
    ),
    "swiss_roll": Toy("Swiss roll", data.swiss_roll, _roll_gaps),
}
