"""The images that a run trains on, wherever they come from."""

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from experiments.runner.settings import EMBEDDED, Settings
from ganstab.data import (
    Images,
    RandomAccess,
    is_idx_folder,
    is_image_folder,
    load_folder,
    load_idx,
    load_mnist,
    load_tfds,
)
from ganstab.errors import InputError


def load(settings: Settings, shape: tuple[int, int, int]) -> Images | RandomAccess:
    """The training split of `--dataset`.

    Args:
      settings: `dataset`, `data_dir` and `download` say what and where.
      shape: the height, width and channels that the networks are made for.

    Raises:
      InputError: the dataset is unknown, missing, damaged, of another shape, or smaller than a
        batch.
    """
    source = _load(settings.dataset, settings.data_dir, settings.download)
    _check(source, settings, shape)
    return source


@functools.lru_cache(maxsize=1)
def _load(dataset: str, folder: str | None, download: bool) -> Images | RandomAccess:
    """Loaded once, however many seeds train on them together."""
    if dataset == EMBEDDED:
        return load_idx(folder, "train") if folder else load_mnist("train")
    return _load_named(dataset, folder, download)


def _load_named(dataset: str, folder: str | None, download: bool) -> Images | RandomAccess:
    """What `--data_dir` holds in plain files, or else what TensorFlow Datasets has."""
    if folder and is_idx_folder(folder):
        return load_idx(folder, "train")
    if folder and is_image_folder(folder):
        return load_folder(folder)
    try:
        return load_tfds(dataset, "train", data_dir=folder, download=download)
    except InputError as error:
        ways = "" if download else "--download, or "
        raise InputError(
            f"{error}; as flags: {ways}--data_dir=FOLDER with one sub-folder of images a class"
        ) from error


def load_ahead(
    settings: Settings, shape: tuple[int, int, int]
) -> Callable[[], Images | RandomAccess]:
    """`load`, to be waited for by a call: decoding the embedded set takes a core over a second.

    Other data are read when they are waited for, since the lazy imports of TensorFlow Datasets
    break those of jax where both happen at once.
    """
    if not is_embedded(settings):
        return lambda: load(settings, shape)
    return ThreadPoolExecutor(1).submit(load, settings, shape).result


def is_embedded(settings: Settings) -> bool:
    """Whether the images are those of the package."""
    return settings.dataset == EMBEDDED and not settings.data_dir


def size(source: Images | RandomAccess) -> int:
    """How many images there are."""
    return len(source.label) if isinstance(source, Images) else len(source)


def take(source: Images | RandomAccess, places: np.ndarray) -> Images:
    """The images at these places, on the host."""
    if isinstance(source, Images):
        return Images(source.image[places], source.label[places])
    return source.fetch(places)


def _check(source: Images | RandomAccess, settings: Settings, shape: tuple[int, int, int]) -> None:
    found = take(source, np.zeros(1, int)).image.shape[1:]
    if found != shape:
        raise InputError(
            f"--dataset={settings.dataset} has images of shape {found}, this experiment takes "
            f"{shape}"
        )
    if settings.batch_size > size(source):
        raise InputError(
            f"--batch_size={settings.batch_size} is larger than the data, {size(source)} images"
        )
