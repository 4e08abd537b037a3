"""What a program hands over: players × recipe × data × measures."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from ganstab.data import Sampler, single_images
from ganstab.recipes import Recipe
from ganstab.reporting import Picture
from ganstab.training.measures import Measure, check_numbers
from ganstab.types import Pair, Player, PriorFn, TrainState

__all__ = ["Evaluation", "Experiment", "Findings", "prose"]

Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What an experiment measures on a training state."""

    numbers: Mapping[str, float]
    """By the names of measures; "samples" may say how many samples were drawn."""
    arrays: Arrays
    """What is kept and drawn: "samples" (images [n, H, W, C] in [−1, 1], or points [n, 2]), and
    what the run's views draw beside them."""
    counts: np.ndarray | None = None
    """Samples in each mode, [M], where the data have modes."""
    lines: Sequence[str] = ()
    """Samples that are text, a line each: a few are told, all are kept and shown in the report."""

    def __post_init__(self) -> None:
        check_numbers(self.numbers)
        if "file" in self.arrays:
            raise ValueError("an evaluation's array cannot be called 'file', np.savez's own name")


@dataclasses.dataclass(frozen=True)
class Findings:
    """What is measured once, after the last step."""

    numbers: Mapping[str, float]
    pictures: Sequence[Picture] = ()
    earlier_seconds: float = 0.0
    """What earlier processes have spent on it."""

    def __post_init__(self) -> None:
        check_numbers(self.numbers)


@dataclasses.dataclass(frozen=True)
class Experiment:
    """All that distinguishes one experiment from another, whatever the seed."""

    players: Pair
    """Of `Player`: the generator and the discriminator."""
    recipe: Recipe
    prior: PriorFn | int
    """`(key, n) -> z[n, …]`, inside jit, or d for a standard normal `z[n, d]`."""
    data: Any
    """`data.Images`, a `data.RandomAccess`, an array [N, …] of samples, a `Batch` of such an array
    and labels [N, …], or a distribution `(key, n) -> samples [n, …]`, or `-> Batch` with labels.
    An `InputError` in their place is raised by whoever wants to train: the networks alone can be
    had without the data."""
    evaluation: Callable[[Player], Callable[[TrainState, jax.Array], Evaluation]] | None = None
    """`(gen) -> (state, key) -> Evaluation`, of the generator as the recipe wraps it; the key is
    the same at every evaluation of a run. Without, samples are drawn and nothing is measured."""
    measures: tuple[Measure, ...] = ()
    best_by: str = ""
    """The measure that says which evaluation was the best. The checkpoint of that step is kept
    beside the newest ones, as `--step=best` of the commands that read a run. None is with ""."""
    sampler: Sampler = single_images
    """What makes batches of `data.Images` or a `data.RandomAccess`."""
    title: str = ""
    description: str = ""
    """Plain text, paragraphs parted by empty lines."""
    classes: Sequence[str] = ()
    """The names of the classes that the generator is given, in the order of their labels; none
    where it is given no label."""
    reference: Arrays = dataclasses.field(default_factory=dict)
    """The data's own arrays, like those of an evaluation, for the last column of pictures."""
    notes: tuple[str, ...] = ()
    """What is to be said at the start, e.g. of the data."""
    numbers: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Values of measures that do not depend on the run, e.g. of the classifier."""
    conclude: Callable[[TrainState, pathlib.Path, Callable[[], bool]], Findings | None] | None = (
        None
    )
    """`(state, folder, stop) -> Findings`: a long measurement after the last step, which keeps what
    it has in the folder, goes on with it, and gives None once `stop()` is true. Every process must
    call `stop` equally often; all get the same answer."""
    held_out: Any = None
    """Data of the same kind that are never trained on: the doctor compares the discriminator's
    scores of both, which tells whether it has learnt its data by heart."""

    def __post_init__(self) -> None:
        check_numbers(self.numbers)
        names = [measure.name for measure in self.measures]
        if len({*names}) < len(names):
            raise ValueError(f"measures need names of their own, got {', '.join(names)}")
        over_steps = [measure.name for measure in self.measures if not measure.final]
        if self.best_by and self.best_by not in over_steps:
            allowed = ", ".join(over_steps) or "of which there is none"
            raise ValueError(
                f"best_by must be a measure of every evaluation, {allowed}; got {self.best_by!r}"
            )


def prose(docstring: str | None) -> str:
    """The paragraphs and formulas of a program's docstring, without the commands set off in it."""
    paragraphs = (docstring or "").strip().split("\n\n")
    return "\n\n".join(text for text in paragraphs if not text.startswith("    python -m "))
