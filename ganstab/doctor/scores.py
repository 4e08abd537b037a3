"""What a discriminator's scores depend on: the contrast of samples, and data it has seen before."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ganstab._compiling import SOON
from ganstab.doctor.subject import Subject
from ganstab.steps import numbered
from ganstab.types import Batch, Game, TrainState

__all__ = ["Contrast", "Memory", "contrast", "memory"]

DOUBLED = 2.0
GROUPS = 8
REAL, FAKE = "disc/real_score", "disc/fake_score"
TINY = 1e-4  # of a score, what float32 leaves of a change


class Contrast(NamedTuple):
    """How much of the generated samples' contrast the discriminator sees, and how much they have.

    The contrast of samples is doubled about the batch's mean m, a channel (or coordinate) at a
    time: `x ↦ m + 2(x − m)`, once of the whole batch, and once of each eighth of it, beside seven
    eighths as they are. With the change δ of the score of a sample whose contrast is doubled,
    compared are

        seen = median |δ| of the whole batch / median |δ| of the eighths

    A discriminator that judges each sample alone has 1. Where batch norm of the generated samples
    alone follows a linear first layer, the first is 0, for what all samples share is divided out.
    Contrast is not halved, since batch norm adds ε to variances: those of a few units may then come
    near it.
    """

    seen: float | None
    """As above; None where the scores do not depend on contrast, or the batch is too small."""
    share: float
    """The generated batch's standard deviation, about the means of channels, over the data's."""


class Memory(NamedTuple):
    """Mean scores of several batches: of data that were trained on, of other data, of samples."""

    trained: np.ndarray
    held_out: np.ndarray
    fake: np.ndarray


def contrast(subject: Subject) -> Contrast | None:
    """Of the batch that the next step trains on; None where the game has no samples or scores."""
    game, batch = subject.plain or subject.game, subject.batch
    if not isinstance(batch, Batch):
        return None
    found = _doubled(game, subject.state, batch)
    if found is None:
        return None
    changes, level, share = (np.asarray(leaf, np.float64) for leaf in found)
    whole, alone = (float(np.median(np.abs(each))) for each in changes)
    seen = whole / alone if alone > TINY * (1 + level) else None
    return Contrast(seen, float(share))


def memory(subject: Subject) -> Memory | None:
    """Scores of data that were trained on and of others; None without such data."""
    if subject.data is None:
        return None
    game, (trained, held_out) = subject.plain or subject.game, subject.data()
    known, other = (
        np.asarray(_scored(game, subject.state, batches), np.float64)
        for batches in (trained, held_out)
    )
    return Memory(known[:, 0], other[:, 0], known[:, 1])


def _doubled(game: Game, state: TrainState, batch: Batch) -> Any:
    """As of `_changes`, or None."""
    carry, key = _at(state)
    shape = jax.eval_shape(game.play, state.params.gen, carry, batch, key)[0]
    if getattr(shape, "shape", None) != batch.real.shape or len(batch.real) < 2 * GROUPS:
        return None
    judged = jax.eval_shape(game.judge, state.params, carry, batch, shape, key)[1]
    return None if judged.scores is None else _changes(game, state, batch)


@functools.partial(jax.jit, static_argnames="game", compiler_options=SOON)
def _changes(game: Game, state: TrainState, batch: Batch):
    """Changes of scores `[2, B]`, of the batch and of eighths; their level; the contrast."""
    carry, key = _at(state)
    fake, gen_state = game.play(state.params.gen, carry, batch, key)
    carry = carry._replace(state=carry.state._replace(gen=gen_state))
    group = jnp.arange(len(fake)) % GROUPS

    def score(fake):
        judged: Any = game.judge(state.params, carry, batch, fake, key)[1].scores
        return jnp.mean(judged.gen.reshape(len(fake), -1), axis=1)

    def doubled(chosen):
        mask = chosen.reshape(-1, *(1,) * (fake.ndim - 1))
        return score(jnp.where(mask, _mean(fake) + DOUBLED * (fake - _mean(fake)), fake))

    plain = score(fake)
    masks = jnp.stack([group == place for place in range(GROUPS)] + [group >= 0])
    found = jax.lax.map(doubled, masks)
    changes = jnp.stack([found[-1], found[group, jnp.arange(len(fake))]]) - plain[None]
    return changes, jnp.median(jnp.abs(plain)), _deviation(fake) / _deviation(batch.real)


@functools.partial(jax.jit, static_argnames="game", compiler_options=SOON)
def _scored(game: Game, state: TrainState, batches: Batch) -> jax.Array:
    """Mean scores of data and samples, of each batch: `[m, 2]`."""
    carry, key = _at(state)

    def scores(given):
        place, batch = given
        metrics = game(state.params, carry, batch, jax.random.fold_in(key, place))[1].metrics
        return jnp.stack([metrics[REAL], metrics[FAKE]])

    return jax.lax.map(scores, (jnp.arange(len(batches.real)), batches))


def _at(state: TrainState) -> tuple[Any, jax.Array]:
    """The carry, and the key of the next step."""
    return numbered(state), jax.random.fold_in(state.key, state.step)


def _mean(x: jax.Array) -> jax.Array:
    return jnp.mean(x, axis=tuple(range(x.ndim - 1)), keepdims=True)


def _deviation(x: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.mean((x - _mean(x)) ** 2))
