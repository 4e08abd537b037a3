"""One update of one player, which every training step is made of."""

from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax

from ganstab._arrays import owned
from ganstab._checks import check_players, check_txs
from ganstab._metric_names import check_free
from ganstab._precision import wide
from ganstab.optimizers.extra import update_with
from ganstab.types import (
    Carry,
    Game,
    MicroBatches,
    Pair,
    PlayerName,
    TrainState,
    metrics_of,
)

__all__ = ["Step", "after", "init", "move", "move_both", "numbered"]

Step = Callable[[TrainState, Any], tuple[TrainState, dict[str, jax.Array]]]
"""`(train_state, batches) -> (train_state, metrics)`"""


def init(players: Pair, txs: Pair, key: chex.PRNGKey) -> TrainState:
    """The state before step 0, in arrays of its own, so that a step may donate it.

    Args:
      players: a `Pair` of `Player`.
      txs: a `Pair` of optax transforms.
      key: initialises the parameters, and is the source of all later randomness.
    """
    check_players(players)
    check_txs(txs)
    gen_key, disc_key, run_key = jax.random.split(key, 3)
    made = players.gen.init(gen_key), players.disc.init(disc_key)
    params, state = (Pair(*entries) for entries in zip(*made, strict=True))
    opt = Pair(*(tx.init(own) for tx, own in zip(txs, params, strict=True)))
    return owned(TrainState(params, Carry(state, opt), jnp.zeros((), jnp.int32), run_key))


def move(
    game: Game,
    txs: Pair,
    player: PlayerName,
    params: Pair,
    carry: Carry,
    batch: Any,
    key: Any,
    *,
    seen_from: Pair | None = None,
) -> tuple[tuple[Pair, Carry], dict[str, jax.Array]]:
    """One optax step of one player down its own loss: `((params, carry), metrics)`.

    The transform is given the loss as well: `value`, `grad`, `value_fn`, and what else
    `ganstab.optimizers.extra.update_with` names.

    Args:
      game: whose losses are followed.
      txs: a `Pair` of optax transforms.
      player: who moves, `"gen"` or `"disc"`.
      params: a `Pair`; the other player's entry comes back as it is.
      carry: its state and optax state of the player that moves advance.
      batch: the game's.
      key: the game's.
      seen_from: the `Pair` of parameters at which the gradient is taken, if not `params`.
    """
    there = params if seen_from is None else seen_from

    def own_loss(own):
        losses, aux = game(there._replace(**{player: own}), carry, batch, key)
        return losses.of(player), aux

    def value_fn(own):
        if seen_from is not None:
            raise ValueError(
                f"the {player}'s optimizer evaluates the loss at parameters of its choice (a line "
                "search, for one), which is not meant for gradients that are taken elsewhere"
            )
        return own_loss(own)[0]

    (loss, aux), grads = jax.value_and_grad(own_loss, has_aux=True)(there.of(player))
    updates, opt = update_with(
        txs.of(player),
        grads,
        carry.opt.of(player),
        params.of(player),
        value=loss,
        value_fn=value_fn,
    )
    moved = optax.apply_updates(params.of(player), updates)
    moved_carry = carry._replace(
        state=carry.state._replace(**{player: aux.carry_state.of(player)}),
        opt=carry.opt._replace(**{player: opt}),
    )
    check_free(aux.metrics, f"{player}/grad_norm")
    metrics = {f"{player}/loss": loss, f"{player}/grad_norm": optax.tree.norm(wide(grads))}
    after_move = params._replace(**{player: moved}), moved_carry
    return after_move, metrics_of(aux, player) | metrics


def move_both(
    game: Game,
    txs: Pair,
    params: Pair,
    carry: Carry,
    batch: Any,
    key: Any,
    *,
    seen_from: Pair | None = None,
) -> tuple[tuple[Pair, Carry], dict[str, jax.Array]]:
    """`move` of either player, neither of whom sees the other's: `((params, carry), metrics)`."""
    at = params, carry, batch, key
    of_gen, gen_metrics = move(game, txs, "gen", *at, seen_from=seen_from)
    of_disc, disc_metrics = move(game, txs, "disc", *at, seen_from=seen_from)
    moved = Pair(of_gen[0].gen, of_disc[0].disc)
    state = Pair(of_gen[1].state.gen, of_disc[1].state.disc)
    opt = Pair(of_gen[1].opt.gen, of_disc[1].opt.disc)
    return (moved, carry._replace(state=state, opt=opt)), {**gen_metrics, **disc_metrics}


def numbered(train_state: TrainState, accumulate: MicroBatches | None = None) -> Carry:
    """The carry with the step's number, for the games that the step evaluates.

    Args:
      train_state: in front of the step.
      accumulate: in how many parts the players see a batch; `None` leaves it to the game.
    """
    return train_state.carry._replace(step=train_state.step, accumulate=accumulate)


def in_parts(accumulate: int | None) -> MicroBatches | None:
    """A step's argument `accumulate` as its carry has it.

    Raises:
      ValueError: for a number below 1.
    """
    return None if accumulate is None else MicroBatches(accumulate)


def after(train_state: TrainState, params: Pair, carry: Carry) -> TrainState:
    """The state behind the step; its carry holds no number, for the state has its own."""
    carry = carry._replace(step=None, accumulate=None)
    return train_state._replace(params=params, carry=carry, step=train_state.step + 1)
