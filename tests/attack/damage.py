"""What can befall a file."""

import os
import pathlib
import random
import shutil
from collections.abc import Callable

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
Damage = Callable[[pathlib.Path], None]


def content(data: bytes) -> Damage:
    """Other bytes in the file's place."""

    def damage(path: pathlib.Path) -> None:
        _gone(path)
        path.write_bytes(data)

    return damage


def _gone(path: pathlib.Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _cut(path: pathlib.Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _noise(path: pathlib.Path) -> None:
    path.write_bytes(random.Random(path.name).randbytes(300))


def _zeros(path: pathlib.Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _link(target: str) -> Damage:
    def damage(path: pathlib.Path) -> None:
        _gone(path)
        path.symlink_to(path.name if target == "itself" else target)

    return damage


def _pipe(path: pathlib.Path) -> None:
    _gone(path)
    os.mkfifo(path)


def _folder(path: pathlib.Path) -> None:
    _gone(path)
    path.mkdir()
    (path / "something").write_text("else")


CONTENT: dict[str, Damage] = {
    "empty": content(b""),
    "cut": _cut,
    "LFS pointer": content(LFS),
    "noise": _noise,
    "zeros": _zeros,
    "not UTF-8": content(b'{"step": "\xff\xfe"}\n'),
}
"""A regular file of other bytes."""
OTHER_JSON: dict[str, Damage] = {
    f"JSON {text[:12]}": content(text.encode())
    for text in (
        "[]", "[1, 2]", "null", "3", '"text"', "true", "{}", "NaN", '{"step": 1e999}',
        "[" * 100_000, '{"a": ' * 5000, '{"step": 4}{"step": 5}', "\ufeff{}",
    )
}  # fmt: skip
"""JSON of another kind, or none."""
PLACE: dict[str, Damage] = {
    "deleted": _gone,
    "renamed": lambda path: path.rename(path.with_name(f"{path.name}.old")),
    "link to itself": _link("itself"),
    "link to nothing": _link("nowhere"),
    "link to zeros": _link("/dev/zero"),
    "pipe": _pipe,
    "folder": _folder,
}
"""No regular file at all."""
MISSING = "deleted", "renamed", "link to itself", "link to nothing"
