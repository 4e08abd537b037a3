"""`ganstab train`: its flags, its images, and what is prepared of them."""

import dataclasses
import io
import os
import pathlib
import resource
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image
from tiny_images import write_idx

from ganstab.image_gan import ImageGan, open_source
from ganstab.training.config import options

from .damage import CONTENT, PLACE, content
from .data import _broken, _flagged, _idx, _save, _unreadable, _zipped, become_nobody
from .flags import NO_FOLDER, _bad
from .harness import Case
from .sound import NO_CACHE, Sound

KIND = "train"
TRAIN = (
    "ganstab", "train", NO_CACHE, "--data=data", "--workdir=run", "--num_steps=1", "--width=2",
    "--batch_size=4", "--samples=64", "--metrics=none",
)  # fmt: skip
Change = Callable[[pathlib.Path], object]


def cases(sound: Sound) -> Iterator[Case]:
    """All of them."""
    del sound
    yield from _flags()
    yield from _together()
    yield from _images()
    yield from _folders()
    yield from _archives()
    yield from _idx_files()
    yield from _prepared()


def _flags() -> Iterator[Case]:
    """Every value that a flag cannot have."""
    for known in options(ImageGan).values():
        if known.flag:
            for value in _bad(known):
                shown = value if len(value) < 30 else f"{value[:10]}… ({len(value)})"
                words = (*TRAIN, f"--{known.name}={value}")
                yield Case(KIND, f"--{known.name}={shown}", words, (known.name,), make=_folder())
    for value in (
        "",
        ",",
        "swd,",
        "SWD",
        "swd,beauty",
        "fid",
        "fid,none",
        " ",
        "none,none",
        "\udcff",
    ):
        words = (*TRAIN, f"--metrics={value}")
        yield Case(KIND, f"--metrics={value!r}", words, ("metrics",), make=_folder())
    for value in NO_FOLDER:
        words = (*TRAIN, f"--workdir={value}")
        yield Case(KIND, f"--workdir={value[:20]!r}", words, make=_folder())
    for value in (
        "", " ", "nowhere", "beside/config.json", "/dev/null", "/dev/zero", "~nosuchuser/x",
        "x" * 300, "loop", "pipe", "\udcff", "gs://a/b", "data\n", "MNIST", "tfds:", "tfds:nosuch",
        "tfds:../x", "tfds:mnist[:10%]", "tfds:\udcff", "beside",
    ):  # fmt: skip
        words = (*TRAIN, f"--data={value}")
        yield Case(KIND, f"--data={value[:20]!r}", words, make=_folder(_odd), limit=60)


def _together() -> Iterator[Case]:
    """What does not go together, or with the images."""
    for words, told in (
        (["--recipe=dcgan", "--gamma=1"], "gamma"),
        (["--recipe=pacgan", "--batch_size=3"], "batch_size"),
        (["--recipe=pacgan", "--conditional"], "pacgan"),
        (["--accumulate=3"], "accumulate"),
        (["--batch_size=64"], "batch_size"),
        (["--data=mnist", "--size=32"], "size"),
        (["--data=data/a", "--conditional"], "conditional"),
        (["--data=mnist", "--batch_size=70000"], "batch_size"),
        (["--metrics=fid"], "inception"),
        (["--inception=nowhere", "--metrics=fid"], "nowhere"),
        (["--inception=data/a/0.png", "--metrics=kid"], "Inception"),
        (["--inception=pipe", "--metrics=kid"], "pipe"),
        (["--population=2", "--workdir=pipe/deep"], "pipe"),
        (["--coordinator=x"], "coordinator"),
        (["word"], "word"),
        (["--nothing=1"], "nothing"),
        (["--shape=8x8x1"], "shape"),
        (["--classes=[]"], "classes"),
        (["--data_files=x"], "data_files"),
        (["--table=x"], "table"),
        (["--precision=float16"], "precision"),
    ):
        name = " ".join(words)
        yield Case(KIND, name, (*TRAIN, *words), (told,), make=_folder(_odd))


def _encoded(kind: str, **options) -> bytes:
    file = io.BytesIO()
    picture = Image.fromarray(np.full((16, 16, 3), 9, np.uint8))
    picture.save(file, kind, **options)
    return file.getvalue()


