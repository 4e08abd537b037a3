"""Folders with one sub-folder of images a class: what is read, what is refused, who reads them."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from common import names, refusal
from PIL import Image
from test_tfds import prepare_tfds
from tiny_images import IMAGES, assert_same_images, write_idx

from experiments.runner import images, settings
from ganstab.data import Images, class_names, load_folder

PIXELS = np.random.default_rng(3).integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)
FILES = (
    "train/cat/b.png",
    "train/cat/a.PNG",
    "train/ant/1.bmp",
    "train/dog/1.tif",
    "test/ant/1.png",
)
# In the order of names: ant's one, cat's a and b, dog's one.
ORDER, LABELS = [2, 1, 0, 3], [0, 1, 1, 2]


def write(path, pixels=PIXELS[0]):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path):
    for name, pixels in zip(FILES, PIXELS, strict=True):
        write(tmp_path / name, pixels)
    (tmp_path / "train" / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "train" / ".hidden").mkdir()
    (tmp_path / "train" / "list.csv").write_text("no folder")
    return tmp_path


def test_classes_and_files_are_read_in_the_order_of_their_names(folder):
    expected = Images(PIXELS[ORDER], np.array(LABELS, np.int32))
    assert_same_images(load_folder(folder), expected)
    assert_same_images(load_folder(folder / "train"), expected)
    assert class_names(folder) == ["ant", "cat", "dog"]
    test = Images(PIXELS[4:], np.zeros(1, np.int32))
    assert_same_images(load_folder(str(folder), "test"), test)
    assert class_names(folder, "test") == ["ant"]


def test_many_files_are_read_each_in_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr("ganstab.data.image_folder._FILES_AT_ONCE", 3)
    for i in range(20):
        write(tmp_path / "only" / f"{i:02}.png", np.full((2, 2, 3), i, np.uint8))
    assert load_folder(tmp_path).image[:, 0, 1, 2].tolist() == list(range(20))


def test_jpeg_grey_alpha_and_palette_become_three_channels(tmp_path):
    grey = PIXELS[0, ..., 0]
    write(tmp_path / "a" / "0.png", grey)
    write(tmp_path / "a" / "1.png", np.dstack([PIXELS[0], 255 - grey]))
    Image.fromarray(PIXELS[0] // 64 * 64).quantize(256).save(tmp_path / "a" / "2.gif")
    smooth = np.broadcast_to(np.arange(6, dtype=np.uint8)[:, None, None] * 20 + 50, (6, 7, 3))
    Image.fromarray(smooth).save(tmp_path / "a" / "3.jpg", quality=95)
    got = load_folder(tmp_path).image
    np.testing.assert_array_equal(got[0], np.repeat(grey[..., None], 3, axis=-1))
    np.testing.assert_array_equal(got[1], PIXELS[0])
    np.testing.assert_array_equal(got[2], PIXELS[0] // 64 * 64)
    np.testing.assert_allclose(got[3], smooth, atol=12)


def test_an_unusable_image_is_named(folder):
    odd = folder / "train" / "dog" / "2.png"
    write(odd, PIXELS[0, :, :5])
    message = refusal(lambda: load_folder(folder))
    assert str(odd) in message and "5 × 6" in message and "7 × 6" in message
    odd.write_bytes((folder / "train" / "cat" / "b.png").read_bytes()[:-60])
    assert f"{odd}: not a readable image" in refusal(lambda: load_folder(folder))
    odd.write_bytes(b"plain text")
    assert f"{odd}: not a readable image" in refusal(lambda: load_folder(folder))
    Image.fromarray(np.full((6, 7), 40_000, np.uint16)).save(odd)
    assert f"{odd}: more than 8 bits" in refusal(lambda: load_folder(folder))


def test_a_folder_that_is_none_of_this_is_refused(folder, tmp_path_factory):
    bare = tmp_path_factory.mktemp("bare")
    assert f"{bare / 'none'}: not a folder" in refusal(lambda: load_folder(bare / "none"))
    write(bare / "1.png")
    assert f"{bare}: no sub-folders" in refusal(lambda: load_folder(bare))
    (bare / "ant").mkdir()
    assert f"{bare / 'ant'}: no images" in refusal(lambda: load_folder(bare))
    assert f"{bare}: no folder test" in refusal(lambda: load_folder(bare, "test"))
    assert "train, test" in refusal(lambda: load_folder(folder, "valid"))
    assert "train" in names(folder)


def asked(**given):
    """The settings of a program whose images are not in the package."""
    values = dict.fromkeys(settings.Settings._fields) | {"batch_size": 2, "download": False}
    return settings.Settings(**values | {"dataset": "cifar10"} | given)


def test_a_run_reads_the_folder_of_data_dir(folder):
    got = images.load_ahead(asked(data_dir=str(folder)), (6, 7, 3))()
    assert isinstance(got, Images)
    assert_same_images(got, load_folder(folder))
    message = refusal(lambda: images.load(asked(data_dir=str(folder)), (32, 32, 3)))
    assert "(6, 7, 3)" in message and "(32, 32, 3)" in message
    message = refusal(lambda: images.load(asked(data_dir=str(folder), batch_size=9), (6, 7, 3)))
    assert "4 images" in message


def test_a_run_reads_idx_files_by_any_name(tmp_path):
    write_idx(tmp_path)
    assert_same_images(
        images.load(asked(data_dir=str(tmp_path), dataset="kmnist"), (28, 28, 1)), IMAGES
    )


def test_a_run_reads_prepared_cifar10(tmp_path):
    pixels = np.random.default_rng(5).integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)
    version = str(tfds.builder_cls("cifar10").VERSION)
    prepare_tfds(tmp_path, pixels, (32, 32, 3), name="cifar10", version=version)
    source = images.load(asked(data_dir=str(tmp_path)), (32, 32, 3))
    assert images.size(source) == 7
    places = np.array([6, 0, 3])
    assert_same_images(images.take(source, places), Images(pixels[places], places))


def test_missing_data_name_both_ways_to_get_them(tmp_path):
    message = refusal(lambda: images.load(asked(data_dir=str(tmp_path)), (32, 32, 3)))
    assert "cifar10: not prepared" in message and str(tmp_path) in message
    assert "ganstab[tfds]" in message
    assert "--download, or --data_dir=FOLDER with one sub-folder of images a class" in message
