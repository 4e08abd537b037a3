"""The embedded MNIST: whole, its published self, and how it is packed."""

import numpy as np
import pytest
from common import refusal
from tiny_images import BYTES, IMAGES, LABELS, assert_same_images, write_idx

from ganstab.data import embed, load_mnist, mnist
from ganstab.data.packing import pack, unpack


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


def test_mnist_refuses_damage_absence_and_other_splits(tmp_path):
    name = mnist.file_name("test")
    data = bytearray((mnist.FOLDER / name).read_bytes())
    assert name in refusal(lambda: load_mnist("test", tmp_path))
    (tmp_path / name).write_bytes(data[:-100])
    assert name in refusal(lambda: load_mnist("test", tmp_path))
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(data)
    assert name in refusal(lambda: load_mnist("test", tmp_path))
    assert "train, test" in refusal(lambda: load_mnist("validation"))


def test_mnist_digest_catches_a_well_formed_file_of_other_images(tmp_path):
    image, label = load_mnist("test")
    image = image[..., 0].copy()
    image[5, 14, 14] ^= 1
    (tmp_path / mnist.file_name("test")).write_bytes(quick_pack(image, label))
    assert "SHA-256" in refusal(lambda: load_mnist("test", tmp_path))


def quick_pack(image, label):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ganstab.data.packing._FILTERS", [{"id": 0x21, "preset": 0}])
        return pack(image, label)


@pytest.mark.parametrize("shape", [(23, 28, 28), (1, 3, 5), (6, 1, 9)])
def test_packing_returns_what_it_was_given(shape):
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, shape, dtype=np.uint8) * rng.integers(0, 2, shape, dtype=np.uint8)
    label = rng.integers(0, 256, shape[0])
    image_back, label_back = unpack(pack(image, label), shape)
    np.testing.assert_array_equal(image_back, image)
    np.testing.assert_array_equal(label_back, label)


def test_embed_writes_what_load_mnist_reads(tmp_path, monkeypatch):
    write_idx(tmp_path)
    assert "not MNIST" in refusal(lambda: embed.embed(tmp_path, tmp_path, "train"))
    monkeypatch.setitem(mnist.DIGESTS, "train", mnist.digest(BYTES, LABELS))
    monkeypatch.setitem(mnist.SHAPES, "train", BYTES.shape[:3])
    embed.embed(tmp_path, tmp_path, "train")
    assert_same_images(load_mnist("train", tmp_path), IMAGES)
    assert embed.main([]) == 2 and embed.main([str(tmp_path / "none")]) == 2
