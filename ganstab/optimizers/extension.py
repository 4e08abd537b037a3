"""Transforms of players that have parameters beside their network (`ganstab.players.extended`)."""

from typing import Any

import jax
import optax

from ganstab._checks import check_number
from ganstab.optimizers.bounds import within
from ganstab.optimizers.precision import in_float32
from ganstab.players.anchors import Anchored
from ganstab.players.augmentation import AdaptivelyAugmented
from ganstab.players.extension import extension_of
from ganstab.players.multiplier import Multiplied

__all__ = ["anchor_averages", "augmentation_steps", "extended", "multiplier_ascent"]


def extended(
    tx: optax.GradientTransformation, kind: type[Any], **own: optax.GradientTransformation
) -> optax.GradientTransformationExtraArgs:
    """`tx` for the network, and a transform of its own for each parameter beside it.

    For a player that was extended several times, such transforms nest, in any order.

    Args:
      tx: the network's own transform.
      kind: the `NamedTuple` that `ganstab.players.extended` was given.
      **own: a transform for each of its fields but `net`.

    Raises:
      ValueError: for other fields, or, at the first use, parameters without that kind.
    """
    if {*kind._fields[1:]} != {*own}:
        raise ValueError(
            f"{kind.__name__} needs a transform for each of {', '.join(kind._fields[1:])}, got "
            f"{', '.join(own) or 'none'}"
        )
    names = kind(*kind._fields)

    def labels(params):
        extension_of(params, kind)
        return jax.tree.map(
            lambda node: names if isinstance(node, kind) else "net",
            params,
            is_leaf=lambda node: isinstance(node, kind),
        )

    return optax.partition({"net": tx, **own}, labels)


def multiplier_ascent(
    tx: optax.GradientTransformation, rate: float
) -> optax.GradientTransformationExtraArgs:
    """`tx` for the network, plain gradient ascent for its multiplier.

    For the parameters of `ganstab.players.multiplied`, with L the player's own loss:
    `λ ← λ + rate · ∂L/∂λ`, which for Fisher GAN is `λ ← λ − ρ(1 − Ω)`.

    Args:
      tx: the network's own transform.
      rate: step of the ascent; Fisher GAN's is its ρ.
    """
    return extended(tx, Multiplied, multiplier=in_float32(optax.scale(rate)))


def anchor_averages(
    tx: optax.GradientTransformation, decay: float = 0.99
) -> optax.GradientTransformationExtraArgs:
    """`tx` for the critic, exponential moving averages for its anchors.

    For the parameters of `ganstab.players.anchored` in a game with `ganstab.terms.lecam`:
    `α ← d·α + (1 − d)·E D` with each update, which is gradient descent on `½(α − E D)²` with the
    rate `1 − d`.

    Args:
      tx: the critic's own transform.
      decay: d, 0 ≤ d < 1; 0.99 in Tseng et al. 2021.

    Raises:
      ValueError: for another number.
    """
    check_number("decay", decay, lambda value: 0 <= value < 1, "in [0, 1)")
    average = in_float32(optax.sgd(1 - decay))
    return extended(tx, Anchored, real_anchor=average, fake_anchor=average)


def augmentation_steps(
    tx: optax.GradientTransformation,
    batch_size: int,
    *,
    images: float = 500_000,
    batches: float = 4,
) -> optax.GradientTransformationExtraArgs:
    """`tx` for the discriminator, steps of one length for its probability of augmentation.

    For the parameters of `ganstab.players.adaptively_augmented` in a game with
    `ganstab.terms.adaptive_augmentation`, with each update

        p ← clip(p + sign(r̄ − target) · B / images, 0, 1),    r̄ ← r̄ + (r − r̄) / batches

    (Karras et al. 2020, arXiv:2006.06676, section 3). There p moves after every fourth batch, by
    four times as much, and r̄ is the mean over these four; it is clipped at 0 alone.

    Args:
      tx: the discriminator's own transform.
      batch_size: B, images of data that the discriminator is shown in an update, on all devices.
      images: of data, in which p can rise from 0 to 1; 500,000 in the paper.
      batches: over how many r is averaged, 1 or more.

    Raises:
      ValueError: for numbers out of range.
    """
    check_number("batch_size", batch_size, lambda value: value > 0, "positive")
    check_number("images", images, lambda value: value > 0, "positive")
    check_number("batches", batches, lambda value: value >= 1, "1 or more")
    steps = optax.chain(
        optax.scale_by_sign(),
        optax.scale(-batch_size / images),
        within(0.0, 1.0, "augmentation_steps"),
    )
    return extended(
        tx,
        AdaptivelyAugmented,
        augment_probability=in_float32(steps, keep=False),
        overfitting=in_float32(optax.sgd(1 / batches)),
    )
