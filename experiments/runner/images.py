"""The images that a run trains on, wherever they come from."""

import numpy as np

from experiments.runner.settings import Settings
from ganstab.data import Images, RandomAccess, load_idx, load_mnist, load_tfds
from ganstab.errors import InputError

EMBEDDED = "mnist"


def load(settings: Settings, shape: tuple[int, int, int]) -> Images | RandomAccess:
    """The training split of `--dataset`.

    Args:
      settings: `dataset`, `data_dir` and `download` say what and where.
      shape: the height, width and channels that the networks are made for.

    Raises:
      InputError: the dataset is unknown, missing, damaged, of another shape, or smaller than a
        batch.
    """
    if settings.dataset != EMBEDDED:
        source: Images | RandomAccess = load_tfds(
            settings.dataset, "train", data_dir=settings.data_dir, download=settings.download
        )
    elif settings.data_dir:
        source = load_idx(settings.data_dir, "train")
    else:
        source = load_mnist("train")
    _check(source, settings, shape)
    return source


def _check(source: Images | RandomAccess, settings: Settings, shape: tuple[int, int, int]) -> None:
    first = source.image[:1] if isinstance(source, Images) else source.fetch(np.zeros(1, int)).image
    if first.shape[1:] != shape:
        raise InputError(
            f"--dataset={settings.dataset} has images of shape {first.shape[1:]}, this experiment "
            f"takes {shape}"
        )
    size = len(source.label) if isinstance(source, Images) else len(source)
    if settings.batch_size > size:
        raise InputError(
            f"--batch_size={settings.batch_size} is larger than the data, {size} images"
        )
