"""The vocabulary of the library: what a game is played with, and what comes out of it.

Everything is a tuple of arrays or of pure functions, so that it passes through `jax.jit`,
`jax.vmap`, a mesh and a checkpoint as it is. Two of anything is a `Pair`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax


class Pair(NamedTuple):
    """Anything there is one of for each player."""

    gen: Any
    disc: Any


def put(pair: Pair, place: int, value: Any) -> Pair:
    """The pair with its entry at `place` (0 the generator's, 1 the discriminator's) replaced."""
    return Pair(*(value if i == place else entry for i, entry in enumerate(pair)))


class Carry(NamedTuple):
    """What lasts between steps and no gradient trains."""

    state: Pair
    """Batch-norm statistics, power-iteration vectors, noise schedules, …"""
    opt: Pair
    """The optax states, so that a surrogate can start from the live optimizer."""
    step: jax.Array | None = None
    """The training step's number while it is taken, and `None` between two steps."""


class Aux(NamedTuple):
    """What a game reports beside its losses."""

    carry_state: Pair
    """The players' next state."""
    metrics: dict[str, jax.Array]
    """Scalars, named `gen/…` or `disc/…` after the player whose loss they belong to."""


def metrics_of(aux: Aux, place: int) -> dict[str, jax.Array]:
    """The metrics that belong to one player's loss."""
    prefix = f"{Pair._fields[place]}/"
    return {name: value for name, value in aux.metrics.items() if name.startswith(prefix)}


class Player(NamedTuple):
    """A network as two pure functions."""

    init: Callable
    """`(key) -> (params, state)`"""
    apply: Callable
    """`(params, state, x, key, *, train=True) -> (output, state)`"""
    mixes: tuple[str, ...] = ()
    """The parts through which a training batch's samples reach each other's outputs, e.g.
    `"norms.0 (BatchNorm)"`; a penalty that needs each sample alone refuses them by these names."""


class Verdict(NamedTuple):
    """What a discriminator may say of samples where the terms want more than bare scores."""

    score: jax.Array
    """[B] or [B, 1]"""
    features: jax.Array | None = None
    """[B, …], a hidden layer of the network's choice."""
    class_logits: jax.Array | None = None
    """[B, classes], unnormalised log probabilities of the labels."""


class Batch(NamedTuple):
    """One minibatch of data, batch axis in front."""

    real: jax.Array
    label: jax.Array | None = None


class Round(NamedTuple):
    """All that a term sees of one evaluation of a game."""

    params: Pair
    real: jax.Array
    fake: jax.Array
    real_score: jax.Array
    fake_score: jax.Array
    score: Callable
    """The critic closed over its parameters and state: `x[B, …] -> [B]`."""
    key: jax.Array
    label: jax.Array | None = None
    real_features: jax.Array | None = None
    fake_features: jax.Array | None = None
    real_class_logits: jax.Array | None = None
    fake_class_logits: jax.Array | None = None
    mixes: tuple[str, ...] = ()
    """As the critic's `Player` declares it."""
    step: jax.Array | None = None
    """The training step's number, `Carry.step`."""


class Game(NamedTuple):
    """A pure function from a pair of parameters to a pair of losses, in two moves.

    `play` and `judge` are apart so that a surrogate can replay the discriminator's answer
    without running the generator again. Both take the same key and derive their own from it.

    A game is a tuple, which `jax.jit` does not take as a function: write `jax.jit(game.__call__)`.
    """

    play: Callable
    """`(gen_params, carry, batch, key) -> (fake, gen_state)`: the generator moves, once."""
    judge: Callable
    """`(params, carry, batch, fake, key) -> (losses: Pair, Aux)`: the discriminator answers."""

    def __call__(self, params: Pair, carry: Carry, batch: Any, key: Any) -> tuple[Pair, Aux]:
        """Judge after play. The generator's new state reaches `judge` as `carry.state.gen`."""
        fake, gen_state = self.play(params.gen, carry, batch, key)
        carry = carry._replace(state=carry.state._replace(gen=gen_state))
        return self.judge(params, carry, batch, fake, key)


class TrainState(NamedTuple):
    """All of a training run between two steps; arrays only, so a checkpoint saves it as it is."""

    params: Pair
    carry: Carry
    step: jax.Array
    key: jax.Array
