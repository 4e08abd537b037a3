"""Images of any folder or archive, decoded once into one array on disk that is read in place."""

import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from ganstab._files import read_json
from ganstab.data.decoding import UnusableImageError, decode_square, short_side
from ganstab.data.images import Images
from ganstab.data.listing import ImageFiles, list_images
from ganstab.data.random_access import RandomAccess
from ganstab.errors import InputError

__all__ = ["Prepared", "default_cache", "prepare", "typical_side"]

VERSION = 1
"""Of what decoding makes of a file; another one makes every array anew."""
WORKERS = 8
BLOCK = 256
"""Files that are decoded at once; after each such block, a killed preparation goes on."""
_IMAGES, _ABOUT, _SO_FAR = "images.uint8", "about.json", "so_far.json"
_UNREAD = "unread"
"""Files that the system did not let be read: without permission, or of a share that was away."""


@dataclasses.dataclass(frozen=True)
class Prepared:
    """Square images of one size, on disk."""

    images: Images
    """uint8 [N, side, side, C], which stays on disk until it is looked at, and int32 [N]. C is 1
    if all images are grey. Labels are −1 without classes."""
    classes: Sequence[str]
    """The names of the sub-folders; none if they are no classes."""
    skipped: Sequence[tuple[str, str]]
    """Files that could not be used, and why."""
    digest: str
    """A hash of the array and the labels, which does not depend on where the files lie."""

    def random_access(self, name: str) -> RandomAccess:
        """The images as a source that is read by index, for data that do not fit in memory."""
        return RandomAccess(_Records(self.images), name)


class _Records(Sequence):
    def __init__(self, images: Images):
        self.images = images

    def __len__(self) -> int:
        return len(self.images.label)

    def __getitem__(self, i: Any) -> Any:
        return {"image": self.images.image[i], "label": self.images.label[i]}


