"""Trains, or goes on with, the runs that folders describe: `python -m ganstab.training RUN …`.

Each RUN has a `config.json`, as `run_folder.write_config` writes it, which says what the run is.
Several runs train together as one program; they differ in their seed alone. This is what a table's
jobs start, and what anybody may start to go on with a run.
"""

import argparse
import sys
from collections.abc import Sequence

from ganstab._command_line import Parser, exit_status, quiet_where_unread
from ganstab.training import distributed, provenance, restore
from ganstab.training import run_folder as files
from ganstab.training.train import train_together


@quiet_where_unread()
def main(arguments: Sequence[str] | None = None) -> int:
    """Trains the runs, and gives the program's exit status: see `Trained`, 2 for bad input."""
    parser = Parser(prog="python -m ganstab.training", description=__doc__)
    parser.add_argument("run", nargs="+", help="a run's folder, with a config.json")
    parser.add_argument("--experiment", help="MODULE:FUNCTION that makes the experiment")
    parser.add_argument("--tensorboard", action="store_true", help="write TensorBoard events")
    parser.add_argument("--compilation_cache", help="folder for compiled programs; '' for none")
    return exit_status(_train, parser.parse_args(arguments))


def _train(asked: argparse.Namespace) -> int:
    folders = [files.local_folder(run, "RUN") for run in asked.run]
    distributed.use_full_precision()
    distributed.use_compilation_cache(asked.compilation_cache)
    configs = [restore.config_of(folder, asked.experiment) for folder in folders]
    build = restore.guarded(restore.build_of(folders[0], asked.experiment), folders[0])
    commands = [provenance.command_of(build, *run) for run in zip(configs, folders, strict=True)]
    trained = train_together(
        build, configs, folders, commands=commands, tensorboard=asked.tensorboard
    )
    return max(each.exit_status for each in trained)


if __name__ == "__main__":
    sys.exit(main())
