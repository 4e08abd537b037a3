"""Training images sought in a generator's latent space, and how far pairs of images are apart."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.runner import image_gan
from ganstab import gan_inversion, metrics
from ganstab.data import to_unit_range
from ganstab.types import Player, TrainState

PAIRS = 10_000


def order(population: int) -> np.ndarray:
    """The order in which training images are looked at: random, and the same in every run.

    So runs of any seed are compared on the same images, and fewer images are some of the more.
    """
    return np.random.default_rng(0).permutation(population)


def generator(gen: Player, state: TrainState) -> Callable[[Array], Array]:
    """The function z [n, 256] -> images [n, H, W, C] in [−1, 1], with running batch statistics."""
    unused = jax.random.key(0)
    return lambda z: gen.apply(state.params.gen, state.carry.state.gen, z, unused, train=False)[0]


def distances(image: Array) -> Array:
    """Euclidean distances [10,000] of random pairs of images [n, …] in [−1, 1], as in [0, 1]."""
    return metrics.pairwise_distances(jax.random.key(0), (image + 1) / 2, PAIRS)


def pieces(
    gen: Player, image: np.ndarray, *, starts: int, iterations: int, at_once: int
) -> dict[str, Callable[[TrainState], Mapping[str, Any]]]:
    """By name, what reconstructs so many of the images at once from a training state.

    Each gives, for its images: "image" and "reconstruction", uint8; "error", the mean of
    (G(z*) − x)² over pixels in [0, 1]; "latent", z*; and "converged". The starts of an image are
    N(0, I), and the same in every run.

    Args:
      gen: the generator.
      image: uint8 [n, H, W, C].
      starts: searches for each image, of which the best is kept.
      iterations: most steps of L-BFGS in each.
      at_once: images in a piece.
    """

    @jax.jit
    def reconstruct(state: TrainState, image: Array, places: Array) -> dict[str, Array]:
        generate, key = generator(gen, state), jax.random.key(1)
        draw = functools.partial(jax.random.normal, shape=(starts, image_gan.LATENT))
        z = jax.vmap(lambda place: draw(jax.random.fold_in(key, place)))(places)
        found = gan_inversion.infer(
            generate, to_unit_range(image), z, max_steps=iterations, images_at_once=at_once
        )
        return {
            "reconstruction": to_bytes(generate(found.latent)),
            "error": found.error / 4,  # of pixels in [0, 1], half as far apart as in [−1, 1]
            "latent": found.latent,
            "converged": found.converged,
        }

    def piece(first: int, state: TrainState) -> dict[str, np.ndarray]:
        places = np.arange(first, first + at_once)
        wanted = places < len(image)
        places = places.clip(max=len(image) - 1)  # the last piece is filled up: one program for all
        found = reconstruct(state, image[places], places)
        whole = {"image": image[places], **jax.tree.map(_host, found)}
        return {name: array[wanted] for name, array in whole.items()}

    return {
        f"images_{first:06d}": functools.partial(piece, first)
        for first in range(0, len(image), at_once)
    }


def to_bytes(image: Array) -> Array:
    """−1 … 1 to bytes 0 … 255, the inverse of `to_unit_range`."""
    return jnp.rint((image + 1) * 127.5).clip(0, 255).astype(jnp.uint8)


def _host(value: Array) -> np.ndarray:
    return np.asarray(value.addressable_data(0))
