"""Train the digit classifier by which the stacked-MNIST experiments count modes.

    python -m experiments.train_digit_classifier

MNIST's 60,000 training images, each time distorted anew (rotation, scale, shear, shift and a
smooth elastic displacement); Adam with decoupled weight decay, a linear warm-up and a cosine
decay to zero. The 10,000 test images are read once, after training, for the accuracy that is
recorded beside the weights. Expected: 99.4 % or more, in about 5 minutes on one free core.
"""

import functools
import os
import time
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from absl import flags
from jax import Array, lax

from experiments import runner
from ganstab import digit_classifier
from ganstab.data import Images, load_mnist, to_unit_range
from ganstab.errors import InputError

BATCH = 128
PEAK_RATE = 2e-3
WEIGHT_DECAY = 1e-2


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


def loss(params: digit_classifier.Params, image: Array, label: Array) -> Array:
    """Mean cross-entropy in nats."""
    scores = digit_classifier.scores(params, image)
    return optax.softmax_cross_entropy_with_integer_labels(scores, label).mean()


class Training(NamedTuple):
    """What lasts between updates."""

    params: digit_classifier.Params
    opt: optax.OptState


def update(
    tx: optax.GradientTransformation,
    images: Images,
    training: Training,
    choice: tuple[Array, Array],
) -> tuple[Training, Array]:
    """One update on the images at `choice` = (indices [n], key): (training, loss)."""
    indices, key = choice
    keys = jax.random.split(key, len(indices))
    image = jax.vmap(functools.partial(distort, most=Distortion()))(
        to_unit_range(images.image[indices]), keys
    )
    value, grad = jax.value_and_grad(loss)(training.params, image, images.label[indices])
    delta, opt = tx.update(grad, training.opt, training.params)
    return Training(optax.apply_updates(training.params, delta), opt), value


def train(images: Images, epochs: int, seed: int) -> digit_classifier.Params:
    """Weights after `epochs` passes; everything random is a function of (seed, step)."""
    images = jax.tree.map(jnp.asarray, images)
    init_key, order_key, step_key = jax.random.split(jax.random.key(seed), 3)
    per_epoch = len(images.label) // BATCH
    tx = _optimizer(epochs * per_epoch)
    params = digit_classifier.init(init_key)
    training = Training(params, tx.init(params))
    run = jax.jit(
        lambda images, training, choices: lax.scan(
            functools.partial(update, tx, images), training, choices
        )
    )
    start = time.monotonic()
    for epoch in range(epochs):
        order = jax.random.permutation(jax.random.fold_in(order_key, epoch), len(images.label))
        keys = jax.random.split(jax.random.fold_in(step_key, epoch), per_epoch)
        choices = (order[: per_epoch * BATCH].reshape(per_epoch, BATCH), keys)
        training, losses = run(images, training, choices)
        _report(epoch + 1, epochs, float(losses.mean()), time.monotonic() - start)
    return training.params


def _optimizer(steps: int) -> optax.GradientTransformation:
    rate = optax.warmup_cosine_decay_schedule(0, PEAK_RATE, steps // 20, steps)
    return optax.adamw(rate, weight_decay=WEIGHT_DECAY)


def _report(epoch: int, epochs: int, value: float, seconds: float) -> None:
    left = seconds / epoch * (epochs - epoch)
    print(
        f"epoch {epoch}/{epochs}  loss {value:.4f} nats  {seconds:.0f} s, {left:.0f} s left",
        flush=True,
    )


def accuracy(params: digit_classifier.Params, images: Images) -> float:
    """The share of images named rightly."""
    found = digit_classifier.classify(params, to_unit_range(jnp.asarray(images.image)))
    return float((found == images.label).mean())


def define_flags() -> None:
    """The flags of `main`, defined by the program alone: others have a --seed of their own."""
    flags.DEFINE_integer("seed", 0, "Seed of the weights, the order and the distortions.")
    flags.DEFINE_integer("epochs", 20, "Passes over the 60,000 training images.", lower_bound=1)
    flags.DEFINE_string(
        "out",
        digit_classifier.WEIGHTS.name,
        "File (.npz) for the weights; the record goes into the .json file beside it. What the "
        f"package measures with is its own {'/'.join(digit_classifier.WEIGHTS.parts[-3:])}.",
    )


def main() -> int:
    """Train, measure once on the test images, write weights and record."""
    seed, epochs, out = flags.FLAGS.seed, flags.FLAGS.epochs, Path(flags.FLAGS.out)
    check_destination(out)
    start = time.monotonic()
    trained = train(load_mnist("train"), epochs, seed)
    params = jax.tree.map(lambda x: x.astype(jnp.float16).astype(jnp.float32), trained)
    share = accuracy(params, load_mnist("test"))
    record = {
        "test_accuracy": round(share, 4),
        "seed": seed,
        "epochs": epochs,
        "seconds": round(time.monotonic() - start),
        "jax": jax.__version__,
    }
    digit_classifier.save(out, params, record)
    print(f"test accuracy {100 * share:.2f} %, weights in {out}")
    return 0


def check_destination(out: Path) -> None:
    """Refuse, before the minutes of training, what could not be written after them."""
    if out.suffix != ".npz":
        raise InputError(f"--out={out} does not end in .npz")
    if not os.access(out.parent, os.W_OK):
        raise InputError(f"--out={out}: {out.parent} is not a folder that can be written to")


if __name__ == "__main__":
    define_flags()
    runner.launch(main)
