"""How many architectures each of two ways of training succeeds with, and which scores higher.

A run that diverged counts as failed at every minimum. A trial is an architecture with a seed. It
counts where both of its runs have ended.
"""

import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ganstab.tables import Runs
from ganstab.training.run_folder import read_result

MINIMUMS = tuple(half / 2 for half in range(2, 19))
"""Scores, 1.0 to 9.0."""
FAILED = -np.inf
Ways = Mapping[str, str]
"""Two recipes, with words for each."""
Trials = np.ndarray
"""Scores [n, 2]: a row for each architecture and seed, a column for each way."""


class Counts(NamedTuple):
    """How many trials have more than a score."""

    first: int
    """The first way alone."""
    second: int
    both: int
    neither: int


class Sides(NamedTuple):
    """How many trials score higher in which way."""

    first: int
    second: int
    equal: int
    p: float
    """Of the two-sided sign test, from which equal scores are left out."""


# At each of MINIMUMS: only GAN, only WGAN-GP, both, none of 200 (Tables 2 and 5).
PAPER = [
    Counts(*each)
    for each in (
        (0, 8, 192, 0), (0, 50, 150, 0), (0, 60, 140, 0), (0, 74, 125, 1), (1, 88, 110, 1),
        (0, 111, 86, 3), (1, 126, 67, 6), (0, 136, 55, 9), (0, 147, 42, 11), (0, 148, 32, 20),
        (0, 145, 21, 34), (1, 131, 11, 57), (1, 104, 5, 90), (2, 67, 3, 128), (1, 34, 0, 165),
        (0, 6, 0, 194), (0, 0, 0, 200),
    )
]  # fmt: skip


def counts(trials: Trials, minimum: float) -> Counts:
    """How many trials have more than the minimum in which way."""
    first, second = (np.asarray(trials) > minimum).T
    each = (first & ~second, second & ~first, first & second, ~first & ~second)
    return Counts(*(int(which.sum()) for which in each))


def sides(trials: Trials) -> Sides:
    """How many trials score higher in which way."""
    from scipy import stats  # here, so that a run starts without SciPy

    first, second = np.asarray(trials).T
    above, below = int((first > second).sum()), int((first < second).sum())
    p = stats.binomtest(above, above + below).pvalue if above + below else 1.0
    return Sides(above, below, len(first) - above - below, float(p))


def read(runs: Runs, table: pathlib.Path, ways: Ways) -> tuple[Trials, str]:
    """The trials of a table, and what their score is called.

    Args:
      runs: the finished ones.
      table: its folder, in which those that diverged are sought.
      ways: cells are called ARCHITECTURE_RECIPE.
    """
    finished = {folder for _, seeds in runs for folder in seeds.values()}
    found: dict[tuple[str, str], dict[str, float]] = {}
    label = "score"
    for way in ways:
        for folder in sorted((table / "cells").glob(f"*_{way}/seed*")):
            result, score = read_result(folder), FAILED
            if folder in finished:
                entry = result["results"]["score"]
                label, mean = entry["label"], entry["mean"]
                score = FAILED if mean is None else mean
            elif result.get("status") != "diverged":
                continue
            trial = folder.parent.name.removesuffix(f"_{way}"), folder.name
            found.setdefault(trial, {})[way] = score
    whole = [[scores[way] for way in ways] for scores in found.values() if len(scores) == 2]
    return np.array(whole, float).reshape(-1, 2), label
