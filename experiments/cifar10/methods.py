"""How each curve of Figure 3 and each row of Table 3 is trained: recipes, networks, images."""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from experiments.cifar10 import networks
from ganstab import Game, Pair, optimizers, recipes, steps, terms
from ganstab.data import Sampler, single_images
from ganstab.networks import images
from ganstab.players import from_nnx
from ganstab.recipes import Recipe
from ganstab.steps import Step
from ganstab.types import Batch

RESNET = "resnet"
RATE, B1, B2 = 2e-4, 0.0, 0.9
GEN_BATCHES = 2
"""The generator's batch as a multiple of the critic's."""
DISC_WEIGHT, GEN_WEIGHT = 1.0, 0.1
"""Weights of AC-GAN's cross entropies; the critic's is of real images alone."""


class Method(NamedTuple):
    """One way to train, for people and as a recipe."""

    words: str
    recipe: Callable[[int, bool], Recipe]
    """Of the number of steps over which a rate falls, and of whether images are made by class."""
    norm: bool = False
    """Whether the DCGAN-like critic has batch norm."""


def linear_decay(rate: float, steps: int, updates: int) -> optax.Schedule:
    """`rate · (1 − s / steps)` at step s of a player that moves `updates` times a step; then 0."""
    return lambda count: rate * jnp.maximum(0.0, 1 - (count // updates) / steps)


def resnet(decay_steps: int, conditional: bool) -> Recipe:
    """WGAN-GP for the residual pair: linear decay, a generator's batch of two critic's batches.

    The training loop draws batches of one size. The first two of a step are put together for the
    generator's update, the others are for the critic's updates.
    """
    base = recipes.wgan_gp(b1=B1, b2=B2)
    by_class = (terms.auxiliary_classifier(DISC_WEIGHT, GEN_WEIGHT),) if conditional else ()
    rates = (linear_decay(RATE, decay_steps, updates) for updates in (1, base.n_disc))
    return dataclasses.replace(
        base,
        terms=(*base.terms, *by_class),
        txs=Pair(*(optimizers.adam(rate, B1, B2) for rate in rates)),
        n_gen=GEN_BATCHES,
        make_step=functools.partial(one_large_gen_batch, n_disc=base.n_disc),
        conditional="gen" if conditional else False,
    )


def one_large_gen_batch(game: Game, txs: Pair, *, n_disc: int) -> Step:
    """`alternating` with one generator update, on the first batches of the stack put together."""
    step = steps.alternating(game, txs, n_disc=n_disc)

    def take(state, batches):
        own = jax.tree.map(lambda x: x[:-n_disc].reshape(1, -1, *x.shape[2:]), batches)
        return step(state, Pair(own, jax.tree.map(lambda x: x[-n_disc:], batches)))

    return take


def _rmsprop() -> Recipe:
    """WGAN-GP with the optimizer of weight clipping."""
    return dataclasses.replace(recipes.wgan_gp(), txs=Pair(*2 * [recipes.wgan().txs.gen]))


METHODS = {
    "adam": Method("gradient penalty, Adam", lambda *_: recipes.wgan_gp(b1=0.5)),
    "rmsprop": Method("gradient penalty, RMSProp", lambda *_: _rmsprop()),
    "clipping": Method("weight clipping", lambda *_: recipes.wgan(), norm=True),
    "dcgan": Method("DCGAN", lambda *_: recipes.dcgan(), norm=True),
    RESNET: Method("WGAN-GP ResNet", resnet),
}


def modules(method: str, width: int, num_classes: int | None) -> Pair:
    """What `from_nnx` takes, for either player."""
    if method == RESNET:
        return images.wgan_gp(32, width=width, num_classes=num_classes, latent=networks.LATENT)
    return Pair(
        lambda rngs: networks.Generator(width, rngs=rngs),
        lambda rngs: networks.Critic(width, norm=METHODS[method].norm, rngs=rngs),
    )


def players(method: str, width: int, num_classes: int | None) -> Pair:
    """The networks of a method."""
    return Pair(*map(from_nnx, modules(method, width, num_classes)))


def _dequantised(image: jax.Array, label: jax.Array) -> Batch:
    return Batch(image.astype(jnp.float32) / 128 - 1, label.astype(jnp.int32))


def _noisy(batch: Batch, key: jax.Array) -> Batch:
    noise = jax.random.uniform(key, batch.real.shape, maxval=1 / 128)
    return batch._replace(real=batch.real + noise)


def sampler(method: str) -> Sampler:
    """Bytes x as x / 127.5 − 1; for the ResNet as x / 128 − 1 + U[0, 1/128], uniform in a step."""
    return (
        Sampler(single_images.indices, _dequantised, _noisy) if method == RESNET else single_images
    )
