"""Every technique, each as a small game to be trained. The next one is one row of `CATALOGUE`.

What holds for all of them is in `test_catalogue.py`.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from common import arrays, perceptron
from flax import nnx

from ganstab import (
    Pair,
    Verdict,
    losses,
    networks,
    optimizers,
    penalties,
    steps,
    surrogates,
    terms,
)
from ganstab.players import (
    adaptively_augmented,
    anchored,
    augmented,
    ensemble,
    from_nnx,
    instance_noise,
    multiplied,
    packed,
    reference_batch,
    spectral_norm,
)
from ganstab.players.ema import averaged

SGD = optax.sgd(0.1)
# With a large ε: near a gradient of 0 the slope is learning rate / ε, and as sensitive to rounding.
ADAM = optimizers.adam(0.01, b1=0.5, eps=0.1)


class Row(NamedTuple):
    """One technique in a game that is otherwise plain."""

    terms: tuple = (terms.score_loss(losses.non_saturating),)
    players: Callable = lambda pair: pair
    surrogate: Callable = lambda game: game
    txs: Pair = Pair(SGD, SGD)
    make_step: Callable = steps.simultaneous
    joint: bool = False
    draws: bool = False  # whether its loss draws numbers of its own for each sample
    together: int = 1  # neighbours in the batch that stay neighbours in any order


def loss(fn, **options):
    return Row(terms=(terms.score_loss(functools.partial(fn, **options)),))


def penalty(fn, draws=False, **options):
    return Row(terms=(terms.disc_penalty(2.0, functools.partial(fn, **options)),), draws=draws)


def unrolled(tx=SGD, **options):
    return Row(
        surrogate=lambda game: surrogates.unrolled(game, tx, 2, **options), txs=Pair(SGD, tx)
    )


def critic(wrap, *critics_terms, **options):
    """A row with another critic, whose terms join the plain ones."""
    all_terms = (*Row().terms, *critics_terms)
    return Row(terms=all_terms, players=lambda pair: Pair(pair.gen, wrap(pair.disc)), **options)


def talkative(player):
    """Beside its scores, the critic's hidden layer and a part of it as class logits."""

    def apply(params, state, x, key, *, train=True):
        hidden = jnp.tanh(x @ params[0]["w"])
        score, state = player.apply(params, state, x, key, train=train)
        return Verdict(score, features=hidden, class_logits=hidden[:, :3]), state

    return player._replace(apply=apply)


def wrapped(_):
    """With kernels of rank one, whose singular vectors are exact after one power iteration.

    So that nothing is missing where no gradient runs through them.
    """
    noisy = ensemble(spectral_norm(perceptron(2, 1, 1)), 2)
    return instance_noise(noisy, optax.linear_schedule(0.5, 0.1, 4))


def wide(_):
    """Two samples of 2 numbers each for one score."""
    return packed(perceptron(4, 3, 1), 2)


def apart(_):
    """Every part of a network that keeps samples apart."""

    def build(rngs):
        return nnx.Sequential(
            networks.equalized_linear(2, 6, rngs=rngs), networks.VirtualBatchNorm(6, 3, rngs=rngs),
            networks.gated, networks.pixel_norm, nnx.LayerNorm(3, epsilon=1e-5, rngs=rngs),
            nnx.Linear(3, 1, rngs=rngs),
        )  # fmt: skip

    return reference_batch(from_nnx(build), arrays(4, 3, 2))


def comparing(_):
    """Every part of a network that compares the samples of a batch."""

    def build(rngs):
        return nnx.Sequential(
            networks.MinibatchDiscrimination((2,), 2, 3, init_stddev=0.5, rngs=rngs),
            functools.partial(networks.minibatch_stddev, group=8), nnx.Linear(5, 1, rngs=rngs),
        )  # fmt: skip

    return from_nnx(build)


def surrogate(wrap, **options):
    return Row(surrogate=wrap, **options)


def alternating(game, txs):
    """Alternating updates on one batch, shown twice."""
    return shown(2, steps.alternating(game, txs))


def balanced(game, txs):
    """One generator update, and one or two of the discriminator by its loss."""
    again = Pair(lambda metrics: metrics["gen/loss"] > 9, lambda metrics: metrics["disc/loss"] > 0)
    return shown(3, steps.balanced(game, txs, again, n_disc=2))


def shown(count, step):
    return lambda start, batch: step(
        start, jax.tree.map(lambda leaf: jnp.stack([leaf] * count), batch)
    )


BOUND = optax.chain(
    optimizers.historical_averaging(0.5), optimizers.optimistic(ADAM), optimizers.clip_weights(2.0)
)
KEEPING = optax.chain(SGD, optimizers.snapshots(2))
LOOKING = optax.chain(SGD, optimizers.slow_weights())


def scaled(x, key):
    """An augmentation of points: each is made up to a half longer or shorter."""
    return x * (0.5 + jax.random.uniform(key, (len(x), 1), x.dtype))


def opposite(x, key):
    """An augmentation that takes points far away, so that scores differ by more than rounding."""
    return -scaled(x, key)


