"""Sound runs, of which cases damage copies; made once, in children, a few seconds each."""

import json
import os
import pathlib
import shutil
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from . import harness

NO_CACHE = "--compilation_cache="
TINY = ("tiny_run", NO_CACHE, "--num_steps=8")
MIXTURE = (
    "experiments.mixture_of_gaussians", NO_CACHE, "--unroll_steps=0", "--num_steps=4",
    "--eval_every=2", "--checkpoint_every=2", "--log_every=1", "--batch_size=16", "--samples=64",
)  # fmt: skip
RING = (
    "ring_experiment", NO_CACHE, "--table=steps", "--num_steps=2", "--eval_every=2", "--jobs=2",
    "--seeds=1",
)  # fmt: skip
CIFAR = (
    "experiments.cifar10_reconstruction", NO_CACHE, "--unroll_steps=0", "--num_steps=2",
    "--eval_every=2", "--batch_size=8", "--samples=8", "--inference_images=8", "--iterations=2",
    "--width=0.0625", "--starts=1", "--inference_batch=4",
)  # fmt: skip
GAN = (
    "ganstab", "train", NO_CACHE, "--num_steps=2", "--batch_size=4", "--width=2", "--latent=4",
    "--samples=64", "--eval_every=2", "--conditional", "--size=16",
)  # fmt: skip


class Sound(NamedTuple):
    """Folders of what is sound."""

    root: pathlib.Path

    @property
    def tiny(self) -> pathlib.Path:
        """A finished run of the tests' own program."""
        return self.root / "tiny" / "here" / "run"

    @property
    def mixture(self) -> pathlib.Path:
        """A finished run of one of the project's programs."""
        return self.root / "mixture" / "here" / "run"

    @property
    def ring(self) -> pathlib.Path:
        """A table of two runs."""
        return self.root / "ring" / "here" / "run"

    @property
    def cifar(self) -> pathlib.Path:
        """A finished run with its search for images."""
        return self.root / "cifar" / "here" / "run"

    @property
    def gan(self) -> pathlib.Path:
        """A finished run of `ganstab train` with classes."""
        return self.root / "gan" / "here" / "run"

    @property
    def images(self) -> pathlib.Path:
        """A folder of images, one sub-folder a class."""
        return self.root / "images"


def make_sound(root: pathlib.Path) -> Sound:
    """Trains what is not there yet.

    Raises:
      RuntimeError: a program failed on sound input.
    """
    sound = Sound(root)
    _draw_images(sound.images)
    commands: dict[str, Sequence[str]] = {
        "tiny": TINY,
        "mixture": MIXTURE,
        "ring": RING,
        "cifar": (*CIFAR, f"--data_dir={sound.images}"),
        "gan": (*GAN, f"--data={sound.images}"),
    }
    children = {}
    for name, words in commands.items():
        place = root / name
        if not (place / "done").exists():
            shutil.rmtree(place, ignore_errors=True)
            (place / "here").mkdir(parents=True)
            case = harness.Case("sound", name, (*words, "--workdir=run"))
            children[harness.start_in_child(case, place)] = place
    for pid, place in children.items():
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            raise RuntimeError((place / "err").read_text())
        (place / "done").touch()
    return sound


def _draw_images(folder: pathlib.Path) -> None:
    draw = np.random.default_rng(0)
    for name in [f"{c}/{i:02d}.png" for c in "ab" for i in range(8)]:
        path = folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)


def copied(run: pathlib.Path, name: str = "run"):
    """What puts a copy of a run into a case's folder."""
    return lambda here: shutil.copytree(run, here / name)


def cut(run: pathlib.Path, step: int = 4) -> None:
    """As if the run had been stopped after this step."""
    for later in (run / "checkpoints").iterdir():
        if int(later.name.removeprefix("step_")) > step:
            shutil.rmtree(later)
    result = json.loads((run / "result.json").read_text())
    changes = {"status": "interrupted", "step": step, "saved_at_step": step}
    (run / "result.json").write_text(json.dumps(result | changes))
