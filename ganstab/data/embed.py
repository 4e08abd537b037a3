"""Make the embedded MNIST files from the published ones.

    python -m ganstab.data.embed FOLDER [OUT]

FOLDER holds the four IDX files, gzipped or not; OUT is the package's own `files` by default.
Takes a few minutes. Other data than MNIST is refused, since `load_mnist` would refuse it.
"""

import os
import sys
from pathlib import Path

from ganstab.data.idx import load_idx
from ganstab.data.mnist import DIGESTS, FOLDER, digest, file_name
from ganstab.data.packing import pack
from ganstab.errors import InputError


def embed(folder: str | os.PathLike, out: str | os.PathLike, split: str) -> Path:
    """Write the embedded file of one split, and return where it is.

    Raises:
        InputError: the folder has no usable IDX files, or they are not MNIST.
    """
    image, label = load_idx(folder, split)
    found = digest(image, label)
    if found != DIGESTS[split]:
        raise InputError(
            f"{folder}: not MNIST's {split} split: SHA-256 {found} found, {DIGESTS[split]} expected"
        )
    file = Path(out) / file_name(split)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(pack(image[..., 0], label))
    return file


def main(arguments: list[str]) -> int:
    """Run the command; the exit status is 2 where the input is not usable."""
    if len(arguments) not in (1, 2):
        print("usage: python -m ganstab.data.embed FOLDER [OUT]", file=sys.stderr)
        return 2
    folder, out = arguments[0], arguments[1] if len(arguments) == 2 else str(FOLDER)
    try:
        for split in DIGESTS:
            file = embed(folder, out, split)
            print(f"{file}: {file.stat().st_size:,} bytes")
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
