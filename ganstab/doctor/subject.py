"""What the doctor looks at."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ganstab.steps import Step
from ganstab.types import Game, Pair, TrainState

__all__ = ["Subject"]


class Subject(NamedTuple):
    """A game at a state of its training, ready for its next step."""

    game: Game
    make_step: Callable[[Game], Step]
    """Makes a training step of a game, e.g. `functools.partial(steps.alternating, txs=txs)`."""
    state: TrainState
    batches: Any = None
    """What the next step takes; `None` for a closed-form game."""
    batch: Any = None
    """What one evaluation of the game takes, for its field and spectrum."""
    modes: Callable[[], Mapping[int, np.ndarray]] | None = None
    """By training step, how many samples fell in each mode, `[M]`; in any order."""
    plain: Game | None = None
    """The game without its surrogates, of `make_game`, which the discriminator's scores are taken
    from; by default `game`."""
    data: Callable[[], Pair] | None = None
    """Batches stacked in front, leaves `[m, B, …]`: of what the discriminator was trained on, and
    as many that it was not; as a `Pair` in this order."""
