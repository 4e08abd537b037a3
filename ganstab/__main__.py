"""The command `ganstab`: trains GANs of your images, and looks at training runs and at images.

    ganstab train --data=FOLDER  a GAN of the images in a folder
    ganstab sample RUN           images from a trained run
    ganstab metrics RUN          how far its samples are from its training images: FID, KID, …
    ganstab metrics REAL RUN     how far its samples are from other images
    ganstab metrics REAL FAKE    how far images of any generator are from real ones
    ganstab doctor RUN           why a run rotates, collapses or explodes
    ganstab compare RUN RUN      several runs of one program in one picture

RUN is the folder of a training run, such as runs/FOLDER_r3gan_seed0; REAL and FAKE are folders of
images. `ganstab COMMAND --help` lists the command's flags.
"""

import argparse
import sys
from collections.abc import Sequence

import ganstab
from ganstab._command_line import Parser, exit_status, quiet_where_unread

__all__ = ["main"]


@quiet_where_unread()
def main(arguments: Sequence[str] | None = None) -> int:
    """Does what a command line asks for, and gives the exit status: 2 for bad input."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = Parser(prog="ganstab", description=__doc__)
    parser.add_argument("--version", action="version", version=f"ganstab {ganstab.__version__}")
    parser.add_argument("command", metavar="COMMAND", choices=COMMANDS, nargs="?")
    command = parser.parse_args(words[:1]).command
    if command is None and words:
        parser.error(f"a COMMAND is needed before {words[0]}")
    if command is None:
        parser.print_help()
        return 0
    return COMMANDS[command](words[1:])


# Each imports what it needs when it is asked for, so that the others start at once.


def _train(arguments: Sequence[str]) -> int:
    from ganstab.image_gan import ImageGan, build
    from ganstab.training import cli

    cli.main(build, ImageGan, arguments=["ganstab train", *arguments], smoke={"samples": 64})


def _sample(arguments: Sequence[str]) -> int:
    from ganstab.image_gan.sample_command import main

    return main(arguments, prog="ganstab sample")


def _doctor(arguments: Sequence[str]) -> int:
    from ganstab.doctor.__main__ import main

    return main(arguments, prog="ganstab doctor")


def _compare(arguments: Sequence[str]) -> int:
    parser = Parser(
        prog="ganstab compare",
        description="One picture of several runs of one program: a curve for each measure, and a "
        "row of samples over training for each run.",
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", help="a run's folder; two or more")
    parser.add_argument("--out", default="comparison.png", help="the PNG to write (%(default)s)")
    return exit_status(_draw_comparison, parser.parse_args(arguments))


def _draw_comparison(asked: argparse.Namespace) -> int:
    from ganstab.training.compare import compare
    from ganstab.training.run_folder import local_folder

    out = local_folder(asked.out, "--out")
    print("\n".join(compare([local_folder(run, "RUN") for run in asked.runs], out)))
    print(f"picture: {out}", flush=True)
    return 0


def _metrics(arguments: Sequence[str]) -> int:
    from ganstab.metrics.__main__ import main

    return main(arguments, prog="ganstab metrics")


COMMANDS = {
    "train": _train,
    "sample": _sample,
    "doctor": _doctor,
    "compare": _compare,
    "metrics": _metrics,
}


if __name__ == "__main__":
    sys.exit(main())
