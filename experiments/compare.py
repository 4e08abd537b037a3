"""One picture of several finished runs.

    python -m experiments.compare --run=runs/A --run=runs/B --out=picture.png

Runs are folders that one program wrote. Two of stacked_mnist are shown by their modes over the
training steps and their last samples; that is how README's picture was made. Any number of
mixture_of_gaussians, or of rnn_mnist, are shown one below the other, by their samples over
training, as in Figures 2 and 3 of the Unrolled GAN paper; of colored_mnist, by the density of their
colours over training and their last samples. Any number of cifar10_reconstruction that
sought the same training images are compared as in its Table 3 and Figures 5 and 6: which
reconstructs an image best, where they differ most, how far apart their samples are. Each is named
after the settings in which they differ.
"""

import json
import pathlib
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import flags

from experiments.digits import colors
from experiments.digits.pictures import color_rows, strips
from experiments.mixtures import pictures
from experiments.mixtures.protocols import MIXTURES
from experiments.reconstruction import comparison
from experiments.runner import conclusion, launch, samples
from experiments.runner.settings import EMBEDDED
from experiments.runner.workdir import result_of
from ganstab.data import load_mnist
from ganstab.errors import InputError
from ganstab.reporting import run_log

FLAGS = flags.FLAGS
SHORT = {"unroll_steps": "K"}


class Found(NamedTuple):
    """What a run left."""

    folder: pathlib.Path
    config: Mapping[str, Any]
    steps: Sequence[int]
    """At which there are samples."""
    kept: Mapping[int, np.ndarray]
    """Samples by step, of an experiment that keeps them."""
    concluded: Mapping[str, np.ndarray] = MappingProxyType({})
    """What was measured after the last step, if anything was."""


def define_flags() -> None:
    """The program's own flags."""
    flags.DEFINE_multi_string("run", [], "A run's folder; give it twice, or more often.")
    flags.DEFINE_string("out", "comparison.png", "The PNG to write.")


def find(folder: pathlib.Path) -> Found:
    """A run's settings and samples.

    Raises:
      InputError: the folder is no run's, or has no samples yet.
    """
    steps = samples.sample_steps(folder)
    if not steps or not (folder / "config.json").exists():
        raise InputError(f"--run={folder} is no run with samples: name a folder that one wrote")
    config = json.loads((folder / "config.json").read_text())
    concluded = conclusion.read(folder, config.get("num_steps", 0))
    return Found(folder, config, steps, samples.kept(folder), concluded)


def program(run: Found) -> str:
    """The program that wrote the run, e.g. "stacked_mnist"; empty where its files do not tell."""
    words = shlex.split(result_of(run.folder).get("command", ""))
    if words[1:2] == ["-m"]:
        return words[2].rpartition(".")[2] if len(words) > 2 else ""
    return pathlib.Path(words[1]).stem if len(words) > 1 else ""


def labels(configs: Sequence[Mapping[str, Any]], but: Collection[str] = ()) -> list[str]:
    """Each run's name: the settings in which the runs differ, or K if they are the same.

    A setting that a program got after one of the runs tells nothing.

    Args:
      configs: the runs'.
      but: settings that no name has.
    """
    names = sorted(set.intersection(*map(set, configs)) - set(but))
    differing = [name for name in names if len({repr(c.get(name)) for c in configs}) > 1]
    return [
        ", ".join(f"{SHORT.get(name, name)} = {config.get(name)}" for name in differing or SHORT)
        for config in configs
    ]


def draw_images(runs: Sequence[Found], names: Sequence[str], path: pathlib.Path) -> None:
    """Two runs' modes over the steps, and their last samples."""
    if len(runs) != 2:
        raise InputError(f"two runs are compared, got {len(runs)}: give --run=FOLDER twice")
    sides = [
        samples.Run(
            name,
            run_log.read_rows(run.folder / "metrics.jsonl"),
            samples.read_grid(samples.sample_path(run.folder, run.steps[-1])),
        )
        for name, run in zip(names, runs, strict=True)
    ]
    samples.comparison(sides, path)


