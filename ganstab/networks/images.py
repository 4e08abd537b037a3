"""Pairs of networks for images of any size from 7 pixels on, with labels or without.

Each function returns, for either player, what `players.from_nnx` takes, `(rngs) -> module`:

    players = Pair(*map(from_nnx, images.image_pair(32, width=32)))

With `num_classes`, generators are called `net(z, label)` and discriminators `net(x, label)`, or
with the two as one pair, as a conditional game does. Images are [n, height, width, channels].

Sides are halved, rounding up, until the image's shorter one has 4 to 6 pixels. `width` is the
number of channels at the image's own resolution, one number or a `Pair`; it grows with each
halving, as far as the function says.
"""

from collections.abc import Sequence
from typing import Any, Literal

from ganstab._checks import check_count
from ganstab.networks import he_convolutional, r3gan_resnet, residual
from ganstab.networks._builder import builder
from ganstab.networks._sizes import Width, both, checked_size, halved
from ganstab.networks.convolution import Convolutions, Size
from ganstab.types import Pair

__all__ = ["convolutional", "image_pair", "r3gan", "sngan", "wgan_gp"]


def image_pair(
    size: int | Size,
    channels: int = 3,
    *,
    kind: Literal["convolutional", "residual"] = "convolutional",
    norm: bool | None = None,
    width: Width | None = None,
    num_classes: int | None = None,
    latent: int = 64,
    convolutions: Convolutions | None = None,
) -> Pair:
    """A pair for images of this size, small enough to train on a CPU by default.

    The discriminator has no norm, so that gradient penalties and `players.spectral_norm` take it.

    Args:
      size: of the images in pixels, or height and width.
      channels: of the images.
      kind: `"convolutional"`; or `"residual"`, which is `sngan` with norm and `r3gan` without.
      norm: whether the generator has batch norm; None for convolutional ones only.
      width: channels at the image's own resolution; None for 16, or 64 in residual pairs of images
        up to 32 pixels, whose channels do not grow.
      num_classes: how many classes the labels have; None for networks without labels.
      latent: length of z.
      convolutions: None for those that suit jax's default backend and the channels.

    Raises:
      ValueError: for another kind, a size under 7, or a width, number of classes or channels that
        is not a whole number from 1 on.
    """
    if kind not in ("convolutional", "residual"):
        raise ValueError(f"kind must be 'convolutional' or 'residual', got {kind!r}")
    grows = kind == "convolutional" or max(checked_size(size)) > _CIFAR
    settings: dict[str, Any] = {
        "width": width if width is not None else 16 if grows else 64,
        "num_classes": num_classes,
        "latent": latent,
        "convolutions": convolutions,
    }
    if kind == "convolutional":
        return convolutional(size, channels, norm=norm is not False, **settings)
    return (sngan if norm else r3gan)(size, channels, **settings)


def convolutional(
    size: int | Size,
    channels: int = 3,
    *,
    width: Width = 16,
    norm: bool = True,
    num_classes: int | None = None,
    latent: int = 64,
    convolutions: Convolutions | None = None,
) -> Pair:
    """The pair of `he_convolutional`, whose channels double with each halving, up to 16 times.

    At 28 × 28, `width=12` gives a generator of 96, 48, 24 and 12 channels.

    Args:
      size: of the images in pixels, or height and width.
      channels: of the images.
      width: channels at the image's own resolution.
      norm: whether the generator has batch norm.
      num_classes: how many classes the labels have.
      latent: length of z.
      convolutions: None for those that suit jax's default backend and the channels.
    """
    sides, width = halved(size), both(width)
    growth = [min(2**i, 16) for i in range(len(sides))]
    shared = _shared(channels, num_classes, convolutions)
    return Pair(
        builder(
            he_convolutional.Generator, latent, _times(growth, width.gen)[::-1], sides[::-1],
            norm=norm, **shared,
        ),
        builder(
            he_convolutional.Discriminator, _times(growth, width.disc)[1:], sides[0], **shared
        ),
    )  # fmt: skip


