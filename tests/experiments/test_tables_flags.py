"""What a command line with --table or --smoke means, and what of it is refused."""

import json
import pathlib
import re
import subprocess
import sys

import pytest
from program import ROOT, environment

from experiments.runner import fingerprint

TABLE = "--table=table_9"
REFUSED = {
    "set by cells": ([TABLE, "--level=3"], ["--level", "--cells"]),
    "one seed": ([TABLE, "--seed=3"], ["--seed", "--seeds"]),
    "many processes": ([TABLE, "--process_id=1"], ["--process_id"]),
    "no such cell": ([TABLE, "--cells=width*"], ["--cells=width*", "level1"]),
    "no such table": (["--table=table_8"], ["table_9"]),
    "nothing to merge": ([TABLE, "--merge=/nowhere"], ["--merge=/nowhere"]),
    "no table": (["--jobs=2"], ["--jobs", "--table", "table_9"]),
    "no population": ([TABLE, "--population=0"], ["--population"]),
    "no seeds": ([TABLE, "--seeds=0"], ["--seeds"]),
}
TAKEN = {
    "table": [TABLE, "--seeds=2", "--jobs=3", "--cells=level2", "--cells=*4", "--nolive",
              "--num_steps=7", "--workdir=there"],
    "default": [TABLE],
    "own length": ["--table=long"],
    "given length": ["--table=long", "--num_steps=7"],
    "populations": [TABLE, "--population=3", "--cells=level2", "--nolive"],
    "small table": [TABLE, "--smoke", "--eval_every=3"],
    "small": ["--smoke", "--level=4", "--num_steps=9"],
    "plain": ["--level=4"],
    "own data": ["--data_dir=docs"],
    "table on own data": [TABLE, "--data_dir=docs"],
    "table on other data": [TABLE, "--dataset=kmnist"],
    "table on a version of its data": [TABLE, "--dataset=mnist:3.*.*"],
}  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the program says to each line of arguments."""
    lines = {**{name: words for name, (words, _) in REFUSED.items()}, **TAKEN}
    cases = tmp_path_factory.mktemp("flags") / "cases.json"
    cases.write_text(json.dumps(list(lines.values())))
    done = subprocess.run(
        [sys.executable, "tests/helpers/table_program.py", cases],
        cwd=ROOT, capture_output=True, text=True, timeout=600,
        env={**environment(), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(zip(lines, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line(told, name):
    said = told[name]["said"]
    assert told[name]["status"] == 2 and said.startswith("error: ") and "\n" not in said
    for word in REFUSED[name][1]:
        assert word in said


def taken(told, name) -> dict:
    assert told[name]["status"] == 0, told[name]["said"]
    return json.loads(told[name]["said"])


def test_a_table_of_chosen_cells(told):
    plan = taken(told, "table")
    assert plan["names"] == ["level2 seed 0", "level4 seed 0", "level2 seed 1", "level4 seed 1"]
    assert plan["folder"] == "there" and plan["jobs"] == 3
    program, *words = plan["commands"][3]
    assert program == sys.executable and words == [
        "tests/helpers/table_program.py", "--nolive", "--num_steps=7", "--level=4", "--seed=1",
        "--workdir=there/cells/level4/seed1",
    ]  # fmt: skip
    config = plan["configs"][3]
    assert (config["level"], config["seed"], config["num_steps"]) == (4, 1, 7)
    assert config["live"] is False and config["batch_size"] == 8 and "workdir" not in config


@pytest.mark.parametrize(("name", "steps"), [("own length", 30), ("given length", 7)])
def test_a_length_on_the_command_line_goes_before_a_cells_own(told, name, steps):
    plan = taken(told, name)
    assert plan["configs"][0]["num_steps"] == steps
    assert f"--num_steps={steps}" in plan["commands"][0]


def test_a_cell_has_the_default_of_what_another_cell_sets(told):
    first, other = taken(told, "own length")["configs"][:2]
    assert (first["num_steps"], first["batch_size"]) == (30, 8)
    assert (other["num_steps"], other["batch_size"], other["level"]) == (100, 3, 2)


def test_the_papers_values_go_with_the_papers_data(told):
    assert taken(told, "table on other data")["published"][0] == []
    for name in ("default", "table on own data", "table on a version of its data"):
        assert taken(told, name)["published"][0] == ["kl", "modes"]


def test_a_table_by_default(told):
    plan = taken(told, "default")
    assert len(plan["names"]) == 4 * 5 and plan["folder"] == "runs/table_program_table_9"
    assert plan["commands"][0][2:-3] == [] and plan["configs"][0]["num_steps"] == 100


def test_a_table_of_populations(told):
    """The seeds of a cell in processes of three; without the flag, on a CPU, one each."""
    plan = taken(told, "populations")
    folder = "runs/table_program_table_9/cells/level2"
    assert plan["together"] == [
        ["--nolive", "--level=2", "--seed=0", "--population=3", f"--workdir={folder}"],
        ["--nolive", "--level=2", "--seed=3", "--population=2", f"--workdir={folder}"],
    ]
    assert "population" not in plan["configs"][0]
    alone = taken(told, "default")
    assert alone["together"] == [command[2:] for command in alone["commands"]]


def test_a_small_table(told):
    plan = taken(told, "small table")
    assert plan["names"] == ["level1 seed 0", "level2 seed 0"]
    assert re.fullmatch(r"runs/table_program_smoke_\d{8}_\d{6}", plan["folder"])
    config = plan["configs"][0]
    assert (config["num_steps"], config["batch_size"], config["eval_every"]) == (20, 2, 3)
    # What the cells differ in is not made small.
    assert [config["level"] for config in plan["configs"]] == [1, 2]
    assert "--batch_size=2" in plan["commands"][0] and "--num_steps=20" in plan["commands"][0]
    assert not any("smoke=" in word or word == "--smoke" for word in plan["commands"][0])
    # The recorded command has two cells and one seed too, and goes on in the same folder.
    assert plan["argv"] == [TABLE, "--smoke", "--eval_every=3", f"--workdir={plan['folder']}"]


def test_a_small_run_says_what_it_really_was(told):
    shown = taken(told, "small")
    *words, folder = shown["argv"]
    assert words == [
        "--level=4", "--num_steps=9", "--eval_every=10", "--checkpoint_every=10", "--log_every=5",
        "--batch_size=2",
    ]  # fmt: skip
    assert folder.startswith("--workdir=runs/table_program_smoke_")
    assert (shown["config"]["num_steps"], shown["config"]["batch_size"]) == (9, 2)
    assert taken(told, "plain")["argv"] == ["--level=4"]


def test_what_is_in_the_data_folder_is_a_setting(told):
    known = fingerprint.of_data(pathlib.Path(ROOT, "docs"))
    assert taken(told, "own data")["config"]["data_files"] == known
    config = taken(told, "table on own data")["configs"][0]
    assert config["data_files"] == known and "data_dir" not in config
    assert "data_files" not in taken(told, "plain")["config"]