def default_cache() -> Path:
    """`ganstab/images` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "ganstab/images")


def prepare(
    source: str | os.PathLike,
    side: int,
    *,
    cache: str | os.PathLike | None = None,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Prepared:
    """The images of a folder or a zip archive, as squares of one size.

    Each is cut and resized as `decode_square` does it, once: the array is kept in `cache`, under a
    hash of the folder's place and of the files' names, sizes and times, and found there by the next
    call. A preparation that was killed goes on where it was. An array that was cut short is made
    again, and so is one without a file that the system did not let be read then and does now.
    Memory is bounded, whatever the number of images; the disk takes 3 side² bytes for each.

    Args:
      source: a folder, whose sub-folders are classes if every image is in one, or a zip archive.
      side: in pixels.
      cache: where arrays are kept, by default `default_cache()`.
      progress: is called with the files done and all files.

    Raises:
      ValueError: the side is less than 1.
      InputError: there is no such source, no image of it can be used, or the disk is full.
    """
    if side < 1:
        raise ValueError(f"side must be 1 pixel or more, got {side}")
    files = list_images(source)
    words = os.path.realpath(source), files.stamp, side, VERSION, PIL.__version__
    key = "\0".join(map(str, words)).encode(errors="surrogateescape")
    place = Path(cache or default_cache(), hashlib.sha256(key).hexdigest()[:16])
    prepared = _read(files, place, side)
    if prepared is not None:
        return prepared
    try:
        # Pillow warns of large images and of damaged EXIF.
        with _alone(place), warnings.catch_warnings(action="ignore"):
            prepared = _read(files, place, side)
            if prepared is None:
                _make(files, side, place, progress)
                prepared = _read(files, place, side)
    except OSError as error:
        why = f"{error.strerror or error}{': ' + str(error.filename) if error.filename else ''}"
        raise InputError(
            f"{place.parent}: cannot keep the prepared images: {why}; $XDG_CACHE_HOME names "
            "another cache"
        ) from error
    assert prepared is not None
    return prepared


def typical_side(source: str | os.PathLike, looked_at: int = 200) -> int:
    """The median of the smaller sides, in pixels, of some images of a folder or a zip archive.

    Args:
      source: as `prepare` takes it.
      looked_at: how many files, evenly spread.

    Raises:
      InputError: there is no such source, or none of those files is an image.
    """
    files = list_images(source)
    places = np.linspace(0, len(files.names) - 1, min(looked_at, len(files.names))).round()
    sides = []
    with warnings.catch_warnings(action="ignore"):
        for place in places.astype(int):
            with contextlib.suppress(UnusableImageError, OSError):
                sides.append(short_side(files.read(files.names[place])))
    if not sides:
        raise InputError(f"{files.source}: no image can be used, of {len(places)} looked at")
    return int(np.median(sides))


def _can_be_read(files: ImageFiles, name: str) -> bool:
    try:
        files.read(name)
    except (OSError, UnusableImageError, KeyError):
        return False
    return True


def _read(files: ImageFiles, place: Path, side: int) -> Prepared | None:
    """What is kept there.

    None if it is not there, was cut short or damaged, or lacks a file that can be read by now.
    """
    try:
        about = read_json(place / _ABOUT)
        label = np.array(about["label"], np.int32)
        shape = len(label), side, side, 3
        if os.path.getsize(place / _IMAGES) != np.prod(shape, dtype=np.int64):
            return None
        if any(_can_be_read(files, str(name)) for name in about.get(_UNREAD, [])):
            return None
        image = np.memmap(place / _IMAGES, np.uint8, "r", shape=shape)
        channels = slice(1) if about["grey"] else slice(None)
        skipped = [(str(name), str(why)) for name, why in about["skipped"]]
        return Prepared(
            Images(image[..., channels], label), about["classes"], skipped, about["digest"]
        )
    except (InputError, OSError, ValueError, KeyError, TypeError):
        return None


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Waits until no other process prepares the same images."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place.with_suffix(".lock"), "wb") as lock:
        with contextlib.suppress(OSError):  # a file system without locks is used unlocked
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(
    files: ImageFiles, side: int, place: Path, progress: Callable[[int, int], object]
) -> None:
    unfinished = place.with_suffix(".unfinished")
    unfinished.mkdir(exist_ok=True)
    done, skipped, unread, grey = _so_far(unfinished)
    with open(unfinished / _IMAGES, "ab") as out, ThreadPoolExecutor(WORKERS) as pool:
        if os.fstat(out.fileno()).st_size < (done - len(skipped)) * side * side * 3:
            done, skipped, unread, grey = 0, {}, [], True  # the file lost its end
        out.truncate((done - len(skipped)) * side * side * 3)
        while done < len(files.names):
            block = files.names[done : done + BLOCK]
            decoded = pool.map(functools.partial(_decoded, files, side), block)
            for i, found in enumerate(decoded, done):
                if isinstance(found, Exception):
                    skipped[i] = getattr(found, "strerror", None) or str(found)
                    unread += [files.names[i]] if isinstance(found, OSError) else []
                else:
                    out.write(found.tobytes())
                    grey = grey and bool(np.all(found == found[..., :1]))
            out.flush()
            done += len(block)
            state = {"done": done, "skipped": skipped, _UNREAD: unread, "grey": grey}
            _write(unfinished / _SO_FAR, state)
            progress(done, len(files.names))
        os.fsync(out.fileno())
    if len(skipped) == done:
        shutil.rmtree(unfinished)
        raise InputError(
            f"{files.source}: no image can be used; {_readable(files.names[0])}: {skipped[0]}"
        )
    label = np.delete(np.asarray(files.label), list(skipped))
    classes = list(files.classes)
    if classes:  # of one without any image that can be used there is nothing to learn
        there, label = np.unique(label, return_inverse=True)
        classes = [classes[i] for i in there]
    about = {
        "grey": grey,
        "classes": classes,
        "label": label.tolist(),
        "skipped": [(_readable(files.names[i]), why) for i, why in skipped.items()],
        _UNREAD: unread,
    }
    _write(unfinished / _ABOUT, about | {"digest": _digest(unfinished, about)})
    shutil.rmtree(place, ignore_errors=True)  # one that was cut short
    os.replace(unfinished, place)


def _so_far(unfinished: Path) -> tuple[int, dict[int, str], list[str], bool]:
    """Files done, those skipped and why, the unread among them, and whether all others are grey."""
    try:
        state = read_json(unfinished / _SO_FAR)
        skipped = {int(i): str(why) for i, why in state["skipped"].items()}
        unread = [str(name) for name in state.get(_UNREAD, [])]
        return state["done"], skipped, unread, state["grey"]
    except (InputError, ValueError, KeyError, TypeError, AttributeError):
        return 0, {}, [], True


def _decoded(files: ImageFiles, side: int, name: str) -> np.ndarray | UnusableImageError | OSError:
    """The image, or why there is none; an OSError where another time there may be one."""
    try:
        return decode_square(files.read(name), side)
    except (UnusableImageError, OSError) as error:
        return error


def _readable(name: str) -> str:
    """A name that need not be UTF-8."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """In one piece: a kill leaves the old content or the new."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(content))
    os.replace(new, path)


def _digest(folder: Path, about: Mapping[str, Any]) -> str:
    with open(folder / _IMAGES, "rb") as file:
        images = hashlib.file_digest(file, "sha256").hexdigest()
    labels = ",".join(map(str, about["label"]))
    return hashlib.sha256(f"{images} {labels} {about['grey']}".encode()).hexdigest()[:12]
