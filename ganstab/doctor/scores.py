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

FADES = 0.1, 0.5, 2.0
REAL, FAKE = "disc/real_score", "disc/fake_score"
TINY = 1e-4  # of a score, what float32 leaves of a change


class Contrast(NamedTuple):
    """How much of the generated samples' contrast the discriminator sees, and how much they have.

    The contrast of a batch is scaled about its mean m, a channel (or coordinate) at a time:
    `x ↦ m + c(x − m)` for c = 0.1, 0.5 and 2, once of all samples and once of either half. With the
    change Δ of the mean score, compared are

        seen = √( Σ_c Δ_all(c)² / Σ_c (Δ_even(c) + Δ_odd(c))² )

    A discriminator that judges each sample alone has `Δ_all = Δ_even + Δ_odd`, so 1. Where batch
    norm of the generated samples alone follows a linear first layer, Δ_all is 0, for what all
    samples share is divided out, while that of a half is not.
    """

    seen: float | None
    """As above; None where the scores depend on neither."""
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
    found = _faded(game, subject.state, batch)
    if found is None:
        return None
    scores, share = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), found)
    changes = scores[1:].reshape(len(FADES), 3) - scores[0]
    whole, parts = changes[:, 0], changes[:, 1] + changes[:, 2]
    least = TINY * (1 + abs(scores[0]))
    seen = None
    if np.isfinite(changes).all() and np.linalg.norm(parts) > least:
        seen = float(np.linalg.norm(whole) / np.linalg.norm(parts))
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


def _faded(game: Game, state: TrainState, batch: Batch) -> Any:
    """The mean score of the samples as they are and faded `[1 + 3 FADES]`, and their contrast."""
    carry, key = _at(state)
    shape = jax.eval_shape(game.play, state.params.gen, carry, batch, key)[0]
    if getattr(shape, "shape", None) != batch.real.shape or len(batch.real) < 2:
        return None
    judged = jax.eval_shape(game.judge, state.params, carry, batch, shape, key)[1].metrics
    return _scores_of_faded(game, state, batch) if FAKE in judged else None


@functools.partial(jax.jit, static_argnames="game", compiler_options=SOON)
def _scores_of_faded(game: Game, state: TrainState, batch: Batch):
    carry, key = _at(state)
    fake, gen_state = game.play(state.params.gen, carry, batch, key)
    carry = carry._replace(state=carry.state._replace(gen=gen_state))
    even = (jnp.arange(len(fake)) % 2 == 0).reshape(-1, *(1,) * (fake.ndim - 1))
    faded = [_mean(fake) + c * (fake - _mean(fake)) for c in FADES]
    shown = [fake]
    for each in faded:
        shown += [each, jnp.where(even, each, fake), jnp.where(even, fake, each)]

    def score(fake):
        return game.judge(state.params, carry, batch, fake, key)[1].metrics[FAKE]

    share = _deviation(fake) / _deviation(batch.real)
    return jax.lax.map(score, jnp.stack(shown)), share


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
