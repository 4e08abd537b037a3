"""The pages of the API: one for each module that `ganstab.__all__` names, made of docstrings.

A public name is one in the `__all__` of a module whose path has no part with a leading underscore.
It has one entry, under the shortest path that users import it from. A name without a docstring, or
without an entry, is a warning, and so an error.
"""

import ast
import functools
import importlib
import inspect
import pathlib
import pkgutil
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, NamedTuple

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging

import ganstab

FOLDER = pathlib.Path(__file__).parent / "api"
LONGEST_VALUE = 60
"""Letters of a value that is printed beside its name."""
logger = logging.getLogger(__name__)


class Entry(NamedTuple):
    """One public name."""

    module: str
    name: str
    value: Any

    @property
    def path(self) -> str:
        """Where it is imported from."""
        return f"{self.module}.{self.name}"

    @property
    def directive(self) -> str:
        """What autodoc calls its kind."""
        if inspect.isclass(self.value):
            return "autoexception" if issubclass(self.value, Exception) else "autoclass"
        return "autofunction" if is_function(self.value) else "autodata"

    def is_documented(self) -> bool:
        """Whether it has a docstring of its own, and not one that Python makes up."""
        if self.directive == "autodata":
            return ("", self.name) in ModuleAnalyzer.for_module(self.module).find_attr_docs()
        words = inspect.getdoc(self.value) if is_function(self.value) else self.value.__doc__
        return bool(words and not words.startswith(f"{self.name}("))


def is_function(value: Any) -> bool:
    """Whether it is a function, under `jax.jit` or not."""
    return inspect.isfunction(inspect.unwrap(value)) if callable(value) else False


def public_modules() -> list[ModuleType]:
    """All modules for users, those with the shortest paths first."""
    names = ["ganstab"]
    for found in pkgutil.walk_packages(ganstab.__path__, "ganstab."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            names.append(found.name)
    names.sort(key=lambda name: (name.count("."), name))
    return [importlib.import_module(name) for name in names]


def assigned(module: ModuleType) -> set[str]:
    """The names that the module's own code gives a value to."""
    body = ast.parse(inspect.getsource(module)).body
    targets = [node.targets for node in body if isinstance(node, ast.Assign)]
    targets += [[node.target] for node in body if isinstance(node, ast.AnnAssign)]
    walked = (node for some in targets for target in some for node in ast.walk(target))
    return {node.id for node in walked if isinstance(node, ast.Name)}


@functools.cache
def entries() -> dict[str, Entry]:
    """Every public path, and the entry that it leads to."""
    found: dict[str, Entry] = {}
    homes: dict[int, Entry] = {}
    # The package's own names are those of its modules.
    for module in [*public_modules()[1:], ganstab]:
        own = assigned(module)
        for name in module.__all__:
            entry = Entry(module.__name__, name, getattr(module, name))
            if inspect.ismodule(entry.value):
                continue
            if entry.directive != "autodata":
                entry = homes.setdefault(id(entry.value), entry)
            elif name not in own:
                entry = _where_assigned(entry)
            found[f"{module.__name__}.{name}"] = entry
    return found


def _where_assigned(entry: Entry) -> Entry:
    """A value knows no module, so it is described where it is assigned."""
    for module in public_modules():
        same = getattr(module, entry.name, None) is entry.value
        if same and module.__name__ != entry.module and entry.name in assigned(module):
            return entry._replace(module=module.__name__)
    raise ValueError(f"{entry.path} is assigned in no public module")


@functools.cache
def aliases() -> Mapping[str, str]:
    """Every way to write a public name or module, without `ganstab.`, and its entry's path."""
    names = {path.removeprefix("ganstab."): entry.path for path, entry in entries().items()}
    modules = (module.__name__ for module in public_modules())
    return {name.removeprefix("ganstab."): name for name in modules} | names


def pages() -> dict[str, str]:
    """The source of each page, by module."""
    return {name: "\n".join(_page(name)) for name in top_modules()}


def top_modules() -> list[str]:
    """The modules that have a page."""
    named = (getattr(ganstab, name) for name in ganstab.__all__)
    return ["ganstab", *(value.__name__ for value in named if inspect.ismodule(value))]


def _page(top: str) -> Iterator[str]:
    yield from (top, "=" * len(top), "", f".. automodule:: {top}", "")
    homes = {entry.path: entry for entry in entries().values()}
    for module in public_modules():
        name = module.__name__
        own = [entry for entry in homes.values() if entry.module == name]
        if name == top:
            yield from _described(own)
        elif own and name.startswith(f"{top}.") and top != "ganstab":
            yield from (name, "-" * len(name), "", f".. automodule:: {name}", "   :no-index:", "")
            yield from _described(own)


def _described(own: list[Entry]) -> Iterator[str]:
    for entry in sorted(own, key=lambda entry: entry.name.lower()):
        yield f".. {entry.directive}:: {entry.path}"
        if inspect.isclass(entry.value):
            yield from ("   :members:", "   :special-members: __call__")
        elif entry.directive == "autodata" and len(repr(entry.value)) > LONGEST_VALUE:
            yield "   :no-value:"
        yield ""


def write_pages(app: Sphinx) -> None:
    """Writes the pages that changed, so that only those are read again."""
    for name, text in pages().items():
        path = FOLDER / f"{name}.rst"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def check(app: Sphinx, env: BuildEnvironment) -> None:
    """Warns of every public name that is not described."""
    for entry in {entry.path: entry for entry in entries().values()}.values():
        if not entry.is_documented():
            logger.warning("%s has no docstring", entry.path)
        if entry.path not in env.domains.python_domain.objects:
            logger.warning("%s is on no page of the API", entry.path)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connects all to Sphinx."""
    app.connect("builder-inited", write_pages)
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
