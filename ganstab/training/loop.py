"""The one training loop: many steps a call, and a stop at the first number that is not finite."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ganstab.steps import Step
from ganstab.training.batches import BatchSource
from ganstab.training.kept_programs import Kept, Program
from ganstab.types import TrainState

__all__ = ["Loop", "Passed", "make_loops"]


class Passed(NamedTuple):
    """What a call of the compiled loop leaves of a run."""

    state: TrainState
    """The state after the last step whose numbers are all finite."""
    metrics: dict[str, np.ndarray]
    """Each metric of every step taken, `[count]`, that of a step that failed included."""
    sound: bool
    """Whether the last step taken was finite."""


Loop = Callable[[Sequence[TrainState], Sequence[int]], Callable[[], list[Passed]]]
"""`(states, counts) -> passed`: what `make_loops` compiles."""


def make_loops(
    step: Step,
    sources: Sequence[BatchSource],
    examples: Sequence[TrainState],
    steps: int,
    kept: Kept | None = None,
) -> Loop:
    """Compiles `(states, counts) -> passed`: the loops of several runs as one program.

    A step whose metrics (losses, their terms, gradient norms) are not all finite is not taken: the
    state stays that of the step before, and the run's loop ends. Each run has a state, batches and
    a count of its own (0 for a run that is over), and ends where it would end alone. One run alone
    is not put under `vmap`, and keeps its bits.

    The call returns when the steps are computed. `passed() -> [Passed, …]` has what they left, and
    waits until it is known that a program kept on disk is that of this step.

    Args:
      step: `(train_state, batches) -> (train_state, metrics)`, of all runs.
      sources: where each run's batches come from. `batch_at` is taken from the first, so what makes
        runs different must be in their arrays; an array that they share is there once.
      examples: of each run, a state of the right shapes and shardings.
      steps: the most steps of one call, for which there is one program.
      kept: the file that keeps the traced program, see `kept_programs`; None keeps none.
    """
    arrays = _arrays(sources, examples)
    inputs, tree = jax.tree.flatten((list(examples), arrays, _counts([0] * len(sources))))
    structure = jax.tree.structure(examples[0])

    def function(*leaves: jax.Array):
        run = _make_run(step, sources[0], examples[0], arrays[0], steps)
        states, given, counts = jax.tree.unflatten(tree, leaves)
        if len(sources) > 1:
            found = _together(run, arrays)(states, given, counts)
        else:
            found = [run(states[0], given[0], counts[0])]
        return [(jax.tree.leaves(state), *rest) for state, *rest in found]

    program = Program(function, inputs, kept)

    def loop(states: Sequence[TrainState], counts: Sequence[int]) -> Callable[[], list[Passed]]:
        leaves = jax.tree.leaves((list(states), _arrays(sources, states), _counts(counts)))
        found = program(*leaves)

        def passed() -> list[Passed]:
            sound = found if program.is_current() else program(*leaves)
            return [_passed(jax.tree.unflatten(structure, state), *rest) for state, *rest in sound]

        return passed

    return loop


def _make_run(
    step: Step, source: BatchSource, example: TrainState, arrays: Any, steps: int
) -> Callable:
    """`(state, arrays, count) -> (state, log, taken, sound)`, to be compiled."""
    start = jnp.zeros((), jnp.int32)

    # Under jit of its own, the step is traced once for its shapes and for the loop.
    @jax.jit
    def take(state: TrainState, arrays, place):
        return step(state, source.batch_at(arrays, state.step, place))

    _, metrics = jax.eval_shape(take, example, arrays, start)
    empty = jax.tree.map(lambda leaf: jnp.full((steps,), jnp.nan, leaf.dtype), metrics)

    def run(state: TrainState, arrays, count):
        def wanted(at):
            _, _, place, sound = at
            return (place < count) & sound

        def body(at):
            state, log, place, _ = at
            new, metrics = take(state, arrays, place)
            sound = jnp.all(jnp.stack([jnp.isfinite(value) for value in metrics.values()]))
            kept = jax.tree.map(lambda old, new: jnp.where(sound, new, old), state, new)
            log = jax.tree.map(lambda log, value: log.at[place].set(value), log, metrics)
            return kept, log, place + 1, sound

        return jax.lax.while_loop(wanted, body, (state, empty, start, jnp.asarray(True)))

    return run


def _together(run: Callable, arrays: Sequence[Any]) -> Callable:
    """The same for lists of states, arrays and counts; a loop under `vmap` keeps what is over."""
    # An array that all share is one and the same object.
    axes = jax.tree.map(lambda *of: None if all(x is of[0] for x in of) else 0, *arrays)

    def program(states, arrays, counts):
        arrays = jax.tree.map(
            lambda axis, *of: of[0] if axis is None else jnp.stack(of),
            axes, *arrays, is_leaf=lambda x: x is None,
        )  # fmt: skip
        stacked = jax.tree.map(lambda *of: jnp.stack(of), *states)
        found = jax.vmap(run, in_axes=(0, axes, 0))(stacked, arrays, jnp.stack(counts))
        return [jax.tree.map(lambda leaf, i=i: leaf[i], found) for i in range(len(states))]

    return program


def _arrays(sources: Sequence[BatchSource], states: Sequence[TrainState]) -> list[Any]:
    return [
        source.host_arrays(int(state.step)) for source, state in zip(sources, states, strict=True)
    ]


def _counts(counts: Sequence[int]) -> list[jax.Array]:
    return [jnp.asarray(count, jnp.int32) for count in counts]


def _passed(state: TrainState, log: dict[str, jax.Array], taken, sound) -> Passed:
    metrics = {name: _host(value)[: int(_host(taken))] for name, value in log.items()}
    return Passed(state, metrics, bool(_host(sound)))


def _host(value: jax.Array) -> np.ndarray:
    return np.asarray(value.addressable_data(0))
