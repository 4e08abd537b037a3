"""A table of a paper as data: which settings make each of its cells."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from experiments.runner.records import Published


class Cell(NamedTuple):
    """One cell: the runs of one program with these settings, a run for each seed."""

    name: str
    """Of the folder of its runs."""
    row: str
    column: str
    settings: Mapping[str, Any]
    """Flags of the program, by name; the others keep their defaults."""
    published: Mapping[str, Published] = {}
    """By the names of the results."""


class Table(NamedTuple):
    """Cells that belong together."""

    title: str
    description: str
    cells: Sequence[Cell]
