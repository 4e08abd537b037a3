"""What numbers depend on beside settings: the files of a data folder, and the code itself."""

import functools
import hashlib
import os
import pathlib
from collections.abc import Iterable

import experiments
import ganstab

MANY = 64
"""Files up to which a folder of data is read whole: IDX files of other images may be as large."""
DIGITS = 12


def of_data(folder: pathlib.Path) -> str:
    """The folder's files by name and content, or, if there are many, by name and size.

    Neither the folder's own name nor where it lies has a part in it, nor hidden files, nor the
    folders of runs and tables that lie within it.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    runs = {path.parent for path in files if path.name == "config.json"} - {folder}
    files = [
        path
        for path in files
        if runs.isdisjoint(path.parents)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if len(files) <= MANY:
        return _digest(folder, files)
    sizes = b"\n".join(_name(folder, path) + b" %d" % path.stat().st_size for path in files)
    return hashlib.sha256(sizes).hexdigest()[:DIGITS]


@functools.cache
def of_code() -> str:
    """The packages `ganstab` and `experiments` whole, the weights of the classifier included."""
    packages = [pathlib.Path(str(package.__file__)).parent for package in (ganstab, experiments)]
    return "+".join(
        _digest(root, (p for p in sorted(root.rglob("*")) if p.is_file() and p.suffix != ".pyc"))
        for root in packages
    )


def _name(root: pathlib.Path, path: pathlib.Path) -> bytes:
    """As the disk has it, which need not be UTF-8."""
    return os.fsencode(path.relative_to(root))


def _digest(root: pathlib.Path, files: Iterable[pathlib.Path]) -> str:
    found = hashlib.sha256()
    for path in files:
        found.update(_name(root, path) + b"\n")
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:DIGITS]
