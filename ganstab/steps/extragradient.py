"""Both players take the gradient of one step ahead."""

import jax

from ganstab._checks import check_txs
from ganstab.steps.update import Step, after, in_parts, move_both, numbered
from ganstab.types import Game, Pair, TrainState

__all__ = ["extragradient"]


def extragradient(game: Game, txs: Pair, *, accumulate: int | None = None) -> Step:
    """One update of both players, with the gradients found one step ahead.

        w̃ = w + tx(−ξ(w)),   w⁺ = w + tx(−ξ(w̃))

    Korpelevich 1976; for GANs Gidel et al. 2019 (arXiv:1802.10551, algorithms 3 and 4), whose Adam
    adds both gradients to its moments, as every optax transform does here. Both gradients see the
    same batch and the same draws. The players' own states advance by the second evaluation.

    Args:
      game: whose losses are followed.
      txs: a `Pair` of optax transforms.
      accumulate: n, in how many parts the players see each batch; the step is that of the whole
        batch (`make_game`). `None` leaves it to the game.

    Returns:
      A step of one batch. Metrics are those at w̃.
    """
    check_txs(txs)
    parts = in_parts(accumulate)

    def step(train_state: TrainState, batch):
        key = jax.random.fold_in(train_state.key, train_state.step)
        params, carry = train_state.params, numbered(train_state, parts)
        (ahead, looked), _ = move_both(game, txs, params, carry, batch, key)
        carry = carry._replace(opt=looked.opt)
        moved, metrics = move_both(game, txs, params, carry, batch, key, seen_from=ahead)
        return after(train_state, *moved), metrics

    return step
