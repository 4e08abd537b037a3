"""What colour the figure of an image has, told from the background by clustering its pixels."""

import chex
import jax
import jax.numpy as jnp
from jax import Array

from ganstab._checks import or_value_error
from ganstab._precision import wide

__all__ = ["foreground_colors"]

_BACKGROUND = -1.0
_IMAGES_AT_ONCE = 256
_MOST_PASSES = 100


@jax.jit
def foreground_colors(images: Array) -> Array:
    """The colour of each image's figure on black, by 2-means of its pixels: [n, 3].

    The two centres start at the pixels nearest to and farthest from black, (−1, −1, −1), and move
    by Lloyd's passes (Lloyd, *Least squares quantization in PCM*, 1982) until no pixel changes
    sides, 100 passes at most; no randomness is in it. The centre farther from black is the answer:
    the mean of the figure's pixels, so soft edges pull it towards black, in data and samples alike.
    An image of one colour has that colour. Metz et al. (arXiv:1611.02163), section 3.3.2.

    Args:
      images: [n, H, W, 3] in [−1, 1]. An image that is not finite has a colour that is not.

    Raises:
      ValueError: if the images have another shape, or are whole numbers, such as bytes.
    """
    with or_value_error(
        f"images are {images.dtype} {images.shape}; floating point [n, H, W, 3] is expected, with "
        "nothing empty"
    ):
        chex.assert_type(images, float)
        chex.assert_shape(images, (None, None, None, 3))
        chex.assert_scalar_positive(images.size)
    pixels = wide(images).reshape(len(images), -1, 3)
    colors = jax.lax.map(_foreground, pixels, batch_size=_IMAGES_AT_ONCE)
    return colors.astype(images.dtype)


def _foreground(pixels: Array) -> Array:
    """The farther centre [3] of the pixels [p, 3] of one image."""
    black = jnp.full(3, _BACKGROUND, pixels.dtype)
    brightness = _square_distance(pixels, black)
    centres = pixels[jnp.stack([jnp.argmin(brightness), jnp.argmax(brightness)])]

    def unsettled(carry):
        _, _, moved, passes = carry
        return moved & (passes < _MOST_PASSES)

    def pass_(carry):
        centres, sides, _, passes = carry
        nearer = _square_distance(pixels, centres[1]) < _square_distance(pixels, centres[0])
        moved = jnp.any(nearer != sides)
        return _means(pixels, nearer, centres), nearer, moved, passes + 1

    start = centres, jnp.zeros(len(pixels), bool), jnp.array(True), 0
    centres, *_ = jax.lax.while_loop(unsettled, pass_, start)
    away = _square_distance(centres, black)
    return jnp.where(jnp.isfinite(pixels).all(), centres[jnp.argmax(away)], jnp.nan)


def _means(pixels: Array, nearer: Array, centres: Array) -> Array:
    """The mean of each side; a side without pixels keeps its centre."""
    sides = jnp.stack([~nearer, nearer]).astype(pixels.dtype)
    count = sides.sum(axis=1, keepdims=True)
    return jnp.where(count > 0, sides @ pixels / jnp.maximum(count, 1), centres)


def _square_distance(points: Array, place: Array) -> Array:
    return jnp.sum((points - place[None]) ** 2, axis=-1)
