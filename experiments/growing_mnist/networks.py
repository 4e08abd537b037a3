"""The networks of each resolution, of progressive growing and of LapGAN."""

import dataclasses
from typing import Any

import jax
from flax import nnx
from jax import Array

from ganstab import Pair, Player
from ganstab.networks import progressive
from ganstab.networks.convolution import default_convolutions
from ganstab.networks.images import convolutional
from ganstab.networks.layers import Conv
from ganstab.players import from_nnx
from ganstab.stages import growing, pyramid

SIDES, LATENT = (7, 14, 28), 64


def part(whole: Any, like: Any) -> Any:
    """The leaves of `whole` that `like` has, by their names."""
    leaves = dict(jax.tree_util.tree_leaves_with_path(whole))
    return jax.tree_util.tree_map_with_path(lambda path, _: leaves[path], like)


def within(small: Player, whole: Player) -> Player:
    """The smaller player, on the parameters and the state of the largest one."""
    like = jax.eval_shape(small.init, jax.random.key(0))

    def apply(params, state, x, key, *, train=True):
        own_params, own_state = part(params, like[0]), part(state, like[1])
        y, new = small.apply(own_params, own_state, x, key, train=train)
        return y, growing.kept(new, state)

    return dataclasses.replace(whole, apply=apply)


def growing_levels(width: int) -> list[Pair]:
    """The pair of each level, for `(x, α)`: 4 w, 2 w, w channels, on the last one's parameters."""
    widths = [width * 2**i for i in reversed(range(len(SIDES)))]

    def pair(level: int) -> Pair:
        own = widths[: level + 1]
        return Pair(
            from_nnx(
                lambda rngs: progressive.Generator(
                    LATENT, own, channels=1, side=SIDES[0], rngs=rngs
                )
            ),
            from_nnx(
                lambda rngs: progressive.Discriminator(own, channels=1, side=SIDES[0], rngs=rngs)
            ),
        )

    whole = pair(len(SIDES) - 1)
    return [Pair(*map(within, pair(level), whole)) for level in range(len(SIDES))]


class Refiner(nnx.Module):
    """[n, H, W, 2], noise and the coarse image at twice its size, -> a residual [n, H, W, 1].

    Three 3 × 3 convolutions with ReLU in between; the last one starts small, so that the first
    images are the coarse ones.
    """

    def __init__(self, width: int, *, rngs: nnx.Rngs):
        ops = self.ops = default_convolutions(width)
        he = nnx.initializers.he_normal()
        small = nnx.initializers.variance_scaling(1e-2, "fan_in", "normal")
        sizes = ((2, width, he), (width, width, he), (width, 1, small))
        self.convs = nnx.List([Conv(ops, 3, a, b, init, rngs=rngs) for a, b, init in sizes])

    def __call__(self, x: Array) -> Array:
        """[n, H, W, 2] -> [n, H, W, 1]."""
        first, second, last = self.convs
        x = jax.nn.relu(first(self.ops.to_internal(x)))
        return self.ops.from_internal(last(jax.nn.relu(second(x))))


def pyramid_levels(width: int) -> list[pyramid.Level]:
    """A DCGAN-like pair of 7 × 7 pixels, above it a refiner and a discriminator for each side."""
    coarse = convolutional(SIDES[0], 1, width=width, latent=LATENT)

    def noise(key: Array, n: int) -> Array:
        return jax.random.normal(key, (n, LATENT))

    refined = [
        pyramid.Level(
            Pair(
                pyramid.refining(from_nnx(lambda rngs: Refiner(width, rngs=rngs))),
                from_nnx(convolutional(side, 1, width=width).disc),
            ),
            pyramid.noise_plane(side),
        )
        for side in SIDES[1:]
    ]
    return [pyramid.Level(Pair(*map(from_nnx, coarse)), noise), *refined]
