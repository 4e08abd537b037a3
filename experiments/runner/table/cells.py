"""What a table is: its cells, each with its settings and the paper's values."""

import fnmatch
import pathlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from experiments.runner.records import Published
from ganstab.errors import InputError
from ganstab.reporting.pages import Picture


class Cell(NamedTuple):
    """One cell of a table: what is trained, and what the paper has for it."""

    name: str
    """Also its folder's name, e.g. "width0.25_K5"."""
    row: str
    column: str
    settings: Mapping[str, Any]
    """By flag, without the seed, e.g. {"disc_width": 0.25, "unroll_steps": 5}."""
    published: Mapping[str, Published] = MappingProxyType({})
    """By the name that the measure has in a run's results, e.g. "modes"."""
    judged: bool = True
    """Whether to say if our mean agrees with it: not where the runs are of another kind."""


Runs = Sequence[tuple[Cell, Mapping[int, pathlib.Path]]]
"""The folders of a table's finished runs, by cell and seed."""


class Claim(NamedTuple):
    """What a paper says of two cells: how the mean of the first relates to that of the second."""

    words: str
    """For people, e.g. "K = 5 covers more modes than K = 0"."""
    measure: str
    """The name that it has in a run's results, e.g. "modes"."""
    first: str
    """A cell's name."""
    relation: Literal["above", "below", "like"]
    second: str
    log: bool = False
    """Whether it is of the logarithms, for a measure that spans orders of magnitude."""


class Table(NamedTuple):
    """A table of a paper; its rows and columns stand in the order in which cells name them."""

    title: str
    description: str
    cells: Sequence[Cell]
    corner: str = ""
    """What the rows are, e.g. "discriminator's width"."""
    pictures: Callable[[Runs, pathlib.Path], Sequence[Picture]] | None = None
    """Draws what only several runs together show into the folder given, for the report; without,
    what each cell's first run has drawn over its training is shown."""
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

    def own_flags(self) -> set[str]:
        """The flags that cells set, so that nobody else may."""
        return {name for cell in self.cells for name in cell.settings}


def chosen(cells: Sequence[Cell], patterns: Sequence[str]) -> tuple[Cell, ...]:
    """The cells whose names match one of the patterns, all if there are none.

    Args:
      cells: of a table.
      patterns: names, in which * stands for anything.

    Raises:
      InputError: a pattern fits no cell.
    """
    names = [cell.name for cell in cells]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise InputError(f"--cells={pattern} names no cell: there are {', '.join(names)}")
    wanted = {name for pattern in patterns for name in fnmatch.filter(names, pattern)}
    return tuple(cell for cell in cells if not patterns or cell.name in wanted)
