"""What in a step that is not finite went first: the player, and the term of its loss.

A step's own metrics tell which number went first. Where that is the gradient of a sum, the step is
taken again for each term alone.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.runner.feeds import Feed
from ganstab.steps import Step
from ganstab.types import Game, Pair, TrainState, put

PLAYERS = Pair(gen="generator", disc="discriminator")
_RANK = {"loss": 1, "grad_norm": 2, "real_score": 3, "fake_score": 3}


class Fault(NamedTuple):
    """The first number of a step that is not finite."""

    player: str
    """"gen" or "disc"."""
    what: str
    """"grad_norm", or the name of a term or a loss."""
    terms: tuple[str, ...]
    """The terms to blame: all of that player's where it is not known better."""

    def __str__(self) -> str:
        """In words, e.g. "the gradient of wgan_gp, discriminator"."""
        whole = PLAYERS[Pair._fields.index(self.player)]
        if self.what == "grad_norm":
            return f"the gradient of {' + '.join(self.terms)}, {whole}"
        return f"{self.what} in the {whole}'s loss"


def first_fault(metrics: Mapping[str, Any]) -> Fault:
    """Which number went first, in the order in which a step makes them.

    The generator moves before the discriminator; each player's terms come before their sum, the
    loss, and that before its gradient.

    Args:
      metrics: each metric's values `[count]`, of which the last is that of the failed step.
    """
    bad = [name for name, values in metrics.items() if not np.isfinite(values[-1])]
    player, what = min(bad, key=_order).split("/", 1)
    terms = [name for name in sorted(metrics) if _order(name)[:2] == (player != "gen", 0)]
    return Fault(player, what, tuple(name.split("/", 1)[1] for name in terms))


def blame(
    fault: Fault, make_step: Callable[[Game], Step], game: Game, feed: Feed, state: TrainState
) -> Fault:
    """The same fault with those terms alone whose own gradient is not finite.

    Args:
      fault: of the step that `state` is in front of.
      make_step: makes a training step of a game.
      game: the game that was trained, whose metrics are its terms.
      feed: where the step's batches came from.
      state: the last sound one.
    """
    if fault.what != "grad_norm" or len(fault.terms) < 2:
        return fault
    supply, first = feed.fetch(int(state.step)), jnp.zeros((), jnp.int32)

    def is_guilty(term: str) -> bool:
        step = make_step(_with_loss(game, fault.player, term))
        take = jax.jit(lambda state, supply: step(state, feed.pick(supply, state.step, first))[1])
        norm = take(state, supply)[f"{fault.player}/grad_norm"]
        return not np.isfinite(np.asarray(norm.addressable_data(0)))

    guilty = tuple(term for term in fault.terms if is_guilty(term))
    return fault._replace(terms=guilty or fault.terms)


def _with_loss(game: Game, player: str, term: str) -> Game:
    """The game in which one of the terms is all of a player's loss."""

    def judge(params, carry, batch, fake, key):
        losses, aux = game.judge(params, carry, batch, fake, key)
        alone = aux.metrics[f"{player}/{term}"]
        return put(losses, Pair._fields.index(player), alone), aux

    return Game(game.play, judge)


def _order(name: str) -> tuple[bool, int, str]:
    player, what = name.split("/", 1)
    return player != "gen", _RANK.get(what, 0), name
