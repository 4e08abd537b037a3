"""Pages of HTML that stand alone: the table, the pictures and the words of a report in one file."""

import base64
import html
import pathlib
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ganstab.reporting.page_template import PAGE
from ganstab.reporting.writing import explained


class Picture(NamedTuple):
    """A PNG file and the words under it."""

    path: pathlib.Path
    caption: str


class Prose(str):
    """A cell of a table that may be broken into lines; others are kept in one."""

    kind = "prose"


class Good(str):
    """A cell in the colour of what is as it should be."""

    kind = "good"


class Warn(str):
    """A cell in the colour of a warning."""

    kind = "warn"


def page(title: str, *, state: str, good: bool, description: str, body: Iterable[str]) -> str:
    """The whole page.

    Args:
      title: the heading.
      state: how things stand, in a few words.
      good: whether that is as it should be; else it is written in the colour of a warning.
      description: plain text, paragraphs parted by empty lines.
      body: HTML, e.g. of `section`.
    """
    return string.Template(PAGE).substitute(
        title=html.escape(title),
        state=html.escape(state),
        tone="good" if good else "warn",
        description=paragraphs(description),
        body="\n".join(part for part in body if part),
    )


def section(name: str, *content: str) -> str:
    """A heading and what is under it; nothing at all where there is nothing to show."""
    inside = "".join(content)
    return f"<section><h2>{html.escape(name)}</h2>{inside}</section>" if inside else ""


def paragraphs(text: str) -> str:
    """Plain text, its paragraphs parted by empty lines, and `code` between backticks."""
    parts = (_escaped(" ".join(part.split())) for part in text.split("\n\n"))
    return "".join(f"<p>{part}</p>" for part in parts if part)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a line of heads, if there are any; the first cell of each row is one as well."""
    body = "".join(f"<tr>{''.join(map(_cell, range(len(row)), row))}</tr>" for row in rows)
    names = "".join(f"<th>{html.escape(name)}</th>" for name in heads)
    head = f"<tr>{names}</tr>" if names else ""
    return f'<div class="scroll"><table class="wide">{head}{body}</table></div>'


def facts(items: Mapping[str, Any]) -> str:
    """Names and values, one a line."""
    rows = (
        f"<tr><th>{html.escape(str(name))}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in items.items()
    )
    return f'<table class="facts">{"".join(rows)}</table>' if items else ""


def verbatim(text: str) -> str:
    """Text as it is, e.g. a command."""
    return f"<pre>{html.escape(text)}</pre>" if text else ""


def gallery(pictures: Iterable[Picture]) -> str:
    """Small pictures beside each other."""
    content = "".join(map(figure, pictures))
    return f'<div class="gallery">{content}</div>' if content else ""


def figure(picture: Picture) -> str:
    """The picture inside the page; nothing where there is no file, as of a run stopped early.

    Raises:
      InputError: the file cannot be read.
    """
    if not picture.path.exists():
        return ""
    with explained(f"cannot read {picture.path}"):
        data = base64.b64encode(picture.path.read_bytes()).decode()
    caption = html.escape(picture.caption)
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _cell(place: int, text: str) -> str:
    name = "th" if place == 0 else "td"
    kind = getattr(text, "kind", "")
    attribute = f' class="{kind}"' if kind else ""
    return f"<{name}{attribute}>{_escaped(text)}</{name}>"


def _escaped(text: str) -> str:
    """As HTML, with `code` between backticks set as such."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
