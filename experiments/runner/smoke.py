"""`--smoke`: the whole of a program in under a minute, to see that it works on this machine.

It stands for small values of the flags that decide how long a run takes, and for a folder of its
own, new each time. They take its place in the command line, so that the run's files say what was
really run. With `--table` it stays there, since it also picks the cells and the seed; the command
lines of the table's runs have the small values.
"""

import re
import sys
import time
from collections.abc import Mapping
from typing import Any

from absl import flags

FLAGS = flags.FLAGS
SMALL = {"num_steps": 20, "eval_every": 10, "checkpoint_every": 10, "log_every": 5}


def define_flag() -> None:
    """The flag, of a program that trains."""
    flags.DEFINE_bool(
        "smoke",
        False,
        "Try the program out in under a minute: a few steps, few samples, and with --table two "
        "cells and one seed, in a new folder under runs/. Its numbers mean nothing. Flags that are "
        "given beside it keep their values.",
    )
    FLAGS.register_key_flag_for_module(sys.argv[0], FLAGS["smoke"])


def expand(small: Mapping[str, Any]) -> dict[str, Any]:
    """Puts the small values into the flags, and into `sys.argv` so that it can be run again.

    Args:
      small: the program's own, beside those of `SMALL`.

    Returns:
      The values put in, by flag; nothing without `--smoke`.
    """
    if not ("smoke" in FLAGS and FLAGS["smoke"].value):
        return {}
    stem = re.sub(r"\.py$", "", sys.argv[0].rsplit("/", 1)[-1])
    folder = {"workdir": f"runs/{stem}_smoke_{time.strftime('%Y%m%d_%H%M%S')}"}
    wanted = {**SMALL, **small, **folder}
    values = {
        name: value for name, value in wanted.items() if name in FLAGS and not FLAGS[name].present
    }
    added = [f"--{name}={value}" for name, value in values.items()]
    FLAGS([sys.argv[0], *added])
    if "table" in FLAGS and FLAGS.table is not None:
        sys.argv[1:] = [*sys.argv[1:], *(word for word in added if word.startswith("--workdir="))]
    else:
        rest = [word for word in sys.argv[1:] if not re.match(r"--?(no)?smoke(=|$)", word)]
        sys.argv[1:] = [*rest, *added]
    return {name: value for name, value in values.items() if name != "workdir"}
