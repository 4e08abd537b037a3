"""Two-dimensional distributions with known modes, as pure functions of a key.

| | centres | stddev | divided by | followed |
| --- | --- | --- | --- | --- |
| `ring` (default) | 8, radius 2 | 0.02 | 1 | Metz et al., *Unrolled GANs*, arXiv:1611.02163 |
| `ring`, `scale=WGAN_GP_RING_SCALE` | 8, radius 2 | 0.02 | 1.414 | Gulrajani et al. (code) |
| `ring`, `radius=1, stddev=0.01` | 8, radius 1 | 0.01 | 1 | Lin et al. (PacGAN), arXiv:1712.04086 |
| `grid` (default) | 5 × 5, spacing 2 | 0.05 | 1 | PacGAN |
| `grid`, `scale=WGAN_GP_GRID_SCALE` | 5 × 5, spacing 2 | 0.05 | 2.828 | Gulrajani et al. (code) |
| `swiss_roll` (default) | – | 0.25 | 7.5 | Gulrajani et al., *WGAN-GP*, arXiv:1704.00028 (code) |

Everything is divided, the noise with the centres: at scale s the modes' standard deviation is
stddev / s. Where the published code draws from a stored pool of 100,000 grid points or of
Swiss-roll points, these draw anew for every batch.
"""

import jax
import jax.numpy as jnp

from ganstab._checks import check_count

__all__ = ["grid", "grid_modes", "ring", "ring_modes", "swiss_roll"]

WGAN_GP_RING_SCALE = 1.414
"""What WGAN-GP's code divides the ring by."""
WGAN_GP_GRID_SCALE = 2.828
"""What WGAN-GP's code divides the grid by."""
WGAN_GP_SWISS_ROLL_SCALE = 7.5
"""What WGAN-GP's code divides the Swiss roll by."""


def ring_modes(*, modes: int = 8, radius: float = 2.0, scale: float = 1.0) -> jax.Array:
    """Centres [modes, 2], equally spaced on a circle, counter-clockwise from (radius/scale, 0).

    The angles are 2 π k / modes for k < modes: no end point is repeated, unlike in the published
    Unrolled GAN notebook, whose 8 angles hold 0 and 2 π and so have 7 distinct modes.

    Raises:
      ValueError: modes, radius or scale is not positive.
    """
    check_count("modes", modes)
    _positive(radius=radius, scale=scale)
    angle = 2 * jnp.pi * jnp.arange(modes, dtype=jnp.float32) / modes
    return radius / scale * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)


def grid_modes(*, side: int = 5, spacing: float = 2.0, scale: float = 1.0) -> jax.Array:
    """Centres [side², 2] of a square grid about the origin, row by row; {−4, …, 4}² by default.

    Raises:
      ValueError: side, spacing or scale is not positive.
    """
    check_count("side", side)
    _positive(spacing=spacing, scale=scale)
    line = spacing / scale * (jnp.arange(side, dtype=jnp.float32) - (side - 1) / 2)
    return jnp.stack(jnp.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)


def ring(
    key: jax.Array,
    n: int,
    *,
    modes: int = 8,
    radius: float = 2.0,
    stddev: float = 0.02,
    scale: float = 1.0,
) -> jax.Array:
    """float32 [n, 2] from equal Gaussians on a circle: (centre + stddev · N(0, I)) / scale.

    Raises:
      ValueError: n, modes, radius or scale is not positive, or stddev is negative.
    """
    centres = ring_modes(modes=modes, radius=radius, scale=scale)
    return _mixture(key, n, centres, stddev, scale)


def grid(
    key: jax.Array,
    n: int,
    *,
    side: int = 5,
    spacing: float = 2.0,
    stddev: float = 0.05,
    scale: float = 1.0,
) -> jax.Array:
    """float32 [n, 2] from equal Gaussians on a grid: (centre + stddev · N(0, I)) / scale.

    Raises:
      ValueError: n, side, spacing or scale is not positive, or stddev is negative.
    """
    centres = grid_modes(side=side, spacing=spacing, scale=scale)
    return _mixture(key, n, centres, stddev, scale)


def swiss_roll(
    key: jax.Array,
    n: int,
    *,
    stddev: float = 0.25,
    scale: float = WGAN_GP_SWISS_ROLL_SCALE,
) -> jax.Array:
    """float32 [n, 2]: ((t cos t, t sin t) + stddev · N(0, I)) / scale, t uniform in [1.5 π, 4.5 π].

    Coordinates 0 and 2 of scikit-learn's `make_swiss_roll` (Marsland, *Machine Learning*, 2009).

    Raises:
      ValueError: n or scale is not positive, or stddev is negative.
    """
    check_count("n", n)
    _positive(scale=scale)
    position, noise = jax.random.split(key)
    t = jax.random.uniform(position, (n,), minval=1.5 * jnp.pi, maxval=4.5 * jnp.pi)
    spiral = t[:, None] * jnp.stack([jnp.cos(t), jnp.sin(t)], axis=-1)
    return (spiral + _noise(noise, n, stddev)) / scale


def _mixture(key: jax.Array, n: int, centres: jax.Array, stddev: float, scale: float) -> jax.Array:
    check_count("n", n)
    which, noise = jax.random.split(key)
    index = jax.random.randint(which, (n,), 0, len(centres))
    return centres[index] + _noise(noise, n, stddev) / scale


def _noise(key: jax.Array, n: int, stddev: float) -> jax.Array:
    if not stddev >= 0:
        raise ValueError(f"stddev must be at least 0, not {stddev}")
    return stddev * jax.random.normal(key, (n, 2), jnp.float32)


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be greater than 0, not {value}")
