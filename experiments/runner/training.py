"""The one training loop: many steps a call, and a stop at the first number that is not finite."""

from collections.abc import Callable
from typing import Any, NamedTuple

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


def first_fault(metrics: dict[str, Any]) -> str:
    """Which number of a failed step went first, in the order in which a step makes them.

    The generator moves before the discriminator; each player's terms come before their sum, the
    loss, and that before its gradient.
    """
    bad = [name for name, values in metrics.items() if not np.isfinite(values[-1])]
    player, what = min(bad, key=_order).split("/", 1)
    whole = {"gen": "generator", "disc": "discriminator"}[player]
    if what != "grad_norm":
        return f"{what} in the {whole}'s loss"
    terms = (name for name in sorted(metrics) if _order(name)[:2] == (player != "gen", 0))
    return f"the gradient of {' + '.join(name.split('/')[1] for name in terms)}, {whole}"


def _order(name: str) -> tuple[bool, int, str]:
    player, what = name.split("/", 1)
    rank = {"loss": 1, "grad_norm": 2, "real_score": 3, "fake_score": 3}.get(what, 0)
    return player != "gen", rank, name
