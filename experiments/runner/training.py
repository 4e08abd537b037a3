"""The one training loop: many steps a call, and a stop at the first number that is not finite."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.runner.feeds import Feed
from ganstab.steps import Step
from ganstab.types import TrainState


class Passed(NamedTuple):
    """What a call of the compiled loop leaves."""

    state: TrainState
    """The state after the last step whose numbers are all finite."""
    metrics: dict[str, np.ndarray]
    """Each metric of every step taken, `[count]`, that of a step that failed included."""
    sound: bool
    """Whether the last step taken was finite."""


def make_loop(step: Step, feed: Feed, example: TrainState, steps: int) -> Callable:
    """Compiles `(state, count) -> Passed`, one program for any count up to `steps`.

    A step whose metrics (losses, their terms, gradient norms) are not all finite is not taken: the
    state stays that of the step before, and the loop ends.

    Args:
      step: `(train_state, batches) -> (train_state, metrics)`.
      feed: where the batches come from.
      example: a state of the right shapes and shardings.
      steps: the most steps of one call.
    """
    supply, start = feed.fetch(int(example.step)), jnp.zeros((), jnp.int32)

    # Under jit of its own, the step is traced once for its shapes and for the loop.
    @jax.jit
    def take(state: TrainState, supply, place):
        return step(state, feed.pick(supply, state.step, place))

    _, metrics = jax.eval_shape(take, example, supply, start)
    empty = jax.tree.map(lambda leaf: jnp.full((steps,), jnp.nan, leaf.dtype), metrics)

    def run(state: TrainState, supply, count):
        def wanted(at):
            _, _, place, sound = at
            return (place < count) & sound

        def body(at):
            state, log, place, _ = at
            new, metrics = take(state, supply, place)
            sound = jnp.all(jnp.stack([jnp.isfinite(value) for value in metrics.values()]))
            kept = jax.tree.map(lambda old, new: jnp.where(sound, new, old), state, new)
            log = jax.tree.map(lambda log, value: log.at[place].set(value), log, metrics)
            return kept, log, place + 1, sound

        return jax.lax.while_loop(wanted, body, (state, empty, start, jnp.asarray(True)))

    compiled = jax.jit(run).lower(example, supply, start).compile()

    def loop(state: TrainState, count: int) -> Passed:
        supply = feed.fetch(int(state.step))
        state, log, taken, sound = compiled(state, supply, jnp.asarray(count, jnp.int32))
        metrics = {name: _host(value)[: int(_host(taken))] for name, value in log.items()}
        return Passed(state, metrics, bool(_host(sound)))

    return loop


def _host(value: jax.Array) -> np.ndarray:
    return np.asarray(value.addressable_data(0))
