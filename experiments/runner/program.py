"""From a command line to a finished run: every experiment's `main`."""

import signal
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from absl import flags, logging

from ganstab.errors import InputError

USAGE = 2


def launch(main: Callable[[], int]) -> None:
    """Parses the flags, runs `main`, and ends the process with its exit status.

    What the user has to mend (a flag, a file, a full disk) is told in one line, with exit status 2
    and without a traceback; anything else is a fault of ours and keeps its traceback.
    """
    logging.set_verbosity(logging.FATAL)  # what goes wrong is raised, and told once
    if {"--help", "-h", "-help"} & set(sys.argv):
        print(_help())
        sys.exit(0)
    try:
        rest = flags.FLAGS(sys.argv)[1:]
        if rest:
            raise InputError(f"unexpected argument {rest[0]!r}: settings are given as --name=value")
        status = main()
    except (InputError, flags.Error) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        status = USAGE
    sys.exit(status)


def _help() -> str:
    """The program's own docstring, then every flag with its default."""
    _, listed = flags.FLAGS.main_module_help().split(":\n", 1)
    return f"{sys.modules['__main__'].__doc__}\nflags:\n{listed}"


class StopRequest(NamedTuple):
    """Ctrl-C or SIGTERM, remembered until the loop looks."""

    received: list

    def __bool__(self) -> bool:
        """Whether one came."""
        return bool(self.received)

    @property
    def exit_status(self) -> int:
        """128 + signal, as a shell reports it, so that `a && b` does not go on."""
        return 128 + (self.received or [signal.SIGTERM])[0]


def watch_signals() -> StopRequest:
    """Lets the first Ctrl-C or SIGTERM end the run cleanly; a second Ctrl-C ends it at once."""
    request = StopRequest([])

    def remember(number: int, frame: Any) -> None:
        del frame
        if request.received and number == signal.SIGINT:
            raise KeyboardInterrupt
        request.received.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, remember)
    return request
