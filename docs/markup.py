"""What the site adds to Sphinx's markup: docstrings in Markdown, and names that are links.

Docstrings are Markdown, as the pages are: tables, lists and code stand in them as people read them
in an editor. `code` that is a public name, such as `losses.hinge` or `Pair`, leads to the name's
entry, on the pages of the API also where it stands without its module.
"""

import re
from collections.abc import Mapping
from typing import Any

from docutils import nodes
from docutils.utils import new_document
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

from docs.api_pages import aliases

NO_PYTHON = re.compile(r"<(?:[^<>]|<[^<>]*>)*>")
"""How Python prints a default that has no literal, such as a function."""
DIRECTIVE = ".. markdown::"
NAME = re.compile(r"(ganstab\.)?([A-Za-z_][\w.]*)(?:\(.*\))?", re.DOTALL)
"""A name, or a call of it."""


class Markdown(SphinxDirective):
    """Markdown within reStructuredText."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """The content's nodes."""
        source, _ = self.get_source_info()
        document = new_document(source, self.state.document.settings)
        MystParser().parse("\n".join(self.content), document)
        return document.children


def before_napoleon(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Keeps napoleon from taking what stands before a colon for the type of a value."""
    if what in ("attribute", "data", "property"):
        in_markdown(app, what, name, obj, options, lines)
    for place, line in enumerate(lines[1:], start=1):
        if lines[place - 1].strip() == "Returns:":
            indent = len(line) - len(line.lstrip())
            lines[place] = f"{line[:indent]}: {line[indent:]}"


def in_markdown(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Hands a docstring to `Markdown`; one that Python made up is dropped."""
    if lines and lines[0].startswith("Alias for field number"):
        lines.clear()
    if any(lines) and DIRECTIVE not in lines:
        lines[:] = [DIRECTIVE, "", *(f"   {line}" for line in lines), ""]


def readable(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str | None, returns: Any
) -> tuple[str | None, Any]:
    """A signature without what is no Python, and without this machine's folders."""
    if signature:
        signature = NO_PYTHON.sub("...", signature).replace(f"{app.srcdir}/", "")
    return signature, returns


class LinkedNames(SphinxPostTransform):
    """Makes links of `code` that is a public name of ganstab."""

    default_priority = 20

    def run(self, **kwargs: Any) -> None:
        """Replaces such code in the page."""
        known: Mapping[str, str] = aliases()
        objects = self.env.domains.python_domain.objects
        page = self.env.docname.rpartition("/")[2]
        for code in list(self.document.findall(nodes.literal)):
            if isinstance(code.parent, nodes.reference | nodes.title):
                continue
            name = NAME.fullmatch(code.astext())
            if not name:
                continue
            here, short = page.partition("ganstab.")[2], name[2]
            alone = bool(name[1]) or "." in short or short[0].isupper()
            full = (here and known.get(f"{here}.{short}")) or (alone and known.get(short))
            if full not in objects:
                continue
            entry = objects[full]
            code.replace_self(
                make_refnode(
                    self.app.builder, self.env.docname, entry.docname, entry.node_id,
                    code.deepcopy(), full,
                )
            )  # fmt: skip


def setup(app: Sphinx) -> dict[str, Any]:
    """Connects all to Sphinx."""
    app.add_directive("markdown", Markdown)
    app.connect("autodoc-process-docstring", before_napoleon, priority=400)
    app.connect("autodoc-process-signature", readable)
    # Behind napoleon, which makes field lists of Google's sections.
    app.connect("autodoc-process-docstring", in_markdown, priority=600)
    app.add_post_transform(LinkedNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
