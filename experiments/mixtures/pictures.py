"""Heat maps of a generator's samples: one, a row of them over training, and a row for each run."""

import pathlib
from collections.abc import Mapping, Sequence

import jax
import matplotlib
import numpy as np

from experiments.mixtures.protocols import MIXTURES, Mixture
from experiments.runner.samples import first_kept, spread
from experiments.runner.table import Cell, Runs
from ganstab.reporting.pages import Picture
from ganstab.reporting.writing import write_atomic
from ganstab.style import PAPER, png

_SHARE = 1 / 30  # of the picture's half width: the standard deviation of the smoothing


def heat_map(samples: np.ndarray, path: pathlib.Path, *, mixture: Mixture) -> None:
    """One PNG of where the samples [n, 2] lie, with a mark at each mode of the data.

    Raises:
      InputError: the file cannot be written.
    """
    from ganstab import plots  # here, so that a run starts without SciPy

    figure, axes = plots.panels(width=2.4, height=2.4)
    _density(axes[0, 0], samples, mixture, marked=True)
    write_atomic(path, png(figure))


def over_training(
    samples: Mapping[int, np.ndarray], path: pathlib.Path, *, mixture: Mixture
) -> None:
    """One PNG of a run: samples by their step, and the data at the end.

    Raises:
      InputError: the file cannot be written.
    """
    rows([("", samples)], path, mixture=mixture)


def rows(
    runs: Sequence[tuple[str, Mapping[int, np.ndarray]]], path: pathlib.Path, *, mixture: Mixture
) -> None:
    """One PNG with a row for each run, after its label, a column for each step, and the data.

    Shown are at most six of the steps that all runs have, evenly spread (Metz et al., Figure 2).

    Raises:
      ValueError: the runs have no step in common.
      InputError: the file cannot be written.
    """
    from ganstab import plots

    steps = spread(set.intersection(*(set(samples) for _, samples in runs)))
    if not steps:
        raise ValueError("the runs have no step in common at which samples were kept")
    count = max(len(samples[steps[0]]) for _, samples in runs)
    data = np.asarray(mixture.sample(jax.random.key(0), count))
    with matplotlib.rc_context(PAPER):
        figure, axes = plots.panels(len(runs), len(steps) + 1, width=1.28, height=1.36)
        for line, (label, samples) in zip(axes, runs, strict=True):
            for axis, step in zip(line, steps, strict=False):
                _density(axis, samples[step], mixture)
            _density(line[-1], data, mixture)
            line[0].set_ylabel(label)
        for axis, title in zip(axes[0], [*(f"step {s:,}" for s in steps), "data"], strict=True):
            axis.set_title(title, loc="center", fontweight="normal")
        write_atomic(path, png(figure))


def of_table(runs: Runs, folder: pathlib.Path) -> list[Picture]:
    """One PNG with a row for the first seed of every cell that kept its samples, like `rows`.

    There is one for each mixture, and for each length where cells have lengths of their own.
    """
    drawn = []
    for (data, length), cells in _alike(runs).items():
        found = [(cell, first_kept(seeds)) for cell, seeds in cells]
        first = [(cell, *there) for cell, there in found if there]
        if first and set.intersection(*(set(samples) for _, _, samples in first)):
            path = folder / f"training_{data}{f'_{length}' if length else ''}.png"
            labelled = [(_label(cell, runs), samples) for cell, _, samples in first]
            rows(labelled, path, mixture=MIXTURES[data])
            seeds = sorted({seed for _, seed, _ in first})
            named = f"{'seeds' if len(seeds) > 1 else 'seed'} {', '.join(map(str, seeds))}"
            drawn.append(Picture(path, f"Samples over the training steps, {named}."))
    return drawn


def _alike(runs: Runs) -> dict[tuple[str, int | None], list]:
    """Those that one picture can show, by their mixture and their own length, if they have one."""
    together: dict[tuple[str, int | None], list] = {}
    for cell, seeds in runs:
        key = cell.settings.get("data", "ring"), cell.settings.get("num_steps")
        together.setdefault(key, []).append((cell, seeds))
    return together


def _label(cell: Cell, cells: Runs) -> str:
    """What tells a cell from the others: its column, and its row where there are several."""
    several = len({other.row for other, _ in cells}) > 1
    return f"{cell.row},\n{cell.column}" if several else cell.column


def _density(axis, samples: np.ndarray, mixture: Mixture, *, marked: bool = False) -> None:
    from ganstab import plots

    centres = np.asarray(mixture.modes()) if marked else None
    reach = mixture.reach
    plots.density(axis, samples, reach=reach, bandwidth=_SHARE * reach, centres=centres)
