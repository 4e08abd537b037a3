"""The set of architectures of Table 1, each a value with a name, and draws from it."""

import dataclasses
import functools
import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ganstab import Pair
from ganstab.networks import dcgan, wgan_gp
from ganstab.networks.convolutional import scaled
from ganstab.networks.dcgan import Units
from ganstab.networks.norms import Norm, batch_norm

NONLINEARITIES: Mapping[str, Callable[[jax.Array], jax.Array]] = {
    "relu": jax.nn.relu,
    "leaky": dcgan.leaky,
    "softplus": lambda x: jax.nn.softplus(2 * x + 2) / 2 - 1,
    "tanh": jnp.tanh,
}
NORMS = {"norm": True, "plain": False}
FILTERS = (32, 64, 128)


@dataclasses.dataclass(frozen=True)
class Network:
    """One of the two networks, written as e.g. "softplus-12-norm-64"."""

    nonlinearity: str
    depth: int
    """Layers, see `networks.wgan_gp.deep_dcgan`."""
    norm: bool
    """Whether there is a norm: batch norm, or layer norm in a critic under a penalty."""
    filters: int
    """The base filters, before --width."""

    def __str__(self) -> str:
        """The written name."""
        return f"{self.nonlinearity}-{self.depth}-{'norm' if self.norm else 'plain'}-{self.filters}"

    def units(self, kernel: int, norm: Norm) -> Units:
        """What its layers have in common."""
        activation = NONLINEARITIES[self.nonlinearity]
        return Units(activation, kernel=kernel, norm=norm if self.norm else None)


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A pair of networks, written as e.g. "relu-4-norm-64_leaky-4-norm-64"."""

    gen: Network
    disc: Network

    def __str__(self) -> str:
        """The written name: the generator's, then the discriminator's."""
        return f"{self.gen}_{self.disc}"

    @staticmethod
    def read(name: str) -> "Architecture":
        """The architecture of a written name.

        Raises:
          ValueError: there is none in the set.
        """
        found = _by_name().get(name)
        if found is None:
            raise ValueError(
                f"architecture must be two networks like {BASELINE}, each of "
                f"{' or '.join(NONLINEARITIES)}, {_any(wgan_gp.DEPTHS)} layers, "
                f"{' or '.join(NORMS)}, {_any(FILTERS)} filters; got {name!r}"
            )
        return found

    def networks(
        self, size: int, channels: int, *, width: float, kernel: int, disc_norm: Norm
    ) -> Pair:
        """What `players.from_nnx` takes, for either network.

        Args:
          size: of the images in pixels.
          channels: of the images.
          width: factor of the base filters.
          kernel: side of the convolutions' kernels.
          disc_norm: the norm of a discriminator that has one.

        Raises:
          ValueError: the size leaves no pixels, or the width no whole filters.
        """
        both = (self.gen, self.disc)
        return wgan_gp.deep_dcgan(
            size,
            channels,
            depth=Pair(*(each.depth for each in both)),
            filters=Pair(*scaled([each.filters for each in both], width, "width")),
            units=Pair(self.gen.units(kernel, batch_norm), self.disc.units(kernel, disc_norm)),
        )


def draw(number: int, seed: int = 0) -> Architecture:
    """The architecture at this place, counted from 0, of draws from the set without replacement.

    Each is equally likely at every place, and no two places of a seed have the same.

    Raises:
      ValueError: for a number that is not below the size of the set.
    """
    if not 0 <= number < SIZE:
        raise ValueError(f"draw must be from 0 to {SIZE - 1}, got {number}")
    return _shuffled(seed)[number]


def _any(values: Sequence[Any]) -> str:
    return " or ".join(map(str, values))


def _networks() -> list[Network]:
    options = itertools.product(NONLINEARITIES, wgan_gp.DEPTHS, NORMS.values(), FILTERS)
    return [Network(*each) for each in options]


@functools.cache
def _by_name() -> dict[str, Architecture]:
    found = (Architecture(*each) for each in itertools.product(_networks(), repeat=2))
    return {str(each): each for each in found}


@functools.lru_cache(maxsize=4)
def _shuffled(seed: int) -> list[Architecture]:
    """The set in an order that depends on the seed and on no library's random numbers."""

    def place(name: str) -> bytes:
        return hashlib.sha256(f"{seed} {name}".encode()).digest()

    return [_by_name()[name] for name in sorted(_by_name(), key=place)]


SIZE = len(_networks()) ** 2
BASELINE = Architecture(Network("relu", 4, True, 64), Network("leaky", 4, True, 64))
"""DCGAN's."""