def r3gan(
    size: int | Size,
    channels: int = 3,
    *,
    width: Width | None = None,
    num_classes: int | None = None,
    latent: int = 64,
    convolutions: Convolutions | None = None,
) -> Pair:
    """The pair of Huang et al. 2024 (arXiv:2501.05441), `r3gan_resnet`, for `recipes.r3gan`.

    Channels double with each halving down to 32 pixels, and stay from there on: 768 for CIFAR-10,
    384 growing to 768 for FFHQ at 64 × 64 and 96 growing to 768 at 256 × 256.

    Args:
      size: of the images in pixels, or height and width.
      channels: of the images.
      width: channels at the image's own resolution; None for the authors', 768 at 32 pixels.
      num_classes: how many classes the labels have.
      latent: length of z.
      convolutions: None for those that suit jax's default backend and the channels.
    """
    sides = halved(size)
    halvings = sum(max(side) > _CIFAR for side in sides)
    growth = [2 ** min(i, halvings) for i in range(len(sides))]
    width = both(max(768 // growth[-1], 1) if width is None else width)
    shared = _shared(channels, num_classes, convolutions)
    return Pair(
        builder(
            r3gan_resnet.Generator, latent, _times(growth, width.gen)[::-1], sides[::-1], **shared
        ),
        builder(r3gan_resnet.Discriminator, _times(growth, width.disc), sides, **shared),
    )


def sngan(
    size: int | Size,
    channels: int = 3,
    *,
    width: Width | None = None,
    num_classes: int | None = None,
    latent: int = 128,
    convolutions: Convolutions | None = None,
) -> Pair:
    """The residual pair of SNGAN (Miyato et al. 2018, arXiv:1802.05957, tables 4 to 6).

    With classes it is that of Miyato & Koyama 2018 (arXiv:1802.05637): conditional batch norm in
    the generator, and a discriminator that projects. `recipes.sngan` wraps the discriminator in
    `players.spectral_norm`, its embedding included.

    Up to 32 pixels channels are the same everywhere, and the discriminator halves twice and has two
    more blocks. For larger images channels double with each halving, up to 16 times, and the
    discriminator halves down to 4 pixels or less before its last block. These are the papers'
    tables for 32, 48 and 128 pixels. For 64 the authors' code has the same layers, whose last block
    halves once more. At 32 their score has no bias.

    Args:
      size: of the images in pixels, or height and width.
      channels: of the images.
      width: channels at the image's own resolution; None for the authors', 256 and 128 up to 32
        pixels and 64 above.
      num_classes: how many classes the labels have.
      latent: length of z.
      convolutions: None for those that suit jax's default backend and the channels.
    """
    if width is None:
        width = Pair(256, 128) if max(checked_size(size)) <= _CIFAR else 64
    return _residual(size, channels, both(width), num_classes, latent, convolutions, {})


def wgan_gp(
    size: int | Size,
    channels: int = 3,
    *,
    width: Width | None = None,
    num_classes: int | None = None,
    latent: int = 128,
    convolutions: Convolutions | None = None,
) -> Pair:
    """The residual pair of Gulrajani et al. 2017 (arXiv:1704.00028, appendix F), for CIFAR-10.

    It has the layers of `sngan`, at 32 pixels those of the authors' code, with 128 channels in
    both. The critic takes the mean over the pixels. With classes the generator has conditional
    batch norm and the critic the head of an AC-GAN: `net(x)` gives a `Verdict` with `class_logits`,
    for `terms.auxiliary_classifier` and a game whose generator alone is given labels.

    Args:
      size: of the images in pixels, or height and width.
      channels: of the images.
      width: channels at the image's own resolution; None for 128 up to 32 pixels and 64 above.
      num_classes: how many classes the labels have.
      latent: length of z.
      convolutions: None for those that suit jax's default backend and the channels.
    """
    if width is None:
        width = 128 if max(checked_size(size)) <= _CIFAR else 64
    head = {"pool": "mean", "head": "projection" if num_classes is None else "classes"}
    return _residual(size, channels, both(width), num_classes, latent, convolutions, head)


_CIFAR = 32
"""Up to so many pixels the residual networks are those of CIFAR-10."""


def _residual(
    size: int | Size,
    channels: int,
    width: Pair,
    num_classes: int | None,
    latent: int,
    convolutions: Convolutions | None,
    head: dict[str, str],
) -> Pair:
    sides = halved(size)
    if max(sides[0]) <= _CIFAR:
        most, halvings, blocks = 1, 2, 4
    else:
        halvings = (-(-min(sides[0]) // 4) - 1).bit_length()
        most, blocks = 16, halvings + 1
    growth = [min(2**i, most) for i in range(max(len(sides), blocks))]
    shared = _shared(channels, num_classes, convolutions)
    return Pair(
        builder(
            residual.Generator, latent, _times(growth[: len(sides)], width.gen)[::-1], sides[::-1],
            **shared,
        ),
        builder(
            residual.Discriminator, _times(growth[:blocks], width.disc), halvings, **head, **shared
        ),
    )  # fmt: skip


def _times(growth: Sequence[int], width: int) -> list[int]:
    return [width * times for times in growth]


def _shared(
    channels: int, num_classes: int | None, convolutions: Convolutions | None
) -> dict[str, Any]:
    """What both networks are told."""
    check_count("channels", channels)
    if num_classes is not None:
        check_count("num_classes", num_classes)
    return {"channels": channels, "num_classes": num_classes, "convolutions": convolutions}
