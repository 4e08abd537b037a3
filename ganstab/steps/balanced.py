"""Orders of play beyond `ganstab.steps`: training steps that are techniques of their own.

They are steps as those are: `(train_state, batches) -> (train_state, metrics)`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ganstab.steps import Step, after, check_counts, check_stacked, move, move_both, numbered
from ganstab.types import Game, Pair, TrainState


def extragradient(game: Game, txs: Pair) -> Step:
    """Both players look a step ahead, and take from where they are the step of there.

        w̃ = w + tx(−ξ(w)),   w⁺ = w + tx(−ξ(w̃))

    Korpelevich 1976; for GANs Gidel et al. 2019 (arXiv 1802.10551, algorithms 3 and 4), whose Adam
    notes both gradients in its moments, as every optax transform does here. Both gradients see the
    same batch and the same draws. The players' own states advance by the second evaluation.

    Args:
      game: whose losses are followed.
      txs: a `Pair` of optax transforms.

    Returns:
      A step of one batch. Metrics are those at w̃.
    """

    def step(train_state: TrainState, batch):
        key = jax.random.fold_in(train_state.key, train_state.step)
        params, carry = train_state.params, numbered(train_state)
        (ahead, looked), _ = move_both(game, txs, params, carry, batch, key)
        carry = carry._replace(opt=looked.opt)
        moved, metrics = move_both(game, txs, params, carry, batch, key, seen_from=ahead)
        return after(train_state, *moved), metrics

    return step


def balanced(game: Game, txs: Pair, again: Pair, *, n_disc: int = 1, n_gen: int = 1) -> Step:
    """Alternating updates whose number a metric decides: each player moves until it is even.

    The generator takes one update, and then more while `again.gen` says so, `n_gen` at most; then
    the discriminator likewise. With `lambda metrics: metrics["disc/loss"] > 0.5` a discriminator
    that is behind catches up, and one that is ahead waits. Where both always want another update,
    this is `steps.alternating(game, txs, n_disc=n_disc, n_gen=n_gen)`; updates that are not wanted
    are not computed.

    Args:
      game: whose losses are followed.
      txs: a `Pair` of optax transforms.
      again: a `Pair` of functions from the metrics of the player's last update to a bool scalar:
        whether it takes another.
      n_disc: most discriminator updates a step, at least 1.
      n_gen: most generator updates a step, at least 1.

    Returns:
      A step whose batches are stacked as those of `alternating`, of which a player's last may go
      unseen. Metrics are those of each player's last update, and `gen/updates`, `disc/updates`.

    Raises:
      ValueError: for a count below 1, or, at trace time, another number of batches.
    """
    check_counts(n_disc, n_gen)

    def step(train_state: TrainState, batches):
        check_stacked(batches, n_gen, n_disc)
        key = jax.random.fold_in(train_state.key, train_state.step)
        drawn = batches, jax.random.split(key, n_gen + n_disc)
        at = train_state.params, numbered(train_state)
        metrics: dict[str, jax.Array] = {}
        for player, first, most in ((0, 0, n_gen), (1, n_gen, n_disc)):

            def one(at, place, player=player):
                batch, own_key = jax.tree.map(lambda leaf: leaf[place], drawn)
                return move(game, txs, player, at[0], at[1], batch, own_key)

            at, seen, count = _while_wanted(one, again[player], at, first, most)
            metrics |= {**seen, f"{Pair._fields[player]}/updates": count}
        return after(train_state, *at), metrics

    return step


def _while_wanted(one: Callable, again: Callable, at, first: int, most: int):
    """`one(at, first)`, `one(at, first + 1)`, … while wanted: the end, its metrics, how many."""

    def wanted(loop):
        _, metrics, count = loop
        return (count < most) & again(metrics)

    def body(loop):
        at, _, count = loop
        return *one(at, first + count), count + 1

    return jax.lax.while_loop(wanted, body, (*one(at, first), jnp.ones((), jnp.int32)))
