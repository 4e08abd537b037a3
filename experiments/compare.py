"""One picture of several finished runs.

    python -m experiments.compare --run=runs/A --run=runs/B --out=picture.png

Runs are folders that an experiment wrote. Two runs on images are shown by their modes over the
training steps and their last samples; that is how README's picture was made. Any number of runs on
a mixture of Gaussians are shown one below the other, by heat maps of their samples over training,
as in Figure 2 of the Unrolled GAN paper. Any number of runs that sought the same training images
are compared as in its Table 3 and Figures 5 and 6: which reconstructs an image best, where they
differ most, how far apart their samples are. Each is named after the settings in which they differ.
"""

import json
import pathlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from absl import flags

from experiments.mixtures import pictures
from experiments.mixtures.protocols import MIXTURES
from experiments.reconstruction import comparison
from experiments.runner import conclusion, launch, samples
from ganstab.errors import InputError
from ganstab.output import run_log

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


def labels(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each run's name: the settings in which the runs differ, or K if they are the same."""
    names = sorted(set().union(*configs))
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
    rows = [(name, run.kept) for name, run in zip(names, runs, strict=True)]
    if not set.intersection(*(set(run.kept) for run in runs)):
        raise InputError("the runs kept samples at no step in common: give runs of one eval_every")
    pictures.rows(rows, path, mixture=MIXTURES[data.pop()])


def draw_reconstructions(runs: Sequence[Found], names: Sequence[str], path: pathlib.Path) -> None:
    """Images and distances of runs that sought the same images; seeds of one setting together."""
    for run in runs:
        result = json.loads((run.folder / "result.json").read_text())
        if result["status"] != "finished":
            raise InputError(f"--run={run.folder} has not sought all its images: let it finish")
    known = [
        comparison.Run(name, run.config["unroll_steps"], run.config["seed"], run.concluded)
        for name, run in zip(names, runs, strict=True)
    ]
    for line in comparison.compare(known, path):
        print(line)


def main() -> int:
    """Writes the picture."""
    runs = [find(pathlib.Path(run)) for run in FLAGS.run]
    if runs and all("reconstruction" in run.concluded for run in runs):
        settings = [{k: v for k, v in run.config.items() if k != "seed"} for run in runs]
        draw_reconstructions(runs, labels(settings), pathlib.Path(FLAGS.out))
        return 0
    points = bool(runs) and all(run.kept for run in runs)
    draw = draw_points if points else draw_images
    draw(runs, labels([run.config for run in runs]), pathlib.Path(FLAGS.out))
    return 0


if __name__ == "__main__":
    define_flags()
    launch(main)
