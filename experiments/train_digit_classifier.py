"""Train the digit classifier by which the stacked-MNIST experiments count modes.

    python -m experiments.train_digit_classifier

MNIST's 60,000 training images, each time distorted anew (rotation, scale, shear, shift and a
smooth elastic displacement); Adam with decoupled weight decay, a linear warm-up and a cosine
decay to zero. The 10,000 test images are read once, after training, for the accuracy that is
recorded beside the weights. Expected: 99.4 % or more, in about 5 minutes on one free core.
"""

import argparse
import functools
import os
import pathlib
import sys
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array, lax

from ganstab import digit_classifier
from ganstab._command_line import Parser, exit_status, quiet_where_unread
from ganstab.data import Images, load_mnist, to_unit_range
from ganstab.errors import InputError

BATCH, PEAK_RATE, WEIGHT_DECAY = 128, 2e-3, 1e-2


class Distortion(NamedTuple):
    """The largest distortions; those of one image are drawn uniformly up to them."""

    rotation: float = 0.25  # radians
    stretch: float = 0.15  # of the logarithm of height and width
    shear: float = 0.15
    shift: float = 2.5  # pixels
    elastic: float = 1.2  # pixels, the standard deviation at the knots of a 5 x 5 grid


def distort(image: Array, key: Array, most: Distortion) -> Array:
    """One image float32 [28, 28, 1] in [-1, 1], sampled at smoothly displaced places.

    The strength of all distortions together is itself uniform in [0, 1], so that many images stay
    close to the originals, which is what the classifier is to measure.
    """
    shape = image.shape[:2]
    strength_key, affine_key, elastic_key = jax.random.split(key, 3)
    strength = jax.random.uniform(strength_key)
    matrix, shift = _affine(affine_key, strength, most)
    centre = (jnp.array(shape, jnp.float32) - 1) / 2
    grid = jnp.stack(jnp.meshgrid(*map(jnp.arange, shape), indexing="ij"))
    place = jnp.einsum("ij,jhw->ihw", matrix, grid - centre[:, None, None])
    knots = strength * most.elastic * jax.random.normal(elastic_key, (2, 5, 5))
    place += (centre + shift)[:, None, None] + jax.image.resize(knots, (2, *shape), "cubic")
    plane = jax.scipy.ndimage.map_coordinates(image[..., 0], list(place), order=1, cval=-1)
    return plane[..., None]


def _affine(key: Array, strength: Array, most: Distortion) -> tuple[Array, Array]:
    draw = strength * jax.random.uniform(key, (6,), minval=-1, maxval=1)
    angle, shear = most.rotation * draw[0], most.shear * draw[1]
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    rotation = jnp.array([[cos, -sin], [sin, cos]])
    skew = jnp.array([[1.0, 0.0], [shear, 1.0]])
    return rotation @ skew * jnp.exp(most.stretch * draw[None, 2:4]), most.shift * draw[4:6]


def update(tx: optax.GradientTransformation, images: Images, training: tuple, choice: tuple):
    """One update of (params, opt) on the images at (indices [n], key): (the same, loss in nats)."""
    params, opt = training
    indices, key = choice
    keys = jax.random.split(key, len(indices))
    move = jax.vmap(functools.partial(distort, most=Distortion()))
    image = move(to_unit_range(images.image[indices]), keys)

    def loss(params: digit_classifier.Params) -> Array:
        scores = digit_classifier.scores(params, image)
        return optax.softmax_cross_entropy_with_integer_labels(scores, images.label[indices]).mean()

    value, grad = jax.value_and_grad(loss)(params)
    delta, opt = tx.update(grad, opt, params)
    return (optax.apply_updates(params, delta), opt), value


def train(images: Images, epochs: int, seed: int) -> digit_classifier.Params:
    """Weights after `epochs` passes; everything random is a function of (seed, step)."""
    images = jax.tree.map(jnp.asarray, images)
    init_key, order_key, step_key = jax.random.split(jax.random.key(seed), 3)
    count, per_epoch = len(images.label), len(images.label) // BATCH
    steps = epochs * per_epoch
    rate = optax.warmup_cosine_decay_schedule(0, PEAK_RATE, steps // 20, steps)
    tx = optax.adamw(rate, weight_decay=WEIGHT_DECAY)
    params = digit_classifier.init(init_key)
    training = params, tx.init(params)
    run = jax.jit(lambda images, *rest: lax.scan(functools.partial(update, tx, images), *rest))
    start = time.monotonic()
    for epoch in range(epochs):
        order = jax.random.permutation(jax.random.fold_in(order_key, epoch), count)
        keys = jax.random.split(jax.random.fold_in(step_key, epoch), per_epoch)
        choices = (order[: per_epoch * BATCH].reshape(per_epoch, BATCH), keys)
        training, losses = run(images, training, choices)
        words = f"epoch {epoch + 1}/{epochs}  loss {losses.mean():.4f} nats"
        print(f"{words}  {time.monotonic() - start:.0f} s", flush=True)
    return training[0]


def accuracy(params: digit_classifier.Params, images: Images) -> float:
    """The share of images named rightly."""
    found = digit_classifier.classify(params, to_unit_range(jnp.asarray(images.image)))
    return float((found == images.label).mean())


def check_destination(out: pathlib.Path) -> None:
    """Refuses, before the minutes of training, what could not be written after them."""
    if out.suffix != ".npz":
        raise InputError(f"--out={out} does not end in .npz")
    if not out.absolute().parent.is_dir() or not os.access(out.parent, os.W_OK | os.X_OK):
        raise InputError(f"--out={out}: {out.parent} is not a folder that can be written to")
    for file in (out, out.with_suffix(".json")):
        if os.path.lexists(file) and not (file.is_file() and os.access(file, os.W_OK)):
            raise InputError(f"--out={out}: {file} is not a file that can be written to")


def main(asked: argparse.Namespace) -> int:
    """Trains, measures once on the test images, writes weights and record."""
    for flag, value, least, most in (
        ("epochs", asked.epochs, 1, 10_000),
        ("seed", asked.seed, 0, 2**32 - 1),
    ):
        if not least <= value <= most:
            raise InputError(f"--{flag} must be from {least} to {most:,}, got {value}")
    check_destination(asked.out)
    start = time.monotonic()
    trained = train(load_mnist("train"), asked.epochs, asked.seed)
    params = jax.tree.map(lambda x: x.astype(jnp.float16).astype(jnp.float32), trained)
    share = accuracy(params, load_mnist("test"))
    record = {"test_accuracy": round(share, 4), "seed": asked.seed, "epochs": asked.epochs}
    record |= {"seconds": round(time.monotonic() - start), "jax": jax.__version__}
    digit_classifier.save(asked.out, params, record)
    print(f"test accuracy {100 * share:.2f} %, weights in {asked.out}")
    return 0


if __name__ == "__main__":
    parser = Parser(prog="python -m experiments.train_digit_classifier", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of weights, order, distortions (0)")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the images (20)")
    said = "file for the weights; a .json beside it records how they were made (%(default)s)"
    name = digit_classifier.WEIGHTS.name
    parser.add_argument("--out", type=pathlib.Path, default=name, help=said)
    with quiet_where_unread():
        sys.exit(exit_status(main, parser.parse_args()))
