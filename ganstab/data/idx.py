"""MNIST-like data in IDX files, as MNIST itself is published.

An IDX file is, big-endian: the magic number 0x00000800 + rank (0x08 says unsigned bytes), one
32-bit length for each axis, then the bytes in row-major order.
Source: Y. LeCun, C. Cortes, C. Burges, *The MNIST database of handwritten digits*.
"""

import gzip
import hashlib
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from ganstab._files import read_bytes
from ganstab.data.images import Images, check_split, make_images
from ganstab.errors import InputError

__all__ = ["is_idx_folder", "load_idx", "read_idx"]

_PREFIX = {"train": "train", "test": "t10k"}
_UNSIGNED_BYTES = 0x0800


def load_idx(
    folder: str | os.PathLike, split: str, sha256: tuple[str, str] | None = None
) -> Images:
    """One split of a folder of four IDX files, gzipped (`.gz`) or not.

    The files are `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, and for the test split
    `t10k-…`; a dot before `idx` in place of the hyphen is accepted as well.

    Args:
      folder: where the files are.
      split: "train" or "test".
      sha256: if given, the digests, in hexadecimal, that the uncompressed files of images and of
        labels must have.

    Returns:
      Images: uint8 [N, H, W, 1] and int32 [N].

    Raises:
      ValueError: no such split.
      InputError: a missing, damaged, truncated or mismatching file, by name.
    """
    check_split(split)
    folder = Path(folder)
    if not os.path.isdir(folder):
        raise InputError(f"{folder}: not a folder; a folder of IDX files is expected")
    image_file = _find(folder, f"{_PREFIX[split]}-images", rank=3)
    label_file = _find(folder, f"{_PREFIX[split]}-labels", rank=1)
    of_images, of_labels = sha256 or (None, None)
    image, label = read_idx(image_file, 3, of_images), read_idx(label_file, 1, of_labels)
    if len(image) != len(label):
        raise InputError(
            f"{label_file}: {len(label)} labels found, {len(image)} expected, "
            f"one for each image of {image_file.name}"
        )
    return make_images(image, label)


def is_idx_folder(folder: str | os.PathLike) -> bool:
    """Whether `load_idx` finds training images there; their files are not opened."""
    return any(os.path.isfile(Path(folder) / name) for name in _names("train-images", rank=3))


def read_idx(file: str | os.PathLike, rank: int, sha256: str | None = None) -> np.ndarray:
    """The uint8 array of the given rank that one IDX file holds.

    Raises:
      InputError: the file cannot be read, is not such an array, whole and nothing more, or does
        not have the digest `sha256` once it is uncompressed.
    """
    file = Path(file)
    data = _read_bytes(file)
    header = 4 + 4 * rank
    if len(data) < header:
        raise InputError(f"{file}: truncated: {len(data)} bytes found, {header} of header expected")
    magic, *shape = struct.unpack(f">{1 + rank}I", data[:header])
    if magic != _UNSIGNED_BYTES + rank:
        raise InputError(
            f"{file}: wrong magic number: 0x{magic:08x} found, "
            f"0x{_UNSIGNED_BYTES + rank:08x} expected"
        )
    if 0 in shape:
        raise InputError(f"{file}: empty: the shape {shape} found, no length of 0 expected")
    expected = math.prod(shape)
    if len(data) - header != expected:
        problem = "truncated" if len(data) - header < expected else "too long"
        raise InputError(
            f"{file}: {problem}: {len(data) - header} bytes found after the header, "
            f"{expected} expected for the shape {shape} it states"
        )
    if sha256 and (found := hashlib.sha256(data).hexdigest()) != sha256:
        raise InputError(f"{file}: other content: SHA-256 {found} found, {sha256} expected")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def _find(folder: Path, stem: str, rank: int) -> Path:
    names = _names(stem, rank)
    for name in names:
        if os.path.isfile(folder / name):
            return folder / name
    raise InputError(f"{folder}: no {stem} file; one of {', '.join(names)} is expected")


def _names(stem: str, rank: int) -> list[str]:
    return [f"{stem}{mark}idx{rank}-ubyte{end}" for mark in "-." for end in ("", ".gz")]


def _read_bytes(file: Path) -> bytes:
    data = read_bytes(file)
    try:
        return gzip.decompress(data) if file.suffix == ".gz" else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{file}: damaged gzip file: {error}") from error
