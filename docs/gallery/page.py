"""The gallery's page: one HTML file that stands alone."""

import pathlib
from collections.abc import Mapping

from ganstab.reporting import Picture, render
from ganstab.reporting.writing import write_atomic


def write_page(path: pathlib.Path, text: str, made: Mapping[str, pathlib.Path], count: int) -> None:
    """Writes the page of those of `count` figures that are made.

    The first paragraph of `text` is the title, the rest the introduction. `made` has the figures'
    docstrings and files; a docstring's first line is the heading, its first paragraph the caption.
    """
    title, *rest = text.strip().split("\n\n")
    prose = (part for part in rest if not part.startswith(" "))  # and no commands
    entries = []
    for words, path_of_picture in made.items():
        heading, caption, more = words.strip().split("\n\n", 2)
        picture = Picture(path_of_picture, " ".join(caption.split()))
        entries.append({"title": heading.rstrip("."), "picture": picture, "words": more})
    whole = len(made) == count
    state = "Finished." if whole else f"{len(made)} of {count} figures are made."
    about = {"title": title.rstrip("."), "description": "\n\n".join(prose)}
    page = render("gallery.html", **about, state=state, good=whole, entries=entries, command="")
    write_atomic(path, page)
