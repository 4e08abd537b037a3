"""What the commands have in common: one line for what is wrong, and exit status 2."""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from ganstab.errors import InputError

USAGE = 2


class Parser(argparse.ArgumentParser):
    """A parser of command lines that says in one line what it cannot use."""

    def __init__(self, **options: Any):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        """Ends the program."""
        self.exit(USAGE, f"error: {message} (see {self.prog} --help)\n")


@contextlib.contextmanager
def quiet_where_unread() -> Iterator[None]:
    """Ends the program without a word where nobody reads its words, as in `--help | head`."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Python writes what is left once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(128 + signal.SIGPIPE) from None


def tell(error: Exception) -> int:
    """Says in one line what is wrong, and gives the exit status for it."""
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return error.exit_status if isinstance(error, InputError) else USAGE


def exit_status(run: Callable[[argparse.Namespace], int], asked: argparse.Namespace) -> int:
    """What `run` returns, or 2 and one line for a file that cannot be used."""
    try:
        return run(asked)
    except BrokenPipeError:
        raise
    except (InputError, OSError) as error:
        return tell(error)
