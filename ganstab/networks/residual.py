"""Residual pairs with batch norm in the generator: of WGAN-GP, SNGAN and projection discriminators.

A block of the generator is batch norm, ReLU, nearest upsampling and a 3 × 3 convolution, then batch
norm, ReLU and another 3 × 3 convolution. A block of the critic is ReLU and a 3 × 3 convolution,
twice, and, where it halves the image, the mean of 2 × 2 pixels; the first block has no ReLU in
front. The shortcut of a block is a 1 × 1 convolution, or the identity where neither the resolution
nor the channels change (Gulrajani et al. 2017, arXiv:1704.00028, appendix F; Miyato et al. 2018,
arXiv:1802.05957, appendix B.4; Miyato & Koyama 2018, arXiv:1802.05637, appendix A). The text of
Gulrajani et al. has the upsampling in front of the second convolution; their code has it in front
of the first, as here. Kernels start as Glorot's, uniform, with the gain √2 within blocks, as in all
three papers' code. Upsampling and the mean are computed within the convolutions next to them. Batch
norm has Flax's ε of 1e-5 and momentum of 0.99; Miyato's code has 2e-5 and 0.9.
"""

import itertools
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from ganstab._precision import in_float32
from ganstab.networks.conditional import ConditionalBatchNorm, Projection, with_label
from ganstab.networks.convolution import Convolutions, Size, default_convolutions
from ganstab.networks.convolution.resampling import down, up
from ganstab.networks.layers import Conv, batch_axis
from ganstab.types import Verdict

__all__ = ["Discriminator", "Generator"]

_GLOROT = nnx.initializers.glorot_uniform()
_WITHIN = nnx.initializers.variance_scaling(2.0, "fan_avg", "uniform")


class _Norm(nnx.Module):
    """Batch norm, of a class or of all, and ReLU."""

    def __init__(self, ops: Convolutions, channels: int, classes: int | None, *, rngs: nnx.Rngs):
        self.norm = ConditionalBatchNorm(channels, classes, axis=ops.channel_axis, rngs=rngs)
        self.batch_axis = batch_axis(ops)

    def __call__(self, x: Array, label: Array | None) -> Array:
        return jax.nn.relu(self.norm(x, label, batch_axis=self.batch_axis))


class _Up(nnx.Module):
    """A block of the generator."""

    def __init__(
        self, ops: Convolutions, cin: int, cout: int, classes: int | None, *, rngs: nnx.Rngs
    ):
        self.norms = nnx.List([_Norm(ops, c, classes, rngs=rngs) for c in (cin, cout)])
        self.convs = nnx.List([Conv(ops, 3, c, cout, _WITHIN, rngs=rngs) for c in (cin, cout)])
        self.past = Conv(ops, 1, cin, cout, _GLOROT, rngs=rngs)

    def __call__(self, x: Array, label: Array | None, size: Size) -> Array:
        y = self.convs[0].up(self.norms[0](x, label), size)
        return self.convs[1](self.norms[1](y, label)) + up(self.past(x), size)


