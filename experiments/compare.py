"""One picture of two finished runs: their modes over the training steps, and their last samples.

    python -m experiments.compare --run=runs/A --run=runs/B --out=picture.png

Runs are folders that an experiment wrote. This is how README's picture was made.
"""

import json
import pathlib

from absl import flags

from experiments.runner import launch, samples
from ganstab.errors import InputError
from ganstab.output import run_log

FLAGS = flags.FLAGS


def define_flags() -> None:
    """The program's own flags."""
    flags.DEFINE_multi_string("run", [], "A run's folder; give it twice.")
    flags.DEFINE_string("out", "comparison.png", "The PNG to write.")


def read(folder: pathlib.Path) -> samples.Run:
    """A run's label, rows and last samples.

    Raises:
      InputError: the folder is no run's, or has no samples yet.
    """
    steps = samples.sample_steps(folder)
    if not steps or not (folder / "config.json").exists():
        raise InputError(f"--run={folder} is no run with samples: name a folder that one wrote")
    config = json.loads((folder / "config.json").read_text())
    images = samples.read_grid(samples.sample_path(folder, steps[-1]))
    return samples.Run(
        f"K = {config['unroll_steps']}", run_log.read_rows(folder / "metrics.jsonl"), images
    )


def main() -> int:
    """Writes the picture."""
    if len(FLAGS.run) != 2:
        raise InputError(f"two runs are compared, got {len(FLAGS.run)}: give --run=FOLDER twice")
    samples.comparison([read(pathlib.Path(run)) for run in FLAGS.run], pathlib.Path(FLAGS.out))
    return 0


if __name__ == "__main__":
    define_flags()
    launch(main)