def _bomb(side: int) -> bytes:
    """A PNG of one colour that is far larger than its file."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    rows = zlib.compress(bytes((side // 8 + 1) * side))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def unusable() -> dict[str, tuple[str, bytes]]:
    """Files that end as an image does, and are none that can be used."""
    png, more = _encoded("PNG"), [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    floats = io.BytesIO()
    Image.fromarray(np.zeros((16, 16), np.float32)).save(floats, "TIFF")
    return {
        "cut png": ("png", png[: len(png) // 2]),
        "cut jpeg": ("jpg", _encoded("JPEG")[:300]),
        "cut webp": ("webp", _encoded("WEBP")[:30]),
        "cut bmp": ("bmp", _encoded("BMP")[:400]),
        "a broken png": ("png", _broken(png)),
        "animated gif": ("gif", _encoded("GIF", save_all=True, append_images=more)),
        "animated png": ("png", _encoded("PNG", save_all=True, append_images=more)),
        "animated webp": ("webp", _encoded("WEBP", save_all=True, append_images=more)),
        "tiff of pages": ("tif", _encoded("TIFF", save_all=True, append_images=more)),
        "tiff of floats": ("tif", floats.getvalue()),
        "a bomb": ("png", _bomb(20_000)),
        "a huge header": ("ppm", b"P6 99999999 99999999 255\n"),
        "no width": ("ppm", b"P6 0 0 255\n"),
        "negative": ("ppm", b"P6 -4 4 255\n"),
        "text": ("png", b"words"),
        "html": ("jpg", b"<html></html>"),
        "svg": ("gif", b"<svg/>"),
        "a pdf": ("png", b"%PDF-1.7\n"),
        "postscript": ("png", b"%!PS-Adobe-3.0 EPSF-3.0\n"),
        "an archive": ("png", _zipped({"a": b"x"})),
        "a tiff that goes round": ("tif", b"II*\0\x08\0\0\0\0\0\x08\0\0\0"),
    }


def _images() -> Iterator[Case]:
    """An image that cannot be used: alone it ends the run, among others it is left out."""
    for name, (end, data) in unusable().items():
        alone = _folder(lambda data_, end=end, data=data: _only(data_, f"1.{end}", data))
        yield Case(KIND, f"alone: {name}", TRAIN, ("data",), make=alone)
        among = _folder(lambda place, end=end, data=data: (place / f"a/9.{end}").write_bytes(data))
        yield _sound_but(f"among others: {name}", among, 12, 1)
    for name, how in {**CONTENT, **PLACE}.items():
        alone = _folder(lambda place, how=how: how(_only(place, "1.png", _encoded("PNG"))))
        yield Case(KIND, f"one image: {name}", TRAIN, ("data",), make=alone)
        gone = name in ("deleted", "renamed")
        among = _folder(lambda place, how=how: how(place / "a" / "3.png"))
        yield _sound_but(f"an image: {name}", among, 11, 0 if gone or name == "folder" else 1)


def _folders() -> Iterator[Case]:
    for name, make in {
        "empty": lambda data: _only(data, "x", b"").unlink(),
        "texts": lambda data: _only(data, "x.txt", b"x"),
        "hidden images": lambda data: _only(data, ".x.png", _encoded("PNG")),
        "a hidden folder": lambda data: _only(data, ".a/x.png", _encoded("PNG")),
        "one image": lambda data: _only(data, "x.png", _encoded("PNG")),
        "three images": lambda data: (
            [_only(data, "0.png", b"")] + [_save(data / f"{i}.png", (9, 9, 3)) for i in range(3)]
        ),
        "a link to itself": lambda data: (_only(data, "x", b"").unlink(), _loop(data / "a")),
        "a folder within itself": lambda data: (
            _only(data, "x", b""),
            (data / "a").symlink_to("."),
        ),
        "a name of pictures": lambda data: _only(data, "a.png/b.txt", b"x"),
    }.items():
        yield Case(KIND, f"folder: {name}", TRAIN, ("data",), make=_folder(make))
    for name in ("a", ".", "a/3.png"):
        make = _folder(_unreadable(name))
        if name == "a/3.png":
            more = {"inside": become_nobody, "cache": "cache"}
            yield _sound_but("an image not to be read", make, 11, 1, **more)
        else:
            yield Case(KIND, f"{name} not to be read", TRAIN, make=make, inside=become_nobody)
    for name, make, count in (
        ("a name not UTF-8", lambda data: _save(data / "a" / "\udcff.png", (16, 16, 3)), 13),
        ("a folder not UTF-8", lambda data: _save(data / "\udcff" / "1.png", (16, 16, 3)), 13),
        ("a folder within itself", lambda data: (data / "a" / "b").symlink_to(".."), 12),
        ("links to each other", _each_other, 12),
        ("sides of no power of two", lambda data: _save(data / "a" / "1.png", (13, 37, 3)), 12),
        ("one pixel", lambda data: _save(data / "a" / "1.png", (1, 1, 3)), 12),
        ("a line", lambda data: _save(data / "a" / "1.png", (1, 3000, 3)), 12),
        ("a run within", lambda data: _run_within(data / "a" / "run"), 12),
        ("line breaks in a name", lambda data: _save(data / "a" / "1\n2.png", (16, 16, 3)), 13),
    ):
        yield _sound_but(f"folder: {name}", _folder(make), count, 0)


def _archives() -> Iterator[Case]:
    zipped = (*TRAIN, "--data=data.zip")
    png = _encoded("PNG")
    whole = _zipped({f"{c}/{i}.png": png for c in "ab" for i in range(6)})
    for name, how in {**CONTENT, **PLACE}.items():
        make = _file("data.zip", whole, how)
        yield Case(KIND, f"zip: {name}", zipped, ("data.zip",), make=make)
    for name, data in {
        "nothing": _zipped({}),
        "texts": _zipped({"a.txt": b"x"}),
        "hidden": _zipped({"__MACOSX/a.png": png, ".a/b.png": png}),
        "one image": _zipped({"a.png": png}),
        "encrypted": _flagged(_zipped({"a.png": png})),
        "a bomb": _zipped({"a.png": bytes(2**26)}, 8),
        "another checksum": whole.replace(png, _broken(png)),
        "an archive": _zipped({"a.png": whole}),
        "only a directory": _zipped({"a.png/": b""}),
        "no end": whole[:-30],
    }.items():
        make = _file("data.zip", data)
        yield Case(KIND, f"zip: {name}", zipped, ("data",), make=make)
    for name, count in {
        "/etc/1.png": 5, "../1.png": 4, "a/../../1.png": 4, "C:\\1.png": 5, "a//1.png": 5,
        "\ufeff.png": 5,
    }.items():  # fmt: skip
        data = _zipped({name: png, **{f"a/{i}.png": png for i in range(4)}})
        make = _file("data.zip", data)
        yield _sound_but(f"zip: {name!r}", make, count, 0, data="data.zip", never="1.png")


def _idx_files() -> Iterator[Case]:
    """The IDX files that the experiments are given, but what only they refuse."""
    for case in _idx():
        if case.name not in ("IDX: images of another size", "IDX: fewer than a batch"):
            yield dataclasses.replace(case, kind=KIND, words=TRAIN)
    words = (*TRAIN, "--batch_size=64")
    yield Case(KIND, "IDX: fewer than a batch", words, ("batch_size",), make=_idx_data)


def _prepared() -> Iterator[Case]:
    """The array that is kept of a folder, and where it cannot be kept."""
    array = "images.uint8"
    for name, how in {**CONTENT, **PLACE}.items():
        for file in (array, "about.json"):
            if (file, name) != (array, "zeros"):  # of which nothing tells
                yield _sound_but(f"{file}: {name}", _folder(_kept(file, how)), 12, 0, cache="cache")
    for cache in ("data/a/0.png", "loop", "/dev/null", "/proc/1/x", "pipe"):
        inside = _with_cache(cache)
        yield Case(KIND, f"cache: {cache}", TRAIN, make=_folder(_odd), inside=inside)
    for size in (1000, 5000):  # what is said has to fit too
        inside = _with_cache("../cache", size)
        yield Case(
            KIND, f"files of {size} bytes at most", TRAIN, ("too large",), make=_folder(),
            inside=inside, touches=True,
        )  # fmt: skip


def _sound_but(name: str, make: Change, count: int, skipped: int, **more) -> Case:
    """A case of images that can be used, all but some of them."""
    cache, data = more.pop("cache", "../cache"), more.pop("data", "data")
    before = more.pop("inside", lambda: None)

    def inside() -> None:
        _with_cache(cache)()
        before()

    def load() -> None:
        source = open_source(data, 16)
        print(f"{len(source)} images, {len(source.skipped)} skipped")

    words, told = ("open_source",), (f"{count} images, {skipped} skipped",)
    return Case(
        KIND, name, words, told, (0,), make, inside, call=load, touches=cache == "cache", **more
    )


def _with_cache(name: str, most: int | None = None) -> Callable[[], None]:
    def inside() -> None:

        os.environ["XDG_CACHE_HOME"] = os.path.abspath(name)
        if most is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    return inside


def _kept(file: str, how: Change) -> Change:
    """Prepares the images, and damages what was kept of them."""

    def make(data: pathlib.Path) -> None:
        from ganstab.data import prepare

        cache = data.parent / "cache" / "ganstab" / "images"
        prepare(data, 16, cache=cache)
        (found,) = cache.glob(f"*/{file}")
        how(found)

    return make


def _folder(change: Change = lambda data: None) -> Change:
    """Twelve images in two classes, changed."""

    def make(here: pathlib.Path) -> None:
        for name in [f"{c}/{i}.png" for c in "ab" for i in range(6)]:
            _save(here / "data" / name, (16, 16, 3))
        change(here / "data")

    return make


def _file(name: str, data: bytes, how: Change = lambda path: None) -> Change:
    def make(here: pathlib.Path) -> None:
        (here / name).write_bytes(data)
        how(here / name)

    return make


def _only(data: pathlib.Path, name: str, content_: bytes) -> pathlib.Path:
    """Nothing but this file in the folder."""
    for path in sorted(data.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (data / name).parent.mkdir(parents=True, exist_ok=True)
    content(content_)(data / name)
    return data / name


def _idx_data(here: pathlib.Path) -> None:
    (here / "data").mkdir()
    write_idx(here / "data")


def _odd(data: pathlib.Path) -> None:

    _loop(data.parent / "loop")
    os.mkfifo(data.parent / "pipe")


def _loop(path: pathlib.Path) -> None:
    path.symlink_to(path.name)


def _each_other(data: pathlib.Path) -> None:
    (data / "a" / "to_b").symlink_to("../b/to_a")
    (data / "b" / "to_a").symlink_to("../a/to_b")


def _run_within(run: pathlib.Path) -> None:
    _save(run / "figures" / "1.png", (16, 16, 3))
    (run / "config.json").write_text("{}")
