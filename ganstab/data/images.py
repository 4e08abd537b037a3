"""Labelled images as two arrays, and the check that they are usable."""

from typing import Any, NamedTuple

import numpy as np

from ganstab.errors import InputError

__all__ = ["Images", "check_split", "make_images"]


class Images(NamedTuple):
    """N labelled images of one shape: numpy arrays on the host, or jax arrays on a device.

    `jax.device_put(images)` makes them resident, so that batches can be drawn inside jit.
    """

    image: Any
    """uint8 [N, H, W, C], 0 to 255."""
    label: Any
    """int32 [N], −1 for an image without a label."""


def make_images(image: np.ndarray, label: np.ndarray | None = None) -> Images:
    """A user's own arrays as `Images`, checked.

    Args:
      image: uint8 [N, H, W, C], or [N, H, W] for greyscale.
      label: integers [N] from 0, with −1 for an image without a label; if None, all are 0.

    Raises:
      InputError: an array of a wrong dtype, rank or length, no image at all, or a label that is
        less than −1 or does not fit in 32 bits.
    """
    image = np.asarray(image)
    if image.ndim == 3:
        image = image[..., None]
    if image.dtype != np.uint8 or image.ndim != 4 or 0 in image.shape:
        raise InputError(
            "image must be uint8 [N, H, W, C] or [N, H, W] with nothing empty, "
            f"not {image.dtype} {list(image.shape)}"
        )
    label = np.zeros(len(image), np.int32) if label is None else np.asarray(label)
    if label.shape != image.shape[:1] or not np.issubdtype(label.dtype, np.integer):
        raise InputError(
            f"label must be integers [{len(image)}], one an image, "
            f"not {label.dtype} {list(label.shape)}"
        )
    wrong = label[(label < -1) | (label > np.iinfo(np.int32).max)]
    if len(wrong):
        raise InputError(f"label must be from 0 to 2^31 - 1, or -1 for none, not {wrong[0]}")
    return Images(image, label.astype(np.int32))


def check_split(split: str) -> None:
    """Refuse a split that does not exist.

    Raises:
      ValueError: the split is neither "train" nor "test".
    """
    if split not in ("train", "test"):
        raise ValueError(f"split must be one of train, test, not {split!r}")
