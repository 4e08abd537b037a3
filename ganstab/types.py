"""The vocabulary of the library: what a game is played with, and what comes out of it.

What holds arrays is a NamedTuple, so that it passes through `jax.jit`, `jax.vmap`, a mesh and a
checkpoint as it is; what holds functions is a frozen dataclass. Two of anything is a `Pair`.
"""

import dataclasses
import operator
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol, Self

import chex
import jax

from ganstab._checks import check_number

__all__ = [
    "PLAYERS",
    "ApplyFn",
    "Aux",
    "Batch",
    "Carry",
    "Game",
    "InitFn",
    "JudgeFn",
    "Kernel",
    "MicroBatches",
    "Pair",
    "PlayFn",
    "Player",
    "PlayerName",
    "PriorFn",
    "Round",
    "TrainState",
    "Verdict",
    "metrics_of",
    "opponent_of",
]

PlayerName = Literal["gen", "disc"]
"""How a function is told which of the players is meant."""

PLAYERS: tuple[PlayerName, PlayerName] = ("gen", "disc")
"""The names of both, in the order of a `Pair`."""


class Pair(NamedTuple):
    """Anything there is one of for each player."""

    gen: Any
    disc: Any

    def of(self, player: PlayerName) -> Any:
        """One player's entry. `pair._replace(**{player: value})` replaces it."""
        return self.gen if player == "gen" else self.disc


def opponent_of(player: PlayerName) -> PlayerName:
    """The other player's name.

    Raises:
      ValueError: for another name than `"gen"` or `"disc"`.
    """
    if player not in PLAYERS:
        raise ValueError(f"player must be one of {PLAYERS}, got {player!r}")
    return "disc" if player == "gen" else "gen"


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class MicroBatches:
    """In how many parts the players see a batch, which decides memory and no number."""

    count: int = 1
    """n, which divides the batch."""

    def __post_init__(self) -> None:
        allowed = "a whole number, 1 or more"
        check_number("accumulate", self.count, lambda n: operator.index(n) >= 1, allowed)


class Carry(NamedTuple):
    """What lasts between steps and no gradient trains."""

    state: Pair
    """Batch-norm statistics, power-iteration vectors, noise schedules, …"""
    opt: Pair
    """The optax states, so that a surrogate can start from the live optimizer."""
    step: jax.Array | None = None
    """The training step's number while it is taken, and `None` between two steps."""
    accumulate: MicroBatches | None = None
    """In how many parts the step asks the game to show the players its batch; `None` leaves it to
    the game, and is what stands here between two steps."""


class Aux(NamedTuple):
    """What a game reports beside its losses."""

    carry_state: Pair
    """The players' next state."""
    metrics: dict[str, jax.Array]
    """Scalars, named `gen/…` or `disc/…` after the player whose loss they belong to."""
    scores: Pair | None = None
    """The discriminator's scores of samples and of data, `[B, …]`; None where there are none."""


def metrics_of(aux: Aux, player: PlayerName) -> dict[str, jax.Array]:
    """The metrics that belong to one player's loss."""
    return {name: value for name, value in aux.metrics.items() if name.startswith(f"{player}/")}


class InitFn(Protocol):
    """How a player begins."""

    def __call__(self, key: chex.PRNGKey, /) -> tuple[chex.ArrayTree, chex.ArrayTree]:
        """`(key) -> (params, state)`, two pytrees of arrays."""


class ApplyFn(Protocol):
    """What a player does with its input."""

    def __call__(
        self, params: Any, state: Any, x: Any, key: chex.PRNGKey, /, *, train: bool = True
    ) -> tuple[Any, Any]:
        """`(params, state, x, key, *, train=True) -> (output, state)`.

        A generator maps `z[B, …]`, or the pair `(z, label)`, to samples `[B, …]`; a discriminator
        maps samples, or pairs `(samples, label)`, to scores `[B, …]`, or to a `Verdict`.
        """


