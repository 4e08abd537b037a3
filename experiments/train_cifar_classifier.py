"""Train the CIFAR-10 classifier by which samples are scored (`ganstab.metrics.classifier_score`).

    python -m experiments.train_cifar_classifier --data=FOLDER --checkpoints=FOLDER

The folder of --data has the sub-folders train and test, and each of these has one sub-folder of
32 × 32 images for each class. Training images are mirrored half of the time and shifted by up to 4
pixels. Kernels are standardised in training (Brock et al. 2021, arXiv:2101.08692, eq. 1, with a
gain for each channel), so that the network needs no norm. The standardised kernels are saved.
"""

import argparse
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments import classifiers
from ganstab import cifar_classifier
from ganstab.data import Images
from ganstab.errors import InputError
from ganstab.image_gan import open_source

SHIFT = 4


def mirror_and_shift(image: Array, key: Array) -> Array:
    """One image [32, 32, 3], mirrored half of the time, moved by up to 4 pixels along each axis."""
    mirror_key, shift_key = jax.random.split(key)
    image = jnp.where(jax.random.bernoulli(mirror_key), image[:, ::-1], image)
    padded = jnp.pad(image, ((SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), mode="reflect")
    start = jax.random.randint(shift_key, (2,), 0, 2 * SHIFT + 1)
    return jax.lax.dynamic_slice(
        padded, (start[0], start[1], jnp.zeros_like(start[0])), image.shape
    )


def init(key: Array) -> classifiers.Params:
    """The network's parameters, and a gain of 1 for each channel of every convolution."""
    params = cifar_classifier.init(key)
    gains = {
        name.replace("kernel", "gain"): jnp.ones(kernel.shape[-1])
        for name, kernel in params.items()
        if kernel.ndim == 4
    }
    return params | gains


def standardised(params: classifiers.Params) -> classifiers.Params:
    """The network's own parameters: each output's kernel has mean 0 and variance 2 gain²/fan_in."""

    def made(name: str, kernel: Array) -> Array:
        if kernel.ndim != 4:
            return kernel
        centred = kernel - kernel.mean(axis=(0, 1, 2), keepdims=True)
        variance = jnp.mean(centred**2, axis=(0, 1, 2), keepdims=True)
        gain = params[name.replace("kernel", "gain")] * np.sqrt(2 / np.prod(kernel.shape[:-1]))
        return centred * jax.lax.rsqrt(variance + 1e-8) * gain[None, None, None]

    return {name: made(name, params[name]) for name in cifar_classifier.LAYOUT}


TASK = classifiers.Task(
    network=cifar_classifier,
    init=init,
    change=mirror_and_shift,
    epochs=12,
    weight_decay=2e-2,
    made=standardised,
)


def images(asked: argparse.Namespace, split: str) -> Images:
    """The images of a split.

    Raises:
      InputError: they are not of CIFAR-10's size and classes.
    """
    source = open_source(str(asked.data / split), None)
    if source.shape != (32, 32, 3) or tuple(source.classes) != cifar_classifier.CLASSES:
        height, width, channels = source.shape
        raise InputError(
            f"--data={asked.data}: {split} has {len(source.classes)} classes of images of "
            f"{width} × {height} pixels and {channels} channels; 32 × 32 and 3, of the classes "
            f"{', '.join(cifar_classifier.CLASSES)}, are expected"
        )
    assert isinstance(source.data, Images)  # of 180 MB
    return source.data


if __name__ == "__main__":
    parser = classifiers.parser(TASK, "python -m experiments.train_cifar_classifier", __doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of train and test")
    classifiers.main(TASK, parser, images)
