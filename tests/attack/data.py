"""Data that cannot be used: IDX files, folders of images, prepared datasets, the classifier."""

import gzip
import hashlib
import io
import json
import os
import pathlib
import struct
import zipfile
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image
from tiny_images import BYTES, LABELS, idx_bytes, write_idx

from .damage import CONTENT, PLACE, content
from .harness import NOBODY, Case
from .sound import NO_CACHE, Sound

IDX = ("experiments.stacked_mnist", NO_CACHE, "--data_dir=data", "--batch_size=8", "--workdir=run")
FOLDER = (
    "experiments.cifar10_reconstruction", NO_CACHE, "--data_dir=data", "--batch_size=8",
    "--width=0.0625", "--inference_images=8", "--samples=8", "--workdir=run",
)  # fmt: skip
CIFAR = ("experiments.cifar10", NO_CACHE, "--data=data", "--batch_size=8", "--workdir=run")
TEXT = (
    "experiments.character_language_model", NO_CACHE, "--text=text", "--batch_size=8",
    "--width=4", "--workdir=run",
)  # fmt: skip
IMAGES, NUMBERS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def cases(sound: Sound) -> Iterator[Case]:
    """All but the classifier's."""
    yield from _idx()
    yield from _folders(sound)
    yield from _names()
    yield from _texts()


def _texts() -> Iterator[Case]:
    for name, how in {**CONTENT, **PLACE}.items():
        if name != "cut":  # half a text is one too
            yield Case("data", f"text: {name}", TEXT, ("text",), make=_text(how))
    for name, data in {
        "Latin-1": "café\n".encode("latin-1") * 20,
        "UTF-16": ("line\n" * 20).encode("utf-16"),
        "blank lines": b" \n\t\n" * 20,
        "a line too few": b"line\n" * 7,
        "an escape": b"line\n" * 20 + b"\x1b[2J\n",
    }.items():
        yield Case("data", f"text: {name}", TEXT, ("text",), make=_text(content(data)))
    for value in ("", " ", "nowhere", "/dev/null", "~nosuchuser", "x" * 300, "\udcff", "gs://a/b"):
        words = (*TEXT[:2], f"--text={value}", "--workdir=run")
        yield Case("data", f"--text={value[:20]!r}", words)


def _text(how: Callable) -> Callable:
    def make(here: pathlib.Path) -> None:
        (here / "text").write_text("line\n" * 20)
        how(here / "text")

    return make


def _idx() -> Iterator[Case]:
    for name, how in {**CONTENT, **PLACE}.items():
        for file in (IMAGES, NUMBERS, f"{IMAGES}.gz"):
            end = ".gz" if file.endswith("gz") else ""
            make = _idx_folder(lambda data, how=how, file=file: how(data / file), end)
            yield Case("data", f"{file}: {name}", IDX, ("data",), make=make)
    whole = idx_bytes(BYTES[..., 0])
    for name, data in {
        "another magic number": idx_bytes(BYTES[..., 0], 0x801),
        "of floats": idx_bytes(BYTES[..., 0], 0xD03),
        "a byte too many": whole + b"\0",
        "a byte too few": whole[:-1],
        "a header alone": whole[:16],
        "half a header": whole[:7],
        "no images": idx_bytes(BYTES[:0, ..., 0]),
        "no pixels": idx_bytes(BYTES[:, :0, :, 0]),
        "more images than there are": struct.pack(">4I", 0x803, 2**32 - 1, 28, 28) + whole[16:],
        "huge images": struct.pack(">4I", 0x803, 1, 2**32 - 1, 2**32 - 1) + whole[16:],
        "images of another size": idx_bytes(BYTES[:, :20, :20, 0]),
        "one image": idx_bytes(BYTES[:1, ..., 0]),
        "one image fewer": idx_bytes(BYTES[:-1, ..., 0]),
        "rank 4": idx_bytes(BYTES, 0x804),
        "little-endian": struct.pack("<4I", 0x803, 23, 28, 28) + whole[16:],
        "gzip without its name": gzip.compress(whole),
    }.items():
        make = _idx_folder(lambda place, data=data: content(data)(place / IMAGES))
        yield Case("data", f"IDX: {name}", IDX, make=make)
    for name, data in {
        "not gzip": whole,
        "cut gzip": gzip.compress(whole)[:-9],
        "another checksum": gzip.compress(whole)[:-8] + bytes(8),
        "a bomb": gzip.compress(bytes(2**28)),
        "gzip with more behind it": gzip.compress(whole) + b"noise",
        "gzip twice": gzip.compress(gzip.compress(whole)),
        "a broken stream": _broken(gzip.compress(whole)),
        "nothing": b"",
    }.items():
        make = _idx_folder(lambda place, data=data: content(data)(place / f"{IMAGES}.gz"), ".gz")
        yield Case("data", f"IDX.gz: {name}", IDX, (IMAGES,), make=make)
    one = idx_bytes(LABELS[:-1])
    make = _idx_folder(lambda place: content(one)(place / NUMBERS))
    yield Case("data", "IDX: labels too few", IDX, (NUMBERS,), make=make)
    make = _idx_folder(lambda place: (place / NUMBERS).unlink())
    yield Case("data", "IDX: no labels", IDX, ("train-labels",), make=make)
    make = _idx_folder(_unreadable(IMAGES))
    yield Case("data", "IDX: not to be read", IDX, ("data",), make=make, inside=become_nobody)
    make = _idx_folder(_unreadable("."))
    yield Case("data", "IDX: a folder not to be read", IDX, make=make, inside=become_nobody)
    large = (*IDX[:-2], "--batch_size=64", "--workdir=run")
    yield Case("data", "IDX: fewer than a batch", large, ("batch_size",), make=_idx_folder())