class _Down(nnx.Module):
    """A block of the discriminator; the first sees the images, before any ReLU."""

    def __init__(
        self,
        ops: Convolutions,
        cin: int,
        cout: int,
        *,
        first: bool,
        halves: bool,
        rngs: nnx.Rngs,
    ):
        self.first, self.halves = first, halves
        hidden = cout if first else cin
        self.convs = nnx.List(
            [Conv(ops, 3, a, b, _WITHIN, rngs=rngs) for a, b in ((cin, hidden), (hidden, cout))]
        )
        straight = cin == cout and not halves
        self.past = None if straight else Conv(ops, 1, cin, cout, _GLOROT, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = jax.nn.relu(self.convs[0](x if self.first else jax.nn.relu(x)))
        y = self.convs[1].down(y) if self.halves else self.convs[1](y)
        x = down(x) if self.halves else x
        return y + (x if self.past is None else self.past(x))


class Generator(nnx.Module):
    """z [n, latent], and labels [n] where there are classes -> images [n, H, W, C] in (−1, 1).

    A dense layer to `sides[0]`, a block that doubles the side to each next, batch norm, ReLU, a
    3 × 3 convolution, tanh. The blocks' batch norms are those of the class, the last one is not.

    Args:
      latent: length of z.
      widths: channels, coarsest first.
      sides: height and width at each, twice those before or one less.
      channels: C.
      num_classes: None for a generator of `net(z)`, else it is one of `net(z, label)`.
      convolutions: None for those that suit jax's default backend and the channels.
    """

    def __init__(
        self,
        latent: int,
        widths: Sequence[int],
        sides: Sequence[Size],
        *,
        channels: int = 3,
        num_classes: int | None = None,
        convolutions: Convolutions | None = None,
        rngs: nnx.Rngs,
    ):
        ops = self.ops = convolutions or default_convolutions(min(widths))
        self.sides, self.num_classes = tuple(sides), num_classes
        height, width = sides[0]
        self.dense = nnx.Linear(latent, height * width * widths[0], kernel_init=_GLOROT, rngs=rngs)
        steps = itertools.pairwise(widths)
        self.blocks = nnx.List([_Up(ops, a, b, num_classes, rngs=rngs) for a, b in steps])
        self.norm = _Norm(ops, widths[-1], None, rngs=rngs)
        self.to_image = Conv(ops, 3, widths[-1], channels, _GLOROT, rngs=rngs)

    def __call__(self, z: Array | tuple, label: Array | None = None) -> Array:
        """[n, latent], [n] -> [n, H, W, C]; the two may come as one pair."""
        z, label = with_label(z, label, self.num_classes)
        x = self.ops.to_internal(self.dense(z).reshape(z.shape[0], *self.sides[0], -1))
        for block, size in zip(self.blocks, self.sides[1:], strict=True):
            x = block(x, label, size)
        return self.ops.from_internal(in_float32(jnp.tanh)(self.to_image(self.norm(x, None))))


class Discriminator(nnx.Module):
    """Images [n, H, W, C], and labels [n] where it projects -> scores [n], or a `Verdict`.

    Blocks, ReLU, the sum or the mean over all pixels, and a head: `Projection`, or with
    `head="classes"` a dense layer for the score beside another for `Verdict.class_logits`, of which
    `terms.auxiliary_classifier` makes an AC-GAN.

    Args:
      widths: channels that the blocks give, the images' first.
      halvings: how many of the blocks halve the image, the first ones.
      channels: C.
      num_classes: how many classes the head knows.
      head: `"projection"`, with classes `net(x, label)`; or `"classes"`, always `net(x)`.
      pool: over the pixels, `"sum"` (Miyato) or `"mean"` (Gulrajani).
      convolutions: None for those that suit jax's default backend and the channels.
    """

    def __init__(
        self,
        widths: Sequence[int],
        halvings: int,
        *,
        channels: int = 3,
        num_classes: int | None = None,
        head: Literal["projection", "classes"] = "projection",
        pool: Literal["sum", "mean"] = "sum",
        convolutions: Convolutions | None = None,
        rngs: nnx.Rngs,
    ):
        if head not in ("projection", "classes") or pool not in ("sum", "mean"):
            raise ValueError(
                f"head must be 'projection' or 'classes' and pool 'sum' or 'mean', "
                f"got head={head!r} and pool={pool!r}"
            )
        if head == "classes" and num_classes is None:
            raise ValueError("head='classes' needs num_classes, got None")
        ops = self.ops = convolutions or default_convolutions(min(widths))
        self.pool = jnp.sum if pool == "sum" else jnp.mean
        steps = enumerate(itertools.pairwise([channels, *widths]))
        self.blocks = nnx.List(
            [_Down(ops, a, b, first=i == 0, halves=i < halvings, rngs=rngs) for i, (a, b) in steps]
        )
        self.num_classes = num_classes if head == "projection" else None
        self.score = Projection(widths[-1], self.num_classes, rngs=rngs)
        self.classes = (
            None
            if head == "projection" or num_classes is None
            else nnx.Linear(widths[-1], num_classes, kernel_init=_GLOROT, rngs=rngs)
        )

    def __call__(self, x: Array | tuple, label: Array | None = None) -> Array | Verdict:
        """[n, H, W, C], [n] -> [n]; the two may come as one pair."""
        x, label = with_label(x, label, self.num_classes)
        x = self.ops.to_internal(x)
        for block in self.blocks:
            x = block(x)
        features = self.pool(jax.nn.relu(x), axis=(1, 2))
        features = features if batch_axis(self.ops) == 0 else features.T
        score = self.score(features, label)
        return score if self.classes is None else Verdict(score, None, self.classes(features))
