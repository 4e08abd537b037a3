"""The image files of a folder or a zip archive, and the classes that their sub-folders make."""

import contextlib
import hashlib
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganstab.data.decoding import UnusableImageError
from ganstab.data.image_folder import SUFFIXES
from ganstab.errors import InputError

__all__ = ["ImageFiles", "list_images"]

LARGEST = 2**30
"""Bytes of a file in an archive; a larger one is no image but a bomb."""
_SPLITS = {"train", "test", "val", "valid", "validation"}


@dataclass(frozen=True)
class ImageFiles:
    """Files that may be images, by the names that they have in their folder or archive."""

    source: Path
    names: Sequence[str]
    label: np.ndarray
    """int32 [N], the place of each file's class in `classes`; −1 without classes."""
    classes: Sequence[str]
    stamp: str
    """A hash of the names, sizes and times of change: another one means other files."""
    read: Callable[[str], bytes]
    """A file's content by its name, from any thread; raises `UnusableImageError`, OSError."""


def list_images(source: str | os.PathLike) -> ImageFiles:
    """The image files of a folder, at any depth, or of a zip archive.

    Sub-folders of images are classes if every image is in one. Folders around all images are passed
    through; of `train`, `test` and `val`, `train` is taken. Hidden files are passed over, and so
    are folders of runs (with a `config.json`), which may lie within.

    Raises:
      InputError: there is no such folder or archive, or it has no file that ends as an image does.
    """
    source = Path(source)
    found = _in_folder(source) if os.path.isdir(source) else _in_archive(source)
    names, sizes, times, read = found
    chosen, classes_of = _classes(names)
    if not chosen:
        raise InputError(f"{source}: no images; files ending in {', '.join(SUFFIXES)} are expected")
    classes = sorted(set(classes_of) - {""})
    place = {name: i for i, name in enumerate(classes)}
    digest = hashlib.sha256()
    for i in chosen:
        line = f"{names[i]}\0{sizes[i]}\0{times[i]}\n"
        digest.update(line.encode(errors="surrogateescape"))
    return ImageFiles(
        source,
        [names[i] for i in chosen],
        np.array([place.get(name, -1) for name in classes_of], np.int32),
        classes,
        digest.hexdigest(),
        read,
    )


_Found = tuple[list[str], list[int], list[int], Callable[[str], bytes]]


def _in_folder(folder: Path) -> _Found:
    paths = sorted(os.path.relpath(path, folder) for path in _walk(os.fspath(folder), set()))
    stats = [_stat(folder / path) for path in paths]

    def read(name: str) -> bytes:
        path = folder / name
        if not stat.S_ISREG(os.stat(path).st_mode):  # to open a pipe would wait for its writer
            raise UnusableImageError("not a regular file")
        return path.read_bytes()

    names = [path.replace(os.sep, "/") for path in paths]
    return names, [size for size, _ in stats], [time for _, time in stats], read


def _stat(path: Path) -> tuple[int, int]:
    """The size and the time of change; of a file that is gone since, which `read` names, zeros."""
    for look in (os.stat, os.lstat):  # a link that leads nowhere has a size and a time too
        with contextlib.suppress(OSError):
            found = look(path)
            return found.st_size, found.st_mtime_ns
    return 0, 0


def _walk(folder: str, above: set[str]) -> Iterator[str]:
    """Paths of images; a link is followed, but not to a folder that it lies in."""
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        os.stat(os.path.join(folder, "."))  # whoever may list a folder need not reach what is in it
    except OSError as error:
        raise InputError(f"{folder}: cannot be read: {error.strerror}") from error
    if above and any(entry.name == "config.json" for entry in found):
        return
    for entry in found:
        if entry.name.startswith("."):
            continue
        if os.path.isdir(entry.path):
            yield from _walk(entry.path, above | {real})
        elif entry.name.lower().endswith(SUFFIXES):
            yield entry.path


def _in_archive(path: Path) -> _Found:
    expected = "a folder of images or a zip archive of one is expected"
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file or folder; {expected}")
    if not os.path.isfile(path):  # to open a pipe would wait for its writer
        raise InputError(f"{path}: {expected}, and this is neither")
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: {expected}, and this is neither: {error}") from error
    # Some archives of Windows have backslashes between folders.
    named = {entry.filename.replace("\\", "/"): entry for entry in archive.infolist()}
    entries = {
        name: entry
        for name, entry in named.items()
        if name.lower().endswith(SUFFIXES)
        and not any(part.startswith((".", "__MACOSX")) for part in _parts(name))
    }

    def read(name: str) -> bytes:
        if entries[name].file_size > LARGEST:
            raise UnusableImageError(f"{entries[name].file_size:,} bytes")
        try:
            return archive.read(entries[name])
        except (zipfile.BadZipFile, zipfile.LargeZipFile, RuntimeError, ValueError, EOFError,
                NotImplementedError, zlib.error) as error:  # fmt: skip
            raise UnusableImageError(f"cannot be unpacked: {error}") from error

    names = sorted(entries)
    return names, [entries[n].file_size for n in names], [entries[n].CRC for n in names], read


def _parts(name: str) -> list[str]:
    """Folders and file of a path, which in an archive may begin with /, ./ or ../ too."""
    return [part for part in name.split("/") if part not in ("", ".", "..")]


def _classes(names: Sequence[str]) -> tuple[list[int], list[str]]:
    """Which files are taken, and each one's class, "" for none."""
    chosen = list(range(len(names)))
    parents = [_parts(name)[:-1] for name in names]
    depth = 0
    while chosen:
        first = {parents[i][depth] if len(parents[i]) > depth else "" for i in chosen}
        if "" in first:
            return chosen, [""] * len(chosen)
        split = {name.lower(): name for name in first}
        if len(first) > 1 and not ("train" in split and split.keys() <= _SPLITS):
            return chosen, [parents[i][depth] for i in chosen]
        taken = split["train"] if len(first) > 1 else first.pop()
        chosen = [i for i in chosen if parents[i][depth] == taken]
        depth += 1
    return [], []
