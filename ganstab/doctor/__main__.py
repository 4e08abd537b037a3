"""Why does a run rotate, collapse or explode? Looks at it and says so in plain words.

    python -m ganstab.doctor runs/stacked_mnist_K0_width0.25_seed0
    python -m ganstab.doctor my_module:my_function

RUN is the folder that a training run wrote (its --workdir), or MODULE:FUNCTION, a function of your
own that returns a `ganstab.doctor.Subject`. Of a run, the log is read and the game is built anew at
the newest checkpoint; then a training step is taken, and the field around it measured: a minute for
a small network on a CPU, several for one with a deep unroll. Words and pictures go into RUN/doctor.
"""

import argparse
import pathlib
import sys

from ganstab.doctor.diagnosis import diagnose
from ganstab.doctor.examination import Examination, examine
from ganstab.doctor.page import in_words, write
from ganstab.doctor.run import Record, read_record, subject_of_code, subject_of_run
from ganstab.doctor.subject import Subject
from ganstab.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    """Examines RUN, says what it found, and returns the program's exit status."""
    asked = _parser().parse_args(arguments)
    try:
        return _run(asked)
    except InputError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def _run(asked: argparse.Namespace) -> int:
    record, subject = Record(), None
    if ":" in asked.run and not pathlib.Path(asked.run).exists():
        subject, folder = subject_of_code(asked.run), pathlib.Path(asked.out or "doctor")
    else:
        run = pathlib.Path(asked.run).expanduser()
        record, folder = read_record(run), pathlib.Path(asked.out or run / "doctor")
        if not asked.log_only:
            subject = _game(run, record)
    examination = _examined(subject, asked.eigenvalues)
    report = diagnose(examination, record)
    page = write(folder, asked.run, report, examination, record)
    print("\n".join(in_words(asked.run, report, examination)))
    print(f"report: {page}", flush=True)
    return 0


def _game(run: pathlib.Path, record: Record) -> Subject | None:
    """The run's game, or None with a word of why there is none: the log alone is worth reading."""
    try:
        return subject_of_run(run, record)
    except InputError as error:
        print(f"the log alone is read: {error}", file=sys.stderr)
        return None


def _examined(subject: Subject | None, eigenvalues: int) -> Examination | None:
    if subject is None:
        return None
    return examine(
        subject, eigenvalues=eigenvalues, tell=lambda line: print(f"… {line}", file=sys.stderr)
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ganstab.doctor",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", metavar="RUN", help="a run's folder, or MODULE:FUNCTION")
    parser.add_argument("--log_only", action="store_true", help="read the log, and compute nothing")
    parser.add_argument(
        "--eigenvalues",
        type=_count,
        default=4,
        help="how many to look for at each edge of the spectrum (4)",
    )
    parser.add_argument("--out", help="folder for the report (RUN/doctor, or ./doctor)")
    return parser


def _count(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
