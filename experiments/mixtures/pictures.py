"""Heat maps of a generator's samples: one, a row of them over training, and a row for each run."""

import pathlib
from collections.abc import Mapping, Sequence

import jax
import matplotlib
import numpy as np

from experiments.mixtures.protocols import Mixture
from ganstab.output.writing import write_atomic
from ganstab.style import PAPER, png

COLUMNS = 6
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

    common = sorted(set.intersection(*(set(samples) for _, samples in runs)))
    if not common:
        raise ValueError("the runs have no step in common at which samples were kept")
    places = np.linspace(0, len(common) - 1, min(COLUMNS, len(common))).round().astype(int)
    steps = [common[place] for place in places]
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


def _density(axis, samples: np.ndarray, mixture: Mixture, *, marked: bool = False) -> None:
    from ganstab import plots

    centres = np.asarray(mixture.modes()) if marked else None
    reach = mixture.reach
    plots.density(axis, samples, reach=reach, bandwidth=_SHARE * reach, centres=centres)
