"""Builds the site: `python -m docs`, from the root of a clone, into `docs/_build`.

Warnings are errors: a link without a target, a public name without a docstring, a tutorial that
raises. Nothing is fetched. Further arguments go to `sphinx-build`, e.g. `-E` to read all again.
"""

import pathlib
import sys
from collections.abc import Sequence

from ganstab._command_line import exit_status
from ganstab.errors import InputError

ROOT = pathlib.Path(__file__).parents[1]
BUILD = ROOT / "docs" / "_build"


def main(arguments: Sequence[str]) -> int:
    """Builds the pages; returns the exit status.

    Raises:
      InputError: a package of the extra `docs` is not installed.
    """
    try:
        import myst_nb  # noqa: F401
        import sphinx_book_theme  # noqa: F401
        from sphinx.cmd import build
    except ModuleNotFoundError as error:
        raise InputError(
            f"the site needs {error.name}, of the extra docs: pip install -e '.[docs]'"
        ) from None
    options = ["-b", "html", "-W", "--keep-going", "-q", "-c", str(ROOT / "docs")]
    places = ["-d", str(BUILD / "doctrees"), str(ROOT), str(BUILD / "html")]
    status = build.main([*options, *arguments, *places])
    if not status:
        print(f"site: {BUILD / 'html' / 'index.html'}")
    return status


if __name__ == "__main__":
    sys.exit(exit_status(main, sys.argv[1:]))
