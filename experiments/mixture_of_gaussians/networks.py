"""The pairs of networks of two papers, and the generators' priors."""

from collections.abc import Callable
from typing import NamedTuple

import jax
from flax import nnx

from ganstab import Pair
from ganstab.networks import mlp
from ganstab.players import from_nnx, packed

HIDDEN, LAYERS = 400, 4
UNITS, PIECES, MAXOUT_LAYERS = 200, 5, 3
_INIT = nnx.initializers.normal(0.02)


class Networks(NamedTuple):
    """A pair of players and what the generator is given."""

    latent: int
    generator: Callable[[nnx.Rngs], nnx.Module]
    discriminator: Callable[[int, nnx.Rngs], nnx.Module]
    """`(numbers of an input, rngs)`"""

    def players(self, pack: int) -> Pair:
        """With a discriminator that sees `pack` points at once."""
        disc = from_nnx(lambda rngs: self.discriminator(2 * pack, rngs))
        return Pair(from_nnx(self.generator), packed(disc, pack) if pack > 1 else disc)


class NormedGenerator(nnx.Module):
    """z [n, 2] -> points [n, 2] through four layers of 400, each with batch norm and ReLU.

    Lin et al. 2018 (PacGAN, arXiv 1712.04086), for its rings and grids; kernels start as
    N(0, 0.02²).
    """

    def __init__(self, *, rngs: nnx.Rngs):
        sizes = [2, *[HIDDEN] * (LAYERS - 1)]
        self.layers = nnx.List(
            [nnx.Linear(size, HIDDEN, kernel_init=_INIT, rngs=rngs) for size in sizes]
        )
        self.norms = nnx.List([nnx.BatchNorm(HIDDEN, rngs=rngs) for _ in sizes])
        self.out = nnx.Linear(HIDDEN, 2, kernel_init=_INIT, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """[n, 2] -> [n, 2]."""
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = jax.nn.relu(norm(layer(x)))
        return self.out(x)


class MaxoutDiscriminator(nnx.Module):
    """Points [n, in_features] -> scores [n] through three layers of 200 maxout units of 5 pieces.

    A maxout unit (Goodfellow et al. 2013, arXiv 1302.4389) is the largest of its pieces, each an
    affine function of the layer below. Sizes and start as for `NormedGenerator`.
    """

    def __init__(self, in_features: int = 2, *, rngs: nnx.Rngs):
        sizes = [in_features, *[UNITS] * (MAXOUT_LAYERS - 1)]
        self.layers = nnx.List(
            [nnx.Linear(size, UNITS * PIECES, kernel_init=_INIT, rngs=rngs) for size in sizes]
        )
        self.out = nnx.Linear(UNITS, 1, kernel_init=_INIT, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """[n, in_features] -> [n]."""
        for layer in self.layers:
            x = layer(x).reshape(-1, UNITS, PIECES).max(axis=-1)
        return self.out(x)[:, 0]


NETWORKS = {
    "mlp": Networks(
        256,
        lambda rngs: mlp.Generator(256, rngs=rngs),
        lambda size, rngs: mlp.Discriminator(size, rngs=rngs),
    ),
    "pacgan": Networks(
        2,
        lambda rngs: NormedGenerator(rngs=rngs),
        lambda size, rngs: MaxoutDiscriminator(size, rngs=rngs),
    ),
}
"""`mlp` is Metz et al.'s pair (`ganstab.networks.mlp`), `pacgan` PacGAN's."""