class PriorFn(Protocol):
    """Where a generator's input comes from."""

    def __call__(self, key: chex.PRNGKey, n: int, /) -> jax.Array:
        """`(key, n) -> z[n, …]`."""


class PlayFn(Protocol):
    """The generator's part of a game."""

    def __call__(self, gen_params: Any, carry: Carry, batch: Any, key: Any, /) -> tuple[Any, Any]:
        """`(gen_params, carry, batch, key) -> (fake, gen_state)`: the generator moves, once."""


class JudgeFn(Protocol):
    """The discriminator's part of a game."""

    def __call__(
        self, params: Pair, carry: Carry, batch: Any, fake: Any, key: Any, /
    ) -> tuple[Pair, Aux]:
        """`(params, carry, batch, fake, key) -> (losses, aux)`: the discriminator answers."""


class Kernel(NamedTuple):
    """A parameter that is a layer's weight: a linear map between the last of its axes."""

    name: str
    """Its path among the parameters, `"attend.query.kernel"`."""
    inputs: int
    """How many axes the map takes; they stand in front of the outputs."""
    outputs: int
    """How many axes it gives, the last ones. What stands in front of both are maps stacked."""


@dataclasses.dataclass(frozen=True)
class Player:
    """A network as two pure functions."""

    init: InitFn
    apply: ApplyFn
    mixes: tuple[str, ...] = ()
    """The parts through which a training batch's samples reach each other's outputs, e.g.
    `"norms.0 (BatchNorm)"`; a penalty that needs each sample alone refuses them by these names."""
    kernels: tuple[Kernel, ...] = ()
    """The weights whose axes are known, for a wrapper that takes them as matrices."""
    extensions: tuple[type[Any], ...] = ()
    """The kinds of parameters beside the network, `ganstab.players.extended`; their numbers are
    metrics."""

    def _replace(self, **changes: Any) -> Self:
        return dataclasses.replace(self, **changes)


class Verdict(NamedTuple):
    """What a discriminator may say of samples where the terms want more than bare scores."""

    score: jax.Array
    """[B], [B, 1], or several a sample, e.g. [B, h, w, 1] of as many patches."""
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
    score: Callable[..., jax.Array]
    """The critic closed over its parameters and state: `x[B, …] -> [B]`, or as many scores a sample
    as the critic gives. A critic of pairs judges row i under the batch's label i, under which datum
    i was given and sample i was made, and row B + i too; `score(x, label)` judges under others."""
    key: chex.PRNGKey
    label: jax.Array | None = None
    real_features: jax.Array | None = None
    fake_features: jax.Array | None = None
    real_class_logits: jax.Array | None = None
    fake_class_logits: jax.Array | None = None
    mixes: tuple[str, ...] = ()
    """As the critic's `Player` declares it."""
    step: jax.Array | None = None
    """The training step's number, `Carry.step`."""


@dataclasses.dataclass(frozen=True)
class Game:
    """A pure function from a pair of parameters to a pair of losses, in two moves.

    `play` and `judge` are apart so that a surrogate can replay the discriminator's answer
    without running the generator again. Both take the same key and derive their own from it.
    """

    play: PlayFn
    judge: JudgeFn

    def __call__(self, params: Pair, carry: Carry, batch: Any, key: Any) -> tuple[Pair, Aux]:
        """Judge after play. The generator's new state reaches `judge` as `carry.state.gen`."""
        fake, gen_state = self.play(params.gen, carry, batch, key)
        carry = carry._replace(state=carry.state._replace(gen=gen_state))
        return self.judge(params, carry, batch, fake, key)

    def _replace(self, **changes: Any) -> Self:
        return dataclasses.replace(self, **changes)


class TrainState(NamedTuple):
    """All of a training run between two steps; arrays only, so a checkpoint saves it as it is."""

    params: Pair
    carry: Carry
    step: jax.Array
    key: chex.PRNGKey
