"""What a recipe is, and what it makes of two networks."""

import dataclasses
import functools
from collections.abc import Callable

import jax

from ganstab import steps
from ganstab.game import Conditional, make_game
from ganstab.steps import Step
from ganstab.terms import Term
from ganstab.types import Game, Pair, Player, PriorFn, TrainState

__all__ = ["Recipe", "Trainable", "unchanged"]


def unchanged(player: Player) -> Player:
    """The player itself: the wrapper of a recipe that wraps none."""
    return player


UNWRAPPED = Pair(unchanged, unchanged)


@dataclasses.dataclass(frozen=True)
class Trainable:
    """Two networks, and all that it takes to train them."""

    players: Pair
    """As wrapped by the recipe; whoever draws samples does so with these."""
    game: Game
    """The game that is trained, surrogates included."""
    step: Step
    """A training step of `game`, on one batch for each update: `[n_gen + n_disc, B, …]`."""
    init: Callable[[jax.Array], TrainState]
    """`(key) -> TrainState`, the state before step 0."""
    txs: Pair
    """The optax transforms."""
    make_step: Callable[[Game], Step]
    """The same training step of another game of these players."""
    plain: Game | None = None
    """The game without its surrogates, whose discriminator is the one that was trained."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A published way to train a GAN: everything but the networks and the data.

    `dataclasses.replace(recipe, joint=True)` is the recipe with another choice.
    """

    name: str
    """As `ganstab.recipes.by_name` has it."""
    source: str
    """The paper, and where in it, or in which code, the numbers are."""
    terms: tuple[Term, ...]
    """What the players' losses are the sum of."""
    txs: Pair
    """The optax transforms, learning rates included."""
    surrogates: tuple[Callable[[Game], Game], ...] = ()
    """Around the game, the first innermost."""
    wrappers: Pair = UNWRAPPED
    """Functions Player -> Player."""
    n_disc: int = 1
    """Discriminator updates a step."""
    n_gen: int = 1
    """Generator updates a step."""
    joint: bool = False
    """Whether real and fake pass through the discriminator as one batch (`make_game`)."""
    conditional: Conditional = False
    """Who is given the batch's labels: `"gen"`, `"both"` or nobody (`make_game`)."""
    accumulate: int = 1
    """In how many parts the players see a batch (`make_game`)."""
    make_step: Callable[[Game, Pair], Step] | None = None
    """`(game, txs) -> step`; `None` is `steps.alternating` with the counts above."""

    def build(self, players: Pair, prior: PriorFn | int) -> Trainable:
        """The recipe applied to two networks.

        Args:
          players: a `Pair` of `Player`, as `players.from_nnx` makes them.
          prior: `(key, n) -> z[n, …]`, the generator's input, or d for a standard normal `z[n, d]`.

        Raises:
          ValueError: for settings that `make_game`, the step or a wrapper refuses.
        """
        wrapped = Pair(*(wrap(own) for wrap, own in zip(self.wrappers, players, strict=True)))
        game = make_game(
            wrapped, *self.terms, prior=prior, joint=self.joint,
            conditional=self.conditional, accumulate=self.accumulate,
        )  # fmt: skip
        plain = game
        for surrogate in self.surrogates:
            game = surrogate(game)
        make = self.make_step or functools.partial(
            steps.alternating, n_disc=self.n_disc, n_gen=self.n_gen
        )

        def make_step(game: Game) -> Step:
            return make(game, self.txs)

        init = functools.partial(steps.init, wrapped, self.txs)
        return Trainable(wrapped, game, make_step(game), init, self.txs, make_step, plain)
