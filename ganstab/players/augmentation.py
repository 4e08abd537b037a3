"""Augmentation that a discriminator sees on data and samples alike, and gradients pass through."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ganstab._checks import check_number
from ganstab.players.extension import extended
from ganstab.types import Player

__all__ = [
    "AdaptivelyAugmented",
    "adaptively_augmented",
    "augmented",
    "color",
    "cutout",
    "mirror",
    "translation",
]

Augmentation = Callable[[jax.Array, jax.Array], jax.Array]
"""`(images [B, H, W, C] in [−1, 1], key) -> images`, drawn for each image alone."""


def _check_images(x: jax.Array, who: str) -> None:
    """Refuse what is no batch of images, whose axes would be taken for others."""
    if x.ndim != 4:
        raise ValueError(f"{who} takes images [B, H, W, C], got samples of shape {x.shape}")


def color(x: jax.Array, key: jax.Array) -> jax.Array:
    """Brightness, saturation and contrast of Zhao et al. 2020 (arXiv:2006.10738), one by one.

        x + U(−½, ½),    m + (x − m) · U(0, 2),    M + (x − M) · U(½, 3/2)

    with m the mean over channels at each pixel, and M that of the whole image.

    Args:
      x: images [B, H, W, C] in [−1, 1].
      key: each image draws its own three numbers.
    """
    _check_images(x, "color")
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise ValueError(f"color takes images in floating point, got {x.dtype}")
    drawn = jax.random.uniform(key, (3, len(x), 1, 1, 1), x.dtype)
    x = x + drawn[0] - 0.5
    grey = jnp.mean(x, axis=-1, keepdims=True)
    x = grey + (x - grey) * 2 * drawn[1]
    mean = jnp.mean(x, axis=(1, 2, 3), keepdims=True)
    return mean + (x - mean) * (drawn[2] + 0.5)


def translation(x: jax.Array, key: jax.Array, ratio: float = 1 / 8) -> jax.Array:
    """Images moved by up to `ratio` of their size along either axis, with 0 where nothing was.

    Zhao et al. 2020 (arXiv:2006.10738); whole pixels, all shifts alike.

    Args:
      x: images [B, H, W, C].
      key: each image draws its own shifts.
      ratio: of height and width.
    """
    _check_images(x, "translation")
    for axis, axis_key in zip((1, 2), jax.random.split(key), strict=True):
        size = x.shape[axis]
        most = int(size * ratio + 0.5)
        shift = jax.random.randint(axis_key, (len(x), 1), -most, most + 1)
        # A product with a matrix of zeros and ones, whose derivative is another such product.
        moves = jax.nn.one_hot(jnp.arange(size)[None] - shift, size, dtype=x.dtype)
        equation = "bij,bjwc->biwc" if axis == 1 else "bij,bhjc->bhic"
        x = jnp.einsum(equation, moves, x, precision=jax.lax.Precision.HIGHEST)
    return x


def cutout(x: jax.Array, key: jax.Array, ratio: float = 1 / 2) -> jax.Array:
    """Images with a rectangle of `ratio` of their height and width set to 0.

    Its centre is at any pixel, so a part of it may lie outside (Zhao et al. 2020,
    arXiv:2006.10738; DeVries & Taylor 2017, arXiv:1708.04552).

    Args:
      x: images [B, H, W, C].
      key: each image draws its own place.
      ratio: of height and width.
    """
    _check_images(x, "cutout")
    inside = []
    for size, axis_key in zip(x.shape[1:3], jax.random.split(key), strict=True):
        length = int(size * ratio + 0.5)
        centre = jax.random.randint(axis_key, (len(x), 1), 0, size + 1 - length % 2)
        distance = jnp.arange(size)[None] - (centre - length // 2)
        inside.append((distance >= 0) & (distance < length))
    hole = inside[0][:, :, None, None] & inside[1][:, None, :, None]
    return jnp.where(hole, 0, x)


def mirror(x: jax.Array, key: jax.Array) -> jax.Array:
    """Each image [B, H, W, C] turned left to right with probability ½."""
    _check_images(x, "mirror")
    turned = jax.random.bernoulli(key, shape=(len(x), 1, 1, 1))
    return jnp.where(turned, x[:, :, ::-1], x)


def augmented(
    player: Player,
    augmentations: Sequence[Augmentation] = (color, translation, cutout),
    probability: float | None = None,
) -> Player:
    """`D(T(x))` in training, with T drawn for each image: the same law for data and for samples.

    Zhao et al. 2020 (arXiv:2006.10738): a generator that is trained through T learns the data
    themselves, while a discriminator that never sees an image twice cannot learn a few hundred of
    them by heart. In evaluation there is none.

    Args:
      player: a discriminator of images [B, H, W, C] in [−1, 1].
      augmentations: are applied in this order.
      probability: with which each is applied to each image. None applies all of them always.

    Raises:
      ValueError: the probability is not from 0 to 1.
    """
    if probability is not None:
        _check_probability("probability", probability)
    return _shown_augmented(player, augmentations, lambda params: probability)


class AdaptivelyAugmented(NamedTuple):
    """Parameters of a discriminator with a probability of augmentation."""

    net: Any
    augment_probability: Any
    """p, a scalar from 0 to 1."""
    overfitting: Any
    """Running mean of what `terms.adaptive_augmentation` takes for overfitting, r, a scalar."""


def adaptively_augmented(
    player: Player,
    augmentations: Sequence[Augmentation] = (color, translation, cutout),
    start: float = 0.0,
) -> Player:
    """`augmented` with a probability p that is a parameter, and so adapts in training.

    Karras et al. 2020 (arXiv:2006.06676, section 3): each augmentation is applied to each image
    with probability p, of data and of samples alike, and p rises while the discriminator overfits.
    What overfitting is, `ganstab.terms.adaptive_augmentation` says; by how much p moves,
    `ganstab.optimizers.augmentation_steps`. A game needs all three. The paper's pipeline has 18
    transformations; here there are those of Zhao et al. 2020 by default, of which the change of
    colours counts as one. While p is below about 0.8 the generator does not learn the augmentations
    themselves (section 2.2 there).

    Args:
      player: a discriminator of images [B, H, W, C] in [−1, 1]; its parameters become
        `AdaptivelyAugmented.net`.
      augmentations: are applied in this order.
      start: p at the start; 0 in the paper.

    Raises:
      ValueError: p at the start is not from 0 to 1.
    """
    _check_probability("start", start)
    more = extended(player, AdaptivelyAugmented, augment_probability=start, overfitting=0.0)
    return _shown_augmented(more, augmentations, lambda params: params.augment_probability)


def _check_probability(name: str, value: float) -> None:
    check_number(name, value, lambda value: 0 <= value <= 1, "from 0 to 1")


def _shown_augmented(player: Player, augmentations: Sequence, probability: Callable) -> Player:
    """The player that is shown augmented images in training, with the probability of its params."""

    def apply(params, state, x, key, *, train=True):
        augmentation_key, net_key = jax.random.split(key)
        if train:
            x = _augment(x, augmentation_key, augmentations, probability(params))
        return player.apply(params, state, x, net_key, train=train)

    return dataclasses.replace(player, apply=apply)


def _augment(x, key, augmentations: Sequence[Augmentation], probability) -> Any:
    """The images, beside which there may be labels."""
    if isinstance(x, tuple):
        return (_augment(x[0], key, augmentations, probability), *x[1:])
    for i, augmentation in enumerate(augmentations):
        draw_key, choice_key = jax.random.split(jax.random.fold_in(key, i))
        changed = augmentation(x, draw_key)
        if probability is not None:
            chosen = jax.random.uniform(choice_key, (len(x),) + (1,) * (x.ndim - 1)) < probability
            changed = jnp.where(chosen, changed, x)
        x = changed
    return x
