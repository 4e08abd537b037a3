"""Adam with a derivative everywhere, so that an unroll can go through it."""

import jax
import optax

from ganstab._safe_sqrt import safe_sqrt
from ganstab.optimizers.precision import in_float32

__all__ = ["adam"]


def adam(
    learning_rate: optax.ScalarOrSchedule,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
) -> optax.GradientTransformation:
    """Adam (Kingma & Ba 2015) that can be differentiated through.

    The step of leaf g at count t is `−lr · m̂ / (√v̂ + ε)` with `m̂ = m_t / (1 − b1ᵗ)` and
    `v̂ = v_t / (1 − b2ᵗ)`: the numbers of `optax.adam`, and its state, so that either can go on
    with the other's. The one difference is the derivative: where v̂ = 0, that of √v̂ is taken as 0,
    while it is infinite in `optax.adam` and turns every gradient through the update into NaN. Of
    half-precision gradients the moments are kept in float32; those of a state that `optax.adam`
    made stay in their types. The slope at a gradient of 0, lr/ε, must be below 65504 in float16.

    Args:
      learning_rate: a number or an optax schedule.
      b1: decay of the mean of gradients.
      b2: decay of the mean of their squares.
      eps: ε, outside the square root.
    """
    rescaled = _scale_by_adam(b1, b2, eps)
    return in_float32(optax.chain(rescaled, optax.scale_by_learning_rate(learning_rate)))


def _scale_by_adam(b1: float, b2: float, eps: float) -> optax.GradientTransformation:
    def update(grads, state, params=None):
        del params
        count = optax.safe_increment(state.count)
        mu = jax.tree.map(lambda g, m: (1 - b1) * g + b1 * m, grads, state.mu)
        nu = jax.tree.map(lambda g, v: (1 - b2) * g**2 + b2 * v, grads, state.nu)
        mean_scale, square_scale = (1 / (1 - b ** count.astype(float)) for b in (b1, b2))
        updates = jax.tree.map(
            lambda m, v: m * mean_scale.astype(m.dtype)
            / (safe_sqrt(v * square_scale.astype(v.dtype)) + eps),
            mu,
            nu,
        )  # fmt: skip
        return updates, optax.ScaleByAdamState(count=count, mu=mu, nu=nu)

    return optax.GradientTransformation(optax.scale_by_adam(b1=b1, b2=b2, eps=eps).init, update)
