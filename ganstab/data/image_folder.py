"""Labelled images from a folder with one sub-folder a class, as image collections are passed on."""

import contextlib
import os
import struct
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps, PpmImagePlugin, TiffImagePlugin

from ganstab.data.images import Images, check_split, make_images
from ganstab.errors import InputError

__all__ = ["class_names", "decode_files", "is_image_folder", "load_folder", "pages"]

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""The files that count as images, in lower or upper case; others are passed over."""

# Pillow's names of the formats behind these suffixes.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
# What pillow raises for the damaged files of one format or another.
DAMAGE = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError,
    struct.error, Image.DecompressionBombError,
)  # fmt: skip
_WORKERS = 8
_FILES_AT_ONCE = 200


def load_folder(folder: str | os.PathLike, split: str = "train") -> Images:
    """All images of one split of a folder with one sub-folder a class.

    `FOLDER/train/cat/1.png` is found for the folder `FOLDER` as well as for `FOLDER/train`; files
    are read in the order of their names. An image is turned as its EXIF orientation says. Grey
    images get three equal channels, and an alpha channel is dropped. Colour profiles are not
    applied. 50,000 images of 32 × 32 take some ten seconds and 154 MB.

    Args:
      folder: where the splits are; or, for the split "train", the classes themselves.
      split: "train" or "test".

    Returns:
      Images: uint8 [N, H, W, 3], and int32 [N], each the place of its class in `class_names`.

    Raises:
      ValueError: no such split.
      InputError: no folder, no class sub-folder, a class without images; an image that is no
        regular file, is damaged, differs in size from the first, is animated or has several pages,
        or has more than 8 bits a channel, by name.
    """
    place = _split_folder(Path(folder), split)
    files = [_image_files(place / name) for name in class_names(folder, split)]
    label = np.repeat(np.arange(len(files)), [len(of_class) for of_class in files])
    return make_images(decode_files([file for of_class in files for file in of_class]), label)


def class_names(folder: str | os.PathLike, split: str = "train") -> list[str]:
    """The names of the class sub-folders, sorted; errors as `load_folder`'s."""
    place = _split_folder(Path(folder), split)
    names = _class_names(place)
    if not names:
        raise InputError(f"{place}: no sub-folders; one sub-folder of images a class is expected")
    return names


def is_image_folder(folder: str | os.PathLike) -> bool:
    """Whether `load_folder` finds training images there; their files are not opened."""
    if not os.path.isdir(folder):
        return False
    place = _split_folder(Path(folder), "train")
    return any(_listed_images(place / name) for name in _class_names(place))


def _split_folder(folder: Path, split: str) -> Path:
    check_split(split)
    if not os.path.isdir(folder):
        raise InputError(f"{folder}: not a folder; one sub-folder of images a class is expected")
    # A class may be called "train" too; then it holds images and no folders.
    if os.path.isdir(folder / split) and _class_names(folder / split):
        return folder / split
    if split != "train":
        raise InputError(f"{folder}: no folder {split} with one sub-folder of images a class")
    return folder


def _class_names(place: Path) -> list[str]:
    return [name for name in _names(place) if os.path.isdir(place / name)]


def _listed_images(place: Path) -> list[str]:
    return [name for name in _names(place) if name.lower().endswith(SUFFIXES)]


def _names(place: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(place) if not name.startswith("."))
    except OSError as error:
        raise InputError(f"{place}: cannot be read: {error.strerror}") from error


def _image_files(place: Path) -> list[Path]:
    names = _listed_images(place)
    if not names:
        raise InputError(f"{place}: no images; files ending in {', '.join(SUFFIXES)} are expected")
    return [place / name for name in names]


def decode_files(files: Sequence[Path]) -> np.ndarray:
    """uint8 [N, H, W, 3]; a file that cannot be used is named, without pillow's warnings."""
    with warnings.catch_warnings(action="ignore"):  # of large images and of damaged EXIF
        return _decode_all(files)


def _decode_all(files: Sequence[Path]) -> np.ndarray:
    """Pillow decodes outside the interpreter's lock, so threads help."""
    first = _decode(files[0])
    image = np.empty((len(files), *first.shape), np.uint8)

    def fill(start: int) -> None:
        for i in range(start, min(start + _FILES_AT_ONCE, len(files))):
            decoded = _decode(files[i])
            if decoded.shape != first.shape:
                raise InputError(
                    f"{files[i]}: {_size(decoded)} pixels; all images must have one size, and "
                    f"{files[0]} has {_size(first)}"
                )
            image[i] = decoded

    with ThreadPoolExecutor(_WORKERS) as pool:
        for _ in pool.map(fill, range(0, len(files), _FILES_AT_ONCE)):
            pass
    return image


def _decode(file: Path) -> np.ndarray:
    if not os.path.isfile(file):  # to open a pipe would wait for its writer
        raise InputError(f"{file}: not a regular file")
    try:
        with Image.open(file, formats=FORMATS) as image:
            deep, frames = _is_deep(image), pages(image)
            image.load()
            with contextlib.suppress(*DAMAGE):  # a viewer shows an image with damaged EXIF too
                ImageOps.exif_transpose(image, in_place=True)
            pixels = np.asarray(image.convert("RGB"))
    except DAMAGE as error:
        raise InputError(f"{file}: not a readable image: {' '.join(str(error).split())}") from error
    if deep:
        raise InputError(f"{file}: more than 8 bits a channel; 8 are expected")
    if frames > 1:
        raise InputError(f"{file}: {frames} frames or pages; one is expected")
    return pixels


def pages(image: Image.Image) -> int:
    """How many frames or pages an image has that a viewer shows."""
    # The others of a photo that has several, such as a preview, are not shown.
    return 1 if image.format == "MPO" else getattr(image, "n_frames", 1)


def _is_deep(image: ImageFile.ImageFile) -> bool:
    """Whether a file just opened has more than 8 bits a channel, of which pillow may keep 8."""
    if image.mode.startswith(("I", "F")):
        return True
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return max(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,))) > 8
    if isinstance(image, PpmImagePlugin.PpmImageFile):  # its tile holds the greatest value
        return any(isinstance(part, int) and part > 255 for part in image.tile[0].args or ())
    return image.format == "PNG" and ";16" in str(image.tile)


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]} × {image.shape[0]}"