def _folders(sound: Sound) -> Iterator[Case]:
    del sound
    for name, how in {**CONTENT, **PLACE}.items():
        make = image_folder(lambda data, how=how: how(data / "a" / "3.png"), count=7)
        # Without the one image there are seven left of each class, fewer than are asked for.
        words = FOLDER if name not in ("deleted", "renamed") else (*FOLDER, "--inference_images=99")
        yield Case("data", f"an image: {name}", words, (), (2,), make)
        make = image_folder(lambda data, how=how: how(_file(data / "c")))
        if name not in ("deleted", "renamed", "folder") and name not in CONTENT:
            words = (*FOLDER, "--inference_images=99")
            yield Case("data", f"a class: {name}", words, (), (2,), make)
    for name, make in {
        "no classes": lambda data: _emptied(data),
        "an empty class": lambda data: (data / "c").mkdir(),
        "a class of texts": lambda data: _written(data / "c" / "a.txt", b"x"),
        "images in no class": lambda data: _flat(data),
        "another size": lambda data: _save(data / "a" / "9.png", (16, 32, 3)),
        "all of another size": lambda data: _all(data, (16, 16, 3)),
        "16 bits": lambda data: Image.fromarray(
            np.zeros((32, 32), np.uint16)).save(data / "a" / "9.png"),
        "a text called png": lambda data: _written(data / "a" / "9.png", b"words"),
        "html called jpg": lambda data: _written(data / "a" / "9.jpg", b"<html></html>"),
        "svg called gif": lambda data: _written(data / "a" / "9.gif", b"<svg/>"),
        "a huge header": lambda data: _written(data / "a" / "9.ppm", b"P6 99999999 99999999 255\n"),
        "a bitmap of no width": lambda data: _written(data / "a" / "9.ppm", b"P6 0 0 255\n"),
        "a negative width": lambda data: _written(data / "a" / "9.ppm", b"P6 -4 4 255\n"),
        "eps": lambda data: _written(data / "a" / "9.png", b"%!PS-Adobe-3.0 EPSF-3.0\n"),
        "a pdf": lambda data: _written(data / "a" / "9.png", b"%PDF-1.7\n"),
        "a tiff that goes round": lambda data: _written(
            data / "a" / "9.tif", b"II*\0\x08\0\0\0\0\0\x08\0\0\0"),
        "an archive": lambda data: _written(data / "a" / "9.png", b"PK\x03\x04"),
    }.items():  # fmt: skip
        yield Case("data", f"folder: {name}", FOLDER, (), (2,), image_folder(make))
    many = (*FOLDER[:-3], "--inference_images=1000", "--samples=8", "--workdir=run")
    yield Case(
        "data", "more sought than there are", many, ("inference_images",), make=image_folder()
    )
    large = (*FOLDER, "--batch_size=4000")
    yield Case("data", "folder: fewer than a batch", large, ("batch_size",), make=image_folder())
    for name in ("a/3.png", "a"):
        make = image_folder(_unreadable(name))
        yield Case(
            "data", f"{name} not to be read", FOLDER, (name,), make=make, inside=become_nobody
        )
    for value in (
        "", " ", "nowhere", "beside/config.json", "/dev/null", "~nosuchuser", "x" * 300, "loop",
        "pipe", "\udcff", "gs://a/b", "data\n",
    ):  # fmt: skip
        for program in ("stacked_mnist", "colored_mnist", "rnn_mnist", "cifar10_reconstruction"):
            words = (f"experiments.{program}", NO_CACHE, f"--data_dir={value}", "--workdir=run")
            name = f"{program} --data_dir={value[:20]!r}"
            yield Case("data", name, words, make=_odd)
        words = (*CIFAR[:2], f"--data={value}", "--workdir=run")
        yield Case("data", f"cifar10 --data={value[:20]!r}", words, make=_odd)
    for name, make, told in (
        ("of another size", lambda data: _all(data, (16, 16, 3)), "16 × 16"),
        ("in no class", lambda data: _flat(data), "--conditional"),
        ("of other classes", lambda data: None, "--conditional"),
    ):
        words = (*CIFAR, "--conditional")
        yield Case("data", f"cifar10: images {name}", words, (told,), make=image_folder(make))
    yield Case("data", "cifar10: no data", (*CIFAR[:2], "--table=figure_3"), ("--data",))
    table = (
        "experiments.cifar10_reconstruction",
        NO_CACHE,
        "--table=table_3",
        "--data_dir=nowhere",
    )
    yield Case("data", "a table without data", table, ("nowhere",))
    words = ("experiments.stacked_mnist", NO_CACHE, "--data_dir=data", "--dataset=own")
    yield Case("data", "colour where grey is wanted", words, ("(28, 28, 1)",), make=image_folder())


