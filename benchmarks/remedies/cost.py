"""What a step costs: time and memory as ratios to the plain GAN's step, in the same run.

Blocks of a technique's steps take turns with blocks of the plain step. A ratio is that of two
neighbouring blocks, so that it holds on a machine that others use as well. The processor's seconds
are counted beside the wall's. Memory is what the compiled block needs beside its arguments and
results.
"""

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.stacked_mnist import remedies
from ganstab import Batch, Pair
from ganstab.recipes import Recipe, by_name

from .tasks import BATCH, LATENT, networks_of
from .techniques import PLAIN, TECHNIQUES, Technique


class Setting(NamedTuple):
    """Networks and data on which a step is timed."""

    recipe: Callable[[str, Technique], Recipe]
    players: Callable[[Technique], Pair]
    latent: int
    shape: tuple[int, ...]
    """Of a batch."""
    steps: int
    """In a block."""
    rounds: int


class Block(NamedTuple):
    """A compiled block of steps."""

    run: Callable[[Any], Any]
    start: Any
    temporary: int
    """Bytes."""


def _small(name: str, technique: Technique) -> Recipe:
    """Its recipe at one learning rate."""
    del name
    return technique.at(Pair(1e-3, 1e-3))


def _of_images(name: str, technique: Technique) -> Recipe:
    """A recipe as `experiments.stacked_mnist --recipe` trains it, others as on small networks."""
    if name in by_name:
        return remedies.recipe(name, steps=5000, batch_size=64)
    return _small(name, technique)


def _of_stacks(technique: Technique) -> Pair:
    return remedies.players("pacgan" if technique.packs == remedies.PACKED else PLAIN)


SETTINGS = {
    "cost_ring": Setting(
        _small, networks_of, LATENT, (BATCH, 2), steps=200, rounds=15
    ),
    "cost_stacked": Setting(
        _of_images, _of_stacks, remedies.LATENT,
        (64, remedies.SIDE, remedies.SIDE, 3), steps=4, rounds=7,
    ),
}  # fmt: skip


def block(setting: Setting, name: str) -> Block:
    """The technique's steps, compiled, on random data."""
    technique = TECHNIQUES[name]
    recipe = setting.recipe(name, technique)
    own = recipe.build(setting.players(technique), setting.latent)
    data = jax.random.normal(jax.random.key(0), (recipe.n_gen + recipe.n_disc, *setting.shape))

    def advance(state: Any, data: jax.Array) -> Any:
        def move(state: Any, _: Any) -> tuple[Any, None]:
            return own.step(state, Batch(real=data))[0], None

        return jax.lax.scan(move, state, length=setting.steps)[0]

    start = own.init(jax.random.key(1))
    program = jax.jit(advance).lower(start, data).compile()
    analysis = program.memory_analysis()
    run = functools.partial(_run, program, data)
    return Block(run, start, 0 if analysis is None else analysis.temp_size_in_bytes)


def _run(program: Callable, data: jax.Array, state: Any) -> None:
    jax.block_until_ready(program(state, data))


@functools.cache
def _plain(setting: Setting) -> Block:
    return block(setting, PLAIN)


def cost(setting: Setting, name: str) -> dict[str, Any]:
    """Milliseconds of a step, and of each round the ratios to the plain step's.

    Returns:
      "ms" and "processor_ms" (medians), "time" and "processor_time" (ratios, one a round), "bytes"
      and "memory" (their ratio; `None` where the compiler does not tell).
    """
    plain, own = _plain(setting), block(setting, name)
    for each in (plain, own):
        each.run(each.start)
    rounds = [[_seconds(each) for each in (plain, own)] for _ in range(setting.rounds)]
    seconds = np.array(rounds)  # [rounds, plain and own, wall and processor]
    ratios = seconds[:, 1] / seconds[:, 0]
    ms = 1e3 * np.median(seconds[:, 1], axis=0) / setting.steps
    return {
        "ms": ms[0],
        "processor_ms": ms[1],
        "time": ratios[:, 0],
        "processor_time": ratios[:, 1],
        "bytes": own.temporary,
        "memory": own.temporary / plain.temporary if plain.temporary else None,
    }


def _seconds(block: Block) -> tuple[float, float]:
    start = time.perf_counter(), time.process_time()
    block.run(block.start)
    return time.perf_counter() - start[0], time.process_time() - start[1]
