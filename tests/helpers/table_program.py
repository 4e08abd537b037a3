"""A program with a table that says what it was about to do, once for each line of arguments.

It is imported once and forks for each, since importing is what takes long.
"""

import json
import os
import pathlib
import sys
import tempfile

from absl import flags
from experiments.runner import define_flags, launch, settings
from experiments.runner.table import conduct
from tables import TABLE

define_flags(num_steps=100, batch_size=8, eval_every=50, dataset="mnist")
flags.DEFINE_integer("level", 1, "The level.")
flags.DEFINE_bool("live", True, "Whether it lives.")


LONG = TABLE.cells[0]._replace(settings={"level": 1, "num_steps": 30})
OTHER = LONG._replace(name="other", settings={"level": 2, "batch_size": 3})
TABLES = {"table_9": TABLE, "long": TABLE._replace(cells=(LONG, OTHER), claims=())}


def main() -> int:
    print(json.dumps({"argv": sys.argv[1:], "config": settings.read("__main__").config}))
    return 0


def show(plan, stop) -> int:
    """In place of doing it."""
    runs = plan.wanted()
    told = {
        "folder": str(plan.folder),
        "argv": sys.argv[1:],
        "jobs": plan.jobs,
        "names": [run.name for run in runs],
        "commands": [plan.item(run).command for run in runs],
        "together": [plan.item(*left).command[2:] for left in plan.left()],
        "configs": [run.config for run in runs],
        "published": [sorted(run.cell.published) for run in runs],
    }
    print(json.dumps(told))
    return 0


def end_with(program) -> None:
    """Ends this process as the program ends, without the clearing up that takes long."""
    try:
        program()
    except SystemExit as ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code)


def tell(words: list[str]) -> dict:
    """What the program ends with and says, given these arguments."""
    with tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if not child:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            sys.argv[1:] = words
            end_with(lambda: launch(main, TABLES, {"batch_size": 2, "level": 9}))
        _, status = os.waitpid(child, 0)
        said.seek(0)
        return {"status": os.waitstatus_to_exitcode(status), "said": said.read().strip()}


if __name__ == "__main__":
    conduct.conduct = show
    cases = json.loads(pathlib.Path(sys.argv[1]).read_text())
    print(json.dumps([tell(words) for words in cases]))
