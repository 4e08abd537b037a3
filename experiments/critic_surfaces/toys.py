"""The data of Figure 1, and whether a critic tells them from the gaps in them."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ganstab import data

__all__ = ["REACH", "TOYS", "Toy", "gap_auc", "places", "plane"]

REACH, SIDE = 3.0, 128
"""Values are shown at `SIDE` × `SIDE` points of [−`REACH`, `REACH`]²."""
HOLDS, POINTS = 2.0, 33
"""[−`HOLDS`, `HOLDS`]², with `POINTS` × `POINTS` points, holds all data."""
DIGITS = 5
"""Decimal places to which values, scaled to a range of 1, are rounded before they are compared."""


class Toy(NamedTuple):
    """Data in the plane."""

    title: str
    sample: Callable[[jax.Array, int], jax.Array]
    """`(key, n) -> points [n, 2]`"""
    support: Callable[[], tuple[jax.Array, jax.Array]]
    """`() -> (points of the data [m, 2], points in gaps [k, 2])`, none of them random."""


def plane(reach: float = REACH, side: int = SIDE) -> jax.Array:
    """Points of [−reach, reach]², [side, side, 2], row by row from below."""
    line = jnp.linspace(-reach, reach, side)
    return jnp.stack(jnp.meshgrid(line, line), axis=-1)


def places(toy: Toy) -> jax.Array:
    """Where `gap_auc` wants the critic's values: [n, 2]."""
    return jnp.concatenate([plane(HOLDS, POINTS).reshape(-1, 2), *toy.support()])


def gap_auc(values: np.ndarray, toy: Toy) -> float:
    """How often R(a) > R(g) of points a of the data and g in gaps, in %; a tie counts half.

    R = D − Q, Q being the quadratic of least Σ (D − Q)² over [−2, 2]². Values are scaled to a range
    of 1 and compared to five decimal places, so that a critic that is a quadratic has 50.

    Args:
      values: D at `places(toy)`, [n].
      toy: whose data and gaps are told apart.
    """
    x, y = np.asarray(places(toy), float).T
    values = np.asarray(values, float) / (np.ptp(values) or 1)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    square, found = POINTS**2, len(toy.support()[0])
    fit = np.linalg.lstsq(terms[:square], values[:square], rcond=None)[0]
    rest = np.round(values - terms @ fit, DIGITS)
    at_data, in_gaps = np.split(rest[square:], [found])
    return 50 * float(np.mean(1 + np.sign(at_data[:, None] - in_gaps)))


def _ring() -> tuple[jax.Array, jax.Array]:
    """The modes, and half-way between them on their circle."""
    points = data.ring_modes(modes=16, scale=data.WGAN_GP_RING_SCALE)
    return points[::2], points[1::2]


def _grid() -> tuple[jax.Array, jax.Array]:
    """The modes, and half-way between neighbours in a row, in a column and across a square."""
    points = data.grid_modes(side=9, spacing=1, scale=data.WGAN_GP_GRID_SCALE).reshape(9, 9, 2)
    is_mode = np.add.outer(np.arange(9) % 2, np.arange(9) % 2) == 0
    return points[is_mode], points[~is_mode]


def _roll() -> tuple[jax.Array, jax.Array]:
    """The roll, and the roll turned half-way round, which lies between its arms."""
    t = jnp.linspace(1.5, 4.5, 128)[:, None] * jnp.pi
    points = t * jnp.concatenate([jnp.cos(t), jnp.sin(t)], axis=1) / data.WGAN_GP_SWISS_ROLL_SCALE
    return points, -points


TOYS = {
    "ring": Toy("8 Gaussians", functools.partial(data.ring, scale=data.WGAN_GP_RING_SCALE), _ring),
    "grid": Toy("25 Gaussians", functools.partial(data.grid, scale=data.WGAN_GP_GRID_SCALE), _grid),
    "swiss_roll": Toy("Swiss roll", data.swiss_roll, _roll),
}
