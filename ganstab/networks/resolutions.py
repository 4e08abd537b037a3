"""Images at two resolutions, one of which has half the height and width of the other.

Images are `[B, H, W, C]`, channels last.
"""

import jax
import jax.numpy as jnp

from ganstab._precision import wide

__all__ = ["blend", "down", "up"]


def down(images: jax.Array) -> jax.Array:
    """Half the resolution: the mean of every 2 × 2 pixels.

    Args:
      images: [B, H, W, C].

    Returns:
      [B, H/2, W/2, C].

    Raises:
      ValueError: unless the images have an even height and width.
    """
    if images.ndim != 4 or images.shape[1] % 2 or images.shape[2] % 2:
        raise ValueError(
            f"down halves images [B, H, W, C] of even height and width, got shape {images.shape}"
        )
    count, height, width, channels = images.shape
    squares = images.reshape(count, height // 2, 2, width // 2, 2, channels)
    return jnp.mean(squares, axis=(2, 4))


def up(images: jax.Array) -> jax.Array:
    """Twice the resolution: every pixel becomes 2 × 2 of its kind.

    Args:
      images: [B, H, W, C].

    Returns:
      [B, 2H, 2W, C], of which `down` gives the images back.
    """
    return jnp.repeat(jnp.repeat(images, 2, axis=1), 2, axis=2)


def blend(old: jax.Array, new: jax.Array, alpha: jax.Array | float) -> jax.Array:
    """`(1 − α) · old + α · new`, bit for bit `old` at α = 0 and `new` at α = 1.

    Args:
      old: finite.
      new: finite, of the same shape.
      alpha: α, a scalar in [0, 1].
    """
    dtype, (old, new) = jnp.result_type(old, new), wide((old, new))
    share = jnp.asarray(alpha, new.dtype)
    return ((1 - share) * old + share * new).astype(dtype)
