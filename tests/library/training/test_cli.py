"""A program's command line: what its flags mean, and how each mistake is told."""

import dataclasses
import json
import shlex
import shutil
import sys

import pytest
import table_runs
from common import names
from short_runs import one_device
from tiny_run import Tiny, build

from ganstab import checkpoint, tables
from ganstab.errors import InputError
from ganstab.training import __main__ as training
from ganstab.training import cli, distributed, run_folder
from ganstab.training.config import option
from ganstab.training.run_folder import read_result
from ganstab.training.train import Trained, train_together

SMALL = {**cli.SMALL, "num_steps": 4, "eval_every": 2, "samples": 8}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Every(Tiny):
    """A setting of every kind."""

    width: int | None = option(None, "The width.", lower=1)
    flip: bool = option(True, "Whether images are flipped.")
    name: str = option("a", "Any text.")
    noise: bool = option(False, "Whether there is noise.", flag=False)


TINY = cli._Program(build, Every, {}, SMALL)
SMALL_LEVELS = {name: value for name, value in SMALL.items() if name != "samples"}
LEVELS = cli._Program(build, table_runs.Levels, {"levels": table_runs.TABLE}, SMALL_LEVELS)


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """In an empty folder, on one device, with jax's settings as they were."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(distributed, "make_mesh", one_device)
    monkeypatch.setattr(distributed, "use_full_precision", lambda: None)
    monkeypatch.setattr(distributed, "use_compilation_cache", lambda folder: None)


@pytest.fixture
def started(monkeypatch):
    """What would be trained: settings, folders and commands of each start."""
    starts = []

    def train_together(made, configs, folders, *, commands, tensorboard):
        starts.append((configs, folders, commands, tensorboard))
        return [Trained("finished", None, {}, folder, 0) for folder in folders]

    monkeypatch.setattr(cli, "train_together", train_together)
    return starts


def run(*flags, program=TINY):
    return cli.run(program, ["program", *map(str, flags)])


@pytest.mark.parametrize(
    ("flags", "settings"),
    [
        ([], {}),
        (["--num_steps=5", "--seed", "7"], {"num_steps": 5, "seed": 7}),
        (["--rate=1"], {"rate": 1.0}),
        (["--rate=2.5e-3", "--loss=minimax"], {"rate": 0.0025, "loss": "minimax"}),
        (["--flip=false"], {"flip": False}),
        (["--noflip"], {"flip": False}),
        (["--noflip", "--flip"], {"flip": True}),
        (["--name=", "--width=3"], {"name": "", "width": 3}),
        (["--name=ä b", "--bad_seed=0"], {"name": "ä b", "bad_seed": 0}),
    ],
)
def test_flags_are_settings(started, flags, settings):
    assert run(*flags) == 0
    [(configs, folders, _, tensorboard)] = started
    assert configs == [Every(**settings)] and not tensorboard
    assert type(configs[0].rate) is float
    assert [str(folder) for folder in folders] == [f"runs/every_seed{configs[0].seed}"]


MISTAKES = [
    (["--nothing=1"], "Unknown command line flag 'nothing'"),
    (["--noise"], "Unknown command line flag 'noise'"),
    (["word"], "unexpected argument 'word': settings are given as --name=value"),
    (["--seed=-1"], "--seed must be from 0 to 4,294,967,295, got -1"),
    (["--num_steps=0"], "--num_steps must be from 1 to"),
    (["--num_steps=1.5"], "--num_steps must be a whole number, got '1.5'"),
    (["--num_steps=1e4"], "--num_steps must be a whole number, got '1e4'"),
    (["--num_steps="], "--num_steps must be a whole number, got ''"),
    (["--rate=fast: very"], "--rate must be a number, got 'fast"),
    (["--num_steps"], "Missing value for flag --num_steps"),
    (["--rate=nan"], "--rate must be 0 or more, got nan"),
    (["--width=0"], "--width must be"),
    (["--flip=perhaps"], "--flip must be true or false, got 'perhaps'"),
    (["--flip="], "--flip must be true or false, got ''"),
    (["--loss=hinge"], "--loss=hinge: value should be one of <wasserstein|minimax>"),
    (["--population=0"], "--population must be"),
    (["--population=2000000000"], "--population must be from 1 to 10,000"),
    (["--population=2", f"--seed={2**32 - 1}"], "--population=2: seed must be from 0 to"),
    (["--workdir="], "--workdir is empty: name a folder"),
    (["--workdir=gs://bucket/run"], "--workdir=gs://bucket/run is an address"),
    (["--workdir=file"], "--workdir=file: file is a file, not a folder"),
    (["--workdir=other"], "--workdir=other is not empty (notes.txt, …)"),
    (["--workdir=run", "--population=2"], "--workdir=run is the folder of one run"),
    (["--num_processes=2"], "--num_processes and --process_id need --coordinator"),
    (["--coordinator=localhost:1", "--num_processes=2"], "a --process_id from 0 to N-1"),
    (["--flagfile=nowhere"], "nowhere"),
    (["--flagfile="], "--flagfile is empty: name a file"),
    (["--flagfile"], "--flagfile is empty: name a file"),
    (["--flagfile=latin"], "can't decode"),
    (["--table=levels"], "Unknown command line flag 'table'"),
]
TABLE_MISTAKES = [
    (["--table=other"], "--table=other: value should be one of <levels>"),
    (["--seeds=2"], "--seeds needs --table: one of levels"),
    (["--cells=level1"], "--cells needs --table"),
    (["--merge=a"], "--merge needs --table"),
    (["--table=levels", "--seed=1"], "--seed does not go with --table: a table has --seeds"),
    (["--table=levels", "--coordinator=auto"], "--coordinator does not go with --table"),
    (["--table=levels", "--level=1"], "--level does not go with --table=levels, whose cells set"),
    (["--table=levels", "--cells=level9"], "--cells=level9"),
    (["--table=levels", "--executor=cloud"], "cloud"),
    (["--table=levels", "--seeds=0"], "--seeds must be from 1 to 10,000, got 0"),
    (["--table=levels", "--jobs=-1"], "--jobs must be from 0 to 10,000, got -1"),
    (["--table=levels", "--workdir=file"], "file is a file, not a folder"),
    (["--table=levels", "--merge=nowhere"], "nowhere"),
]


@pytest.mark.parametrize(
    ("program", "flags", "told"),
    [(TINY, *each) for each in MISTAKES] + [(LEVELS, *each) for each in TABLE_MISTAKES],
)
def test_a_mistake_is_one_line_and_leaves_nothing(program, flags, told, tmp_path, capsys):
    (tmp_path / "file").touch()
    (tmp_path / "latin").write_bytes(b"--name=\xe4\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").touch()
    (tmp_path / "run").mkdir()
    run_folder.write_config(tmp_path / "run", Every())
    before = set(tmp_path.rglob("*"))
    assert run(*flags, program=program) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: ") and said.err.count("\n") == 1 and told in said.err
    assert {path for path in tmp_path.rglob("*") if path.name != ".lock"} == before


def test_help_names_every_flag_its_default_and_what_is_allowed(capsys):
    for program in (TINY, LEVELS):
        assert run("--seed=-1", "--help", program=program) == 0
        shown = capsys.readouterr().out
        assert shown.startswith("usage: python -m tiny_run")
        assert "Runs of tiny networks" in shown
        packed = "".join(shown.split())  # however lines are broken
        known = program.options()
        assert {"seed", "workdir", "smoke"} <= known.keys() and "noise" not in known
        for name, each in known.items():
            assert "".join(f"--{name}:{each.help}{each.describe()}".split()) in packed
        named = {line.split(":")[0].strip() for line in shown.splitlines() if line[:4] == "  --"}
        assert named == {f"--{name}" for name in known} | {"--flagfile"}
        assert bool(program.tables) == (known.keys() > {"table", "cells", "merge"})
    assert "(default64;from1to16,777,216)" in packed and "(default5;from1to10,000)" in packed


def test_flags_may_stand_in_a_file(started, tmp_path):
    (tmp_path / "flags").write_text("--rate=0.5\n# a comment\n--name=ä\n")
    assert run("--flagfile=flags", "--seed=3") == 0
    assert started[0][0] == [Every(rate=0.5, name="ä", seed=3)]


def test_a_trial_is_small_but_for_what_is_given(started):
    assert run("--smoke", "--num_steps=9") == 0
    [(configs, [folder], [command], _)] = started
    small = {name: SMALL[name] for name in SMALL if name != "num_steps"}
    assert configs == [Every(num_steps=9, **small)]
    assert str(folder).startswith("runs/every_seed0_smoke_") and str(folder) in command
    assert run("--smoke", "--workdir=here") == 0 and str(started[1][1][0]) == "here"


def test_a_command_of_a_programs_own_gives_the_same_settings(started, monkeypatch):
    """Of a program in `experiments`, whose flags say all."""
    monkeypatch.setattr(build, "__module__", "experiments.tiny")
    given = ["--smoke", "--rate=0.5", "--noflip", "--name=two words", "--width=2"]
    assert run(*given) == 0
    words = shlex.split(started[0][2][0])
    assert words[:3] == ["python", "-m", "experiments.tiny"]
    assert run(*words[3:]) == 0
    assert started[1] == started[0]
    assert run("--seed=4") == 0
    assert started[2][2] == ["python -m experiments.tiny --seed=4"]


def test_the_command_of_a_result_goes_on_with_the_run(tmp_path, capsys):
    assert run("--num_steps=6", "--workdir=run") == 0
    folder, done = tmp_path / "run", read_result(tmp_path / "run")
    for step in checkpoint.steps(folder / "checkpoints"):
        if step > 4:
            shutil.rmtree(folder / "checkpoints" / f"step_{step:09d}")
    (folder / "result.json").unlink()
    capsys.readouterr()
    words = shlex.split(done["command"])
    assert words[:3] == ["python", "-m", "ganstab.training"]
    assert training.main(words[3:]) == 0
    assert "going on from step 4" in capsys.readouterr().err
    again = read_result(folder)
    assert again["params_digest"] == done["params_digest"] and again["command"] == done["command"]


def test_a_population_is_as_many_runs(tmp_path):
    flags = ["--num_steps=4"]
    assert run(*flags, "--population=2", "--seed=3", "--workdir=both") == 0
    assert names(tmp_path / "both") == ["seed3", "seed4"]
    for seed in (3, 4):
        assert run(*flags, f"--seed={seed}", f"--workdir=alone{seed}") == 0
        one, other = tmp_path / "both" / f"seed{seed}", tmp_path / f"alone{seed}"
        assert (one / "config.json").read_text() == (other / "config.json").read_text()
        spreads = [read_result(run)["results"]["spread"]["mean"] for run in (one, other)]
        assert spreads[0] == pytest.approx(spreads[1], rel=1e-5)  # rounding differs under `vmap`


def test_a_folder_at_work_is_status_75(tmp_path, capsys):
    with run_folder.hold(tmp_path / "run"):
        assert run("--workdir=run") == run_folder.IN_USE == 75
    assert "in use by another process" in capsys.readouterr().err


@pytest.fixture
def swept(monkeypatch):
    """What a table is worked on with; its runs are written, not trained."""
    seen, sweep = [], tables.sweep

    def work(table, base, **given):
        seen.append((table, base, given))
        given.update(executor=table_runs.InThreads())
        return sweep(table, base, **given)

    monkeypatch.setattr(tables, "sweep", work)
    return seen


def test_a_trial_of_a_table_is_two_cells_with_one_seed(swept, tmp_path):
    assert run("--table=levels", "--smoke", "--jobs=1", "--workdir=t", program=LEVELS) == 0
    cells = tmp_path / "t" / "cells"
    made = sorted(str(path.parent.relative_to(cells)) for path in cells.rglob("result.json"))
    assert made == ["level1/seed0", "level2/seed0"]
    assert swept[0][1] == table_runs.Levels(**SMALL_LEVELS)
    assert json.loads((tmp_path / "t" / "result.json").read_text())["title"] == "Levels & more"


def test_what_a_table_is_started_with(swept):
    flags = ["--table=levels", "--seeds=2", "--cells=level1", "--cells=level3", "--num_steps=6"]
    assert run(*flags, "--tensorboard", "--compilation_cache=", program=LEVELS) == 0
    [(_, base, given)] = swept
    assert base == table_runs.Levels(num_steps=6)
    assert given["seeds"] == range(2) and given["cells"] == ("level1", "level3")
    assert given["arguments"] == ["--tensorboard", "--compilation_cache="]
    assert given["experiment"] == "tiny_run:build"
    assert str(given["folder"]) == "runs/tiny_run_levels"


@pytest.mark.parametrize("start", [
    lambda: run("--tensorboard"),
    lambda: run("--tensorboard", "--table=levels", program=LEVELS),
    lambda: train_together(build, [Every()], ["run"], tensorboard=True),
])  # fmt: skip
def test_a_missing_extra_is_named_before_anything_is_made(start, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    try:
        assert start() == 2
        said = capsys.readouterr().err
    except InputError as error:
        said = f"error: {error}"
    assert said.startswith("error: ") and "pip install tensorboardX" in said
    assert not list(tmp_path.iterdir())
