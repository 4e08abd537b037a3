"""The whole of MNIST as its four IDX files, in the package: nothing is downloaded.

Data: Yann LeCun, Corinna Cortes and Christopher J. C. Burges, *The MNIST database of handwritten
digits*, http://yann.lecun.com/exdb/mnist/, derived from NIST Special Databases 1 and 3, under
CC BY-SA 3.0. The IDX files are those of the authors byte for byte, compressed anew with gzip: the
`.gz` files themselves have other checksums than the authors' `.gz` files. MD5 of the IDX files:

    train-images-idx3-ubyte   6bbc9ace898e44ae57da46a324031adb
    train-labels-idx1-ubyte   a25bea736e30d166cdddb491f175f624
    t10k-images-idx3-ubyte    2646ac647ad5339dbf082846283269ea
    t10k-labels-idx1-ubyte    27ae3e4e09519cfbb04c329615203637
"""

import os
from pathlib import Path

from ganstab.data.idx import load_idx
from ganstab.data.images import Images, check_split
from ganstab.errors import InputError

__all__ = ["load_mnist"]

FOLDER = Path(__file__).parent / "files"
"""Where the embedded files are."""

SHA256 = {
    "train": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "test": (
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}
"""SHA-256 of each split's IDX files of images and of labels, uncompressed."""


def load_mnist(split: str, folder: str | os.PathLike = FOLDER) -> Images:
    """One split of MNIST, in its published order; the files are checked against their SHA-256.

    Args:
      split: "train" (60,000 images) or "test" (10,000).
      folder: where the four files are, by default in the package.

    Returns:
      Images: uint8 [N, 28, 28, 1] and int32 [N] in 0 … 9.

    Raises:
      ValueError: no such split.
      InputError: a missing or damaged file, by name.
    """
    check_split(split)
    try:
        return load_idx(folder, split, SHA256[split])
    except InputError as error:
        raise InputError(f"{error}; reinstall ganstab") from error
