"""The gallery's page: one HTML file that stands alone."""

import pathlib
from collections.abc import Mapping

from ganstab.reporting import Picture, render
from ganstab.reporting.writing import write_atomic


def write_page(path: pathlib.Path, text: str, made: Mapping[str, pathlib.Path], count: int) -> None:
    """Writes the page of those of `count` figures that are made.

    The first line of `text` is the title, the rest the introduction. `made` has the figures'
    docstrings and files; a docstring's first line is the heading, its first paragraph the caption.
    """
    title, _, description = text.partition("\n")
    entries = []
    for words, path_of_picture in made.items():
        heading, caption, rest = words.strip().split("\n\n", 2)
        picture = Picture(path_of_picture, " ".join(caption.split()))
        entries.append({"title": heading.rstrip("."), "picture": picture, "words": rest})
    whole = len(made) == count
    page = render(
        "gallery.html",
        title=title.rstrip("."),
        state="Finished." if whole else f"{len(made)} of {count} figures are made.",
        good=whole,
        description=description,
        entries=entries,
        command="",
    )
    write_atomic(path, page)
