"""Why does a run rotate, collapse or explode? Looks at it and says so in plain words.

    ganstab doctor runs/stacked_mnist_K0_width0.25_seed0
    ganstab doctor my_module:my_function

RUN is the folder that a training run wrote (its --workdir), or MODULE:FUNCTION, a function of your
own that returns a `ganstab.doctor.Subject`. Of a run, the log is read and the game is built anew at
the newest checkpoint; then a training step is taken, and the field around it is measured. On a CPU
this takes less than a minute for a small network, and one or two minutes with a deep unroll. Words
and pictures go into RUN/doctor.

Building the game anew runs the code that made it. For the programs of this project that is done
unasked; for a run of your own program name its function with --experiment=MODULE:FUNCTION.
"""

import argparse
import contextlib
import pathlib
import sys
from collections.abc import Sequence

import tqdm

from ganstab._command_line import Parser, exit_status, quiet_where_unread
from ganstab.doctor.diagnosis import diagnose
from ganstab.doctor.examination import PARTS, Examination, examine
from ganstab.doctor.page import in_words, write
from ganstab.doctor.run import Record, read_record, subject_of_code, with_data
from ganstab.doctor.subject import Subject
from ganstab.doctor.trained import subject_of_run
from ganstab.errors import InputError
from ganstab.reporting.writing import explained
from ganstab.training import distributed, restore
from ganstab.training.run_folder import check_writable, local_folder

__all__ = ["main"]

BAR = "{percentage:3.0f}%|{bar}| {desc} [{elapsed}]"


@quiet_where_unread()
def main(arguments: Sequence[str] | None = None, *, prog: str = "python -m ganstab.doctor") -> int:
    """Examines RUN, says what it found, and returns the program's exit status."""
    parser = Parser(prog=prog, description=__doc__)
    parser.add_argument("run", metavar="RUN", help="a run's folder, or MODULE:FUNCTION")
    parser.add_argument("--log_only", action="store_true", help="read the log, and compute nothing")
    parser.add_argument(
        "--experiment",
        metavar="MODULE:FUNCTION",
        help="makes the run's experiment, if that is your own code",
    )
    parser.add_argument(
        "--eigenvalues",
        type=_count,
        default=4,
        help="how many to look for at each edge of the spectrum (4)",
    )
    parser.add_argument("--out", help="folder for the report (RUN/doctor, or ./doctor)")
    return exit_status(_run, parser.parse_args(arguments))


def _run(asked: argparse.Namespace) -> int:
    distributed.use_compilation_cache(None)
    record, subject, named = Record(), None, asked.experiment
    out = None if asked.out is None else local_folder(asked.out, "--out")
    if ":" in asked.run and not pathlib.Path(asked.run).exists():
        out = out or pathlib.Path("doctor")
        subject, named = subject_of_code(asked.run), asked.run
    else:
        place = local_folder(asked.run, "RUN")
        record, out = read_record(place), out or place / "doctor"
        if not asked.log_only:
            subject = _game(place, asked.experiment)
            record = with_data(record, subject)
    check_writable(out, "--out")  # before minutes of computing
    with explained(f"cannot use {out}"):
        out.mkdir(parents=True, exist_ok=True)
    with restore.told(named) if named else contextlib.nullcontext():
        examination = _examined(subject, asked.eigenvalues)
        report = diagnose(examination, record)
        page = write(out, asked.run, report, examination, record)
    print("\n".join(in_words(asked.run, report, examination)))
    print(f"report: {page}", flush=True)
    return 0


def _game(folder: pathlib.Path, experiment: str | None) -> Subject | None:
    """The run's game, or None with a word of why there is none: the log alone is worth reading."""
    try:
        return subject_of_run(folder, experiment)
    except InputError as error:
        if experiment is not None:
            raise
        print(f"the log alone is read: {error}", file=sys.stderr)
        return None


def _examined(subject: Subject | None, eigenvalues: int) -> Examination | None:
    if subject is None:
        return None
    with tqdm.tqdm(total=PARTS, file=sys.stderr, disable=None, bar_format=BAR, leave=False) as bar:

        def tell(line: str) -> None:
            if bar.disable:  # no terminal
                print(f"… {line}", file=sys.stderr)
            bar.set_description_str(line)
            bar.update()

        return examine(subject, eigenvalues=eigenvalues, tell=tell)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 4 or not int(text):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 9,999, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
