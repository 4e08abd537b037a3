"""The pairs of networks that Gulrajani et al. 2017 (arXiv:1704.00028) train besides CIFAR-10's.

Each is, for either player, what `players.from_nnx` takes, `(rngs) -> module`. The residual pair of
CIFAR-10 is `images.wgan_gp`.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence

import jax.numpy as jnp
from flax import nnx
from jax import Array

from ganstab._checks import check_count
from ganstab._precision import in_float32
from ganstab.networks import bottleneck, dcgan, mlp
from ganstab.networks._builder import builder
from ganstab.networks._sizes import checked_size, halved
from ganstab.networks.convolution import Size
from ganstab.networks.dcgan import Units, Widths
from ganstab.networks.norms import Norm, batch_norm
from ganstab.types import Pair

__all__ = ["LATENT", "SEVEN", "deep_dcgan", "seven_pairs"]

LATENT = 128
"""Length of z in all of them."""
SEVEN: Mapping[str, str] = {
    "dcgan": "DCGAN",
    "constant": "generator of constant width, without batch norm",
    "mlp": "generator a perceptron",
    "no_norm": "no norm anywhere",
    "gated": "gated units everywhere",
    "tanh": "tanh everywhere",
    "resnet": "101-layer ResNets",
}
"""The pairs of `seven_pairs` in words, by name."""
DEPTHS = (4, 8, 12, 20)


def seven_pairs(
    size: int | Size,
    channels: int = 3,
    *,
    width: int = 64,
    layers: int = 101,
    disc_norm: Norm = batch_norm,
) -> dict[str, Pair]:
    """The pairs of Figure 2, by the names of `SEVEN`, with the sizes of the authors' code.

    Sides are halved, rounding up, until they have 4 to 6 pixels: from 64 pixels as there, from 32
    one time less. Channels double with each halving, from `width` at half of the image's side;
    ResNets have half of `width` at the image's own. The perceptron has four hidden layers of 8
    times `width`, with ReLU; its initial weights are orthogonal with gain √2. Where those of the
    code have DCGAN's deviation of 0.02 at a width of 64, here it is 0.02 √(64 / width), so that
    signals keep their size.

    Args:
      size: of the images in pixels, or height and width.
      channels: of the images.
      width: 64 in the code.
      layers: of each ResNet.
      disc_norm: of discriminators that have one: `norms.batch_norm`, or with a gradient penalty
        `norms.layer_norm`.

    Raises:
      ValueError: for a size under 7, for a width or channels that are no whole number from 1 on, or
        for other layers than ResNets can have.
    """
    check_count("width", width)
    check_count("channels", channels)
    sides = halved(size)
    rows = [[], *([width * 2**level] for level in range(len(sides) - 1))]
    constant = [[], *[[width]] * (len(sides) - 1)]
    residual = [max(width // 2, 1), *(row[0] for row in rows[1:])]
    change, shared = dataclasses.replace, {"channels": channels, "layers": layers}
    plain = Units(stddev=0.02 * math.sqrt(64 / width))
    leaky = change(plain, activation=dcgan.leaky, norm=disc_norm)
    tanh = functools.partial(change, activation=jnp.tanh)

    def pair(gen: Units, disc: Units, gen_rows: Widths = rows) -> Pair:
        return _dcgan(sides, channels, Pair(gen_rows, rows), Pair(gen, disc))

    return {
        "dcgan": pair(plain, leaky),
        "constant": pair(Units(norm=None), leaky, constant),
        "mlp": Pair(builder(Perceptron, (*sides[0], channels), 8 * width), pair(plain, leaky).disc),
        "no_norm": pair(change(plain, norm=None), change(leaky, norm=None)),
        "gated": pair(Units(gates=True), Units(gates=True, norm=disc_norm)),
        "tanh": pair(tanh(plain), tanh(leaky)),
        "resnet": Pair(
            builder(bottleneck.Generator, LATENT, residual[::-1], sides[::-1], **shared),
            builder(bottleneck.Discriminator, residual, sides[0], norm=disc_norm, **shared),
        ),
    }


def deep_dcgan(size: int | Size, channels: int, *, depth: Pair, filters: Pair, units: Pair) -> Pair:
    """A DCGAN of 4, 8, 12 or 20 layers in each network, as Table 1 has them.

    With 4 layers it is DCGAN's pair for 32 pixels: a dense layer and three convolutions, which
    change the side by 2. The others have 1, 2 or 4 more convolutions of stride 1 at each of the
    four sides. A network's base filters are the channels at half of the image's side; coarser sides
    have twice and four times as many, and the image's own half, as in the authors' ResNets.

    Args:
      size: of the images in pixels, or height and width; 32 in the paper.
      channels: of the images.
      depth: layers of either network.
      filters: base filters of either, 32, 64 or 128 in the paper.
      units: norm and nonlinearity of either.

    Raises:
      ValueError: for another depth, a size with fewer than two pixels at an eighth, or filters or
        channels that are no whole number from 1 on.
    """
    check_count("channels", channels)
    sides = [checked_size(size)]
    for _ in range(3):
        height, width = sides[-1]
        sides.append((-(-height // 2), -(-width // 2)))
    if min(sides[-1]) < 2:
        raise ValueError(f"size must leave 2 pixels or more after three halvings, got {size}")
    rows = Pair(*(_rows(*each) for each in zip(depth, filters, strict=True)))
    return _dcgan(sides, channels, rows, units)


def _dcgan(sides: Sequence[Size], channels: int, rows: Pair, units: Pair) -> Pair:
    """Networks with rows of channels, the image's own side first, as are the sides."""
    shared = {"channels": channels}
    return Pair(
        builder(dcgan.Generator, LATENT, rows.gen[::-1], sides[::-1], units=units.gen, **shared),
        builder(dcgan.Discriminator, rows.disc, sides[0], units=units.disc, **shared),
    )


def _rows(depth: int, filters: int) -> list[list[int]]:
    """Channels of all layers but the dense one and the image's, the image's side first."""
    if depth not in DEPTHS:
        raise ValueError(f"depth must be one of {', '.join(map(str, DEPTHS))}, got {depth}")
    check_count("filters", filters)
    more = depth // 4 - 1
    return [[max(filters // 2, 1)] * more, *([filters * times] * (1 + more) for times in (1, 2, 4))]


class Perceptron(nnx.Module):
    """z [n, latent] -> images [n, *shape] in (−1, 1), by four hidden layers with ReLU."""

    def __init__(self, shape: tuple[int, int, int], hidden: int, *, rngs: nnx.Rngs):
        self.shape = shape
        sizes = (LATENT, *[hidden] * 4, math.prod(shape))
        self.mlp = mlp.MLP(sizes, gain=math.sqrt(2), rngs=rngs)

    def __call__(self, z: Array) -> Array:
        """[n, latent] -> [n, *shape]."""
        return in_float32(jnp.tanh)(self.mlp(z)).reshape(-1, *self.shape)
