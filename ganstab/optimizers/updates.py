"""Transforms that change an update."""

import optax

from ganstab._checks import check_number
from ganstab.optimizers.bounds import within
from ganstab.optimizers.extension import multiplier_ascent
from ganstab.optimizers.precision import in_float32

__all__ = ["clip_weights", "multiplier_ascent", "optimistic"]


def clip_weights(limit: float) -> optax.GradientTransformation:
    """The update that leads to the nearest parameters in `[−c, c]`.

    `u ↦ clip(w + u, −c, c) − w`: the weight clipping of the Wasserstein GAN (Arjovsky et al. 2017,
    arXiv:1701.07875, algorithm 1, c = 0.01). It stands behind the optimizer, as in
    `optax.chain(optax.rmsprop(5e-5), clip_weights(0.01))`. As there, initial parameters are not
    clipped before the first update, and biases are clipped as well (`optax.masked` spares some).
    For half-precision parameters the update is in float32, so that its sum with them is rounded
    once, behind the clipping.

    Args:
      limit: c > 0.

    Raises:
      ValueError: for a limit that is not positive, or, at an update, without parameters.
    """
    check_number("limit", limit, lambda value: value > 0, "positive")
    return in_float32(within(-limit, limit, "clip_weights"), keep=False)


def optimistic(
    tx: optax.GradientTransformation, weight: float = 1.0
) -> optax.GradientTransformation:
    """`tx` with each update taken again and the last one taken back.

    `u_t ↦ u_t + ω(u_t − u_{t−1})`, and `u_0 ↦ u_0`: with gradient descent, the optimistic mirror
    descent of Daskalakis et al. 2018 (arXiv:1711.00141), with Adam their algorithm 1. The
    extrapolation is optax's own `scale_by_optimistic_gradient`; `optimistic(optax.sgd(h))` is
    `optax.optimistic_gradient_descent(h)`. `optax.optimistic_adam_v2` is not quite
    `optimistic(adam(h))`: it takes Nesterov's momentum by default, and has no derivative at 0.
    Half-precision updates are extrapolated, and remembered, in float32, and so is `tx` computed.

    Args:
      tx: a whole optimizer, learning rate included.
      weight: ω; 1 in the paper.
    """
    extrapolated = optax.scale_by_optimistic_gradient(alpha=1.0, beta=weight)
    return in_float32(optax.chain(tx, extrapolated))
