"""The images that `ganstab train --data=…` names, wherever they come from."""

import dataclasses
import functools
import sys
from collections.abc import Sequence

import numpy as np
import tqdm

from ganstab.data import (
    Images,
    RandomAccess,
    is_idx_folder,
    load_idx,
    load_mnist,
    load_tfds,
    prepare,
    typical_side,
)
from ganstab.errors import InputError
from ganstab.training import images as training_images
from ganstab.training import provenance
from ganstab.training.run_folder import is_run, local_folder

__all__ = ["Source", "open_source"]

MNIST, TFDS = "mnist", "tfds:"
IN_MEMORY = 2 * 2**30
"""Bytes of images up to which all are held on the devices; more are read from disk by index."""
SMALLEST_SIDE, LARGEST_SIDE = 8, 64
"""Of the images that a folder is prepared as where no size is asked for."""


@dataclasses.dataclass(frozen=True)
class Source:
    """Images to train on."""

    data: Images | RandomAccess
    shape: tuple[int, int, int]
    """Height, width, channels."""
    classes: Sequence[str]
    """Names of the labels' classes; none where images have no labels."""
    digest: str
    """A hash of the images."""
    skipped: Sequence[tuple[str, str]] = ()
    """Files that could not be used, and why."""

    def __len__(self) -> int:
        """How many images there are."""
        return training_images.size(self.data)


@functools.lru_cache(maxsize=1)
def open_source(name: str, size: int | None, *, border: bool = False) -> Source:
    """The images of a folder, a zip archive, an IDX folder, `mnist` or `tfds:NAME`.

    Args:
      name: as `--data` has it.
      size: in pixels; None for the images' own, or for a folder's typical size, 64 at most.
      border: whether smaller images of `mnist` and of IDX folders get a black border, up to `size`.

    Raises:
      InputError: there are none, they cannot be read, or they cannot have this size.
    """
    bordered = size if border else None
    if name == MNIST:
        return _fixed(name, size, _padded(load_mnist("train"), bordered), "mnist")
    if name.startswith(TFDS):
        return _fixed(name, size, load_tfds(name.removeprefix(TFDS), "train"), name)
    folder = local_folder(name, "--data")
    if is_run(folder):
        raise InputError(f"--data={name} is the folder of a run; a folder of images is expected")
    if folder.is_dir() and is_idx_folder(folder):
        images = _padded(load_idx(folder, "train"), bordered)
        return _fixed(name, size, images, provenance.of_data(folder))
    side = size or max(min(typical_side(folder), LARGEST_SIDE), SMALLEST_SIDE)
    found = prepare(folder, side, progress=_Bar(f"reading {folder.name}"))
    image, label = found.images
    resident = image.nbytes <= IN_MEMORY
    data = Images(np.asarray(image), label) if resident else found.random_access(name)
    return Source(data, image.shape[1:], found.classes, found.digest, found.skipped)


def _padded(images: Images, size: int | None) -> Images:
    """With a black border to height and width `size`, where they are smaller."""
    missing = [max((size or 0) - side, 0) for side in images.image.shape[1:3]]
    sides = [(each // 2, each - each // 2) for each in missing]
    return images._replace(image=np.pad(images.image, ((0, 0), *sides, (0, 0))))


def _fixed(name: str, size: int | None, data: Images | RandomAccess, digest: str) -> Source:
    """Images that are taken as they are."""
    shape = training_images.take(data, np.zeros(1, int)).image.shape[1:]
    if size is not None and shape[:2] != (size, size):
        raise InputError(
            f"--size={size} does not go with --data={name}, whose images have "
            f"{shape[1]} × {shape[0]} pixels and are taken as they are"
        )
    if min(shape[:2]) < SMALLEST_SIDE:
        raise InputError(
            f"--data={name} has images of {shape[1]} × {shape[0]} pixels; at least "
            f"{SMALLEST_SIDE} × {SMALLEST_SIDE} are expected"
        )
    labels = data.label if isinstance(data, Images) else np.zeros(0, int)
    classes = [str(i) for i in range(int(labels.max(initial=-1)) + 1)]
    return Source(data, shape, classes, digest)


class _Bar:
    """Progress of reading many files, on a terminal or not."""

    def __init__(self, words: str):
        self._words = words
        self._bar: tqdm.tqdm | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            every = 0.5 if sys.stderr.isatty() else 10.0
            self._bar = tqdm.tqdm(
                total=total, desc=self._words, unit="file", mininterval=every, delay=every,
                leave=False,
            )  # fmt: skip
        self._bar.update(done - self._bar.n)
        if done >= total:
            self._bar.close()
