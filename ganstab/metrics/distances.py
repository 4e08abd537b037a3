"""Distances between samples, jittable."""

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ganstab._checks import check_count
from ganstab._precision import as_floats

__all__ = ["pairwise_distances"]

_PAIRS_AT_ONCE = 1024


def pairwise_distances(key: Array, samples: ArrayLike, pairs: int) -> Array:
    """Euclidean distances [pairs] of random pairs of samples [n, …], for a histogram.

    Each pair is two different samples, uniform over all such pairs and independent of the others;
    the distance is over all axes but the first, in the samples' units, not divided by their
    number: Metz et al. (arXiv:1611.02163), figure 6. Collapse shifts it to the left of the data's.
    Those of bytes and of half precision are computed in float32.

    Raises:
      ValueError: if there are fewer than two samples or no pair is asked for.
    """
    samples = as_floats(samples)
    n = len(samples)
    check_count("the number of samples", n, 2)
    check_count("pairs", pairs)
    flat = samples.reshape(n, -1)
    first_key, offset_key = jax.random.split(key)
    first = jax.random.randint(first_key, (pairs,), 0, n)
    second = (first + jax.random.randint(offset_key, (pairs,), 1, n)) % n

    def distance(pair: tuple[Array, Array]) -> Array:
        return jnp.linalg.norm(flat[pair[0]] - flat[pair[1]])

    return jax.lax.map(distance, (first, second), batch_size=_PAIRS_AT_ONCE)
