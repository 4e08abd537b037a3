"""Trains a GAN of your own images.

    ganstab train --data=FOLDER

FOLDER has images of any sizes and kinds, in sub-folders or not; they are cut and resized once. Look
at runs/…/figures while it works, and at report.html. The same command goes on where it was stopped.
Then

    ganstab sample RUN --n=64 --out=samples
    ganstab doctor RUN
"""

import dataclasses
import functools
import pathlib
from typing import Any

import jax
import numpy as np

from ganstab.data import Images, Sampler, single_images
from ganstab.errors import InputError
from ganstab.image_gan.config import ADAPTIVE, BFLOAT16, FIXED, ImageGan
from ganstab.image_gan.evaluation import evaluation, measures
from ganstab.image_gan.recipe import adaptive, fixed, small_recipe
from ganstab.image_gan.source import Source
from ganstab.networks.images import image_pair
from ganstab.players import computed_in, from_nnx, mirror
from ganstab.recipes import Recipe
from ganstab.training import Experiment, images
from ganstab.training.samples import SHOWN
from ganstab.types import Batch, Pair

__all__ = ["build", "recipe_of"]

PACKED = 2
"""Images that pacgan's discriminator sees at once."""
TOLD = 5
"""Files that are named when they were skipped."""


def build(config: ImageGan) -> Experiment:
    """A GAN of the images that the settings name.

    Of settings that know their images, the networks can be had where the images cannot.
    """
    if config.shape is None:
        config = config.fingerprinted()
    data, real, notes = _images(config)
    shown = real.image[:SHOWN].astype(np.float32) / 127.5 - 1
    return Experiment(
        title=f"{pathlib.Path(config.data).name}, {config.recipe}",
        description=_description(config),
        players=_players(config),
        recipe=recipe_of(config),
        prior=config.latent,
        data=data,
        sampler=_sampler(config),
        evaluation=functools.partial(evaluation, config, real),
        measures=measures(config),
        best_by=next((measure.name for measure in measures(config)), ""),
        classes=config.class_names(),
        reference={"samples": shown} if len(shown) else {},
        notes=notes,
    )


def recipe_of(config: ImageGan) -> Recipe:
    """The recipe with the settings' own numbers."""
    recipe = small_recipe(
        config.recipe,
        steps=config.decay_steps or config.num_steps,
        batch_size=config.batch_size,
        gamma=config.gamma or 0.0,
        learning_rate=config.learning_rate,
        penalty_every=config.penalty_every,
        ema_images=config.ema_images,
    )
    if config.augment == FIXED:
        recipe = fixed(recipe)
    elif config.augment == ADAPTIVE:
        recipe = adaptive(recipe, config.batch_size)
    return dataclasses.replace(recipe, conditional="both" if config.conditional else False)


def _players(config: ImageGan) -> Pair:
    height, width, channels = config.image_shape()
    make: Any = functools.partial(
        image_pair,
        (height, width),
        kind="residual" if config.network == "residual" else "convolutional",
        width=config.width,
        latent=config.latent,
        num_classes=len(config.class_names()) or None,
    )
    packed = PACKED if config.recipe == "pacgan" else 1
    pair = Pair(from_nnx(make(channels).gen), from_nnx(make(packed * channels).disc))
    return Pair(*map(computed_in, pair)) if config.precision == BFLOAT16 else pair


def _sampler(config: ImageGan) -> Sampler:
    return dataclasses.replace(single_images, augment=_mirrored) if config.mirror else single_images


def _mirrored(batch: Batch, key: jax.Array) -> Batch:
    return batch._replace(real=mirror(batch.real, key))


def _images(config: ImageGan) -> tuple[Any, Images, tuple[str, ...]]:
    """The data, some of them as the generator's are measured against, and what is to be said.

    Without the images, an error in their place, for whoever wants to train on them.
    """
    try:
        source = config.source()
        if source.digest != config.data_files:
            raise InputError(f"--data={config.data} has other images than the run began with")
    except InputError as error:
        none = np.zeros((0, *config.image_shape()), np.uint8)
        return error, Images(none, np.zeros(0, np.int32)), ()
    n = min(config.samples, len(source))
    places = np.random.default_rng(0).permutation(len(source))[:n]
    return source.data, images.take(source.data, places), _notes(config, source)


def _notes(config: ImageGan, source: Source) -> tuple[str, ...]:
    """What was found, what was skipped, and what was chosen."""
    height, width, channels = source.shape
    kind = {1: "grey", 3: "colour"}.get(channels, f"{channels}-channel")
    found = f"{len(source):,} {kind} images of {width} × {height} pixels"
    if source.classes:
        use = "given to both networks" if config.conditional else "not used, see --conditional"
        found += f", {len(source.classes)} classes ({use})"
    skipped = [f"skipped {name}: {why}" for name, why in source.skipped[:TOLD]]
    if len(source.skipped) > TOLD:
        skipped.append(f"skipped {len(source.skipped) - TOLD:,} more files")
    chosen = [f"recipe {config.recipe}", f"augment {config.augment}"]
    if config.gamma is not None:
        chosen.append(f"γ {config.gamma:.3g}")
    return (found, *skipped, ", ".join(chosen))


def _description(config: ImageGan) -> str:
    source = recipe_of(config).source
    return (
        f"A GAN of the images of {config.data}, trained with the recipe {config.recipe} "
        f"({source}). Samples are drawn from the generator's running average, the same random "
        "inputs at every step."
    )
