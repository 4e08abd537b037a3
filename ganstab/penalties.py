"""Gradient penalties on a critic: `(score_fn, real, fake, key, …) -> scalar`, unweighted.

`score_fn(x[B, …]) -> [B]` is the critic closed over its parameters (`[B, 1]` will do). Of a critic
that gives several scores a sample, such as a PatchGAN's `[B, h, w, 1]`, D is their mean, which is
what the losses average and what Isola et al. 2017 (arXiv:1611.07004, section 3.2.2) call its
output. Much code takes the gradient of their sum, P times as large for P scores: `target / P` and
P² times the weight are its penalty. Scores without the batch in front are a ValueError at trace
time, and so are samples that are none, or of whole numbers: there is no gradient at bytes.

All norms are taken per sample, over every axis but the first. They are safe where the gradient is
zero: the square root's derivative there is defined as 0. A critic whose batch norm mixes samples
gives each of them a gradient that is not its own; these penalties are not defined for it, and
`terms.disc_penalty` refuses it. Layer norm (`flax.nnx.LayerNorm`) and virtual batch norm keep
samples apart.

The critic is differentiated in the type of its samples. All else is computed in float32 where that
is half precision, and so are the numbers that a penalty draws and the penalty itself.
"""

from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp

from ganstab._checks import check_number, one_score_each, or_value_error, scores_of
from ganstab._placement import blocks
from ganstab._precision import wide
from ganstab._safe_sqrt import safe_sqrt

__all__ = [
    "ScoreFn",
    "approximate_r1",
    "approximate_r2",
    "dragan",
    "dragan_paper",
    "js_regularizer",
    "r1",
    "r1_r2",
    "r2",
    "wgan_gp",
]


ScoreFn = Callable[[jax.Array], jax.Array]
"""The critic closed over its parameters: `x[B, …] -> [B]`."""


def _samples(x: jax.Array, who: str) -> jax.Array:
    """The samples, of which there must be one, as an array that gradients can be taken at."""
    x = jnp.asarray(x)
    with or_value_error(
        f"{who} needs samples [B, …] in floating point, one or more, got {x.dtype} {x.shape}"
    ):
        chex.assert_type(x, float)
        chex.assert_scalar_positive(x.ndim and len(x))
    return x


def _scores(score_fn: ScoreFn, x: jax.Array) -> jax.Array:
    """The critic's value of each sample: [B]."""
    scores = wide(scores_of(score_fn(x), x, "the critic of a penalty"))
    return scores if scores.ndim == 1 else jnp.mean(scores.reshape(x.shape[0], -1), axis=1)


def _square_norms(score_fn: ScoreFn, x: jax.Array) -> jax.Array:
    """‖∇D(x_i)‖² of every sample i: [B]. The sum's gradient is each sample's own."""
    gradient = jax.grad(lambda x: jnp.sum(_scores(score_fn, x)))(x)
    return jnp.sum(wide(gradient).reshape(x.shape[0], -1) ** 2, axis=-1)


def _per_sample(key: chex.PRNGKey, x: jax.Array) -> jax.Array:
    """One uniform weight in [0, 1) a sample, shaped to multiply x[B, …]."""
    return jax.random.uniform(key, (x.shape[0],) + (1,) * (x.ndim - 1), x.dtype)


def _lipschitz(norms: jax.Array, target: float, one_sided: bool) -> jax.Array:
    excess = norms - target
    return jnp.mean(jax.nn.relu(excess) ** 2 if one_sided else excess**2)


def wgan_gp(
    score_fn: ScoreFn,
    real: jax.Array,
    fake: jax.Array,
    key: chex.PRNGKey,
    *,
    target: float = 1.0,
    one_sided: bool = False,
) -> jax.Array:
    """`E (‖∇D(x̂)‖₂ − target)²` on straight lines between data and samples.

    `x̂ = u·x + (1 − u)·G(z)` with one `u ~ U[0, 1]` a sample (Gulrajani et al. 2017,
    arXiv:1704.00028, eq. 3; λ = 10 there). `one_sided` penalises only norms above the target.

    Args:
      score_fn: the critic, `x[B, …] -> [B]`.
      real: [B, …].
      fake: [B, …], of the same shape.
      key: draws `u`.
      target: the norm asked for.
      one_sided: whether norms under the target are free.
    """
    real, fake = _samples(real, "wgan_gp"), _samples(fake, "wgan_gp")
    with or_value_error(
        "wgan_gp draws lines between real and fake, which must have one shape, got "
        f"{real.shape} (real) and {fake.shape} (fake)"
    ):
        chex.assert_equal_shape([real, fake])
    dtype = jnp.result_type(real, fake)
    real, fake = wide((real, fake))
    u = _per_sample(key, real)
    between = (u * real + (1.0 - u) * fake).astype(dtype)
    return _lipschitz(safe_sqrt(_square_norms(score_fn, between)), target, one_sided)