def draw_points(runs: Sequence[Found], names: Sequence[str], path: pathlib.Path) -> None:
    """A row of heat maps for each run."""
    data = {str(run.config.get("data")) for run in runs}
    if len(data) > 1 or not data <= set(MIXTURES):
        raise InputError(f"runs on one mixture are compared, these are on {sorted(data)}")
    pictures.rows(_rows(runs, names), path, mixture=MIXTURES[data.pop()])


def draw_strips(runs: Sequence[Found], names: Sequence[str], path: pathlib.Path) -> None:
    """A row of samples over training for each run."""
    strips(_rows(runs, names), path)


def draw_colors(runs: Sequence[Found], names: Sequence[str], path: pathlib.Path) -> None:
    """A row of maps of colours for each run, beside those of the data if it is the package's."""
    rows = _rows(runs, names)
    last = max(set.intersection(*(set(kept) for _, kept in rows)))
    images = [samples.read_grid(samples.sample_path(run.folder, last)) for run in runs]
    ours = all(r.config.get("dataset") == EMBEDDED and "data_files" not in r.config for r in runs)
    data = None
    if ours:
        key, count = jax.random.key(colors.SEED), max(len(kept[last]) for _, kept in rows)
        data, _ = colors.of_data(load_mnist("train"), key, count)
    color_rows([(*row, shown) for row, shown in zip(rows, images, strict=True)], path, data=data)


def _rows(
    runs: Sequence[Found], names: Sequence[str]
) -> list[tuple[str, Mapping[int, np.ndarray]]]:
    """Each run's kept samples by step, after its name."""
    if not set.intersection(*(set(run.kept) for run in runs)):
        raise InputError("the runs kept samples at no step in common: give runs of one eval_every")
    return [(name, run.kept) for name, run in zip(names, runs, strict=True)]


def draw_reconstructions(runs: Sequence[Found], names: Sequence[str], path: pathlib.Path) -> None:
    """Images and distances of runs that sought the same images; seeds of one setting together."""
    for run in runs:
        if result_of(run.folder)["status"] != "finished":
            raise InputError(f"--run={run.folder} has not sought all its images: let it finish")
        if not run.concluded:
            raise InputError(f"--run={run.folder} came without {conclusion.FOLDER}/, the images "
                             "that it found: copy that folder too")  # fmt: skip
    known = [
        comparison.Run(
            name,
            run.config["unroll_steps"],
            run.config["seed"],
            run.concluded,
            run.config.get("dataset", comparison.DATASET),
        )
        for name, run in zip(names, runs, strict=True)
    ]
    for line in comparison.compare(known, path):
        print(line)


DRAW: Mapping[str, Callable[[Sequence[Found], Sequence[str], pathlib.Path], None]] = {
    "stacked_mnist": draw_images,
    "mixture_of_gaussians": draw_points,
    "rnn_mnist": draw_strips,
    "colored_mnist": draw_colors,
    "cifar10_reconstruction": draw_reconstructions,
}
"""By the program whose runs are compared."""


def main() -> int:
    """Writes the picture."""
    if not FLAGS.run:
        raise InputError("which runs? give --run=FOLDER, twice or more often")
    runs = [find(pathlib.Path(run).expanduser()) for run in FLAGS.run]
    programs = sorted({program(run) or "no known program" for run in runs})
    if len(programs) > 1 or programs[0] not in DRAW:
        raise InputError(
            f"runs of one of {', '.join(DRAW)} are compared, these are of {', '.join(programs)}"
        )
    seeds = {"seed"} if programs == ["cifar10_reconstruction"] else set()  # put together there
    out = pathlib.Path(FLAGS.out).expanduser()
    if out.suffix.lower() != ".png":
        raise InputError(f"--out={FLAGS.out} is no PNG: give it a name that ends in .png")
    DRAW[programs[0]](runs, labels([run.config for run in runs], seeds), out)
    return 0


if __name__ == "__main__":
    define_flags()
    launch(main)
