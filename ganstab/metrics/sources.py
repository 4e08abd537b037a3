"""Images to compare, in batches: of folders, of files of arrays, or of a generator."""

import os
import pathlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jax import Array

from ganstab._files import regular
from ganstab.data.image_folder import SUFFIXES, decode_files
from ganstab.errors import InputError
from ganstab.reporting.writing import explained

__all__ = ["ImageSource", "array_source", "open_images"]

GRID = "grid.png"
"""Many samples in one picture, which `ganstab sample` writes beside them."""


@dataclass(frozen=True)
class ImageSource:
    """Images that are gone through in batches, so that not all of them need to be in memory."""

    name: str
    """What messages call it."""
    n: int
    """How many images there are."""
    shape: tuple[int, int, int]
    """Height, width and channels of each."""
    batches: Callable[[int], Iterator[np.ndarray | Array]]
    """`batches(size)` goes through all images once, in order, as [size, H, W, C], the last batch
    perhaps shorter; uint8, or floats in [−1, 1]."""
    step: int | None = None
    """Of samples of a run, the training step; `name` is then the run's folder."""


def open_images(path: str | os.PathLike[str]) -> ImageSource:
    """The images of a folder, at any depth, or the array of a `.npy` or `.npz` file.

    Files in a folder are taken in the order of their paths; hidden ones, other kinds, and the
    `grid.png` of `ganstab sample` are passed over. An array is uint8 or floats in [−1, 1], [n, H,
    W, C] or [n, H, W]; a `.npz` has one such.

    Raises:
      InputError: there is no such folder or file, fewer than two images in it, images of different
        sizes, an image that is damaged (found when its batch is read), or an array of another kind.
    """
    place = pathlib.Path(path)
    if place.is_dir():
        return _folder(place)
    if place.suffix in (".npy", ".npz"):
        return array_source(str(path), _read_array(place))
    found = "a file of another kind" if place.exists() else "no such folder"
    raise InputError(
        f"{path}: {found}; the folder of a run or of images, or a .npy or .npz, is expected"
    )


def array_source(name: str, images: np.ndarray | Array) -> ImageSource:
    """The images of an array, uint8 or floats in [−1, 1]: [n, H, W, C] or [n, H, W].

    Raises:
      InputError: it has another shape or other numbers, or fewer than two images.
    """
    images = images[..., None] if images.ndim == 3 else images
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise InputError(f"{name}: an array {list(images.shape)}; [n, H, W, 1 or 3] is expected")
    check_two_images(name, len(images))
    if images.dtype != np.uint8:
        _check_range(name, images)

    def batches(size: int) -> Iterator[np.ndarray | Array]:
        return (images[i : i + size] for i in range(0, len(images), size))

    height, width, channels = images.shape[1:]
    return ImageSource(name, len(images), (height, width, channels), batches)


def _check_range(name: str, images: np.ndarray | Array) -> None:
    if images.dtype.kind != "f":
        raise InputError(f"{name}: {images.dtype}; uint8, or floats in [-1, 1], are expected")
    low, high = float(images.min()), float(images.max())
    if not -1.001 <= low <= high <= 1.001:  # what is not a number as well
        raise InputError(
            f"{name}: numbers from {low:g} to {high:g}; floats in [-1, 1] are expected"
        )
    if low >= 0:
        raise InputError(
            f"{name}: numbers from {low:g} to {high:g}, none below 0; -1 (black) to 1 (white) "
            "is expected"
        )


def check_two_images(name: str, n: int) -> None:
    """Raises InputError for fewer than two images."""
    if n < 2:
        raise InputError(f"{name}: {n or 'no'} image{'s' * (n != 1)}; 2 or more are expected")


def _folder(folder: pathlib.Path) -> ImageSource:
    files = sorted(
        file
        for file in folder.rglob("*")
        if file.name.lower().endswith(SUFFIXES)
        and file.name != GRID
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )
    if not files:
        raise InputError(
            f"{folder}: no run, which has a config.json, and no images; files ending in "
            f"{', '.join(SUFFIXES)} are expected"
        )
    check_two_images(str(folder), len(files))

    def batches(size: int) -> Iterator[np.ndarray]:
        for i in range(0, len(files), size):
            # The first file once more: all must have its size.
            yield decode_files([files[0], *files[i : i + size]])[1:]

    height, width, channels = decode_files(files[:1]).shape[1:]
    return ImageSource(str(folder), len(files), (height, width, channels), batches)


def _read_array(path: pathlib.Path) -> np.ndarray:
    try:
        with explained(f"cannot read {path}"):
            os.close(regular(str(path), os.O_RDONLY))
            if path.suffix == ".npy":
                return np.load(path, mmap_mode="r", allow_pickle=False)
            with np.load(path, allow_pickle=False) as archive:
                images = [name for name in archive.files if archive[name].ndim in (3, 4)]
                if len(images) != 1:
                    raise InputError(
                        f"{path}: {len(images)} arrays of images, of {len(archive.files)} arrays; "
                        "one [n, H, W, C] is expected"
                    )
                return archive[images[0]]
    except InputError:
        raise
    except Exception as error:  # a damaged file makes the decoders raise nearly anything
        why = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: not an array: {why}") from error
