"""Alternating updates whose number is decided by the game's own metrics."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ganstab._checks import check_pair, check_txs
from ganstab._metric_names import check_free
from ganstab.steps.alternating import batches_of_each, check_counts
from ganstab.steps.update import Step, after, in_parts, move, numbered
from ganstab.types import PLAYERS, Game, Pair, TrainState

__all__ = ["balanced"]


def balanced(
    game: Game,
    txs: Pair,
    again: Pair,
    *,
    n_disc: int = 1,
    n_gen: int = 1,
    accumulate: int | None = None,
) -> Step:
    """Alternating updates whose number is decided by each player's metrics.

    The generator takes one update, and then more while `again.gen` returns true, `n_gen` at most;
    then the discriminator likewise. With `lambda metrics: metrics["disc/loss"] > 0.5` the
    discriminator takes more than one update only while its loss is large. Where both functions
    always return true, this is `steps.alternating(game, txs, n_disc=n_disc, n_gen=n_gen)`. An
    update that is not taken is not computed.

    Args:
      game: whose losses are followed.
      txs: a `Pair` of optax transforms.
      again: a `Pair` of functions from the metrics of the player's last update to a bool scalar:
        whether it takes another.
      n_disc: most discriminator updates a step, at least 1.
      n_gen: most generator updates a step, at least 1.
      accumulate: n, in how many parts the players see each batch; the step is that of the whole
        batch (`make_game`). `None` leaves it to the game.

    Returns:
      A step whose batches are one stack or a `Pair` of two, as those of `alternating`; a player's
      last batches go unused where it takes fewer updates. Metrics are those of each player's last
      update, and `gen/updates`, `disc/updates`.

    Raises:
      ValueError: for a count below 1, or, at trace time, another number of batches.
    """
    check_txs(txs)
    check_pair("again", again)
    check_counts(n_disc, n_gen)
    parts = in_parts(accumulate)

    def step(train_state: TrainState, batches):
        own = batches_of_each(batches, n_gen, n_disc)
        key = jax.random.fold_in(train_state.key, train_state.step)
        keys = jax.random.split(key, n_gen + n_disc)
        at = train_state.params, numbered(train_state, parts)
        metrics: dict[str, jax.Array] = {}
        for player, turns, most in zip(
            PLAYERS, (slice(n_gen), slice(n_gen, None)), (n_gen, n_disc), strict=True
        ):
            drawn = own.of(player), keys[turns]

            def one(at, place, player=player, drawn=drawn):
                batch, own_key = jax.tree.map(lambda leaf: leaf[place], drawn)
                return move(game, txs, player, at[0], at[1], batch, own_key)

            at, seen, count = _while_wanted(one, again.of(player), at, most)
            check_free(seen, f"{player}/updates")
            metrics |= {**seen, f"{player}/updates": count}
        return after(train_state, *at), metrics

    return step


def _while_wanted(one: Callable, again: Callable, at, most: int):
    """`one(at, 0)`, `one(at, 1)`, … while wanted: the end, its metrics, how many."""

    def wanted(loop):
        _, metrics, count = loop
        return (count < most) & again(metrics)

    def body(loop):
        at, _, count = loop
        return *one(at, count), count + 1

    return jax.lax.while_loop(wanted, body, (*one(at, 0), jnp.ones((), jnp.int32)))
