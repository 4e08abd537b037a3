"""GANs of one number a player, small enough to draw all of (Guttenberg 2016, "Stability of GANs").

Data and latents are standard normal, `g(z) = W_g z + b_g`, and the discriminator is a probability
`d(s)` of `s = W_d x + b_d`. Each player descends

    disc: −E log d(x) − E log(1 − d(g(z)))      gen: E log(1 − d(g(z)))

in its bias, weights fixed (`bias_gan`), or in its weight, biases 0 (`weight_gan`). The losses are
those of the whole population, by quadrature, or of a sample. Whether the essay sums or averages the
discriminator's two terms it does not say: `average=False` is the sum.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ganstab.games.closed_form import from_losses
from ganstab.types import Game, Pair

__all__ = ["Discriminator", "bias_gan", "gaussian", "sigmoid", "weight_gan"]

ONES = Pair(1.0, 1.0)


class Discriminator(NamedTuple):
    """A probability that a sample is real, as two functions of `s = W_d x + b_d`."""

    log_real: Callable
    """`log d(s)`"""
    log_fake: Callable
    """`log(1 − d(s))`"""
    pole: bool = False
    """Whether `log(1 − d)` has a logarithmic pole at s = 0, and vanishes where |s| > 6."""


def sigmoid() -> Discriminator:
    """`d(s) = 1 / (1 + exp(−s))`: one end of the line is real, the other is not."""
    return Discriminator(jax.nn.log_sigmoid, lambda s: jax.nn.log_sigmoid(-s))


def gaussian(clip: float = 0.0) -> Discriminator:
    """`d(s) = exp(−s²)`: real is what is near 0.

    `log(1 − d)` has a pole at s = 0: a latent at which the discriminator is certain pulls the
    generator with `2/s`. The mean of a sample of such pulls does not settle as the sample grows,
    and only the expectation, where both sides of the pole cancel, is smooth.

    Args:
      clip: ε in [0, ½); d is held within [ε, 1 − ε], with no gradient beyond.

    Raises:
      ValueError: for another clip.
    """
    if not 0.0 <= clip < 0.5:
        raise ValueError(f"clip must be in [0, 0.5), got {clip}")
    if not clip:
        return Discriminator(lambda s: -(s**2), lambda s: jnp.log(-jnp.expm1(-(s**2))), pole=True)
    # d ≤ 1 − ε and d ≥ ε as bounds on s², so that no digits are lost near d = 1.
    low, high = -math.log1p(-clip), -math.log(clip)

    def square(s):
        return jnp.clip(s**2, low, high)

    return Discriminator(lambda s: -square(s), lambda s: jnp.log(-jnp.expm1(-square(s))), pole=True)


def bias_gan(
    discriminator: Discriminator,
    weights: Pair = ONES,
    *,
    samples: Pair | None = None,
    average: bool = False,
) -> Game:
    """The game of the two biases, `Pair(b_g, b_d)` of scalars, at fixed weights.

    Args:
      discriminator: `sigmoid()` or `gaussian()`.
      weights: `W_g` and `W_d`, not 0.
      samples: `None` for the population; or `Pair(z[N], x[M])`, latents and data.
      average: whether the discriminator's loss is the mean of its two terms, or their sum.

    Raises:
      ValueError: for a weight of 0, or samples that are not two vectors.
    """
    if not (weights.gen and weights.disc):
        raise ValueError(
            f"weights must not be 0, got {weights.gen} (gen) and {weights.disc} (disc)"
        )
    expect = _expectations(discriminator, samples)
    scale = weights.disc * weights.gen

    def losses(params: Pair) -> Pair:
        gen, disc = params
        real = expect.disc(discriminator.log_real, weights.disc, disc / weights.disc)
        fake = expect.gen(discriminator.log_fake, scale, (weights.disc * gen + disc) / scale)
        return _losses(real, fake, average)

    return from_losses(losses)


def weight_gan(
    discriminator: Discriminator, *, samples: Pair | None = None, average: bool = False
) -> Game:
    """The game of the two weights, `Pair(W_g, W_d)` of scalars, with both biases 0.

    Args:
      discriminator: `sigmoid()` or `gaussian()`. The losses of the latter are infinite where a
        weight is 0.
      samples: `None` for the population; or `Pair(z[N], x[M])`, latents and data.
      average: whether the discriminator's loss is the mean of its two terms, or their sum.

    Raises:
      ValueError: for samples that are not two vectors.
    """
    expect = _expectations(discriminator, samples)

    def losses(params: Pair) -> Pair:
        gen, disc = params
        real = expect.disc(discriminator.log_real, disc, 0.0)
        return _losses(real, expect.gen(discriminator.log_fake, disc * gen, 0.0), average)

    return from_losses(losses)


def _losses(real: jax.Array, fake: jax.Array, average: bool) -> Pair:
    return Pair(gen=fake, disc=-(real + fake) / (2 if average else 1))


def _expectations(discriminator: Discriminator, samples: Pair | None) -> Pair:
    """For latents and for data: `(f, scale, centre) -> E f(scale · (z + centre))`."""
    if samples is None:
        return Pair(_around_the_pole if discriminator.pole else _around_the_mean, _around_the_mean)
    if any(jnp.ndim(own) != 1 for own in samples):
        shapes = " and ".join(str(jnp.shape(own)) for own in samples)
        raise ValueError(f"samples must be two vectors, latents and data, got shapes {shapes}")
    return Pair(*(_over(own) for own in samples))


def _over(sample: jax.Array) -> Callable:
    return lambda f, scale, centre: jnp.mean(f(scale * (sample + centre)))


def _around_the_mean(f: Callable, scale, centre) -> jax.Array:
    """`∫ f(scale · (z + centre)) φ(z) dz`, φ the standard normal density, for smooth f."""
    nodes, weights = _nodes(scale, centre)
    return jnp.sum(weights * _normal(nodes) * f(scale * (nodes + centre)))


def _around_the_pole(f: Callable, scale, centre) -> jax.Array:
    """`∫ f(scale · t) φ(t − centre) dt` for f with a pole at 0 that vanishes beyond |s| = 6.

    A centre moves the density and not the pole, which stays between the two halves of the nodes. So
    the expectation and its derivatives are good to rounding for |scale| > 0.4, and below that for
    |centre| < 8.
    """
    nodes, weights = _nodes(scale, centre)
    return jnp.sum(weights * _normal(nodes - centre) * f(scale * nodes))


def _normal(z: jax.Array) -> jax.Array:
    return jnp.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


def _nodes(scale, centre) -> tuple[jax.Array, jax.Array]:
    dtype = jnp.result_type(scale, centre)
    return jnp.asarray(_NODES, dtype), jnp.asarray(_WEIGHTS, dtype)


def _graded(reach: float = 17.0, count: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Legendre in τ, t = reach · τ³, on both sides of 0, where they crowd."""
    roots, weights = np.polynomial.legendre.leggauss(count)
    tau, half = (roots + 1) / 2, weights / 2
    nodes, mass = reach * tau**3, 3 * reach * tau**2 * half
    return np.concatenate([-nodes[::-1], nodes]), np.concatenate([mass[::-1], mass])


_NODES, _WEIGHTS = _graded()
