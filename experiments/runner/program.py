"""From a command line to a finished run: every experiment's `main`."""

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from absl import flags, logging

from experiments.runner import smoke
from experiments.runner.stopping import watch_signals
from experiments.runner.workdir import IN_USE, InUseError
from ganstab.errors import InputError

if TYPE_CHECKING:
    from experiments.runner.table import Table

USAGE = 2


def launch(
    main: Callable[[], int],
    tables: Mapping[str, "Table"] | None = None,
    small: Mapping[str, Any] | None = None,
) -> None:
    """Parses the flags, runs `main`, and ends the process with its exit status.

    What the user has to mend (a flag, a file, a full disk) is told in one line, with exit status 2
    and without a traceback, or status 75 where it only has to wait for another process; anything
    else is a fault of ours and keeps its traceback.

    Args:
      main: a single run; gives the exit status.
      tables: by name, what `--table` may run in place of it.
      small: values of the program's own flags for `--smoke`, beside those of `smoke.SMALL`.
    """
    logging.set_verbosity(logging.FATAL)  # what goes wrong is raised, and told once
    main = _with_tables(main, tables, small or {})
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
        status = IN_USE if isinstance(error, InUseError) else USAGE
    sys.exit(status)


def _with_tables(
    main: Callable[[], int], tables: Mapping[str, "Table"] | None, small: Mapping[str, Any]
) -> Callable[[], int]:
    """`main`, or what it does under `--smoke` and `--table`, whose flags are defined here."""
    if "num_steps" in flags.FLAGS:
        smoke.define_flag()
    if not tables:

        def alone() -> int:
            smoke.expand(small)
            return main()

        return alone
    from experiments.runner.table import options

    options.define_flags(tables)

    def run() -> int:
        values = smoke.expand(small)
        if flags.FLAGS["table"].value is None:
            options.check_without_table()
            return main()
        # Here, so that a single run starts without what only tables need.
        from experiments.runner.table import conduct

        return conduct.conduct(options.read(tables, values), watch_signals())

    return run


def _help() -> str:
    """The program's own docstring, then every flag with its default."""
    _, listed = flags.FLAGS.main_module_help().split(":\n", 1)
    return f"{sys.modules['__main__'].__doc__}\nflags:\n{listed}"
