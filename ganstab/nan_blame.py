"""Which player, and which term of its loss, made a training step not finite.

A step's own metrics tell which number was the first that is not finite. Where that is the gradient
of a sum of terms, the step is computed again for each term alone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from ganstab._metric_names import OWN, PARAMETER
from ganstab.steps import Step
from ganstab.types import Game, Pair, PlayerName, TrainState

__all__ = ["Fault", "blame", "first_fault", "term_gradients", "terms_of"]

PLAYERS = Pair(gen="generator", disc="discriminator")
_RANK = {name: place for place, name in enumerate(OWN, start=1)}


class Fault(NamedTuple):
    """The first number of a step that is not finite."""

    player: PlayerName
    """"gen" or "disc"."""
    what: str
    """"grad_norm", or the name of a term or a loss."""
    terms: tuple[str, ...]
    """The terms that may be the cause: all of that player's where nothing more is known."""

    def __str__(self) -> str:
        """In words, e.g. "the gradient of wgan_gp, discriminator"."""
        whole = PLAYERS.of(self.player)
        if self.what == "grad_norm":
            return f"the gradient of {' + '.join(self.terms)}, {whole}"
        return f"{self.what} in the {whole}'s loss"


def first_fault(metrics: Mapping[str, Any]) -> Fault:
    """The first number that is not finite, in the order in which a step computes them.

    The generator moves before the discriminator; each player's terms come before their sum, the
    loss, and that before its gradient.

    Args:
      metrics: each metric's values `[count]`, of which the last is that of the failed step.
    """
    bad = [name for name, values in metrics.items() if not np.isfinite(values[-1])]
    owner, _, what = min(bad, key=_order).partition("/")
    player: PlayerName = "gen" if owner == "gen" else "disc"
    if owner not in PLAYERS._fields:  # of a step of the user's own
        return Fault(player, "/".join(filter(None, (owner, what))), ())
    return Fault(player, what, terms_of(player, metrics))


def blame(
    fault: Fault, make_step: Callable[[Game], Step], game: Game, state: TrainState, batches: Any
) -> Fault:
    """The same fault with only those terms whose own gradient is not finite.

    Args:
      fault: of the step that `state` is in front of.
      make_step: makes a training step of a game.
      game: the game that was trained, whose metrics are its terms.
      state: the last one that is finite.
      batches: those of the step that failed.
    """
    if fault.what != "grad_norm" or len(fault.terms) < 2:
        return fault
    norms = term_gradients(fault.player, fault.terms, make_step, game, state, batches)
    guilty = tuple(term for term, norm in norms.items() if not np.isfinite(norm))
    return fault._replace(terms=guilty or fault.terms)


def term_gradients(
    player: PlayerName,
    terms: Sequence[str],
    make_step: Callable[[Game], Step],
    game: Game,
    state: TrainState,
    batches: Any,
) -> dict[str, float]:
    """The norm of the gradient that each term alone would give a player.

    Args:
      player: "gen" or "disc".
      terms: their names, as the game's metrics have them.
      make_step: makes a training step of a game.
      game: the game that is trained.
      state: where.
      batches: of one step.
    """

    def norm(term: str) -> float:
        step = make_step(_with_loss(game, player, term))
        found = jax.jit(lambda *at: step(*at)[1])(state, batches)[f"{player}/grad_norm"]
        return float(np.asarray(found.addressable_data(0)))

    return {term: norm(term) for term in terms}


def terms_of(player: PlayerName, metrics: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the terms of a player's loss among the metrics of a step."""
    known = [name.partition("/") for name in sorted(metrics)]
    return tuple(
        what
        for owner, _, what in known
        if owner == player and what not in _RANK and not what.startswith(PARAMETER)
    )


def _with_loss(game: Game, player: PlayerName, term: str) -> Game:
    """The game in which one of the terms is all of a player's loss."""

    def judge(params, carry, batch, fake, key):
        losses, aux = game.judge(params, carry, batch, fake, key)
        alone = aux.metrics[f"{player}/{term}"]
        return losses._replace(**{player: alone}), aux

    return Game(game.play, judge)


def _order(name: str) -> tuple[int, int, str]:
    player, _, what = name.partition("/")
    turn = PLAYERS._fields.index(player) if player in PLAYERS._fields else len(PLAYERS)
    return turn, _RANK.get(what, 0), name
