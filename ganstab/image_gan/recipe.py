"""A recipe with numbers that suit small networks and batches, as a laptop trains them."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax

from ganstab import optimizers, recipes, terms
from ganstab.players import adaptively_augmented, augmented
from ganstab.players.ema import averaged, half_life
from ganstab.recipes import Recipe
from ganstab.recipes.recipe import unchanged
from ganstab.types import Player

__all__ = [
    "EMA_IMAGES",
    "PENALISED",
    "PENALTY_EVERY",
    "adaptive",
    "default_gamma",
    "fixed",
    "small_recipe",
]

PENALISED = ("r1", "r3gan")
"""Recipes that have a γ."""
PENALTY_EVERY = 4
"""Every how many steps a penalty is computed, with as many times its weight."""
EMA_IMAGES = 20_000
"""The half-life, in images, of the generator's running average."""
RATE, WARM_UP = 4e-3, 100
LAST = 0.02
"""The last rate as a share of the highest."""
ADAPT_IMAGES = 100_000
"""Images of data in which the probability of augmentation can rise from 0 to 1. Karras et al. 2020
have 500,000, in runs of 25 million images; their code has this where it goes on from a network."""
RAMP = 0.05
"""The average's half-life is at most this share of the run so far (Karras et al. 2020)."""


def default_gamma(height: int, width: int) -> float:
    """0.3 at 32 × 32, and more in proportion to the number of pixels."""
    return 0.3 * height * width / 32**2


def small_recipe(
    name: str,
    *,
    steps: int,
    batch_size: int,
    gamma: float = 0.3,
    learning_rate: float | None = None,
    penalty_every: int = PENALTY_EVERY,
    ema_images: int = EMA_IMAGES,
) -> Recipe:
    """One of `ganstab.recipes`, whose generator is averaged, and whose numbers suit small networks.

    Most keep their published numbers. r1 and r3gan penalise every few steps, with the γ that is
    given. The numbers of r3gan are for large networks and batches; here its rate rises over 100
    steps to 0.004 and falls along a cosine to a fiftieth of that, and γ falls to a tenth along a
    cosine, as in the authors' presets.

    Args:
      name: as `recipes.by_name` has it.
      steps: over which r3gan's rate and γ fall.
      batch_size: B.
      gamma: γ at the start, of r1 and r3gan; see `default_gamma`.
      learning_rate: of both players, at its highest; None for the recipe's own.
      penalty_every: steps from one penalty of r1 and r3gan to the next; its weight is multiplied by
        this.
      ema_images: half-life of the generator's running average, in images; 0 for none. In the first
        steps it is a twentieth of the run so far.
    """
    options: dict[str, Any] = {}
    if learning_rate is not None:
        both = ("gen_learning_rate", "disc_learning_rate")
        options |= dict.fromkeys(both if name == "unrolled" else ("learning_rate",), learning_rate)
    if name in PENALISED:
        options |= {"gamma": gamma, "every": penalty_every}
    if name == "r3gan":
        top = RATE if learning_rate is None else learning_rate
        options |= {
            "learning_rate": optax.warmup_cosine_decay_schedule(
                0.0, top, min(WARM_UP, steps // 2), steps, LAST * top
            ),
            "gamma": optax.cosine_decay_schedule(gamma, steps, 0.1),
        }
    recipe = recipes.by_name[name](**options)
    longest = ema_images / batch_size

    def updates(count: jax.Array) -> jax.Array:
        return jnp.minimum(longest, RAMP * count)

    average = functools.partial(averaged, decay=half_life(updates)) if ema_images else unchanged
    return dataclasses.replace(recipe, wrappers=recipe.wrappers._replace(gen=average))


def fixed(recipe: Recipe) -> Recipe:
    """The recipe whose discriminator is shown augmented images alone."""
    wrap = recipe.wrappers.disc

    def wrapped(disc: Player) -> Player:
        return augmented(wrap(disc))  # around all else, so that no pack is augmented as one

    return dataclasses.replace(recipe, wrappers=recipe.wrappers._replace(disc=wrapped))


def adaptive(recipe: Recipe, batch_size: int) -> Recipe:
    """The recipe whose discriminator is shown augmented images the more it overfits.

    `terms.adaptive_augmentation`, with the statistic that suits every loss: the probability rises
    while data are scored above samples in more than four of five pairs.

    Args:
      recipe: any of `ganstab.recipes`.
      batch_size: B, of each of its updates.
    """
    wrap = recipe.wrappers.disc
    tx = optimizers.augmentation_steps(recipe.txs.disc, batch_size, images=ADAPT_IMAGES)
    surrogates: Any = recipe.surrogates
    if recipe.name == "unrolled":  # its look-ahead takes the discriminator's own steps
        surrogates = tuple(functools.partial(surrogate, tx=tx) for surrogate in surrogates)

    def wrapped(disc: Player) -> Player:
        return adaptively_augmented(wrap(disc))

    return dataclasses.replace(
        recipe,
        terms=(*recipe.terms, terms.adaptive_augmentation(statistic=terms.sign_of_pairs)),
        txs=recipe.txs._replace(disc=tx),
        wrappers=recipe.wrappers._replace(disc=wrapped),
        surrogates=surrogates,
    )
