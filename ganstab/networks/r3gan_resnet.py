"""Residual networks without normalisation: those of R3GAN (Huang et al. 2024, arXiv:2501.05441).

A stage is a change of resolution and then blocks (in the discriminator, blocks and then a change):

    x + W₃ act(W₂ act(W₁ x + b₁) + b₂)

W₁ is a 1 × 1 convolution to `expansion` times the channels, W₂ a 3 × 3 one in groups of 16
channels, W₃ a 1 × 1 one back; act is the leaky ReLU of slope 0.2. Resolutions change by bilinear
interpolation with a 1 × 1 convolution at the coarser one where the channels change. There is no
norm: each W₃ starts at 0, so that a block starts as the identity (Fix-up, Zhang et al. 2019,
arXiv:1901.09321), W₁ and W₂ as He's times B^(−1/4) with B blocks in the network, other kernels with
variance 1 / inputs. The coarsest pixels are a learnt basis [h, w, C] times a linear map of z, and
the discriminator reduces them by a learnt weighted sum over the pixels of each channel. A
generator's label is embedded and stands beside z; the discriminator's score is the inner product of
its output and the label's embedding. All this is as in the authors' code, their config E.

These differ from that code: sizes need not be powers of two, groups are narrower where 16 does not
divide the channels, all is computed in the parameters' precision, and images are not augmented.
"""

import itertools
import math
from collections.abc import Sequence

import jax.numpy as jnp
from flax import nnx
from jax import Array

from ganstab._precision import wide
from ganstab.networks._initial import fan_in
from ganstab.networks.conditional import Embedding, with_label
from ganstab.networks.convolution import Convolutions, Size, default_convolutions
from ganstab.networks.convolution.resampling import BILINEAR, down, up
from ganstab.networks.layers import Conv, leaky

__all__ = ["Discriminator", "Generator"]

_LEAK = 0.2  # of `leaky`
_GROUP = 16


def _embedding(
    num_classes: int | None, features: int, variance: float, rngs: nnx.Rngs
) -> Embedding | None:
    """A table whose entries have the variance over the number of classes."""
    if num_classes is None:
        return None
    init = nnx.initializers.normal(math.sqrt(variance / num_classes))
    return Embedding(num_classes, features, init, rngs=rngs)


