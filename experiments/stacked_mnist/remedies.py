"""Any recipe on ordinary networks: which remedies cover stacked MNIST?

The networks are small convolutional ones, the discriminator larger than the generator and without
norm: generators of 96, 48, 24 and 12 channels with batch norm, discriminators of 32, 64 and 128.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from experiments import digits, unrolled_gan
from experiments.stacked_mnist.tables import PAPER
from ganstab import Pair, digit_classifier
from ganstab.image_gan.recipe import default_gamma, small_recipe
from ganstab.networks.images import convolutional
from ganstab.players import from_nnx
from ganstab.recipes import Recipe
from ganstab.training import ImageConfig, Measure
from ganstab.training.config import options
from ganstab.training.samples import make_sampler
from ganstab.types import Player

WIDTH = Pair(gen=12, disc=16)
LATENT = 64
SIDE = 28
PACKED = 2
FALL = 2
"""r3gan's rate and γ fall over this many times the run's steps. Where they fall over its 5,000
steps alone, KL ends at 0.08 to 0.10 in place of 0.07 to 0.08, and fewer digits are legible."""
SETTINGS = (
    "recipe", "num_steps", "batch_size", "accumulate", "seed", "eval_every", "checkpoint_every",
    "log_every", "samples", "dataset", "data_dir", "download", "data_files",
)  # fmt: skip
"""Those of a run that mean something with a recipe of its own."""
REAL = 99.1
"""% of the embedded training images' digits that the classifier names with 0.9 confidence."""


def sure(config: ImageConfig) -> Measure:
    """The share of legible digits; that of the data is known of the embedded ones alone."""
    ideal = REAL if config.is_embedded() else None
    return Measure("sure", "digits named with 0.9 confidence, %", "named", ideal=ideal)


def recipe(name: str, steps: int, batch_size: int) -> Recipe:
    """The recipe, with numbers that suit the networks; see `small_recipe`."""
    gamma = default_gamma(SIDE, SIDE)
    return small_recipe(name, steps=FALL * steps, batch_size=batch_size, gamma=gamma)


def players(name: str) -> Pair:
    """The networks that a recipe is tried on."""
    make = functools.partial(convolutional, SIDE, width=WIDTH, latent=LATENT)
    packed = PACKED if name == "pacgan" else 1
    return Pair(from_nnx(make(3).gen), from_nnx(make(3 * packed).disc))


def settings_of_paper(config: ImageConfig) -> list[str]:
    """Those that go with the paper's recipe alone."""
    return [name for name in options(type(config)) if name not in SETTINGS]


def check_settings(config: ImageConfig) -> None:
    """Raises ValueError for a setting of the paper's that is not the default."""
    for name in settings_of_paper(config):
        if getattr(config, name) != options(type(config))[name].default:
            raise ValueError(f"{name} goes with recipe={PAPER} alone")


def sampler(config: Any, gen: Player) -> Callable:
    """`(state, key) -> (shown, (classes [n], of a recipe of its own: sure [n, 3]))`."""
    paper = config.recipe == PAPER
    classify = functools.partial(digit_classifier.classify_stacked, digit_classifier.load())
    measured: list[Callable] = [classify] if paper else [classify, sure_digits]
    return make_sampler(
        gen,
        unrolled_gan.LATENT if paper else LATENT,
        samples=config.samples,
        measure=lambda x: [measure(x) for measure in measured],
        train=paper and config.bn_mode == "batch",
    )


def sure_digits(image: jax.Array) -> jax.Array:
    """Whether each digit of images [n, 28, 28, 3] is named with 0.9 confidence: bool [n, 3]."""
    params = digit_classifier.load()
    channels = [digits.read(params, image[..., i, None])[1] for i in range(3)]
    return jnp.stack(channels, axis=-1) > digits.SURE
