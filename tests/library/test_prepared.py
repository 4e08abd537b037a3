"""Images of any size and mode, decoded once: what is kept, what is skipped."""

import contextlib
import dataclasses
import errno
import io
import os
import zipfile

import numpy as np
import pytest
from common import refusal
from PIL import Image

from ganstab.data import listing, prepare, prepared

RNG = np.random.default_rng(5)
SIDE = 4


def encoded(pixels, kind="PNG", **options):
    file = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(file, kind, **options)
    return file.getvalue()


def noise(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


SQUARES = [noise(SIDE, SIDE, 3) for _ in range(6)]


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.fixture
def made(tmp_path):
    """Prepares files of a folder, and gives what is kept."""

    def make(files, side=SIDE):
        return prepare(write(tmp_path / "data", files), side, cache=tmp_path / "cache")

    return make


def test_the_centre_of_an_image_is_cut_and_resized(made):
    wide = np.dstack([np.pad(square, ((0, 0), (3, 3))) for square in SQUARES[0].T]).swapaxes(0, 1)
    smooth = np.linspace(0, 255, 64).astype(np.uint8)[:, None].repeat(64, 1)
    got = made({"1.png": encoded(wide), "2.png": encoded(smooth)}).images.image
    np.testing.assert_array_equal(got[0], SQUARES[0])
    # Over four pixels, a line's means are those of its quarters.
    np.testing.assert_allclose(got[1, :, 0, 0], smooth[:, 0].reshape(4, 16).mean(1), atol=4)


def orientation(number):
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


SQUARE = SQUARES[0]
GREY = SQUARE[..., 0]
OPAQUE = np.where(GREY > 127, 255, 0).astype(np.uint8)
LAID_ON_WHITE = np.where(OPAQUE[..., None] == 255, SQUARE, 255)
FLAT = np.full((8, 8, 3), (200, 100, 40), np.uint8)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (encoded(GREY), np.dstack([GREY] * 3)),
        (encoded(np.dstack([SQUARE, OPAQUE])), LAID_ON_WHITE),
        (encoded(np.dstack([GREY, OPAQUE])), np.where(OPAQUE == 255, GREY, 255)[..., None]),
        (encoded(GREY.astype(np.uint16) * 257), np.dstack([GREY] * 3)),
        (encoded(GREY.astype(np.uint16) * 257, "TIFF"), np.dstack([GREY] * 3)),
        (encoded(GREY > 127), np.where(GREY > 127, 255, 0)[..., None]),
        (encoded(Image.fromarray(SQUARE).quantize(16)), None),
        (encoded(SQUARE, exif=orientation(6)), np.rot90(SQUARE, -1)),
        (encoded(Image.fromarray(FLAT).convert("CMYK"), "JPEG", quality=95), FLAT[:4, :4]),
        (encoded(FLAT.repeat(20, 0).repeat(20, 1), "JPEG", quality=95), FLAT[:4, :4]),
    ],
    ids=[
        "grey",
        "alpha",
        "grey+alpha",
        "16-bit",
        "tiff",
        "bits",
        "palette",
        "turned",
        "cmyk",
        "large-jpeg",
    ],
)
def test_every_mode_is_read_as_a_viewer_shows_it(made, content, expected):
    colour = encoded(SQUARES[1])  # so that the array has three channels
    got = made({"a": b"no image", "a.png": content, "b.png": colour}).images.image[0]
    if expected is None:
        expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    np.testing.assert_allclose(got, np.broadcast_to(expected, got.shape), atol=3)


def test_grey_images_keep_one_channel(made):
    got = made({f"{i}.png": encoded(square[..., 0]) for i, square in enumerate(SQUARES)})
    assert got.images.image.shape == (6, SIDE, SIDE, 1)
    np.testing.assert_array_equal(got.images.image[2, ..., 0], SQUARES[2][..., 0])


