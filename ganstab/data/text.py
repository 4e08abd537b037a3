"""Lines of text as codes of characters, and batches of them as one-hot vectors.

Batches of lines are drawn like those of images, from `Images(lines.code, label)` with the sampler
that `one_hot_lines` makes.
"""

import functools
import os
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from ganstab._checks import check_whole
from ganstab._files import read_bytes
from ganstab.data.sampling import Sampler, single_images
from ganstab.errors import InputError
from ganstab.types import Batch

__all__ = [
    "PADDING",
    "UNKNOWN",
    "Lines",
    "decode_lines",
    "encode_lines",
    "one_hot_lines",
    "python_help",
    "read_lines",
]

PADDING = "\0"
"""What fills a line up to its length."""
UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""What stands for a character outside of the set."""


class Lines(NamedTuple):
    """Lines of one length over a set of characters."""

    code: np.ndarray
    """uint16 [N, length], the place of each character in `characters`."""
    characters: str
    """`PADDING`, `UNKNOWN`, and then those of the text, the most frequent first."""


def read_lines(path: str | os.PathLike[str]) -> list[str]:
    """The lines of a UTF-8 file without the white space around them; blank ones are left out.

    Raises:
      InputError: there is no such file, it cannot be read, is not UTF-8, has control characters, or
        has nothing but blank lines.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no UTF-8 text: {error.reason} at byte {error.start}") from None
    return _split(text, str(path))


def python_help() -> list[str]:
    """The lines of Python's help on its language: technical English that every Python brings along.

    The text of the module `pydoc_data.topics`, some 9,000 lines, which differ between versions.

    Raises:
      InputError: this Python was installed without it.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise InputError("this Python has no pydoc_data.topics: name a file of text") from error
    return _split("\n".join(topics.values()), "pydoc_data.topics")


def _split(text: str, name: str) -> list[str]:
    """The lines without the white space around them; InputError if there are none, or no text."""
    lines = [line for line in map(str.strip, text.splitlines()) if line]
    if not lines:
        raise InputError(f"{name} has no lines of text")
    for sign in sorted(set().union(*lines) - {"\t"}):
        if unicodedata.category(sign) == "Cc":
            raise InputError(f"{name} is no text: it has the control character {sign!r}")
    return lines


def encode_lines(lines: Sequence[str], length: int = 32, most: int = 2048) -> Lines:
    """Lines cut to one length, or padded to it at their end.

    Args:
      lines: one or more.
      length: characters a line.
      most: how many codes there are, those of the padding and of unknown characters included; the
        rarest characters of the text become unknown.

    Raises:
      ValueError: there are no lines, one is no string, length is less than 1, or most is not from 3
        to 65,536.
    """
    if isinstance(lines, str) or not all(isinstance(line, str) for line in lines):
        raise ValueError(f"encode_lines needs a list of strings, got {lines!r:.60}")
    check_whole("length", length, 1)
    check_whole("most", most, 3)
    lines = list(lines)
    if not lines or length < 1 or not 3 <= most <= 2**16:
        raise ValueError(
            f"encode_lines needs lines, length >= 1 and most from 3 to 65,536, got {len(lines)} "
            f"lines, length={length} and most={most}"
        )
    # numpy pads a string with null characters, which are the padding.
    cut = np.array([line[:length] for line in lines], f"U{length}")
    points = cut.view(np.uint32).reshape(len(lines), length)
    signs, place, counts = np.unique(points, return_inverse=True, return_counts=True)
    fixed = np.array([ord(PADDING), ord(UNKNOWN)], np.uint32)
    counts[np.isin(signs, fixed)] = 0
    known = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)][: most - len(fixed)]
    code = np.ones(len(signs), np.uint16)
    code[known] = np.arange(len(fixed), len(fixed) + len(known))
    code[signs == ord(PADDING)] = 0
    characters = np.concatenate([fixed, signs[known]])
    return Lines(code[place].reshape(points.shape), "".join(map(chr, characters)))


def decode_lines(code: Iterable[Iterable[int]], characters: str) -> list[str]:
    """The lines of codes [n, length]; padding within a line is a space, at its end nothing.

    Raises:
      ValueError: a code is no place in `characters`.
    """

    def character(place: int) -> str:
        if not 0 <= place < len(characters):
            raise ValueError(f"a code is {place}; 0 to {len(characters) - 1} is expected")
        return characters[place]

    lines = ("".join(map(character, line)) for line in code)
    return [line.rstrip(PADDING).replace(PADDING, " ") for line in lines]


def one_hot_lines(size: int) -> Sampler:
    """Batches of codes as one-hot vectors, real float32 [n, length, size], without labels.

    Args:
      size: how many characters there are.
    """
    return Sampler(single_images.indices, functools.partial(_one_hot, size))


def _one_hot(size: int, code: jax.Array, label: jax.Array) -> Batch:
    del label
    return Batch(jax.nn.one_hot(code, size))
