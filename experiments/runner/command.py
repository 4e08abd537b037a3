"""The command line of this process, and those of other runs of the same program."""

import shlex
import sys
from collections.abc import Collection, Sequence

from absl import flags

_FLAGS = flags.FLAGS


def command_line() -> str:
    """The command that this process was started with."""
    return _shown(sys.argv[1:])


def another(leave_out: Collection[str], settings: Sequence[str]) -> str:
    """The same command with other settings in place of some flags."""
    return _shown([*given(leave_out), *settings])


def program() -> tuple[str, ...]:
    """What starts this program again, without flags."""
    spec = sys.modules["__main__"].__spec__
    return (sys.executable, "-m", spec.name) if spec else (sys.executable, sys.argv[0])


def given(leave_out: Collection[str]) -> list[str]:
    """The flags that the user gave, as words of a command line.

    Args:
      leave_out: names of flags.
    """
    present = [flag for flag in map(_FLAGS.__getitem__, _FLAGS) if flag.present]
    words = [flag.serialize() for flag in present if flag.name not in leave_out]
    return sorted({line for word in words for line in word.split("\n") if line})


def _shown(words: Sequence[str]) -> str:
    spec = sys.modules["__main__"].__spec__
    return shlex.join(["python", *(["-m", spec.name] if spec else [sys.argv[0]]), *words])
