"""What the commands have in common: one line for what is wrong, and exit status 2."""

import argparse
import sys
from collections.abc import Callable
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


def exit_status(run: Callable[[argparse.Namespace], int], asked: argparse.Namespace) -> int:
    """What `run` returns, or 2 and one line for a file that cannot be used."""
    try:
        return run(asked)
    except (InputError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return USAGE
