"""A step after which, every few times, both players go back towards earlier parameters."""

from typing import Any

import jax
import jax.numpy as jnp

from ganstab._checks import check_count, check_number
from ganstab._precision import cast_like, wide
from ganstab.optimizers.history import SlowWeights, slow_weights_in
from ganstab.steps.update import Step
from ganstab.types import PLAYERS, Pair, TrainState

__all__ = ["lookahead"]


def lookahead(step: Step, every: int = 5, rate: float = 0.5) -> Step:
    """The step, behind every `every`-th of which both players go back towards their slow weights.

        s ← s + α(w − s),   w ← s       for both players at once, from s = w at the start

    Lookahead-minmax (Chavdarova et al. 2021, arXiv:2006.14567, algorithm 1). Where k steps are a
    linear map Mᵏ, one turn is (1 − α)I + αMᵏ: on the bilinear game gradient steps grow at any rate
    of learning, and those that go back shrink for suitable k and α.

    The slow weights are in the optimizers' states: either player's optimizer ends in
    `optimizers.slow_weights()`. Its other memory, such as Adam's moments, is not turned back, as
    in the authors' code. `optax.lookahead` will not do: it asks for parameters that are pairs of
    fast and slow ones, and counts each player's own updates, so that in alternating steps the
    players would go back at different times.

    Args:
      step: `alternating(game, txs)`, or any other.
      every: k, at least 1; 5 in the authors' code.
      rate: α in (0, 1]; 1 is the step itself.

    Returns:
      A step of the same batches and metrics.

    Raises:
      ValueError: for a number out of its range, or, at trace time, for an optimizer that does not
        hold one set of slow weights.
    """
    check_count("every", every)
    check_number("rate", rate, lambda value: 0 < value <= 1, "in (0, 1]")

    def turning(train_state: TrainState, batches):
        ahead, metrics = step(train_state, batches)
        due = ahead.step % every == 0
        params, opt = {}, {}
        for player in PLAYERS:
            fast, own = ahead.params.of(player), ahead.carry.opt.of(player)
            slow = _between(slow_weights_in(own).params, fast, jnp.where(due, rate, 0.0))
            back = cast_like(slow, fast)
            params[player] = jax.tree.map(lambda b, w: jnp.where(due, b, w), back, fast)
            opt[player] = _with(own, SlowWeights(slow))
        carry = ahead.carry._replace(opt=Pair(**opt))
        return ahead._replace(params=Pair(**params), carry=carry), metrics

    return turning


def _between(slow: Any, fast: Any, share: jax.Array) -> Any:
    moved = jax.tree.map(lambda s, w: s + share.astype(s.dtype) * (w - s), wide(slow), wide(fast))
    return cast_like(moved, slow)


def _with(opt: Any, slow: SlowWeights) -> Any:
    """The optimizer's state with these slow weights."""

    def held(node):
        return isinstance(node, SlowWeights)

    return jax.tree.map(lambda node: slow if held(node) else node, opt, is_leaf=held)
