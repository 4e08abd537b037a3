"""A few small images, and writers of the files that hold them."""

import gzip
import struct

import numpy as np

from ganstab.data import Images, make_images

BYTES = np.random.default_rng(0).integers(0, 256, (23, 28, 28, 1), dtype=np.uint8)
LABELS = np.arange(23) % 10
IMAGES = make_images(BYTES, LABELS)


def idx_bytes(array, magic=None):
    header = struct.pack(f">{1 + array.ndim}I", magic or 0x800 + array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_idx(folder, prefix="train", mark="-", end="", image=BYTES[..., 0], label=LABELS):
    wrap = gzip.compress if end else bytes
    for stem, rank, array in (("images", 3, image), ("labels", 1, label)):
        file = folder / f"{prefix}-{stem}{mark}idx{rank}-ubyte{end}"
        file.write_bytes(wrap(idx_bytes(array)))


def assert_same_images(got: Images, expected: Images):
    assert got.image.dtype == np.uint8 and got.label.dtype == np.int32
    np.testing.assert_array_equal(got.image, expected.image)
    np.testing.assert_array_equal(got.label, expected.label)