def dragan(
    score_fn: ScoreFn,
    real: jax.Array,
    fake: jax.Array,
    key: chex.PRNGKey,
    *,
    target: float = 1.0,
    scale: float = 0.5,
    one_sided: bool = False,
) -> jax.Array:
    """`E (‖∇D(x + u·δ)‖₂ − target)²` around the data only (Kodali et al. 2017, λ = 10 there).

    `δ = scale · std(batch) · U[0, 1]^d` and one `u ~ U[0, 1]` a sample: as in the authors' code.
    `dragan_paper` has the noise of their paper.

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
    real = _samples(real, "dragan")
    x = wide(real)
    noise = scale * jnp.std(x) * jax.random.uniform(noise_key, x.shape, x.dtype)
    around = (x + _per_sample(weight_key, x) * noise).astype(real.dtype)
    norms = safe_sqrt(_square_norms(score_fn, around))
    return _lipschitz(norms, target, one_sided)


def dragan_paper(
    score_fn: ScoreFn,
    real: jax.Array,
    fake: jax.Array,
    key: chex.PRNGKey,
    *,
    target: float = 1.0,
    variance: float = 10.0,
    one_sided: bool = False,
) -> jax.Array:
    """`E (‖∇D(x + δ)‖₂ − target)²` with `δ ~ N(0, c·I)` (Kodali et al. 2017, arXiv:1705.07215).

    The noise as the paper writes it, without regard to the data's own spread; λ = 10 there. Its
    authors' code draws it otherwise: `dragan`.

    Args:
      score_fn: the critic, `x[B, …] -> [B]`.
      real: [B, …].
      fake: not used; here so that all penalties are called alike.
      key: draws δ.
      target: the norm asked for, k of the paper.
      variance: c of the paper, at least 0, in the data's own units squared.
      one_sided: whether norms under the target are free.
    """
    del fake
    check_number("variance", variance, lambda value: value >= 0, "0 or more")
    real = _samples(real, "dragan_paper")
    x = wide(real)
    noise = variance**0.5 * jax.random.normal(key, x.shape, x.dtype)
    around = (x + noise).astype(real.dtype)
    return _lipschitz(safe_sqrt(_square_norms(score_fn, around)), target, one_sided)


def r1(score_fn: ScoreFn, real: jax.Array, fake: jax.Array, key: chex.PRNGKey) -> jax.Array:
    """`E ‖∇D(x)‖²` on real data (Mescheder et al. 2018, arXiv:1801.04406, eq. 9, without γ/2)."""
    del fake, key
    return jnp.mean(_square_norms(score_fn, _samples(real, "r1")))


def r2(score_fn: ScoreFn, real: jax.Array, fake: jax.Array, key: chex.PRNGKey) -> jax.Array:
    """`E ‖∇D(G(z))‖²` on generated samples (arXiv:1801.04406, eq. 10, without γ/2)."""
    del real, key
    return jnp.mean(_square_norms(score_fn, _samples(fake, "r2")))


def r1_r2(score_fn: ScoreFn, real: jax.Array, fake: jax.Array, key: chex.PRNGKey) -> jax.Array:
    """`E ‖∇D(x)‖² + E ‖∇D(G(z))‖²`, the sum of `r1` and `r2`, by one gradient of both kinds.

    R3GAN's penalty (Huang et al. 2024, arXiv:2501.05441, section 2, with γ/2). Data and samples
    pass through the critic as one batch, and are differentiated once and not twice. It saves time
    in a game with `joint=True`, whose own scores are of the same batch; otherwise the critic is
    evaluated once more, and `r1` beside `r2` is faster on a CPU (benchmarks/penalties.py). What a
    critic draws for each sample, such as instance noise, is drawn for 2B samples.

    In a step on several devices it is `r1` and `r2` apart: one behind the other, the two batches
    would have to be sent between the devices.

    Args:
      score_fn: the critic, `x[2B, …] -> [2B]`; `[B, …]` twice on several devices.
      real: [B, …].
      fake: [B, …], of the same shape.
      key: not used; here so that all penalties are called alike.

    Raises:
      ValueError: at trace time, for samples of two shapes.
    """
    real, fake = _samples(real, "r1_r2"), _samples(fake, "r1_r2")
    with or_value_error(
        "r1_r2 takes real and fake as one batch, which must have one shape, got "
        f"{real.shape} (real) and {fake.shape} (fake)"
    ):
        chex.assert_equal_shape([real, fake])
    if blocks(len(real)) > 1:
        return r1(score_fn, real, fake, key) + r2(score_fn, real, fake, key)
    both = jnp.concatenate([real, fake])
    return jnp.sum(_square_norms(score_fn, both)) / real.shape[0]


def approximate_r1(
    score_fn: ScoreFn,
    real: jax.Array,
    fake: jax.Array,
    key: chex.PRNGKey,
    *,
    scale: float = 0.01,
) -> jax.Array:
    """`E (D(x + σε) − D(x))² / σ²` with `ε ~ N(0, I)`: R1 without a derivative in the samples.

    The approximated R1 of Lin et al. 2025 (APT, arXiv:2501.08316, section 3.4), over σ², so that
    it takes R1's weight: `λ = 100` there, at σ = 0.01, is a weight of 0.01 here. With one ε a
    sample it is an estimate of `‖∇D(x)‖²` with a standard deviation of √2 times that. In the mean
    over ε it is, with H the Hessian of D,

        ‖∇D‖² + σ² (½‖H‖² + ¼(tr H)² + ∇D·∇(tr H)) + O(σ⁴)

    It is for critics that cannot be differentiated twice, or at a price; on a CPU R1 itself was
    faster (benchmarks/penalties.py). In float32 a difference of scores of size s is exact to about
    1e-7 · s; σ should be far above that. Half-precision samples are moved, and their scores
    rounded, in that type, where x + σε may be x.

    Args:
      score_fn: the critic, `x[B, …] -> [B]`.
      real: [B, …].
      fake: not used; here so that all penalties are called alike.
      key: draws ε.
      scale: σ > 0, in the data's own units; 0.01 for images and 0.1 for videos in the paper.
    """
    del fake
    return _approximate(score_fn, _samples(real, "approximate_r1"), key, scale)


def approximate_r2(
    score_fn: ScoreFn,
    real: jax.Array,
    fake: jax.Array,
    key: chex.PRNGKey,
    *,
    scale: float = 0.01,
) -> jax.Array:
    """`approximate_r1` on generated samples, for R2 (Lin et al. 2025, AAPT, arXiv:2506.09350).

    Args:
      score_fn: the critic, `x[B, …] -> [B]`.
      real: not used; here so that all penalties are called alike.
      fake: [B, …].
      key: draws ε.
      scale: σ > 0, in the data's own units.
    """
    del real
    return _approximate(score_fn, _samples(fake, "approximate_r2"), key, scale)


def _approximate(score_fn: ScoreFn, x: jax.Array, key: chex.PRNGKey, scale: float) -> jax.Array:
    check_number("scale", scale, lambda value: value > 0, "positive")
    near = wide(x)
    near = (near + scale * jax.random.normal(key, x.shape, near.dtype)).astype(x.dtype)
    return jnp.mean(((_scores(score_fn, near) - _scores(score_fn, x)) / scale) ** 2)


def js_regularizer(
    score_fn: ScoreFn, real: jax.Array, fake: jax.Array, key: chex.PRNGKey
) -> jax.Array:
    """The Jensen-Shannon regulariser of Roth et al. 2017 (arXiv:1705.09367), without γ/2.

    `E (1 − σ(D(x)))² ‖∇D(x)‖² + E σ(D(G(z)))² ‖∇D(G(z))‖²`. D is the logit and σ the sigmoid; the
    weights σ are differentiated too, as in the authors' code. γ is 0.1 to 2 there, annealed.

    Times γ/2 it is what instance noise of variance γ adds to the GAN's loss, to first order in γ
    and at the best discriminator; at others the noise adds a Laplacian that is left out here.

    Args:
      score_fn: the critic, `x[B, …] -> [B]`, in logits.
      real: [B, …].
      fake: [B, …].
      key: not used; here so that all penalties are called alike.
    """
    del key
    real, fake = _samples(real, "js_regularizer"), _samples(fake, "js_regularizer")
    of_real, of_fake = (
        wide(one_score_each(score_fn(x), x, "js_regularizer")) for x in (real, fake)
    )
    doubt, belief = jax.nn.sigmoid(-of_real) ** 2, jax.nn.sigmoid(of_fake) ** 2
    return jnp.mean(doubt * _square_norms(score_fn, real)) + jnp.mean(
        belief * _square_norms(score_fn, fake)
    )
