"""Training steps: pure functions of a training state and its batches.

A step is `(train_state, batches) -> (train_state, metrics)`; the caller jits, donates, shards,
scans or vmaps it. All randomness is folded from the state's key and step number, so any step can be
replayed alone. Metrics are scalars: each player's loss and gradient norm, and the game's own
metrics of that player (its terms), from the evaluation in which that player moved.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from ganstab.types import Carry, Game, Pair, TrainState, metrics_of, put

Step = Callable[[TrainState, Any], tuple[TrainState, dict[str, jax.Array]]]


def init(players: Pair, txs: Pair, key: jax.Array) -> TrainState:
    """The state before step 0.

    Args:
      players: a `Pair` of `Player`.
      txs: a `Pair` of optax transforms.
      key: initialises the parameters, and is the source of all later randomness.
    """
    gen_key, disc_key, run_key = jax.random.split(key, 3)
    made = players.gen.init(gen_key), players.disc.init(disc_key)
    params, state = (Pair(*entries) for entries in zip(*made, strict=True))
    opt = Pair(*(tx.init(own) for tx, own in zip(txs, params, strict=True)))
    return TrainState(params, Carry(state, opt), jnp.zeros((), jnp.int32), run_key)


def alternating(game: Game, txs: Pair, *, n_disc: int = 1, n_gen: int = 1) -> Step:
    """`n_gen` updates of the generator, then `n_disc` of the discriminator, each on its own batch.

    Each player takes optax steps down its own loss with the other held fixed, and only its own
    state (its batch-norm statistics) advances. Metrics are those of each player's last update.

    Args:
      game: whose losses are followed.
      txs: a `Pair` of optax transforms.
      n_disc: discriminator updates a step, at least 1.
      n_gen: generator updates a step, at least 1.

    Returns:
      A step whose batches are stacked in front, one for each update: leaves of shape
      `[n_gen + n_disc, B, …]`, the generator's first. For a closed-form game they are `None`.
    """
    check_counts(n_disc, n_gen)

    def step(train_state: TrainState, batches):
        check_stacked(batches, n_gen, n_disc)
        key = jax.random.fold_in(train_state.key, train_state.step)
        keys = jax.random.split(key, n_gen + n_disc)
        at = train_state.params, numbered(train_state)
        metrics: dict[str, jax.Array] = {}
        for player, moves in ((0, slice(0, n_gen)), (1, slice(n_gen, n_gen + n_disc))):
            own = jax.tree.map(lambda leaf, moves=moves: leaf[moves], (batches, keys))

            def one(at, drawn, player=player):
                return move(game, txs, player, *at, *drawn)

            at, seen = jax.lax.scan(one, at, own)
            metrics |= jax.tree.map(lambda leaf: leaf[-1], seen)
        return after(train_state, *at), metrics

    return step


def simultaneous(game: Game, txs: Pair) -> Step:
    """One update of both players from the same point, on one batch.

    Args:
      game: whose losses are followed.
      txs: a `Pair` of optax transforms.
    """

    def step(train_state: TrainState, batch):
        key = jax.random.fold_in(train_state.key, train_state.step)
        at = train_state.params, numbered(train_state)
        moved, metrics = move_both(game, txs, *at, batch, key)
        return after(train_state, *moved), metrics

    return step


def move_both(game: Game, txs: Pair, params: Pair, carry: Carry, batch, key, *, seen_from=None):
    """`move` of either player, neither of whom sees the other's: `((params, carry), metrics)`."""
    (of_gen, gen_metrics), (of_disc, disc_metrics) = (
        move(game, txs, player, params, carry, batch, key, seen_from=seen_from) for player in (0, 1)
    )
    moved = Pair(of_gen[0].gen, of_disc[0].disc)
    state = Pair(of_gen[1].state.gen, of_disc[1].state.disc)
    opt = Pair(of_gen[1].opt.gen, of_disc[1].opt.disc)
    return (moved, carry._replace(state=state, opt=opt)), {**gen_metrics, **disc_metrics}


def move(
    game: Game, txs: Pair, player: int, params: Pair, carry: Carry, batch, key, *, seen_from=None
):
    """One optax step of one player down its own loss: `((params, carry), metrics)`.

    Args:
      game: whose losses are followed.
      txs: a `Pair` of optax transforms.
      player: who moves, 0 the generator, 1 the discriminator.
      params: a `Pair`; the other player's entry comes back as it is.
      carry: its state and optax state of the player that moves advance.
      batch: the game's.
      key: the game's.
      seen_from: the `Pair` of parameters at which the gradient is taken, if not `params`.
    """
    there = params if seen_from is None else seen_from

    def own_loss(own):
        losses, aux = game(put(there, player, own), carry, batch, key)
        return losses[player], aux

    (loss, aux), grads = jax.value_and_grad(own_loss, has_aux=True)(there[player])
    updates, opt = txs[player].update(grads, carry.opt[player], params[player])
    moved = put(params, player, optax.apply_updates(params[player], updates))
    state = put(carry.state, player, aux.carry_state[player])
    name = Pair._fields[player]
    metrics = {f"{name}/loss": loss, f"{name}/grad_norm": optax.tree.norm(grads)}
    moved_carry = carry._replace(state=state, opt=put(carry.opt, player, opt))
    return (moved, moved_carry), metrics_of(aux, player) | metrics


def numbered(train_state: TrainState) -> Carry:
    """The carry with the step's number, for the games that the step evaluates."""
    return train_state.carry._replace(step=train_state.step)


def after(train_state: TrainState, params: Pair, carry: Carry) -> TrainState:
    """The state behind the step; its carry holds no number, for the state has its own."""
    return train_state._replace(
        params=params, carry=carry._replace(step=None), step=train_state.step + 1
    )


def check_counts(n_disc: int, n_gen: int) -> None:
    """Raises ValueError unless either player moves at all."""
    for label, count in (("n_disc", n_disc), ("n_gen", n_gen)):
        if count < 1:
            raise ValueError(f"{label} must be 1 or more, got {count}")


def check_stacked(batches, n_gen: int, n_disc: int) -> None:
    """Raises ValueError unless there is one batch in front for each of the updates."""
    for leaf in jax.tree.leaves(batches):
        if leaf.shape[:1] != (n_gen + n_disc,):
            raise ValueError(
                f"a step of (n_disc={n_disc}, n_gen={n_gen}) takes {n_gen + n_disc} batches "
                f"stacked in front, got a leaf of shape {leaf.shape}"
            )
