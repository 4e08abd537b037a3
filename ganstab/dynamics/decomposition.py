"""How much of a field is descent, and how much rotation."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ganstab._checks import check_count
from ganstab.dynamics.derivatives import exact, through_stops
from ganstab.dynamics.fields import field_product, flat
from ganstab.types import Carry, Game, Pair

__all__ = ["Helmholtz", "helmholtz"]


class Helmholtz(NamedTuple):
    """The Jacobian taken apart, `J = S + A`, as functions `[n] -> [n]` over the raveled pair."""

    symmetric: Callable
    """`S x = ½(J + Jᵀ)x`: the part that a potential can have, which attracts or repels."""
    antisymmetric: Callable
    """`A x = ½(J − Jᵀ)x`: the part that no potential has, which turns."""
    rotation: float
    """`‖A‖² / (‖S‖² + ‖A‖²)`, Frobenius: 0 for descent on one potential, 1 for pure rotation."""


def helmholtz(
    game: Game, params: Pair, *, carry: Carry, batch: Any, key: Any, probes: int = 64, seed: int = 0
) -> Helmholtz:
    """The local Helmholtz decomposition of the field (Balduzzi et al. 2018, arXiv:1802.05642, §2).

    `J = S + A` with `⟨S, A⟩ = 0`, so that `‖J‖² = ‖S‖² + ‖A‖²` and the share of rotation is a
    number in [0, 1]. Both parts are applied by a forward and a backward pass, and are never
    written down. The norms take forward passes alone: `‖S‖² − ‖A‖² = tr J²`, so that the share of
    rotation is `½(1 − tr J² / ‖J‖²)`.

    Args:
      game: any game.
      params: where, a `Pair` of n numbers in all.
      carry: as in `field`.
      batch: as in `field`.
      key: as in `field`.
      probes: with n ≤ probes the share is exact; else `‖J‖² = E‖Jz‖²` and `tr J² = E zᵀJJz` are
        estimated from this many random sign vectors z (Hutchinson), two products each.
      seed: draws the sign vectors.

    Returns:
      A `Helmholtz`; `rotation` is NaN where the Jacobian is 0.

    Raises:
      ValueError: for fewer than one probe.
    """
    check_count("probes", probes)
    at = params, carry, batch, key

    def times(x: np.ndarray) -> np.ndarray:
        return np.asarray(field_product(game, exact, x, *at)[1], np.float64)

    directions = np.asarray(_directions(ravel_pytree(params)[0], probes, seed), np.float64)
    once = [times(along) for along in directions]
    whole = sum(float(each @ each) for each in once)
    squared = sum(float(z @ times(each)) for z, each in zip(directions, once, strict=True))
    share = (1 - squared / whole) / 2 if whole else float("nan")
    return Helmholtz(
        symmetric=lambda x: _parts(game, x, *at)[0],
        antisymmetric=lambda x: _parts(game, x, *at)[1],
        rotation=float(np.clip(share, 0.0, 1.0)),
    )


@functools.partial(jax.jit, static_argnames="game")
def _parts(game, x, params, carry, batch, key):
    velocity, point = flat(game, params, carry=carry, batch=batch, key=key)
    _, push = jax.linearize(through_stops(velocity), point)
    forward, (backward,) = push(x), jax.linear_transpose(push, x)(x)
    return (forward + backward) / 2, (forward - backward) / 2


def _directions(point: jax.Array, probes: int, seed: int) -> jax.Array:
    if point.size <= probes:
        return jnp.eye(point.size, dtype=point.dtype)
    return jax.random.rademacher(jax.random.key(seed), (probes, point.size), point.dtype)
