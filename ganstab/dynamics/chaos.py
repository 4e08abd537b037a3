"""Lyapunov exponents: the rate at which runs that start alike grow apart."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from ganstab._checks import check_whole
from ganstab.dynamics.derivatives import Derivative, exact
from ganstab.dynamics.orbits import Map

__all__ = ["Lyapunov", "lyapunov"]


class Lyapunov(NamedTuple):
    """Exponents along a run, largest first, and how they came about."""

    exponents: jax.Array
    """`[count]`, per unit of time."""
    growth: jax.Array
    """`[steps, count]`: log of how much each tangent grew in each step."""
    end: Any
    """The point at which the run ended."""


def lyapunov(
    advance: Map,
    start: Any,
    steps: int,
    *,
    count: int = 1,
    time: float = 1.0,
    discard: int = 0,
    seed: int = 0,
    derivative: Derivative = exact,
) -> Lyapunov:
    """The `count` largest Lyapunov exponents along a run, by QR of its tangents.

    With Q₀ random and orthonormal, `Q_{i+1} R_{i+1} = DF(x_i) Q_i` and exponent
    `j = Σ_i log|R_i[j, j]| / (steps · time)` (Benettin et al. 1980). Where it is
    positive, runs that start close together separate, as in chaos and divergence; where it is 0,
    they keep their distance, as on a circle; where it is negative, they converge.

    For a field: `lyapunov(flow(game, dt, …), params, steps, time=dt)`. For an optimizer:
    `lyapunov(training(step, feed), train_state, steps)`, whose tangents include
    Adam's moments and the batch statistics as well as the parameters.

    Args:
      advance: the map `(point, i) -> point`.
      start: the first point, any pytree. Tangent vectors are taken over its floating-point leaves
        (n numbers); counters and keys are passed through unchanged.
      steps: how many steps to average over, at least 1.
      count: how many exponents, at most n.
      time: the time one step takes; 1 gives exponents per step.
      discard: steps taken before the average begins, in which the tangents align with the
        directions of growth. Without them the error falls only as 1/steps.
      seed: draws the first tangents.
      derivative: `exact` or `central`.

    Returns:
      A `Lyapunov`. An exponent is −∞ where a tangent vanishes.

    Raises:
      ValueError: for `steps` below 1, `discard` below 0, `time` not above 0, or a count outside
        [1, n].
    """
    start = jax.tree.map(jnp.asarray, start)
    numbers = _numbers(start)[0]
    for name, value, least in (("steps", steps, 1), ("discard", discard, 0), ("count", count, 1)):
        check_whole(name, value, least)
    if steps < 1 or discard < 0 or not time > 0:
        raise ValueError(
            "lyapunov needs steps of 1 or more, discard of 0 or more and time above 0, got "
            f"steps={steps}, discard={discard}, time={time}"
        )
    size = numbers.size
    if not 1 <= count <= size:
        raise ValueError(f"count must be in [1, {size}], the numbers of the start, got {count}")
    random = jax.random.normal(jax.random.key(seed), (size, count), numbers.dtype)

    def move(at, i):
        point, tangents = at
        vector, rebuild = _numbers(point)

        def along(tangent):
            return derivative(lambda x: _numbers(advance(rebuild(x), i))[0], vector, tangent)[1]

        tangents, r = jnp.linalg.qr(jax.vmap(along, in_axes=1, out_axes=1)(tangents))
        return (advance(point, i), tangents), jnp.log(jnp.abs(jnp.diag(r)))

    first = start, jnp.linalg.qr(random)[0]
    (end, _), growth = jax.lax.scan(move, first, jnp.arange(discard + steps))
    growth = growth[discard:]
    return Lyapunov(jnp.mean(growth, axis=0) / time, growth, end)


def _numbers(tree: Any) -> tuple[jax.Array, Callable[[jax.Array], Any]]:
    """The floating-point leaves as one vector, and the tree with another vector in their place."""
    leaves, structure = jax.tree.flatten(tree)
    places = [i for i, leaf in enumerate(leaves) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    vector, unravel = ravel_pytree([leaves[i] for i in places])

    def rebuild(vector: jax.Array) -> Any:
        put = dict(zip(places, unravel(vector), strict=True))
        return jax.tree.unflatten(structure, [put.get(i, leaf) for i, leaf in enumerate(leaves)])

    return vector, rebuild
