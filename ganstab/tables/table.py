"""What a table is: its cells, each with its settings and the paper's values, and its claims."""

import dataclasses
import fnmatch
import pathlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, Self

from ganstab.errors import InputError
from ganstab.reporting import Picture
from ganstab.training.measures import Published

__all__ = ["Cell", "Claim", "Table", "chosen"]


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell of a table: what is trained, and what the paper has for it."""

    name: str
    """Also its folder's name, e.g. "width0.25_K5"."""
    row: str
    column: str
    settings: Mapping[str, Any]
    """By name, without the seed, e.g. {"disc_width": 0.25, "unroll_steps": 5}."""
    published: Mapping[str, Published] = dataclasses.field(default_factory=dict)
    """By the name of the measure, e.g. "modes"."""
    judged: bool = True
    """False if our runs differ from the paper's (e.g. narrower networks): then no verdict."""


Runs = Sequence[tuple[Cell, Mapping[int, pathlib.Path]]]
"""The folders of a table's finished runs, by cell and seed."""


@dataclasses.dataclass(frozen=True)
class Claim:
    """What a paper says of two cells: how the mean of the first relates to that of the second."""

    words: str
    """For people, e.g. "K = 5 covers more modes than K = 0"."""
    measure: str
    first: str
    """A cell's name."""
    relation: Literal["above", "below", "like"]
    second: str
    log: bool = False
    """Whether it is of the logarithms, for a measure that spans orders of magnitude."""


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of a paper; its rows and columns stand in the order in which cells name them."""

    title: str
    description: str
    cells: Sequence[Cell]
    corner: str = ""
    """What the rows are, e.g. "discriminator's width"."""
    pictures: Callable[[Runs, pathlib.Path], Sequence[Picture]] | None = None
    """Draws what only several runs together show into the folder given; without, what each cell's
    first run has drawn over its training is shown."""
    claims: Sequence[Claim] = ()
    """What the paper concludes, to be tested on our own cells."""
    across: Callable[[Runs], Mapping[str, Mapping[int, Mapping[str, Any]]]] | None = None
    """What only several runs together tell: by cell and seed, further entries of its results."""

    def rows(self) -> list[str]:
        """The names of the rows."""
        return list(dict.fromkeys(cell.row for cell in self.cells))

    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(dict.fromkeys(cell.column for cell in self.cells))

    def at(self, row: str, column: str) -> Cell | None:
        """The cell in this place, if there is one."""
        places = {(cell.row, cell.column): cell for cell in self.cells}
        return places.get((row, column))

    def own_settings(self) -> set[str]:
        """The settings that some cell has of its own."""
        return {name for cell in self.cells for name in cell.settings}

    def without(self, names: Collection[str]) -> Self:
        """The table whose cells leave these settings, e.g. the length, to what all runs have."""
        return self._settled(lambda s: {n: value for n, value in s.items() if n not in names})

    def smallest(
        self, small: Mapping[str, Any], *, keep: Collection[str] = ("num_steps", "checkpoint_every")
    ) -> tuple[Self, dict[str, Any]]:
        """For a quick trial: the table whose cells have small values of the settings they set.

        A setting in which cells differ is what the table is about, and stays.

        Args:
          small: values by the settings' names.
          keep: settings that are made small even where cells differ.

        Returns:
          The table, and the small values without those of settings in which cells differ.
        """
        values = {
            name: {repr(cell.settings.get(name)) for cell in self.cells}
            for name in self.own_settings()
        }
        alike = {n: v for n, v in small.items() if n in keep or len(values.get(n, ())) < 2}
        small_table = self._settled(lambda s: {n: alike.get(n, value) for n, value in s.items()})
        return small_table, alike

    def unpublished(self) -> Self:
        """The table without the paper's values, for runs on other data than the paper's."""
        cells = tuple(dataclasses.replace(cell, published={}) for cell in self.cells)
        return dataclasses.replace(self, cells=cells)

    def _settled(self, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Self:
        cells = (dataclasses.replace(cell, settings=change(cell.settings)) for cell in self.cells)
        return dataclasses.replace(self, cells=tuple(cells))


def chosen(cells: Sequence[Cell], patterns: Sequence[str]) -> tuple[Cell, ...]:
    """The cells whose names match one of the patterns, as in "width0.25_*"; all without any.

    Raises:
      InputError: a pattern fits no cell.
    """
    names = [cell.name for cell in cells]
    wanted = set() if patterns else {*names}
    for pattern in patterns:
        found = fnmatch.filter(names, pattern)
        if not found:
            raise InputError(f"--cells={pattern} names no cell: there are {', '.join(names)}")
        wanted |= {*found}
    return tuple(cell for cell in cells if cell.name in wanted)
