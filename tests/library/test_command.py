"""The command `ganstab`."""

import os
import signal
import subprocess
import sys

import pytest
from program import ROOT

import ganstab
from ganstab import __main__ as command
from ganstab.doctor import __main__ as doctor
from ganstab.errors import InputError
from ganstab.training import compare


def ended(arguments):
    """The exit status, also where argparse ends the program."""
    try:
        return command.main(arguments)
    except SystemExit as end:
        return end.code


def test_alone_it_prints_its_help(capsys):
    assert ended([]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in command.COMMANDS) and "usage: ganstab" in told


def test_version_starts_without_jax():
    program = (
        "import sys; from ganstab.__main__ import main\n"
        "try: main(['--version'])\n"
        "finally: assert 'jax' not in sys.modules"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, f"ganstab {ganstab.__version__}\n")


@pytest.mark.parametrize("arguments", [["nothing"], ["--nothing"], ["compare"], ["doctor"]])
def test_an_unusable_command_line_gets_one_line(arguments, capsys):
    assert ended(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and "--help" in error and error.count("\n") == 1


@pytest.mark.parametrize("name", command.COMMANDS)
def test_every_command_has_help(name, capsys):
    assert ended([name, "--help"]) == 0
    assert f"usage: ganstab {name}" in capsys.readouterr().out


def test_doctor_is_that_of_the_module(monkeypatch):
    asked = []
    monkeypatch.setattr(doctor, "_run", lambda parsed: asked.append(parsed) or 0)
    assert ended(["doctor", "run", "--log_only"]) == 0 == doctor.main(["run", "--log_only"])
    assert asked[0] == asked[1] and asked[0].run == "run" and asked[0].log_only


def test_compare_hands_over_folders_and_says_what_it_found(monkeypatch, tmp_path, capsys):
    asked = []

    def stand_in(folders, out):
        asked.append((folders, out))
        return ["a: KL: 1"]

    monkeypatch.setattr(compare, "compare", stand_in)
    out = tmp_path / "both.png"
    assert ended(["compare", str(tmp_path / "a"), str(tmp_path / "b"), f"--out={out}"]) == 0
    assert asked == [([tmp_path / "a", tmp_path / "b"], out)]
    assert capsys.readouterr().out == f"a: KL: 1\npicture: {out}\n"


@pytest.mark.parametrize("error", [InputError("two\n  lines"), OSError(36, "File name too long")])
def test_what_is_wrong_with_the_input_is_one_line(monkeypatch, capsys, error):
    def refuse(*_):
        raise error

    monkeypatch.setattr(compare, "compare", refuse)
    assert ended(["compare", "a", "b"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1


@pytest.mark.parametrize("module", ["ganstab", "ganstab.doctor", "experiments.stacked_mnist"])
def test_help_that_nobody_reads_ends_without_a_word(module):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", module, "--help"]
    ended = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(write)
    assert not ended.stderr and ended.returncode in (0, 128 + signal.SIGPIPE)
