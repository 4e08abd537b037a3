"""Stages: a schedule over games, for techniques that train one game after another.

A stage is data, and a schedule a list of stages. It brings no training loop; any loop that takes
steps runs it, for instance

    state = None
    for place, stage in enumerate(stages):
        state = stage.begin(jax.random.fold_in(key, place), state)
        step = jax.jit(scheduled(stage))
        for _ in range(stage.steps):
            state, metrics = step(state, next_batches(stage.batch))

A stage has shapes of its own, so each is one compiled program. What changes within a stage is a
function of the training state's step number.
"""

from collections.abc import Callable
from typing import NamedTuple

from ganstab.steps import Step, alternating, init
from ganstab.types import Game, Pair, TrainState

__all__ = ["Stage", "alone", "on", "scheduled"]


class Stage(NamedTuple):
    """One game of a schedule, and how it begins and ends."""

    players: Pair
    txs: Pair
    """A `Pair` of optax transforms."""
    game_at: Callable
    """`step -> Game`, with the step number traced: the game that is played at that step."""
    begin: Callable
    """`(key, last) -> TrainState`: the state before the stage's first step. `last` is the state
    that the stage before has left, or None."""
    steps: int
    """How many the stage lasts."""
    batch: int
    """Images in a minibatch."""


def scheduled(stage: Stage, order: Callable = alternating) -> Step:
    """The stage's training step: one step of `game_at(train_state.step)`.

    Args:
      stage: any.
      order: `(game, txs) -> step`, e.g. `functools.partial(steps.alternating, n_disc=2)`.
    """

    def step(train_state: TrainState, batches):
        return order(stage.game_at(train_state.step), stage.txs)(train_state, batches)

    return step


def alone(game: Game, players: Pair, txs: Pair, *, steps: int, batch: int) -> Stage:
    """A stage of one game that takes nothing over from the stage before it.

    Args:
      game: the same at every step.
      players: a `Pair` of `Player`, the game's.
      txs: a `Pair` of optax transforms.
      steps: how many the stage lasts.
      batch: images in a minibatch.
    """

    def begin(key, last: TrainState | None) -> TrainState:
        del last
        return init(players, txs, key)

    return Stage(players, txs, lambda step: game, begin, steps, batch)


def on(game: Game, view: Callable) -> Game:
    """The same game, played on `view(batch)` in place of the batch.

    Args:
      game: any game.
      view: a pure function from the batches that come to those that the game wants.
    """

    def play(gen_params, carry, batch, key):
        return game.play(gen_params, carry, view(batch), key)

    def judge(params: Pair, carry, batch, fake, key):
        return game.judge(params, carry, view(batch), fake, key)

    return Game(play, judge)