class _Block(nnx.Module):
    """The residual block."""

    def __init__(
        self, ops: Convolutions, channels: int, expansion: int, blocks: int, *, rngs: nnx.Rngs
    ):
        wide = expansion * channels
        init = fan_in(2 / (1 + _LEAK**2) / math.sqrt(blocks))
        groups = wide // math.gcd(wide, _GROUP)
        self.widen = Conv(ops, 1, channels, wide, init, rngs=rngs)
        self.grouped = Conv(ops, 3, wide, wide, init, groups=groups, rngs=rngs)
        self.narrow = Conv(ops, 1, wide, channels, nnx.initializers.zeros, bias=False, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return x + self.narrow(leaky(self.grouped(leaky(self.widen(x)))))


class _Stages(nnx.Module):
    """The blocks of each resolution, and the 1 × 1 convolutions between them."""

    def __init__(
        self,
        ops: Convolutions,
        widths: Sequence[int],
        blocks: int,
        expansion: int,
        *,
        rngs: nnx.Rngs,
    ):
        count = blocks * len(widths)
        self.blocks = nnx.List(
            [
                nnx.List([_Block(ops, c, expansion, count, rngs=rngs) for _ in range(blocks)])
                for c in widths
            ]
        )
        self.between = nnx.List(
            [
                None if a == b else Conv(ops, 1, a, b, fan_in(), bias=False, rngs=rngs)
                for a, b in itertools.pairwise(widths)
            ]
        )

    def stay(self, x: Array, place: int) -> Array:
        """Through the blocks of a resolution."""
        for block in self.blocks[place]:
            x = block(x)
        return x

    def change(self, x: Array, place: int) -> Array:
        """To the channels of the next resolution."""
        conv = self.between[place]
        return x if conv is None else conv(x)


class Generator(nnx.Module):
    """z [n, latent], and labels [n] where there are classes -> images [n, H, W, C], not bounded.

    Args:
      latent: length of z; 64 in the authors' code.
      widths: channels, coarsest first.
      sides: height and width at each, twice those before or one less.
      channels: C.
      num_classes: None for a generator of `net(z)`, else it is one of `net(z, label)`, whose label
        is embedded as `latent` numbers.
      blocks: at each resolution.
      expansion: of the channels within a block.
      convolutions: None for those that suit jax's default backend and the groups.
    """

    def __init__(
        self,
        latent: int,
        widths: Sequence[int],
        sides: Sequence[Size],
        *,
        channels: int = 3,
        num_classes: int | None = None,
        blocks: int = 2,
        expansion: int = 2,
        convolutions: Convolutions | None = None,
        rngs: nnx.Rngs,
    ):
        ops = self.ops = convolutions or default_convolutions(_GROUP)
        self.sides, self.num_classes = tuple(sides), num_classes
        self.embedding = _embedding(num_classes, latent, 1.0, rngs)
        inputs = latent if num_classes is None else 2 * latent
        self.dense = nnx.Linear(inputs, widths[0], use_bias=False, kernel_init=fan_in(), rngs=rngs)
        normal = nnx.initializers.normal(1.0)
        self.basis = nnx.Param(normal(rngs.params(), (*sides[0], widths[0])))
        self.stages = _Stages(ops, widths, blocks, expansion, rngs=rngs)
        self.to_image = Conv(ops, 1, widths[-1], channels, fan_in(), bias=False, rngs=rngs)

    def __call__(self, z: Array | tuple, label: Array | None = None) -> Array:
        """[n, latent], [n] -> [n, H, W, C]; the two may come as one pair."""
        z, label = with_label(z, label, self.num_classes)
        if self.embedding is not None:
            z = jnp.concatenate([z, self.embedding(label)], axis=1)
        x = self.ops.to_internal(self.basis[...][None] * self.dense(z)[:, None, None])
        for place, size in enumerate(self.sides):
            if place:
                x = up(self.stages.change(x, place - 1), size, BILINEAR)
            x = self.stages.stay(x, place)
        return self.ops.from_internal(self.to_image(x))


class Discriminator(nnx.Module):
    """Images [n, H, W, C], and labels [n] where there are classes -> scores [n].

    Args:
      widths: channels, the images' own resolution first.
      sides: height and width at each, half of those before, rounded up.
      channels: C.
      num_classes: None for a discriminator of `net(x)`, else it is one of `net(x, label)`, whose
        label is embedded as `widths[-1]` numbers.
      blocks: at each resolution.
      expansion: of the channels within a block.
      convolutions: None for those that suit jax's default backend and the groups.
    """

    def __init__(
        self,
        widths: Sequence[int],
        sides: Sequence[Size],
        *,
        channels: int = 3,
        num_classes: int | None = None,
        blocks: int = 2,
        expansion: int = 2,
        convolutions: Convolutions | None = None,
        rngs: nnx.Rngs,
    ):
        ops = self.ops = convolutions or default_convolutions(_GROUP)
        self.num_classes = num_classes
        last, pixels = widths[-1], math.prod(sides[-1])
        self.from_image = Conv(ops, 1, channels, widths[0], fan_in(), bias=False, rngs=rngs)
        self.stages = _Stages(ops, widths, blocks, expansion, rngs=rngs)
        normal = nnx.initializers.normal(pixels**-0.5)
        self.basis = nnx.Param(normal(rngs.params(), (*sides[-1], last)))
        outputs = 1 if num_classes is None else last
        self.dense = nnx.Linear(last, outputs, use_bias=False, kernel_init=fan_in(), rngs=rngs)
        self.embedding = _embedding(num_classes, last, 1 / last, rngs)

    def __call__(self, x: Array | tuple, label: Array | None = None) -> Array:
        """[n, H, W, C], [n] -> [n]; the two may come as one pair."""
        x, label = with_label(x, label, self.num_classes)
        x = self.from_image(self.ops.to_internal(x))
        for place in range(len(self.stages.blocks)):
            if place:
                x = self.stages.change(down(x, BILINEAR), place - 1)
            x = self.stages.stay(x, place)
        x = self.ops.from_internal(x)
        pooled = jnp.sum(wide(x) * wide(self.basis[...])[None], (1, 2))
        features = self.dense(pooled.astype(jnp.result_type(x, self.basis[...])))
        if self.embedding is None:
            return features[:, 0]
        product = jnp.sum(wide(features) * wide(self.embedding(label)), axis=1)
        return product.astype(features.dtype)
