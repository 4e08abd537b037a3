"""One thing that the doctor found."""

from typing import NamedTuple

__all__ = ["Finding"]


class Finding(NamedTuple):
    """A verdict in plain words, the numbers it rests on, and what acts on it."""

    topic: str
    state: str
    """"good", "watch" or "bad"."""
    words: str
    remedy: str = ""
    """Techniques of the library, each with its closed-form reason; empty where all is well."""
    answer: str = ""
    """The same in one short sentence, for who reads no more; empty where all is well."""
