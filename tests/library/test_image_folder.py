"""Folders with one sub-folder of images a class: what is read, what is refused, who reads them."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
import tensorflow_datasets as tfds
from common import names, refusal
from PIL import Image
from test_tfds import prepare_tfds
from tiny_images import IMAGES, assert_same_images, write_idx

from ganstab.data import Images, class_names, load_folder, typical_side
from ganstab.training import ImageConfig, images

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


def deep_png(kind, channels):
    """A PNG of 16 bits a channel, 4095 in each, which pillow cannot write in colour."""

    def chunk(name, body):
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", 4, 3, 16, kind, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x0f\xff" * 4 * channels) * 3)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def deep_tiff():
    """A TIFF of 4 × 3 pixels of 16 bits a channel: one of 8 × 3 pixels of 8 bits, relabelled."""
    file = io.BytesIO()
    Image.new("RGB", (8, 3)).save(file, "TIFF")
    data = file.getvalue().replace(struct.pack("<3H", 8, 8, 8), struct.pack("<3H", 16, 16, 16))
    return data.replace(struct.pack("<HHII", 256, 4, 1, 8), struct.pack("<HHII", 256, 4, 1, 4))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("grey.png", deep_png(0, 1)),
        ("colour.png", deep_png(2, 3)),
        ("grey-alpha.png", deep_png(4, 2)),
        ("colour-alpha.png", deep_png(6, 4)),
        ("colour.tif", deep_tiff()),
        ("binary.ppm", b"P6 4 3 4095\n" + b"\x0f\xff" * 36),
        ("text.ppm", b"P3 4 3 65535\n" + b"4095 " * 36),
        ("grey.ppm", b"P5 4 3 65535\n" + b"\x0f\xff" * 12),
    ],
)
def test_more_than_eight_bits_a_channel_are_refused_in_every_format(tmp_path, name, data):
    file = tmp_path / "deep" / name
    file.parent.mkdir()
    file.write_bytes(data)
    assert f"{file}: more than 8 bits" in refusal(lambda: load_folder(tmp_path))


@pytest.mark.parametrize("end", ["gif", "png", "tif", "webp"])
def test_an_animation_and_an_image_of_several_pages_are_refused(tmp_path, end):
    file = tmp_path / "moving" / f"1.{end}"
    file.parent.mkdir()
    frames = [Image.fromarray(each) for each in PIXELS[:3]]
    frames[0].save(file, save_all=True, append_images=frames[1:])
    assert f"{file}: 3 frames or pages; one is expected" in refusal(lambda: load_folder(tmp_path))


def test_a_photo_with_a_preview_behind_it_is_read(tmp_path):
    file = tmp_path / "photo" / "1.jpg"
    file.parent.mkdir()
    frames = [Image.fromarray(each) for each in PIXELS[:2]]
    frames[0].save(file, "MPO", save_all=True, append_images=frames[1:])
    assert load_folder(tmp_path).image.shape == (1, 6, 7, 3)


UPRIGHT = np.arange(6 * 7 * 3, dtype=np.uint8).reshape(6, 7, 3)
# How each EXIF orientation stores the upright image.
STORED = {
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.swapaxes(0, 1),
    6: np.rot90(UPRIGHT, 1),
    7: np.rot90(UPRIGHT, 2).swapaxes(0, 1),
    8: np.rot90(UPRIGHT, -1),
    9: UPRIGHT,  # no orientation
}


@pytest.mark.parametrize("end", ["png", "tif", "webp"])
@pytest.mark.parametrize("orientation", STORED)
def test_an_image_is_turned_as_a_viewer_turns_it(tmp_path, end, orientation):
    (tmp_path / "a").mkdir()
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(STORED[orientation]))
    image.save(tmp_path / "a" / f"1.{end}", exif=exif, lossless=True)
    np.testing.assert_array_equal(load_folder(tmp_path).image, UPRIGHT[None])


@pytest.mark.parametrize("exif", [b"Exif\0\0MX\0*\0\0\0\x08", b"Exif\0\0MM\0*\0\0", b"none of it"])
def test_damaged_exif_does_not_hide_an_image(tmp_path, exif):
    (tmp_path / "a").mkdir()
    Image.fromarray(UPRIGHT).save(tmp_path / "a" / "1.png", exif=exif)
    np.testing.assert_array_equal(load_folder(tmp_path).image, UPRIGHT[None])


@pytest.mark.parametrize("length", [20, 100])
def test_pillow_does_not_warn_of_a_file_that_is_refused(tmp_path, recwarn, length):
    file = tmp_path / "a" / "1.tif"
    file.parent.mkdir()
    Image.fromarray(UPRIGHT).save(file)
    file.write_bytes(file.read_bytes()[:length])
    assert f"{file}: not a readable image" in refusal(lambda: load_folder(tmp_path))
    assert "no image can be used" in refusal(lambda: typical_side(tmp_path))
    assert not list(recwarn)


@pytest.mark.parametrize(
    "make",
    [os.mkfifo, lambda f: f.symlink_to(f), lambda f: f.symlink_to("gone.png"), lambda f: f.mkdir()],
    ids=["pipe", "link to itself", "dangling link", "folder"],
)
def test_what_is_no_regular_file_is_refused_and_not_opened(tmp_path, make):
    file = tmp_path / "a" / "1.png"
    file.parent.mkdir()
    make(file)
    assert f"{file}: not a regular file" in refusal(lambda: load_folder(tmp_path))


def test_links_are_followed_and_one_to_itself_is_no_class(folder):
    (folder / "train" / "bee").symlink_to(folder / "train" / "cat")
    (folder / "train" / "loop").symlink_to(folder / "train" / "loop")
    (folder / "train" / "ant" / "2.png").symlink_to(folder / "train" / "cat" / "b.png")
    assert class_names(folder) == ["ant", "bee", "cat", "dog"]
    np.testing.assert_array_equal(load_folder(folder).image, PIXELS[[2, 0, 1, 0, 1, 0, 3]])


@pytest.mark.parametrize("name", ["~nosuchuser", "a" * 300, "x\0y"])
def test_a_path_that_cannot_be_is_not_a_folder(name):
    assert "not a folder" in refusal(lambda: load_folder(name))


def test_a_folder_that_is_none_of_this_is_refused(folder, tmp_path_factory):
    bare = tmp_path_factory.mktemp("bare")
    assert f"{bare / 'none'}: not a folder" in refusal(lambda: load_folder(bare / "none"))
    write(bare / "1.png")
    assert f"{bare}: no sub-folders" in refusal(lambda: load_folder(bare))
    (bare / "ant").mkdir()
    assert f"{bare / 'ant'}: no images" in refusal(lambda: load_folder(bare))
    assert f"{bare}: no folder test" in refusal(lambda: load_folder(bare, "test"))
    with pytest.raises(ValueError, match="train, test, not 'valid'"):
        load_folder(folder, "valid")
    assert "train" in names(folder)


def asked(folder, dataset="cifar10"):
    """The settings of a run whose images are not in the package."""
    return ImageConfig(dataset=dataset, data_dir=str(folder))


def test_a_run_reads_the_folder_of_data_dir(folder):
    got = images.load(asked(folder), (6, 7, 3))
    assert isinstance(got, Images)
    assert_same_images(got, load_folder(folder))
    message = refusal(lambda: images.load(asked(folder), (32, 32, 3)))
    assert "(6, 7, 3)" in message and "(32, 32, 3)" in message


def test_a_run_reads_idx_files_by_any_name(tmp_path):
    write_idx(tmp_path)
    assert_same_images(images.load(asked(tmp_path, "kmnist"), (28, 28, 1)), IMAGES)


def test_a_run_reads_prepared_cifar10(tmp_path):
    pixels = np.random.default_rng(5).integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)
    version = str(tfds.builder_cls("cifar10").VERSION)
    prepare_tfds(tmp_path, pixels, (32, 32, 3), name="cifar10", version=version)
    source = images.load(asked(tmp_path), (32, 32, 3))
    assert images.size(source) == 7
    places = np.array([6, 0, 3])
    assert_same_images(images.take(source, places), Images(pixels[places], places))


def test_missing_data_name_both_ways_to_get_them(tmp_path):
    message = refusal(lambda: images.load(asked(tmp_path), (32, 32, 3)))
    assert "cifar10: not prepared" in message and str(tmp_path) in message
    assert "pip install tensorflow-cpu" in message
    assert "--download, or --data_dir=FOLDER with one sub-folder of images a class" in message
