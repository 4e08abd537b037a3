"""The site's command, and what its build checks; the build itself is in `.ci/run`."""

import inspect
import pathlib
import re
import sys
from typing import NamedTuple

import pytest

import ganstab
from docs.__main__ import main
from ganstab._command_line import exit_status

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize("missing", ["myst_nb", "sphinx_book_theme"])
def test_without_the_extra_one_line_says_so(missing, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "myst_nb", sys)  # there, without its seconds of imports
    monkeypatch.setitem(sys.modules, missing, None)
    assert exit_status(main, []) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"error: the site needs {missing}, of the extra docs: pip install -e '.[docs]'"


def test_every_module_has_a_page():
    page = (ROOT / "docs" / "api" / "index.md").read_text()
    (tree,) = re.findall(r"```\{toctree\}\n:hidden:\n\n(.*?)```", page, flags=re.DOTALL)
    modules = [name for name in ganstab.__all__ if inspect.ismodule(getattr(ganstab, name))]
    assert tree.split() == ["ganstab", *(f"ganstab.{name}" for name in sorted(modules))]
    assert {f"`ganstab.{name}`" for name in modules} <= set(re.findall(r"`ganstab\.\w+`", page))


def test_every_relative_link_leads_somewhere():
    """Also on a code host, where nothing builds the pages."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    pages += [ROOT / folder / "README.md" for folder in ("results", "experiments")]
    pages = [page for page in pages if "_build" not in page.parts]
    assert len(pages) > 25
    for page in pages:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path = target.partition("#")[0]
            if path and "://" not in path:
                assert (page.parent / path).exists(), f"{page.name}: {target}"


def test_a_name_without_a_docstring_is_found():
    pages = pytest.importorskip("docs.api_pages", reason="of the extra docs")

    class Bare(NamedTuple):
        value: int

    def bare():
        pass

    for value in (Bare, bare):
        assert not pages.Entry("ganstab.types", value.__name__, value).is_documented()
    assert not pages.Entry("ganstab.types", "_NO_SUCH_VALUE", 1).is_documented()
    assert pages.Entry("ganstab.types", "PLAYERS", ganstab.types.PLAYERS).is_documented()
    assert pages.Entry("ganstab.types", "Pair", ganstab.Pair).is_documented()


def test_every_public_name_is_documented():
    pages = pytest.importorskip("docs.api_pages", reason="of the extra docs")
    entries = pages.entries()
    assert entries["ganstab.Pair"] == entries["ganstab.types.Pair"]
    assert entries["ganstab.terms.Term"].module == "ganstab.terms.parts"
    assert [path for path, entry in entries.items() if not entry.is_documented()] == []


def test_docstrings_are_markdown():
    markup = pytest.importorskip("docs.markup", reason="of the extra docs")
    value, returns = ["Scalars: one a step."], ["It.", "", "Returns:", "  A step: pure."]
    made_up = ["Alias for field number 0"]
    for what, lines in (("attribute", value), ("function", returns), ("attribute", made_up)):
        markup.before_napoleon(None, what, "", None, None, lines)
    assert value == [".. markdown::", "", "   Scalars: one a step.", ""] and made_up == []
    assert returns[-1] == "  : A step: pure."
    assert markup.NO_PYTHON.sub("...", "(f=<function g.<locals>.<lambda>>)") == "(f=...)"
