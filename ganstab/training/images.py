"""The images that a run trains on, wherever they come from, and the settings that name them."""

import dataclasses
import re
from typing import Self

import jax
import numpy as np

from ganstab import digit_classifier
from ganstab.data import (
    Images,
    RandomAccess,
    Sampler,
    draw,
    fetch_batch,
    is_idx_folder,
    is_image_folder,
    load_folder,
    load_idx,
    load_mnist,
    load_tfds,
    to_unit_range,
)
from ganstab.errors import InputError
from ganstab.training import provenance
from ganstab.training.config import RunConfig, option
from ganstab.training.run_folder import local_folder

__all__ = ["ImageConfig", "batch", "classifier_accuracy", "load", "name_of", "size", "take"]

EMBEDDED = "mnist"
"""The dataset that the package brings along."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageConfig(RunConfig):
    """The settings of a run on images."""

    dataset: str = option(
        EMBEDDED,
        f"Images to train on: {EMBEDDED} (embedded), or the name of a TensorFlow Datasets image "
        "dataset that is prepared on disk. With --data_dir, what that folder's images are called. "
        "Under another name than the default one, nothing is compared with the paper's values.",
    )
    data_dir: str | None = option(
        None,
        "Folder of images in one sub-folder a class (in its sub-folder train, if it has one), of "
        "standard IDX files (train-images-idx3-ubyte and train-labels-idx1-ubyte, .gz or not), or "
        "of prepared datasets.",
        decides=False,
    )
    download: bool = option(
        False,
        "Let TensorFlow Datasets download and prepare --dataset first (needs the extra tfds).",
        decides=False,
    )
    data_files: str | None = option(
        None, "A hash of the files in data_dir, which may lie elsewhere later.", flag=False
    )

    def fingerprinted(self) -> Self:
        """With `data_files` filled in.

        Raises:
          InputError: there is no such folder.
        """
        if self.data_dir is None:
            return self
        folder = local_folder(self.data_dir, "--data_dir")
        prepared = folder / name_of(self.dataset)  # one of several datasets
        files = prepared if prepared.is_dir() else folder
        return self.replace(data_files=provenance.of_data(files))

    def has_papers_data(self) -> bool:
        """The same; what --data_dir holds is taken for what --dataset says."""
        return name_of(self.dataset) == type(self).dataset

    def is_embedded(self) -> bool:
        """Whether the images are those of the package."""
        return self.dataset == EMBEDDED and self.data_dir is None


def load(config: ImageConfig, shape: tuple[int, int, int]) -> Images | RandomAccess:
    """The training split of the settings' dataset.

    Args:
      config: `dataset`, `data_dir` and `download` say what and where.
      shape: the height, width and channels that the networks are made for.

    Raises:
      InputError: the dataset is unknown, missing, damaged or of another shape.
    """
    source = _load(config)
    found = take(source, np.zeros(1, int)).image.shape[1:]
    if found != shape:
        raise InputError(
            f"--dataset={config.dataset} has images of shape {found}, this experiment takes {shape}"
        )
    return source


def size(source: Images | RandomAccess) -> int:
    """How many images there are."""
    return len(source.label) if isinstance(source, Images) else len(source)


def take(source: Images | RandomAccess, places: np.ndarray) -> Images:
    """The images at these places, on the host."""
    if isinstance(source, Images):
        return Images(source.image[places], source.label[places])
    return source.fetch(places)


def batch(source: Images | RandomAccess, sampler: Sampler, n: int) -> np.ndarray:
    """Images [n, H, W, C] in [-1, 1] as training sees them, the same at every call."""
    key = jax.random.key(0)
    if isinstance(source, Images):  # one compiled program, in place of one for each operation
        return np.asarray(jax.jit(lambda images: draw(sampler, images, key, n).real)(source))
    return np.asarray(fetch_batch(sampler, source, key, n).real)


def name_of(dataset: str) -> str:
    """A dataset's name without its configuration and version."""
    return re.split("[/:]", dataset)[0]


def classifier_accuracy(source: Images | RandomAccess) -> float:
    """The share of 1,000 images that the digit classifier reads as labelled, from 0 to 1.

    Modes of digits mean nothing where it is low.
    """
    image, label = take(source, np.linspace(0, size(source) - 1, 1000).astype(int))
    classify = jax.jit(digit_classifier.classify)
    found = classify(digit_classifier.load(), to_unit_range(image))
    return float(np.mean(np.asarray(found) == label))


def _load(config: ImageConfig) -> Images | RandomAccess:
    """What --data_dir holds in plain files, or else what TensorFlow Datasets has."""
    folder = None if config.data_dir is None else str(local_folder(config.data_dir, "--data_dir"))
    if config.dataset == EMBEDDED and folder is None:
        return load_mnist("train")
    if folder and (config.dataset == EMBEDDED or is_idx_folder(folder)):
        return load_idx(folder, "train")
    if folder and is_image_folder(folder):
        return load_folder(folder)
    try:
        return load_tfds(config.dataset, "train", data_dir=folder, download=config.download)
    except InputError as error:
        ways = "" if config.download else "--download, or "
        raise InputError(
            f"{error}; as flags: {ways}--data_dir=FOLDER with one sub-folder of images a class"
        ) from error
