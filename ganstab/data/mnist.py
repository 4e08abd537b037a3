"""The whole of MNIST, embedded in the package: nothing is downloaded.

Data: Yann LeCun, Corinna Cortes and Christopher J. C. Burges, *The MNIST database of handwritten
digits*, http://yann.lecun.com/exdb/mnist/, derived from NIST Special Databases 1 and 3, under
CC BY-SA 3.0. `python -m ganstab.data.embed FOLDER` makes the embedded files.
"""

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable

import numpy as np

from ganstab.data.images import Images, check_split, make_images
from ganstab.data.packing import unpack
from ganstab.errors import InputError

SHAPES = {"train": (60_000, 28, 28), "test": (10_000, 28, 28)}
"""What each split holds."""

DIGESTS = {
    "train": "edc0d1098aa497be14ace79ddd5171e5a3dcf9c4d196c015389203eb3ba1f59b",
    "test": "c3f9adf9c66efb572b1f9326c3a511b45910c7173b97be66ceceeeeaef6b802b",
}
"""SHA-256 of each split's images and then labels, as bytes."""

FOLDER = files("ganstab.data") / "files"
"""Where the embedded files are."""


def load_mnist(split: str, folder: Traversable = FOLDER) -> Images:
    """One split of MNIST, checked against its SHA-256.

    Args:
        split: "train" (60,000 images) or "test" (10,000).
        folder: where the files that `embed` made are.

    Returns:
        Images: uint8 [N, 28, 28, 1] and int32 [N] in 0 … 9.

    Raises:
        InputError: no such split, or a missing or damaged file.
    """
    check_split(split, tuple(SHAPES))
    file = folder / file_name(split)
    try:
        image, label = unpack(file.read_bytes(), SHAPES[split])
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror or error}") from error
    except InputError as error:
        raise InputError(f"{file}: {error}; reinstall ganstab") from error
    found = digest(image, label)
    if found != DIGESTS[split]:
        raise InputError(
            f"{file}: damaged: SHA-256 {found} found, {DIGESTS[split]} expected; reinstall ganstab"
        )
    return make_images(image, label)


def file_name(split: str) -> str:
    """The embedded file of a split."""
    return f"mnist-{split}.xz"


def digest(image: np.ndarray, label: np.ndarray) -> str:
    """SHA-256, in hexadecimal, of the images' and then the labels' bytes, both uint8."""
    return hashlib.sha256(image.tobytes() + label.astype(np.uint8).tobytes()).hexdigest()