CATALOGUE = {
    "minimax": loss(losses.minimax),
    "non-saturating": loss(losses.non_saturating),
    "non-saturating, smoothed": loss(losses.non_saturating, label_smoothing=0.1),
    "wasserstein": loss(losses.wasserstein),
    "least squares": loss(losses.least_squares),
    "hinge": loss(losses.hinge),
    "relativistic average": loss(losses.relativistic_average),
    "relativistic paired": loss(losses.relativistic_paired),
    "top-k": Row(terms=(terms.top_k(losses.hinge, optax.linear_schedule(0.5, 0.3, 4)),)),
    "ebgan": loss(losses.ebgan),
    "fisher": critic(
        multiplied, terms.fisher(0.3), txs=Pair(SGD, optimizers.multiplier_ascent(SGD, 0.3))
    ),
    "lecam": critic(
        anchored, terms.lecam(0.5), txs=Pair(SGD, optimizers.anchor_averages(SGD, 0.7))
    ),
    "balanced consistency": Row(
        terms=(terms.balanced_consistency(2.0, 0.5, augmentations=(opposite,)),), draws=True
    ),
    "features and classes": critic(
        talkative,
        terms.feature_matching(zero_sum=True),
        terms.pull_away(),
        terms.auxiliary_classifier(),
    ),
    "drift": Row(terms=(terms.score_loss(losses.wasserstein), terms.drift(0.1))),
    "wgan-gp": penalty(penalties.wgan_gp, draws=True),
    "wgan-gp, one-sided": penalty(penalties.wgan_gp, draws=True, one_sided=True, target=0.3),
    "dragan": penalty(penalties.dragan, draws=True),
    "dragan of the paper": penalty(penalties.dragan_paper, draws=True, variance=0.1),
    "js regularizer": penalty(penalties.js_regularizer),
    "r1": penalty(penalties.r1),
    "r2": penalty(penalties.r2),
    "r1 and r2": penalty(penalties.r1_r2),
    "approximate r1": penalty(penalties.approximate_r1, draws=True, scale=1.0),
    "approximate r2": penalty(penalties.approximate_r2, draws=True, scale=1.0),
    "lazy, with a schedule": Row(
        terms=(terms.lazy(terms.disc_penalty(optax.linear_schedule(2.0, 0.0, 4), penalties.r1), 2),)
    ),
    "real and fake in one batch": Row(joint=True),
    "noise on an ensemble of spectral norms": critic(wrapped, draws=True),
    "augmented": critic(functools.partial(augmented, augmentations=(scaled,)), draws=True),
    "adaptively augmented": critic(
        functools.partial(adaptively_augmented, augmentations=(scaled,), start=0.5),
        terms.adaptive_augmentation(0.2, terms.sign_of_pairs),
        txs=Pair(SGD, optimizers.augmentation_steps(SGD, 8, images=80)),
        draws=True,
    ),
    "packed": critic(wide, together=2),
    "parts that keep samples apart": critic(apart),
    "parts that compare samples": critic(comparing),
    "unrolled": unrolled(ADAM),
    "unrolled, first order": unrolled(second_order=False),
    "unrolled, generator, average": unrolled(player="gen", average=True),
    "adam": Row(txs=Pair(ADAM, ADAM)),
    "alternating": Row(make_step=alternating),
    "best response": surrogate(lambda game: surrogates.best_response(game, SGD, 2, damping=1.0)),
    "consensus": surrogate(lambda game: surrogates.consensus(game, 0.5)),
    "gradient norm": surrogate(lambda game: surrogates.gradient_norm(game, 0.5)),
    "symplectic adjustment": surrogate(surrogates.symplectic_adjustment),
    "competitive gradient": surrogate(lambda game: surrogates.competitive_gradient(game, 0.1)),
    "smoothed": surrogate(lambda game: surrogates.smoothed(game, 0.1, 2)),
    "snapshot ensemble": surrogate(surrogates.snapshot_ensemble, txs=Pair(SGD, KEEPING)),
    "averaged generator, extragradient": Row(
        players=lambda pair: pair._replace(gen=averaged(pair.gen, 0.9)),
        make_step=steps.extragradient,
    ),
    "lookahead": Row(
        txs=Pair(LOOKING, LOOKING),
        make_step=lambda game, txs: steps.lookahead(steps.simultaneous(game, txs), 1),
    ),
    "historical, optimistic, clipped, balanced": Row(txs=Pair(BOUND, BOUND), make_step=balanced),
}


def _is_a_term(row):
    return row._replace(terms=(), draws=False) == Row(terms=())


# What is added up is compiled in one program, where each has its own metric.
TERMS = {
    "all losses and penalties": Row(
        terms=tuple(term for row in CATALOGUE.values() if _is_a_term(row) for term in row.terms)
    )
}
ADDED_UP = TERMS | {name: row for name, row in CATALOGUE.items() if not _is_a_term(row)}
# Whose losses are not those of the plain game, however it is trained.
JUDGED = {
    name: row
    for name, row in ADDED_UP.items()
    if row._replace(txs=Row().txs, make_step=Row().make_step, joint=False) != Row()
}
# A surrogate's composition with `unrolled` has a closed form in its own tests, and an optimizer's.
LOOKED_AHEAD_AT = TERMS | {
    name: row
    for name, row in CATALOGUE.items()
    if row.players is not Row().players and row.make_step is steps.simultaneous
}
