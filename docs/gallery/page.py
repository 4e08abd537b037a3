"""The gallery's page: one HTML file that stands alone."""

import pathlib
from collections.abc import Mapping

from ganstab.reporting import pages
from ganstab.reporting.writing import write_atomic


def write_page(path: pathlib.Path, text: str, made: Mapping[str, pathlib.Path], count: int) -> None:
    """Writes the page of those of `count` figures that are made.

    The first line of `text` is the title, the rest the introduction. `made` has the figures'
    docstrings and files; a docstring's first line is the heading, its first paragraph the caption.
    """
    title, _, description = text.partition("\n")
    sections = []
    for words, picture in made.items():
        heading, caption, rest = words.strip().split("\n\n", 2)
        shown = pages.figure(pages.Picture(picture, " ".join(caption.split())))
        sections.append(pages.section(heading.rstrip("."), shown, pages.paragraphs(rest)))
    whole = len(made) == count
    page = pages.page(
        title.rstrip("."),
        state="Finished." if whole else f"{len(made)} of {count} figures are made.",
        good=whole, description=description, body=sections,
    )  # fmt: skip
    write_atomic(path, page)
