"""Sphinx's settings of the site; `python -m docs` builds it.

The source folder is the root of the clone, so that a link between pages, or to a file of the
repository, is the same here and on a code host.
"""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]

import quick_compile  # noqa: E402

import ganstab  # noqa: E402

# The tutorials have processes of their own: with this clone's code, on a CPU, quick to compile.
found = filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))
os.environ["PYTHONPATH"] = os.pathsep.join(found)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", quick_compile.flags())

project = "ganstab"
author = "the authors of ganstab"
copyright = author
version = release = ganstab.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "docs.api_pages",
    "docs.markup",
]
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "docs/api/*.rst",
    "results/README.md",
    "experiments/README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "BUILD_NOTES.md",
    "SECURITY.md",
]
exclude_patterns = [".*", "**/.*", "*.egg-info", "build", "dist", "runs", "docs/_build", "ganstab"]
templates_path = ["_templates"]

# Docstrings and pages are Markdown. A link without a target is a warning, and warnings are errors.
myst_enable_extensions = ["fieldlist", "colon_fence"]
myst_heading_anchors = 4
default_role = "code"
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_ipywidgets_js: dict[str, dict] = {}  # from a network, else

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
# A module that imports it for types alone.
autodoc_type_aliases = {"Generator": "ganstab.generator.Generator"}
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
maximum_signature_line_length = 120
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "sphinx_book_theme"
html_title = "ganstab"
html_copy_source = False
html_additional_pages = {"index": "to_start.html"}
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "show_navbar_depth": 1,
    "navigation_with_keys": False,
    "navbar_persistent": [],
    "max_navbar_depth": 2,
}
