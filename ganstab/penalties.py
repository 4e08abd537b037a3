"""Gradient penalties on a critic: `(score_fn, real, fake, key, …) -> scalar`, unweighted.

`score_fn(x[B, …]) -> [B]` is the critic closed over its parameters. All norms are taken per
sample, over every axis but the first, and are safe where the gradient is zero: the square root's
derivative there is defined as 0. A critic whose batch norm mixes samples gives each of them a
gradient that is not its own; these penalties are not defined for it.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp


def _safe_sqrt(square: jax.Array) -> jax.Array:
    """√square, with derivative 0 where the square is 0."""
    zero = square == 0
    return jnp.where(zero, 0.0, jnp.sqrt(jnp.where(zero, 1.0, square)))


def _square_norms(score_fn: Callable, x: jax.Array) -> jax.Array:
    """‖∇D(x_i)‖² of every sample i: [B]. The sum's gradient is each sample's own."""
    gradient = jax.grad(lambda x: jnp.sum(score_fn(x)))(x)
    return jnp.sum(gradient.reshape(x.shape[0], -1) ** 2, axis=-1)


def _per_sample(key: jax.Array, x: jax.Array) -> jax.Array:
    """One uniform weight in [0, 1) a sample, shaped to multiply x[B, …]."""
    return jax.random.uniform(key, (x.shape[0],) + (1,) * (x.ndim - 1), x.dtype)


def _lipschitz(norms: jax.Array, target: float, one_sided: bool) -> jax.Array:
    excess = norms - target
    return jnp.mean(jax.nn.relu(excess) ** 2 if one_sided else excess**2)


def wgan_gp(
    score_fn: Callable,
    real: jax.Array,
    fake: jax.Array,
    key: jax.Array,
    *,
    target: float = 1.0,
    one_sided: bool = False,
) -> jax.Array:
    """`E (‖∇D(x̂)‖₂ − target)²` on straight lines between data and samples.

    `x̂ = u·x + (1 − u)·G(z)` with one `u ~ U[0, 1]` a sample (Gulrajani et al. 2017, eq. 3; λ = 10
    there). `one_sided` penalises only norms above the target.

    Args:
      score_fn: the critic, `x[B, …] -> [B]`.
      real: [B, …].
      fake: [B, …], of the same shape.
      key: draws `u`.
      target: the norm asked for.
      one_sided: whether norms under the target are free.
    """
    if real.shape != fake.shape:
        raise ValueError(
            "wgan_gp draws lines between real and fake, which must have one shape, got "
            f"{real.shape} (real) and {fake.shape} (fake)"
        )
    u = _per_sample(key, real)
    norms = _safe_sqrt(_square_norms(score_fn, u * real + (1.0 - u) * fake))
    return _lipschitz(norms, target, one_sided)


def dragan(
    score_fn: Callable,
    real: jax.Array,
    fake: jax.Array,
    key: jax.Array,
    *,
    target: float = 1.0,
    scale: float = 0.5,
    one_sided: bool = False,
) -> jax.Array:
    """`E (‖∇D(x + u·δ)‖₂ − target)²` around the data only (Kodali et al. 2017, λ = 10 there).

    `δ = scale · std(batch) · U[0, 1]^d` and one `u ~ U[0, 1]` a sample, as in the authors' code;
    their paper writes the noise only as a distribution around the data.

    Args:
      score_fn: the critic, `x[B, …] -> [B]`.
      real: [B, …].
      fake: not used; here so that all penalties are called alike.
      key: draws δ and u.
      target: the norm asked for.
      scale: size of the neighbourhood in standard deviations of the whole batch.
      one_sided: whether norms under the target are free.
    """
    del fake
    noise_key, weight_key = jax.random.split(key)
    noise = scale * jnp.std(real) * jax.random.uniform(noise_key, real.shape, real.dtype)
    norms = _safe_sqrt(_square_norms(score_fn, real + _per_sample(weight_key, real) * noise))
    return _lipschitz(norms, target, one_sided)


def r1(score_fn: Callable, real: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
    """`E ‖∇D(x)‖²` on real data (Mescheder et al. 2018, eq. 9, without its weight γ/2)."""
    del fake, key
    return jnp.mean(_square_norms(score_fn, real))


def r2(score_fn: Callable, real: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
    """`E ‖∇D(G(z))‖²` on generated samples (Mescheder et al. 2018, eq. 10, without γ/2)."""
    del real, key
    return jnp.mean(_square_norms(score_fn, fake))