def _names() -> Iterator[Case]:
    for value in (
        "", " ", "nosuch", "../x", "a b", "mnist:99.9.9", "mnist/nosuch", "mnist/", "mnist:", ":", "/",
        "\udcff", "x" * 300, "huggingface:x/y", "kaggle:x", "mnist[:10%]", "cifar10,mnist", "None",
        "\n", "*", "imdb_reviews", "http://x/y", "MNIST ", "a:b:c", "mnist/a/b/c",
    ):  # fmt: skip
        for more in ([], ["--data_dir=beside"]):
            words = (
                "experiments.stacked_mnist", NO_CACHE, f"--dataset={value}", "--workdir=run", *more
            )  # fmt: skip
            yield Case("data", f"--dataset={value[:20]!r} {' '.join(more)}", words)


def classifier(sound: Sound) -> Iterator[Case]:
    """The weights that count modes, and the record beside them."""
    from ganstab import digit_classifier

    del sound

    def case(name: str, change: Callable[[pathlib.Path], None], told: str = "ruler") -> Case:
        def make(here: pathlib.Path) -> None:
            for end in (".npz", ".json"):
                data = digit_classifier.WEIGHTS.with_suffix(end).read_bytes()
                (here / f"ruler{end}").write_bytes(data)
            change(here)

        def load() -> None:
            digit_classifier.load(pathlib.Path("ruler.npz"))

        return Case("classifier", name, ("digit_classifier.load",), (told,), make=make, call=load)

    for name, how in {**CONTENT, **PLACE}.items():
        for file in ("ruler.npz", "ruler.json"):
            yield case(f"{file}: {name}", lambda here, file=file, how=how: how(here / file))
    for text in ("[]", "null", "3", "{}", '{"sha256": 3}', '{"sha256": ""}', "[" * 100_000, "NaN"):
        yield case(f"record {text[:20]}", lambda here, t=text: (here / "ruler.json").write_text(t))
    layout = digit_classifier.LAYOUT
    plain = {name: np.zeros(shape, np.float16) for name, shape in layout.items()}
    first = next(iter(plain))
    for name, arrays in {
        "float32": {n: a.astype(np.float32) for n, a in plain.items()},
        "one too few": {n: a for n, a in plain.items() if n != first},
        "one too many": {**plain, "more": np.zeros(1)},
        "another shape": {**plain, first: np.zeros(3, np.float16)},
        "objects": {**plain, first: np.array([{}])},
        "not finite": {**plain, first: np.full(layout[first], np.nan, np.float16)},
        "words": {**plain, first: np.array(["a"])},
        "none": {},
    }.items():
        yield case(f"weights: {name}", lambda here, arrays=arrays: _weights(here, _npz(arrays)))
    whole = _npz(plain)
    for name, data in {
        "another method": _zipped({"a.npy": b"x"}, zipfile.ZIP_LZMA),
        "no arrays": _zipped({"a.txt": b"x"}),
        "a huge header": _zipped({f"{first}.npy": _header("(9999999999, 9999999999)")}),
        "a header of code": _zipped({f"{first}.npy": _header("__import__('os').getpid()")}),
        "a negative shape": _zipped({f"{first}.npy": _header("(-3,)")}),
        "no header": _zipped({f"{first}.npy": b"\x93NUMPY"}),
        "a version of none": _zipped({f"{first}.npy": b"\x93NUMPY\x09\x09" + bytes(80)}),
        "a broken stream": _broken(whole),
        "one array": _one(np.zeros(3)),
        "encrypted": _flagged(whole),
        "a pickle": b"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x8c\x02os\x94.",
    }.items():  # fmt: skip
        yield case(f"archive: {name}", lambda here, data=data: _weights(here, data))


