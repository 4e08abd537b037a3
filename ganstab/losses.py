"""Adversarial losses: raw scores in, one scalar for each player out.

Every loss is a pure function `(real_score[B], fake_score[B]) -> Pair(gen, disc)` of scalars. Scores
are raw critic outputs (no sigmoid). Each player *minimises* its own entry. Scores may have any
shape; the mean runs over all elements, which must number at least one. Losses of half-precision
scores are computed and returned in float32. The numbers of a loss may be traced arrays, which are
not checked, so a term can anneal them:

    smoothing = optax.linear_schedule(0.1, 0.0, 10_000)

    def term(round):
        scores = round.real_score, round.fake_score
        return losses.non_saturating(*scores, label_smoothing=smoothing(round.step))

`sp(t) = log(1 + exp(t))` is the softplus, finite with a right gradient at any float score.
"""

from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp

from ganstab._checks import check_number, or_value_error
from ganstab._precision import wide
from ganstab.types import Pair

__all__ = [
    "ebgan",
    "hinge",
    "least_squares",
    "minimax",
    "non_saturating",
    "relativistic_average",
    "relativistic_paired",
    "wasserstein",
]


def _softplus(score: jax.Array) -> jax.Array:
    return jnp.logaddexp(score, 0.0)


def _checked(real_score: jax.Array, fake_score: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The scores as arrays, in float32 at least."""
    real_score, fake_score = jnp.asarray(real_score), jnp.asarray(fake_score)
    real, fake = (f"{score.dtype} {score.shape}" for score in (real_score, fake_score))
    with or_value_error(
        "a loss needs at least one score of each kind, of one rank and in floating point, got "
        f"{real} (real) and {fake} (fake)"
    ):
        chex.assert_type([real_score, fake_score], float)
        chex.assert_equal_rank([real_score, fake_score])
        chex.assert_scalar_positive(min(real_score.size, fake_score.size))
    return wide((real_score, fake_score))


def _cross_entropy(
    real_score: jax.Array, fake_score: jax.Array, label_smoothing: float
) -> jax.Array:
    """−(1−ε)·log σ(D(x)) − ε·log σ(−D(x)) − log σ(−D(G(z))), averaged."""
    check_number("label_smoothing", label_smoothing, lambda value: 0.0 <= value < 1.0, "in [0, 1)")
    real = (1.0 - label_smoothing) * _softplus(-real_score)
    if isinstance(label_smoothing, jax.Array) or label_smoothing:
        real = real + label_smoothing * _softplus(real_score)
    return jnp.mean(real) + jnp.mean(_softplus(fake_score))


def minimax(real_score: jax.Array, fake_score: jax.Array, *, label_smoothing: float = 0.0) -> Pair:
    """The zero-sum GAN game of Goodfellow et al. (2014, arXiv:1406.2661, eq. 1), on logits.

    disc: `E sp(−D(x)) + E sp(D(G(z)))`; gen: minus that. The generator keeps the term in the
    real data, which an unrolled discriminator makes depend on the generator.

    Args:
      real_score: scores of real samples.
      fake_score: scores of generated samples.
      label_smoothing: ε; the discriminator's target for real data is 1 − ε, for generated data 0
        (one-sided, Salimans et al. 2016, arXiv:1606.03498, section 3.4). The generator's loss is
        not smoothed.
    """
    real_score, fake_score = _checked(real_score, fake_score)
    disc = _cross_entropy(real_score, fake_score, label_smoothing)
    return Pair(gen=-_cross_entropy(real_score, fake_score, 0.0), disc=disc)


def non_saturating(
    real_score: jax.Array, fake_score: jax.Array, *, label_smoothing: float = 0.0
) -> Pair:
    """`minimax` with the generator's `−log D` heuristic (arXiv:1406.2661, section 3).

    disc: `E sp(−D(x)) + E sp(D(G(z)))`; gen: `E sp(−D(G(z)))`.

    Args:
      real_score: scores of real samples.
      fake_score: scores of generated samples.
      label_smoothing: as in `minimax`, on real targets only.
    """
    real_score, fake_score = _checked(real_score, fake_score)
    disc = _cross_entropy(real_score, fake_score, label_smoothing)
    return Pair(gen=jnp.mean(_softplus(-fake_score)), disc=disc)


def wasserstein(real_score: jax.Array, fake_score: jax.Array) -> Pair:
    """The Wasserstein critic's game of Arjovsky et al. (2017, arXiv:1701.07875, eq. 2).

    disc: `E D(G(z)) − E D(x)`; gen: `−E D(G(z))`.
    """
    real_score, fake_score = _checked(real_score, fake_score)
    fake = jnp.mean(fake_score)
    return Pair(gen=-fake, disc=fake - jnp.mean(real_score))


def least_squares(
    real_score: jax.Array,
    fake_score: jax.Array,
    a: float = 0.0,
    b: float = 1.0,
    c: float = 1.0,
) -> Pair:
    """The least-squares GAN of Mao et al. (2017, arXiv:1611.04076, eq. 2), with its factor ½.

    disc: `½ E (D(x) − b)² + ½ E (D(G(z)) − a)²`; gen: `½ E (D(G(z)) − c)²`. The paper's other
    coding is `a=-1, b=1, c=0`. The authors' code sums over the batch; this is the mean.

    Args:
      real_score: scores of real samples.
      fake_score: scores of generated samples.
      a: the discriminator's target for generated samples.
      b: the discriminator's target for real samples.
      c: what the generator wants the discriminator to say.
    """
    real_score, fake_score = _checked(real_score, fake_score)
    disc = 0.5 * jnp.mean((real_score - b) ** 2) + 0.5 * jnp.mean((fake_score - a) ** 2)
    return Pair(gen=0.5 * jnp.mean((fake_score - c) ** 2), disc=disc)


def hinge(real_score: jax.Array, fake_score: jax.Array) -> Pair:
    """The hinge game of Lim & Ye (arXiv:1705.02894); Miyato et al. (arXiv:1802.05957, eq. 16–17).

    disc: `E max(0, 1 − D(x)) + E max(0, 1 + D(G(z)))`; gen: `−E D(G(z))`.
    """
    real_score, fake_score = _checked(real_score, fake_score)
    disc = jnp.mean(jax.nn.relu(1.0 - real_score)) + jnp.mean(jax.nn.relu(1.0 + fake_score))
    return Pair(gen=-jnp.mean(fake_score), disc=disc)


def relativistic_average(
    real_score: jax.Array, fake_score: jax.Array, *, loss: Callable = non_saturating
) -> Pair:
    """The relativistic average GAN of Jolicoeur-Martineau (2018, arXiv:1807.00734, section 4).

    With `r = D(x) − E D(G(z))` and `f = D(G(z)) − E D(x)`, how much more real each sample is than
    the other kind on average,

        disc: `loss(r, f).disc`      gen: `loss(f, r).disc`

    so that the generator plays the discriminator's game with the kinds exchanged. By default this
    is RaSGAN: disc `E sp(−r) + E sp(f)`, gen `E sp(−f) + E sp(r)`.

    Args:
      real_score: scores of real samples.
      fake_score: scores of generated samples.
      loss: whose discriminator loss is made relativistic; `hinge` gives RaHingeGAN, and
        `least_squares` with `a=-1, b=1` RaLSGAN (with this module's factor ½).
    """
    real_score, fake_score = _checked(real_score, fake_score)
    real = real_score - jnp.mean(fake_score)
    fake = fake_score - jnp.mean(real_score)
    return Pair(gen=loss(fake, real).disc, disc=loss(real, fake).disc)


def relativistic_paired(real_score: jax.Array, fake_score: jax.Array) -> Pair:
    """RpGAN: each datum against one sample (Jolicoeur-Martineau 2018, arXiv:1807.00734, RSGAN).

    disc: `E sp(−(D(x_i) − D(G(z_i))))`; gen: `E sp(−(D(G(z_i)) − D(x_i)))`, the loss of R3GAN
    (Huang et al. 2024, arXiv:2501.05441, section 2). Pairs are those of equal places.

    Args:
      real_score: scores of real samples.
      fake_score: scores of generated samples, of the same shape.

    Raises:
      ValueError: where the shapes differ.
    """
    real_score, fake_score = _checked(real_score, fake_score)
    if real_score.shape != fake_score.shape:
        raise ValueError(
            "relativistic_paired compares scores one by one and needs one shape, got "
            f"{real_score.shape} (real) and {fake_score.shape} (fake)"
        )
    gap = real_score - fake_score
    return Pair(gen=jnp.mean(_softplus(gap)), disc=jnp.mean(_softplus(-gap)))


def ebgan(real_score: jax.Array, fake_score: jax.Array, *, margin: float = 1.0) -> Pair:
    """The energy-based GAN of Zhao et al. (2017, arXiv:1609.03126, eq. 1–2).

    disc: `E D(x) + E max(0, m − D(G(z)))`; gen: `E D(G(z))`. The score is an energy, *low* on real
    data, e.g. the error of an autoencoder; `ganstab.terms.pull_away` goes with it.

    Args:
      real_score: energies of real samples.
      fake_score: energies of generated samples.
      margin: m > 0, the energy above which a generated sample is left alone.
    """
    real_score, fake_score = _checked(real_score, fake_score)
    check_number("margin", margin, lambda value: value > 0, "above 0")
    disc = jnp.mean(real_score) + jnp.mean(jax.nn.relu(margin - fake_score))
    return Pair(gen=jnp.mean(fake_score), disc=disc)