@pytest.mark.parametrize(
    ("names", "classes", "label"),
    [
        ("b.png a.png", [], [-1, -1]),
        ("cat/1.png ant/1.png", ["ant", "cat"], [0, 1]),
        ("all/cat/x/1.png all/ant/1.png", ["ant", "cat"], [0, 1]),
        ("train/cat/1.png train/ant/1.png test/ant/2.png", ["ant", "cat"], [0, 1]),
        ("train/1.png test/2.png val/3.png", [], [-1]),
        ("cat/1.png 2.png", [], [-1, -1]),
        ("only/1.png only/2.png", [], [-1, -1]),
        ("cat/1.png dog/1.png .hidden/1.png run/config.json run/s.png", ["cat", "dog"], [0, 1]),
    ],
)
@pytest.mark.parametrize("archive", [False, True])
def test_sub_folders_are_classes_if_every_image_is_in_one(tmp_path, names, classes, label, archive):
    files = {name: encoded(SQUARES[i % 6]) for i, name in enumerate(names.split())}
    source = write(tmp_path / "data", files)
    if archive:
        files = {name: content for name, content in files.items() if not name.startswith("run/")}
        source = tmp_path / "data.zip"
        with zipfile.ZipFile(source, "w") as out:
            for name, content in files.items():
                out.writestr(name, content)
    got = prepare(source, SIDE, cache=tmp_path / "cache")
    assert list(got.classes) == classes
    assert got.images.label.tolist() == label


@pytest.mark.parametrize(
    "spelt",
    ["./{}", "/{}", "../../{}", "a//{}", "windows"],
    ids=["dot", "slash", "up", "two", "back"],
)
def test_an_archive_has_its_classes_however_its_paths_are_spelt(tmp_path, spelt):
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as out:
        for i, name in enumerate(["ant/1.png", "cat/1.png", "__MACOSX/ant/._1.png"]):
            path = name.replace("/", "\\") if spelt == "windows" else spelt.format(name)
            out.writestr(zipfile.ZipInfo(path), encoded(SQUARES[i]))
    got = prepare(tmp_path / "data.zip", SIDE, cache=tmp_path / "cache")
    assert list(got.classes) == ["ant", "cat"]
    np.testing.assert_array_equal(got.images.image, SQUARES[:2])


