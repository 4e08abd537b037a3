"""The gallery's program, with figures that take no time, and every script's parts."""

import importlib
import json
import os
import subprocess
import sys
import types

import jax
import pytest
from program import ROOT

from docs.gallery import ALL as NAMES
from docs.gallery import GAMES, bilinear, point_masses, runner
from ganstab import InputError
from ganstab.style import panels, png

PARTS = ("Setting: ", "Source: ", "What to see: ")


def figure(name, made):
    def draw(seed):
        made.append((name, seed))
        drawn, axes = panels()
        axes[0, 0].plot([0, 1])
        return drawn

    return types.SimpleNamespace(__doc__=f"Heading & of {name}.\n\nCaption.\n\nMore.", draw=draw)


def make(folder, made, seed=0, only=()):
    figures = {name: figure(name, made) for name in ("one", "two")}
    folder.mkdir(exist_ok=True)
    runner.make(figures, "Title.\n\nWords of `code`.", folder, seed, only)
    return json.loads((folder / "result.json").read_text()), (folder / "report.html").read_text()


def test_what_is_missing_is_made(tmp_path, capsys):
    made = []
    result, page = make(tmp_path, made, only=["two"])
    assert made == [("two", 0)] and result["missing"] == ["one"] and "1 of 2 figures" in page
    result, page = make(tmp_path, made)
    assert made == [("two", 0), ("one", 0)] and result["status"] == "finished"
    assert page.count("data:image/png;base64,") == 2 and "Finished." in page
    assert "Heading &amp; of one</h2>" in page and "<code>code</code>" in page
    (tmp_path / "figures" / "two.png").unlink()
    make(tmp_path, made)
    assert made[2:] == [("two", 0)]
    shown = capsys.readouterr()
    assert "1 of 2: Heading & of one" in shown.err and "report: " in shown.out


def test_another_seed_and_other_files_are_refused(tmp_path):
    make(tmp_path / "a", [])
    with pytest.raises(InputError, match="was made with seed 0: name another folder"):
        make(tmp_path / "a", [], seed=1)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"has other files \(a, …\)"):
        make(tmp_path, [])


@pytest.fixture
def settings():
    names = (
        "jax_enable_x64",
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_compile_time_secs",
    )
    before = {name: jax.config.values[name] for name in names}
    yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--only=three"], "invalid choice: 'three'"),
        (["--seed=-1"], "must be from 0 to 4,294,967,295, got '-1'"),
        (["--sed=1"], "unrecognized arguments: --sed=1"),
        (["--workdir="], "--workdir is empty"),
        (["--workdir=/dev/null/x"], "/dev/null is something else, not a folder"),
    ],
)
def test_flags_and_folders_that_cannot_be_used(settings, capsys, flags, words):
    try:
        status = runner.main(
            ("bilinear",), "Title.", "games", argv=[*flags, "--compilation_cache="]
        )
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and words in said and said.count("\n") == 1


def test_a_program_makes_a_figure(settings, tmp_path):
    argv = ["--only", "point_masses", "--workdir", os.fspath(tmp_path), "--compilation_cache="]
    assert runner.main(GAMES, "Title.\n\nWords.", "games", argv=argv) == 0
    assert (tmp_path / "figures" / "point_masses.png").read_bytes().startswith(b"\x89PNG")
    assert "Two point masses" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_script_says_what_it_shows(name):
    words = importlib.import_module(f"docs.gallery.{name}").__doc__
    heading, caption, *parts = words.strip().split("\n\n")
    assert heading.endswith(".") and "\n" not in heading and len(caption) > 40
    assert [part.startswith(start) for part, start in zip(parts, PARTS, strict=True)] == [True] * 3


@pytest.mark.parametrize("module", [bilinear, point_masses])
def test_a_cheap_figure(x64, module):
    assert len(png(module.draw(0))) > 20_000


@pytest.mark.slow
def test_all_figures(x64):
    for name in NAMES:
        assert len(png(importlib.import_module(f"docs.gallery.{name}").draw(0))) > 20_000, name


def test_importing_a_figure_touches_no_device():
    program = (
        "import importlib; from jax._src import xla_bridge\n"
        f"for name in {NAMES}: importlib.import_module(f'docs.gallery.{{name}}')\n"
        "assert not xla_bridge._backends"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
