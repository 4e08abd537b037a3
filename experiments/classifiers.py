"""What trains the classifiers that the package ships, and the command line of their programs.

The optimizer is AdamW. Its learning rate rises linearly and then decays to zero along a cosine.
Each image is changed at random every time that it is shown. The test images are classified once,
after training, for the accuracy that is recorded beside the weights. The file has the weights in
float16, and the accuracy is that of the float16 weights.
"""

import argparse
import functools
import os
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array, lax

from ganstab import checkpoint
from ganstab._arrays import in_chunks
from ganstab._command_line import Parser, exit_status, quiet_where_unread
from ganstab.data import Images, to_unit_range
from ganstab.errors import InputError

BATCH, AT_ONCE = 128, 64
Params = dict[str, Array]


class Task(NamedTuple):
    """A classifier and how it is trained."""

    network: Any
    """The module that has `scores`, `save` and `WEIGHTS`."""
    init: Callable[[Array], Params]
    change: Callable[[Array, Array], Array]
    """`(image, key) -> image`, of one image float32 [H, W, C] in [-1, 1]."""
    epochs: int
    peak_rate: float = 2e-3
    weight_decay: float = 1e-2
    made: Callable[[Params], Params] = lambda params: params
    """Maps the parameters that are trained to the network's own."""

    def scores(self, params: Params, image: Array) -> Array:
        """Unnormalised log-probabilities [n, classes] of images [n, H, W, C] in [-1, 1]."""
        return self.network.scores(self.made(params), image)


def update(
    task: Task, tx: optax.GradientTransformation, images: Images, training: tuple, choice: tuple
):
    """One update of (params, opt) on the images at (indices [n], key): (the same, loss in nats)."""
    params, opt = training
    indices, key = choice
    keys = jax.random.split(key, len(indices))
    image = jax.vmap(task.change)(to_unit_range(images.image[indices]), keys)

    def loss(params: Params) -> Array:
        scores = task.scores(params, image)
        return optax.softmax_cross_entropy_with_integer_labels(scores, images.label[indices]).mean()

    value, grad = jax.value_and_grad(loss)(params)
    delta, opt = tx.update(grad, opt, params)
    return (optax.apply_updates(params, delta), opt), value


def train(
    task: Task, images: Images, epochs: int, seed: int, kept: pathlib.Path | None = None
) -> Params:
    """The network's weights after `epochs` passes, a function of the images, `epochs` and the seed.

    Args:
      task: what is trained.
      images: the training images.
      epochs: how many passes.
      seed: of the initial weights, the order and the changes of the images.
      kept: a folder for a checkpoint after each pass, from which the same call goes on.

    Raises:
      InputError: there are fewer images than a batch has.
    """
    images = jax.tree.map(jnp.asarray, images)
    init_key, order_key, step_key = jax.random.split(jax.random.key(seed), 3)
    count, per_epoch = len(images.label), len(images.label) // BATCH
    if not per_epoch:
        raise InputError(f"training takes batches of {BATCH} images, and the data have {count}")
    kept = kept and kept / f"seed{seed}_epochs{epochs}"  # the rates depend on the epochs
    steps = epochs * per_epoch
    rate = optax.warmup_cosine_decay_schedule(0, task.peak_rate, steps // 20, steps)
    tx = optax.adamw(rate, weight_decay=task.weight_decay)
    params = task.init(init_key)
    training, done = (params, tx.init(params)), 0
    if kept and (found := checkpoint.restore(kept, training)):
        training, done = found.state, found.step
        print(f"going on after epoch {done}", flush=True)
    run = jax.jit(lambda images, *at: lax.scan(functools.partial(update, task, tx, images), *at))
    start = time.monotonic()
    for epoch in range(done, epochs):
        order = jax.random.permutation(jax.random.fold_in(order_key, epoch), count)
        keys = jax.random.split(jax.random.fold_in(step_key, epoch), per_epoch)
        choices = (order[: per_epoch * BATCH].reshape(per_epoch, BATCH), keys)
        training, losses = run(images, training, choices)
        words = f"epoch {epoch + 1}/{epochs}  loss {losses.mean():.4f} nats"
        print(f"{words}  {time.monotonic() - start:.0f} s", flush=True)
        if kept:
            checkpoint.save(kept, training, epoch + 1, keep=1)
    return task.made(training[0])


def accuracy(task: Task, params: Params, images: Images) -> float:
    """The share of the images that the network classifies correctly."""

    @jax.jit
    def named(params: Params, image: Array) -> Array:
        def chunk(part: Array) -> Array:
            return task.network.scores(params, to_unit_range(part))

        return jnp.argmax(in_chunks(chunk, image, AT_ONCE), axis=-1)

    return float((named(params, jnp.asarray(images.image)) == images.label).mean())


def check_destination(out: pathlib.Path) -> None:
    """Refuses, before the minutes of training, what could not be written after them."""
    if out.suffix != ".npz":
        raise InputError(f"--out={out} does not end in .npz")
    if not out.absolute().parent.is_dir() or not os.access(out.parent, os.W_OK | os.X_OK):
        raise InputError(f"--out={out}: {out.parent} is not a folder that can be written to")
    for file in (out, out.with_suffix(".json")):
        if os.path.lexists(file) and not (file.is_file() and os.access(file, os.W_OK)):
            raise InputError(f"--out={out}: {file} is not a file that can be written to")


def parser(task: Task, prog: str, description: str | None) -> argparse.ArgumentParser:
    """The flags that every such program has."""
    made = Parser(prog=prog, description=description)
    made.add_argument("--seed", type=int, default=0, help="of weights, order and changes (0)")
    said = "passes over the images (%(default)s)"
    made.add_argument("--epochs", type=int, default=task.epochs, help=said)
    said = "file for the weights; a .json beside it records how they were made (%(default)s)"
    made.add_argument("--out", type=pathlib.Path, default=task.network.WEIGHTS.name, help=said)
    said = "folder for a checkpoint after each pass; the same command goes on from there"
    made.add_argument("--checkpoints", type=pathlib.Path, help=said)
    return made


def run(
    task: Task, asked: argparse.Namespace, images: Callable[[argparse.Namespace, str], Images]
) -> int:
    """Trains on `images(asked, "train")`, measures once on "test", writes weights and record."""
    for flag, value, least, most in (
        ("epochs", asked.epochs, 1, 10_000),
        ("seed", asked.seed, 0, 2**32 - 1),
    ):
        if not least <= value <= most:
            raise InputError(f"--{flag} must be from {least} to {most:,}, got {value}")
    check_destination(asked.out)
    start = time.monotonic()
    test = images(asked, "test")
    trained = train(task, images(asked, "train"), asked.epochs, asked.seed, asked.checkpoints)
    params = jax.tree.map(lambda x: x.astype(jnp.float16).astype(jnp.float32), trained)
    share = accuracy(task, params, test)
    record = {"test_accuracy": round(share, 4), "seed": asked.seed, "epochs": asked.epochs}
    record |= {"seconds": round(time.monotonic() - start), "jax": jax.__version__}
    task.network.save(asked.out, params, record)
    print(f"test accuracy {100 * share:.2f} %, weights in {asked.out}")
    return 0


def main(
    task: Task,
    parser: argparse.ArgumentParser,
    images: Callable[[argparse.Namespace, str], Images],
) -> None:
    """The program; ends the process with its exit status."""
    with quiet_where_unread():
        asked = parser.parse_args()
        sys.exit(exit_status(functools.partial(run, task, images=images), asked))