def cut(content):
    return content[: len(content) // 2]


def without_a_width(pages):
    """A TIFF of which the last page has another tag in the place of its width."""
    content = bytearray(pages)
    where = 4
    while following := int.from_bytes(content[where : where + 4], "little"):
        page = following
        where = page + 2 + 12 * int.from_bytes(content[page : page + 2], "little")
    assert content[page + 2 : page + 4] == (256).to_bytes(2, "little")
    content[page + 2] = 255
    return bytes(content)


LARGE, FRAME = Image.new("1", (20_000, 20_000)), Image.fromarray(noise(4, 4))
UNUSABLE = {
    "animated.gif": (
        encoded(FRAME, "GIF", save_all=True, append_images=[Image.fromarray(noise(4, 4))]),
        "2 frames or pages",
    ),
    "bomb.png": (encoded(LARGE), "400000000 pixels"),
    "cut.jpg": (cut(encoded(noise(32, 32, 3), "JPEG")), "runcated"),
    "cut.png": (cut(encoded(noise(32, 32, 3))), ""),
    "empty.png": (b"", "no image, or of a format"),
    "floats.tif": (encoded(np.ones((4, 4), np.float32), "TIFF"), "floating-point"),
    "no width.tif": (
        without_a_width(encoded(FRAME, "TIFF", save_all=True, append_images=[FRAME])),
        "Missing dimensions",
    ),
    "pointer.png": (b"version https://git-lfs.github.com/spec/v1\n", "no image, or of a format"),
}  # fmt: skip


def test_what_cannot_be_used_is_skipped_and_named(tmp_path, made):
    usable = {"b.png": encoded(SQUARES[0]), "z.png": encoded(SQUARES[1])}
    write(tmp_path / "data", usable | {name: content for name, (content, _) in UNUSABLE.items()})
    (tmp_path / "data" / "loop").symlink_to("..")
    (tmp_path / "data" / "gone.png").symlink_to("nowhere")
    (tmp_path / "data" / "self.png").symlink_to("self.png")
    os.mkfifo(tmp_path / "data" / "pipe.png")
    odd = os.fsencode(tmp_path / "data") + b"/odd\xff.png"
    with open(odd, "wb") as file:
        file.write(b"?")
    got = made({})
    np.testing.assert_array_equal(got.images.image, SQUARES[:2])
    found = dict(got.skipped)
    assert found.keys() == UNUSABLE.keys() | {"gone.png", "pipe.png", "self.png", "odd\\xff.png"}
    assert all(words in found[name] for name, (_, words) in UNUSABLE.items()), found


def test_a_class_without_an_image_that_can_be_used_is_none(made):
    files = {f"{kind}/1.png": encoded(SQUARES[i]) for i, kind in enumerate("acd")}
    got = made(files | {"b/1.png": b"?", "a/2.png": b"?"})
    assert list(got.classes) == ["a", "c", "d"] and got.images.label.tolist() == [0, 1, 2]
    assert [name for name, _ in got.skipped] == ["a/2.png", "b/1.png"]


def test_the_array_is_found_again_until_a_file_changes(tmp_path, made, monkeypatch):
    files = {f"{i}.png": encoded(square) for i, square in enumerate(SQUARES)}
    first = made(files)
    with monkeypatch.context() as patch:
        patch.setattr(prepared, "decode_square", None)  # would fail
        assert prepare(tmp_path / "data", SIDE, cache=tmp_path / "cache").digest == first.digest
    assert made(files | {"0.png": encoded(SQUARES[3])}).digest != first.digest
    assert made({}, side=2).images.image.shape == (6, 2, 2, 3)


@pytest.mark.parametrize("killed", [False, True])
def test_a_file_that_could_not_be_read_is_tried_again(tmp_path, made, monkeypatch, killed):
    """Its name, size and time are the same when its permission, or its disk, is there again."""
    files = {f"{i}.png": encoded(square) for i, square in enumerate(SQUARES)}
    write(tmp_path / "data", files)
    listed, write_json, away = prepared.list_images, prepared._write, ["1.png", "4.png"]

    def without(source):
        found = listed(source)

        def read(name):
            if name in away:
                raise PermissionError(errno.EACCES, "Permission denied")
            return found.read(name)

        return dataclasses.replace(found, read=read)

    def kill(path, content):
        write_json(path, content)
        if content.get("done") == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(prepared, "list_images", without)
    monkeypatch.setattr(prepared, "BLOCK", 2)
    if killed:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(prepared, "_write", kill)
            made({})
    for _ in range(2):
        assert made({}).skipped == [(name, "Permission denied") for name in ("1.png", "4.png")]
    with monkeypatch.context() as patch:
        patch.setattr(prepared, "decode_square", None)  # would fail
        assert len(made({}).images.label) == 4
    del away[0]
    assert [name for name, _ in made({}).skipped] == ["4.png"]
    away.clear()
    whole = made({})
    assert not whole.skipped
    np.testing.assert_array_equal(whole.images.image, SQUARES)


def test_a_file_that_goes_while_the_folder_is_listed_is_skipped(tmp_path, made, monkeypatch):
    walk = listing._walk

    def and_one_that_went(folder, above):
        yield from walk(folder, above)
        yield os.path.join(folder, "went.png")

    monkeypatch.setattr(listing, "_walk", and_one_that_went)
    got = made({"a.png": encoded(SQUARES[0])})
    assert got.skipped == [("went.png", "No such file or directory")]


@contextlib.contextmanager
def no_root():
    """Root may reach everything, so that another user has to look."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("mode", [0o444, 0o311], ids=["no way in", "no list"])
@pytest.mark.parametrize("closed", ["data", "data/sub"])
def test_a_folder_without_permission_is_named(tmp_path, monkeypatch, mode, closed):
    write(tmp_path / "data", {"sub/a.png": encoded(SQUARES[0])})
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)
    os.chmod(closed, mode)
    with no_root():
        assert refusal(lambda: listing.list_images("data")) == (
            f"{closed}: cannot be read: Permission denied"
        )
    os.chmod(closed, 0o755)


@pytest.mark.parametrize("damage", ["cut", "gone", "no json", "other json"])
def test_an_array_that_was_cut_short_is_made_again(tmp_path, made, damage):
    first = made({f"{i}.png": encoded(square) for i, square in enumerate(SQUARES)})
    (place,) = (path for path in (tmp_path / "cache").iterdir() if path.is_dir())
    if damage == "cut":
        os.truncate(place / "images.uint8", 100)
    elif damage == "gone":
        (place / "images.uint8").unlink()
    else:
        (place / "about.json").write_text("{" if damage == "no json" else "[1]")
    again = made({})
    assert again.digest == first.digest
    np.testing.assert_array_equal(again.images.image, SQUARES)


def test_a_killed_preparation_goes_on_where_it_was(tmp_path, made, monkeypatch):
    files = {f"{i}.png": encoded(square) for i, square in enumerate(SQUARES)}
    files["1.png"] = b"no image"
    monkeypatch.setattr(prepared, "BLOCK", 2)
    read, done = prepared.decode_square, []

    def killed(content, side):
        done.append(content)
        if len(done) == 5:
            raise KeyboardInterrupt
        return read(content, side)

    monkeypatch.setattr(prepared, "decode_square", killed)
    monkeypatch.setattr(prepared, "WORKERS", 1)
    with pytest.raises(KeyboardInterrupt):
        made(files)
    before = len(done)
    got = made({})
    np.testing.assert_array_equal(got.images.image, [SQUARES[i] for i in (0, 2, 3, 4, 5)])
    assert got.skipped[0][0] == "1.png"
    assert len(done) - before == 2  # the last block alone


def test_a_preparation_whose_array_lost_its_end_begins_anew(tmp_path, made, monkeypatch):
    files = {f"{i}.png": encoded(square) for i, square in enumerate(SQUARES)}
    whole = made(files)
    (place,) = (path for path in (tmp_path / "cache").iterdir() if path.is_dir())
    place.rename(place.with_suffix(".unfinished"))
    (place.with_suffix(".unfinished") / "about.json").unlink()
    os.truncate(place.with_suffix(".unfinished") / "images.uint8", 10)
    np.testing.assert_array_equal(made({}).images.image, SQUARES)
    assert made({}).digest == whole.digest


def test_a_source_without_images_is_refused(tmp_path, made):
    assert "no images; files ending in" in refusal(lambda: made({"a.txt": b"text"}))
    assert "no such file or folder" in refusal(lambda: prepare(tmp_path / "no", SIDE))
    write(tmp_path, {"x.zip": b"no archive"})
    assert "this is neither" in refusal(lambda: prepare(tmp_path / "x.zip", SIDE))
    message = refusal(lambda: made({"a.png": b"?", "b.png": b"?"}))
    assert "no image can be used; a.png: no image, or of a format" in message
    with pytest.raises(ValueError, match="side must be 1 pixel or more"):
        made({}, side=0)


def test_a_full_disk_is_told_in_one_line_and_leaves_no_array(tmp_path, made, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device", os.fspath(path))

    with monkeypatch.context() as patch:
        patch.setattr(prepared, "_write", full)
        message = refusal(lambda: made({"a.png": encoded(SQUARES[0])}))
    assert "cannot keep the prepared images: No space left on device" in message
    np.testing.assert_array_equal(made({}).images.image, SQUARES[:1])


def test_images_are_read_by_index_from_the_disk(made):
    got = made({f"{i}/{i}.png": encoded(square) for i, square in enumerate(SQUARES)})
    assert isinstance(got.images.image.base, np.memmap)
    image, label = got.random_access("squares").fetch(np.array([5, 0, 5]))
    np.testing.assert_array_equal(image, [SQUARES[i] for i in (5, 0, 5)])
    assert label.tolist() == [5, 0, 5]
