"""The embedded MNIST: whole, its published self, and refused when it is not."""

import gzip
import hashlib
import shutil

import numpy as np
import pytest
from common import refusal

from ganstab.data import load_mnist, mnist

NAMES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
# The checksums of the authors' files, uncompressed, as other readers of MNIST know them.
PUBLISHED = (
    "6bbc9ace898e44ae57da46a324031adb",
    "a25bea736e30d166cdddb491f175f624",
    "2646ac647ad5339dbf082846283269ea",
    "27ae3e4e09519cfbb04c329615203637",
)


def test_mnist_is_whole_and_its_published_self():
    train, test = load_mnist("train"), load_mnist("test")
    assert train.image.shape == (60_000, 28, 28, 1) and train.image.dtype == np.uint8
    assert test.image.shape == (10_000, 28, 28, 1) and test.label.dtype == np.int32
    # The published class counts and first labels, and the mean and deviation commonly quoted.
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(train.label).tolist() == counts
    assert train.label[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]
    assert test.label[:8].tolist() == [7, 2, 1, 0, 4, 1, 4, 9]
    assert train.image.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert train.image.std() / 255 == pytest.approx(0.3081, abs=5e-5)


@pytest.mark.parametrize(("name", "md5"), list(zip(NAMES, PUBLISHED, strict=True)))
def test_the_files_hold_the_published_bytes(name, md5):
    data = gzip.decompress((mnist.FOLDER / f"{name}-ubyte.gz").read_bytes())
    assert hashlib.md5(data, usedforsecurity=False).hexdigest() == md5


def test_mnist_refuses_damage_absence_other_content_and_other_splits(tmp_path):
    images, labels = (f"t10k-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1"))
    assert "t10k-images" in refusal(lambda: load_mnist("test", tmp_path))
    shutil.copy(mnist.FOLDER / images, tmp_path)
    assert "t10k-labels" in refusal(lambda: load_mnist("test", tmp_path))
    data = (mnist.FOLDER / labels).read_bytes()
    (tmp_path / labels).write_bytes(data[:-100])
    assert f"{labels}: damaged gzip" in refusal(lambda: load_mnist("test", tmp_path))
    content = bytearray(gzip.decompress(data))
    content[-1] ^= 1
    (tmp_path / labels).write_bytes(gzip.compress(content))
    message = refusal(lambda: load_mnist("test", tmp_path))
    assert f"{labels}: other content: SHA-256" in message and "reinstall" in message
    with pytest.raises(ValueError, match="train, test, not 'validation'"):
        load_mnist("validation")
