"""What numbers depend on beside settings: the files of a data folder, and the code itself."""

import functools
import hashlib
import pathlib
from collections.abc import Iterable

import experiments
import ganstab

MANY = 64
"""Files up to which a folder of data is read whole: IDX files of other images may be as large."""
DIGITS = 12


def of_data(folder: pathlib.Path) -> str:
    """The folder's files by name and content, or, if there are many, by name and size.

    Neither the folder's own name nor where it lies has a part in it.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if len(files) <= MANY:
        return _digest(folder, files)
    sizes = "\n".join(f"{path.relative_to(folder)} {path.stat().st_size}" for path in files)
    return hashlib.sha256(sizes.encode()).hexdigest()[:DIGITS]


@functools.cache
def of_code() -> str:
    """The packages `ganstab` and `experiments` whole, the weights of the classifier included."""
    packages = [pathlib.Path(str(package.__file__)).parent for package in (ganstab, experiments)]
    return "+".join(
        _digest(root, (p for p in sorted(root.rglob("*")) if p.is_file() and p.suffix != ".pyc"))
        for root in packages
    )


def _digest(root: pathlib.Path, files: Iterable[pathlib.Path]) -> str:
    found = hashlib.sha256()
    for path in files:
        found.update(f"{path.relative_to(root)}\n".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:DIGITS]
