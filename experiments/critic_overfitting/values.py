"""The negative loss of a critic on images of several kinds."""

from collections.abc import Callable, Mapping

import jax
import numpy as np

from ganstab import Batch, data
from ganstab.training import Evaluation, make_sampler
from ganstab.types import Game, Player, TrainState

__all__ = ["evaluation"]

AT_ONCE = 500
"""Images whose loss is computed at once."""


def evaluation(
    kinds: Mapping[str, np.ndarray], game: Game, latent: int, gen: Player
) -> Callable[[TrainState, jax.Array], Evaluation]:
    """Takes −L of the critic's loss L on images of each kind, and the gap between them.

    Args:
      kinds: "training" and "validation" images, uint8 [n, H, W, C]. Generated images, and points
        between the two, are drawn with the same keys for both.
      game: whose loss is taken, a part of the images at once.
      latent: length of z.
      gen: the generator.
    """
    sample = make_sampler(gen, latent, samples=64)

    @jax.jit
    def loss(state: TrainState, image: jax.Array, key: jax.Array) -> jax.Array:
        batch = Batch(data.to_unit_range(image))
        return game(state.params, state.carry, batch, key)[0].disc

    def value(state: TrainState, image: np.ndarray, key: jax.Array) -> float:
        parts = [image[first : first + AT_ONCE] for first in range(0, len(image), AT_ONCE)]
        keys = jax.random.split(key, len(parts))
        found = [loss(state, part, key) for part, key in zip(parts, keys, strict=True)]
        losses = [float(each.addressable_data(0)) for each in found]
        return -float(np.average(losses, weights=[len(part) for part in parts]))

    def evaluate(state: TrainState, key: jax.Array) -> Evaluation:
        numbers = {name: value(state, image, key) for name, image in kinds.items()}
        numbers["gap"] = numbers["training"] - numbers["validation"]
        return Evaluation(numbers, {"samples": sample(state, key)[0]})

    return evaluate
