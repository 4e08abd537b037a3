"""Alternating and simultaneous updates."""

import operator
from typing import Any

import jax

from ganstab._checks import check_count, check_txs
from ganstab.steps.update import Step, after, in_parts, move, move_both, numbered
from ganstab.types import PLAYERS, Game, Pair, TrainState

__all__ = ["alternating", "batches_of_each", "check_counts", "check_stacked", "simultaneous"]


def alternating(
    game: Game, txs: Pair, *, n_disc: int = 1, n_gen: int = 1, accumulate: int | None = None
) -> Step:
    """`n_gen` updates of the generator, then `n_disc` of the discriminator, each on its own batch.

    Each player takes optax steps down its own loss with the other held fixed, and only its own
    state (its batch-norm statistics) advances. Metrics are those of each player's last update.

    Args:
      game: whose losses are followed.
      txs: a `Pair` of optax transforms.
      n_disc: discriminator updates a step, at least 1.
      n_gen: generator updates a step, at least 1.
      accumulate: n, in how many parts the players see each batch; the step is that of the whole
        batch (`make_game`). `None` leaves it to the game.

    Returns:
      A step whose batches are stacked in front, one for each update: leaves of shape
      `[n_gen + n_disc, B, …]`, the generator's first; or a `Pair` of such stacks, `[n_gen, B, …]`
      and `[n_disc, B, …]`. For a closed-form game they are `None`.

    Raises:
      ValueError: for a count below 1, or, at trace time, another number of batches.
    """
    check_txs(txs)
    check_counts(n_disc, n_gen)
    parts = in_parts(accumulate)

    def step(train_state: TrainState, batches):
        own = batches_of_each(batches, n_gen, n_disc)
        key = jax.random.fold_in(train_state.key, train_state.step)
        keys = jax.random.split(key, n_gen + n_disc)
        at = train_state.params, numbered(train_state, parts)
        metrics: dict[str, jax.Array] = {}
        for player, turns in zip(PLAYERS, (slice(n_gen), slice(n_gen, None)), strict=True):

            def one(at, drawn, player=player):
                return move(game, txs, player, *at, *drawn)

            at, seen = jax.lax.scan(one, at, (own.of(player), keys[turns]))
            metrics |= jax.tree.map(lambda leaf: leaf[-1], seen)
        return after(train_state, *at), metrics

    return step


def simultaneous(game: Game, txs: Pair, *, accumulate: int | None = None) -> Step:
    """One update of both players from the same point, on one batch.

    Args:
      game: whose losses are followed.
      txs: a `Pair` of optax transforms.
      accumulate: n, in how many parts the players see each batch; the step is that of the whole
        batch (`make_game`). `None` leaves it to the game.
    """
    check_txs(txs)
    parts = in_parts(accumulate)

    def step(train_state: TrainState, batch):
        key = jax.random.fold_in(train_state.key, train_state.step)
        at = train_state.params, numbered(train_state, parts)
        moved, metrics = move_both(game, txs, *at, batch, key)
        return after(train_state, *moved), metrics

    return step


def check_counts(n_disc: int, n_gen: int) -> None:
    """Raises ValueError unless either player moves at all."""
    for label, count in (("n_disc", n_disc), ("n_gen", n_gen)):
        check_count(label, count)


def check_stacked(batches: Any, n_gen: int, n_disc: int) -> None:
    """Raises ValueError unless there is one batch in front for each of the updates."""
    for leaf in jax.tree.leaves(batches):
        if leaf.shape[:1] != (n_gen + n_disc,):
            raise ValueError(
                f"a step of (n_disc={n_disc}, n_gen={n_gen}) takes {n_gen + n_disc} batches "
                f"stacked in front, got a leaf of shape {leaf.shape}"
            )


def batches_of_each(batches: Any, n_gen: int, n_disc: int) -> Pair:
    """Each player's batches, stacked in front: `[n_gen, B, …]` and `[n_disc, B, …]`.

    Raises:
      ValueError: unless there is one for each of the updates.
    """
    if isinstance(batches, Pair) and all(
        leaf.shape[:1] == (count,)
        for own, count in zip(batches, (n_gen, n_disc), strict=True)
        for leaf in jax.tree.leaves(own)
    ):
        return batches
    check_stacked(batches, n_gen, n_disc)
    turns = slice(n_gen), slice(n_gen, None)
    return Pair(*(jax.tree.map(operator.itemgetter(own), batches) for own in turns))