def become_nobody() -> None:
    """Gives up root's right to read everything."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def _unreadable(name: str) -> Callable[[pathlib.Path], None]:
    def make(data: pathlib.Path) -> None:
        data.parent.chmod(0o777)
        (data / name).chmod(0)

    return make


def _idx_folder(change: Callable = lambda data: None, end: str = "") -> Callable:
    def make(here: pathlib.Path) -> None:
        (here / "data").mkdir()
        write_idx(here / "data", end=end)
        change(here / "data")

    return make


def image_folder(change: Callable = lambda data: None, count: int = 8) -> Callable:
    def make(here: pathlib.Path) -> None:
        for name in [f"{c}/{i}.png" for c in "ab" for i in range(count)]:
            _save(here / "data" / name, (32, 32, 3))
        change(here / "data")

    return make


def _save(path: pathlib.Path, shape: tuple) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.broadcast_to(np.uint8([3, 4, 5]), shape)).save(path)


def _all(data: pathlib.Path, shape: tuple) -> None:
    for path in data.rglob("*.png"):
        _save(path, shape)


def _emptied(data: pathlib.Path) -> None:
    for path in data.rglob("*.png"):
        path.unlink()
    for folder in data.iterdir():
        folder.rmdir()


def _flat(data: pathlib.Path) -> None:
    _emptied(data)
    _save(data / "1.png", (32, 32, 3))


def _written(path: pathlib.Path, data: bytes) -> pathlib.Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def _file(path: pathlib.Path) -> pathlib.Path:
    path.touch()
    return path


def _odd(here: pathlib.Path) -> None:
    (here / "loop").symlink_to("loop")
    os.mkfifo(here / "pipe")


def _broken(data: bytes) -> bytes:
    middle = len(data) // 2
    return (
        data[:middle]
        + bytes(byte ^ 0x5A for byte in data[middle : middle + 20])
        + data[middle + 20 :]
    )


def _flagged(data: bytes) -> bytes:
    """An archive whose first file is said to be encrypted."""
    found = bytearray(data)
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        found[data.index(mark) + place] |= 1
    return bytes(found)


def _npz(arrays: dict) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _one(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _zipped(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _header(shape: str) -> bytes:
    text = f"{{'descr': '<f2', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(10 + len(text) + 1) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def _weights(here: pathlib.Path, data: bytes) -> None:
    (here / "ruler.npz").write_bytes(data)
    record = {"sha256": hashlib.sha256(data).hexdigest()}
    (here / "ruler.json").write_text(json.dumps(record))
