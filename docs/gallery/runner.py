"""Makes figures and their page, and goes on with what is missing when started again.

The folder gets `figures/NAME.png`, `report.html` and `result.json` (seed, seconds of each figure).
"""

import argparse
import importlib
import pathlib
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from docs.gallery.page import write_page
from ganstab._command_line import Parser, exit_status, quiet_where_unread
from ganstab.errors import InputError
from ganstab.reporting.writing import explained, to_json, write_atomic
from ganstab.style import png
from ganstab.training import distributed
from ganstab.training.run_folder import hold, local_folder, read_json


@quiet_where_unread()
def main(
    names: Sequence[str], text: str, program: str, flag: str = "--workdir", argv: Any = None
) -> int:
    """The program that makes these figures; returns its exit status.

    A flag or a folder that cannot be used is told in one line, with status 2.

    Args:
      names: of the figures' modules in `docs.gallery`.
      text: its first line is the page's title, the rest its introduction.
      program: what the default folder is named after.
      flag: the flag that names the folder.
      argv: the command line; by default that of the process.
    """
    asked = _parser(names, text, program, flag).parse_args(argv)
    return exit_status(lambda: _draw(names, text, program, asked))


def _draw(names: Sequence[str], text: str, program: str, asked: argparse.Namespace) -> int:
    distributed.use_compilation_cache(asked.compilation_cache)
    jax.config.update("jax_enable_x64", True)
    figures = {name: importlib.import_module(f"docs.gallery.{name}") for name in names}
    default = f"runs/{program}_seed{asked.seed}"
    folder = local_folder(default if asked.folder is None else asked.folder)
    with hold(folder):
        make(figures, text, folder, asked.seed, asked.only)
    return 0


def make(
    figures: Mapping[str, Any], text: str, folder: pathlib.Path, seed: int, only: Sequence[str] = ()
) -> None:
    """Makes the figures named in `only`, or all, except those that are there; then the page.

    `figures` are modules, or other objects with a docstring and `draw(seed) -> Figure`, by name.

    Raises:
      InputError: the folder has other files or another seed, or cannot be written to.
    """
    begin = time.monotonic()
    seconds = _seconds(folder, seed)
    wanted = [name for name in figures if name in (only or figures)]
    for place, name in enumerate(wanted, start=1):
        if name in seconds:
            continue
        elapsed = time.monotonic() - begin
        heading = figures[name].__doc__.split("\n")[0].rstrip(".")
        print(f"[{elapsed:6.1f} s] {place} of {len(wanted)}: {heading}", file=sys.stderr)
        write_atomic(_picture(folder, name), png(figures[name].draw(seed)))
        seconds[name] = round(time.monotonic() - begin - elapsed, 1)
        _show(figures, text, folder, seed, seconds)
    _show(figures, text, folder, seed, seconds)
    print(f"report: {folder / 'report.html'}", flush=True)


def _parser(names: Sequence[str], text: str, program: str, flag: str) -> Parser:
    parser = Parser(description=text.split("\n")[0], allow_abbrev=False)
    add = parser.add_argument
    only = f"make this figure alone; may be repeated; one of {', '.join(names)}"
    add("--only", action="append", default=[], choices=names, metavar="NAME", help=only)
    where = f"for all files; what is missing there is made; default runs/{program}_seed0"
    add(flag, dest="folder", metavar="FOLDER", help=where)
    add("--seed", type=_seed, default=0, help="everything random follows from it; default 0")
    cache = "for compiled programs; empty for none; default ganstab/xla in the user's cache folder"
    add("--compilation_cache", metavar="FOLDER", help=cache)
    return parser


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 10 or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"must be from 0 to {2**32 - 1:,}, got {text!r}")
    return int(text)


def _seconds(folder: pathlib.Path, seed: int) -> dict[str, float]:
    """How long each figure took that is there."""
    path = folder / "result.json"
    with explained(f"cannot use {folder}"):
        others = sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))
    found = read_json(path) if path.exists() else {}
    if others and "seconds" not in found:
        raise InputError(f"{folder} has other files ({others[0]}, …): name a new or empty folder")
    made = found.get("seconds", {})
    if not (
        isinstance(made, dict) and all(type(s) in (int, float) and s >= 0 for s in made.values())
    ):
        raise InputError(f"{path} is damaged (no seconds of each figure): name another folder")
    if found.get("seed", seed) != seed:
        raise InputError(f"{folder} was made with seed {found['seed']}: name another folder")
    with explained(f"cannot use {folder}"):
        (folder / "figures").mkdir(exist_ok=True)
    return {name: made[name] for name in made if _picture(folder, name).exists()}


def _show(figures, text, folder: pathlib.Path, seed: int, seconds: Mapping[str, float]) -> None:
    missing = [name for name in figures if name not in seconds]
    status = "running" if missing else "finished"
    result = {"status": status, "seed": seed, "seconds": seconds, "missing": missing}
    write_atomic(folder / "result.json", to_json(result))
    made = {figures[name].__doc__: _picture(folder, name) for name in figures if name in seconds}
    write_page(folder / "report.html", text, made, len(figures))


def _picture(folder: pathlib.Path, name: str) -> pathlib.Path:
    return folder / "figures" / f"{name}.png"
