"""What the commands have in common: one line for what is wrong, and exit status 2."""

import argparse
import contextlib
import io
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from ganstab.errors import InputError

USAGE = 2
LONGEST = 1000
"""Letters of an error's line."""


class Parser(argparse.ArgumentParser):
    """A parser of command lines that says in one line what it cannot use."""

    def __init__(self, **options: Any):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        """Ends the program."""
        self.exit(USAGE, f"error: {one_line(message)} (see {self.prog} --help)\n")


def file_name(text: str) -> str:
    """For `type=` of a flag that names a file; refuses the empty name of an unset variable."""
    if not text.strip():
        raise argparse.ArgumentTypeError("empty: name a file")
    return text


def add_seed(parser: argparse.ArgumentParser, of_what: str) -> None:
    """The flag `--seed` of the commands that draw something, 0 by default."""

    def read(text: str) -> int:
        if not text.isdecimal() or len(text) > 10 or int(text) >= 2**32:
            raise argparse.ArgumentTypeError(f"{text}: from 0 to {2**32 - 1} is expected")
        return int(text)

    parser.add_argument("--seed", type=read, default=0, help=f"of {of_what} (%(default)s)")


def add_step(parser: argparse.ArgumentParser) -> None:
    """The flag `--step` of the commands that read a run: a number, "best", or None."""

    def read(text: str) -> int | str:
        if text != "best" and not text.isdecimal():
            raise argparse.ArgumentTypeError(f"{text}: a whole number or best is expected")
        return text if text == "best" else int(text)

    parser.add_argument(
        "--step",
        type=read,
        help="a run's checkpoint of this step, or best: of its best evaluation (default: the "
        "newest)",
    )


@contextlib.contextmanager
def quiet_where_unread() -> Iterator[None]:
    """Ends the program without a word where nobody reads its words, as in `--help | head`."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for a path that is not UTF-8
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        _mute()
        unread = isinstance(error, BrokenPipeError)
        raise SystemExit(128 + signal.SIGPIPE if unread else tell(error)) from None


def _mute() -> None:
    """Python writes what is left once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def one_line(words: object) -> str:
    """The words on one line; what is too long to be read is cut."""
    line = re.sub(r"\S{200,}", lambda word: f"{word[0][:100]}…{word[0][-50:]}", str(words))
    line = " ".join(line.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} …"


def tell(error: Exception) -> int:
    """Says in one line what is wrong, and gives the exit status for it."""
    print(f"error: {one_line(error)}", file=sys.stderr)
    return error.exit_status if isinstance(error, InputError) else USAGE


def _tell_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"warning: {one_line(message)}", file=sys.stderr)


def exit_status(run: Callable[..., int], *arguments: Any) -> int:
    """What `run(*arguments)` returns; for what a user has to mend, one line and its exit status.

    Anything else is a fault of ours, and keeps its traceback.
    """
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _tell_warning
            return run(*arguments)
    except BrokenPipeError:
        raise
    except (InputError, OSError, UnicodeDecodeError) as error:
        status = tell(error)
        try:
            sys.stdout.flush()
        except OSError:
            _mute()
        return status
    except KeyboardInterrupt:
        print("stopped; the same command goes on from there", file=sys.stderr)
        return 128 + signal.SIGINT
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
            return tell(InputError(f"there is not enough memory: ask for less ({error})"))
        raise
