"""The command `ganstab`: looks at training runs.

    ganstab doctor RUN          why a run rotates, collapses or explodes
    ganstab compare RUN RUN     several runs of one program in one picture

RUN is a folder that a run wrote. `ganstab COMMAND --help` says more.
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

import ganstab
from ganstab.errors import InputError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what a command line asks for, and gives the exit status: 2 for bad input."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.command is None:
        parser.print_help()
        return 0
    try:
        return asked.run_command(asked)
    except InputError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    look = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="ganstab", description=__doc__, formatter_class=look)
    parser.add_argument("--version", action="version", version=f"ganstab {ganstab.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (add_arguments, run) in COMMANDS.items():
        command = commands.add_parser(name, formatter_class=look)
        add_arguments(command)
        command.set_defaults(run_command=run)
    return parser


def _doctor_arguments(parser: argparse.ArgumentParser) -> None:
    from ganstab.doctor import __main__ as doctor

    parser.description = doctor.__doc__
    doctor.add_arguments(parser)


def _doctor(asked: argparse.Namespace) -> int:
    from ganstab.doctor import __main__ as doctor

    return doctor.run(asked)


def _compare_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "One picture of several runs of one program: a curve for each measure, and a row of "
        "samples over training for each run."
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", help="a run's folder; two or more")
    parser.add_argument("--out", default="comparison.png", help="the PNG to write (%(default)s)")


def _compare(asked: argparse.Namespace) -> int:
    from ganstab.training.compare import compare

    folders = [pathlib.Path(run).expanduser() for run in asked.runs]
    for line in compare(folders, pathlib.Path(asked.out).expanduser()):
        print(line)
    print(f"picture: {asked.out}", flush=True)
    return 0


COMMANDS = {
    "doctor": (_doctor_arguments, _doctor),
    "compare": (_compare_arguments, _compare),
}
"""By name: what adds a command's arguments, and what runs it."""


if __name__ == "__main__":
    sys.exit(main())
