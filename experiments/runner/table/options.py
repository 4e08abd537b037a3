"""From a command line with `--table` to a plan: which runs there are, where, how many at once."""

import pathlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from absl import flags

from experiments.runner import settings
from experiments.runner.command import command_line, given, program
from experiments.runner.machine import Machine, this_machine
from experiments.runner.table.cells import Cell, Table, chosen
from experiments.runner.table.runs import Run, found_seeds, place
from experiments.runner.table.schedule import Item
from experiments.runner.workdir import FREE
from ganstab.errors import InputError

FLAGS = flags.FLAGS
OWN = ("table", "seeds", "jobs", "cells", "merge")
# Of these, what they stand for is handed on in their place.
STANDING_FOR_OTHERS = ("smoke", "flagfile", "workdir", "population")
# Of a single run: what a table gives each of its runs, or cannot.
NOT_FOR_TABLES = {
    "seed": "a table has --seeds",
    "coordinator": "each run of a table is one process",
    "num_processes": "each run of a table is one process",
    "process_id": "each run of a table is one process",
}


class Plan(NamedTuple):
    """All that is to be done for a table, and where."""

    name: str
    table: Table
    folder: pathlib.Path
    cells: tuple[Cell, ...]
    """Those to work on now; the report shows all."""
    seeds: range
    program: tuple[str, ...]
    """The command that each run's own settings are put after."""
    config: Mapping[str, Any]
    """The settings that all runs have."""
    machine: Machine
    jobs: int
    merge: tuple[pathlib.Path, ...]
    command: str
    population: int = 1
    """The most seeds that a process trains at once."""
    defaults: Mapping[str, Any] = MappingProxyType({})
    """Of the settings that some cells have of their own, those of the others."""

    def run(self, cell: Cell, seed: int) -> Run:
        """The run of a cell with a seed."""
        config = {**self.config, **self.defaults, **cell.settings, "seed": seed}
        return Run(cell, seed, place(self.folder, cell.name, seed), config)

    def wanted(self) -> list[Run]:
        """The runs to work on: the first seed of every cell, then the second, and so on."""
        return [self.run(cell, seed) for seed in self.seeds for cell in self.cells]

    def shown(self) -> list[Run]:
        """All runs of the table, and those of more seeds that earlier commands asked for."""
        seeds = sorted({*self.seeds, *found_seeds(self.folder, self.table.cells)})
        return [self.run(cell, seed) for cell in self.table.cells for seed in seeds]

    def left(self) -> Iterator[list[Run]]:
        """The runs that are not done, those together that one process trains."""
        for first in self.seeds[:: self.population]:
            seeds = [seed for seed in self.seeds if first <= seed < first + self.population]
            for cell in self.cells:
                runs = [run for seed in seeds if not (run := self.run(cell, seed)).is_done()]
                if runs:
                    yield runs

    def item(self, *runs: Run) -> Item:
        """Runs of a cell as one process: the seeds from the first to the last."""
        first, count = runs[0], runs[-1].seed - runs[0].seed + 1
        own = {**first.cell.settings, "seed": first.seed}
        if count == 1:
            own["workdir"] = first.folder
        else:
            own |= {"population": count, "workdir": first.folder.parent}
        command = [*self.program, *(f"--{name}={value}" for name, value in own.items())]
        last = f"to{runs[-1].seed}" if count > 1 else ""
        log = first.log.with_stem(f"{first.log.stem}{last}")
        return Item(f"{first.name}{last}", command, tuple(run.folder for run in runs), log)


def define_flags(tables: Mapping[str, Table]) -> None:
    """The flags of a program that has tables."""
    flags.DEFINE_enum(
        "table", None, list(tables),
        "Run all cells of this table, with several seeds each, in place of a single run. Each "
        "run is this program started with the cell's settings, in a folder under --workdir, which "
        "by default is named after the table; report.html there shows all at any time. The same "
        "command goes on where it was stopped. Other flags, e.g. --num_steps, are handed to every "
        "run.",
    )  # fmt: skip
    flags.DEFINE_integer(
        "seeds", 5, "With --table: how many seeds a cell, from 0 on.", lower_bound=1
    )  # fmt: skip
    flags.DEFINE_integer(
        "jobs", None,
        "With --table: how many processes at once. Default: one for each core of a CPU or for each "
        "GPU, kept to its own, and one for all chips of a TPU; on an accelerator each trains "
        "several seeds of a cell (see --population). 1 leaves all devices to one process. 0 starts "
        "none, and puts together what is there (see --merge).",
        lower_bound=0,
    )  # fmt: skip
    flags.DEFINE_multi_string(
        "cells", [],
        "With --table: work on these cells alone; * stands for anything, as in 'width0.25_*'. May "
        "be repeated. So several machines can share a table: see --merge.",
    )  # fmt: skip
    flags.DEFINE_multi_string(
        "merge", [],
        "With --table: first copy the finished runs of this folder, that of the same table from "
        "another machine, or of another table that has runs with the same settings. May be "
        "repeated.",
    )  # fmt: skip
    for flag in FLAGS.flags_by_module_dict()[__name__]:
        FLAGS.register_key_flag_for_module(sys.argv[0], flag)


def check_without_table() -> None:
    """Refuses flags of a table where there is none.

    Raises:
      InputError: one is given.
    """
    for name in OWN:
        if name in FLAGS and FLAGS[name].present and FLAGS.table is None:
            raise InputError(f"--{name} needs --table: one of {', '.join(_tables())}")


def read(tables: Mapping[str, Table], small: Mapping[str, Any]) -> Plan:
    """The plan of the command line.

    Args:
      tables: by name.
      small: the settings of a smoke run, which cells keep to as well; empty for a real one.

    Raises:
      InputError: a flag is given that a table, or one of its cells, sets itself; no cell has a name
        that is asked for; or a folder to merge is not there.
    """
    name = FLAGS.table
    table = tables[name]
    _check_flags(table, small)
    own = [_settled(cell, _without_what_cells_are_about(table, small)) for cell in table.cells]
    seeds = range(1 if small and not FLAGS["seeds"].present else FLAGS.seeds)
    table = table._replace(cells=tuple(own))
    folder = FLAGS.workdir or f"runs/{program_name()}_{name}"
    config, own_flags = settings.read("__main__").config, table.own_flags()
    cells = _smallest(chosen(own, FLAGS.cells), small)
    machine = this_machine()
    jobs = machine.jobs() if FLAGS.jobs is None else FLAGS.jobs
    together = machine.population(len(cells), len(seeds), jobs)
    return Plan(
        name=name,
        table=table,
        folder=pathlib.Path(folder).expanduser(),
        cells=cells,
        seeds=seeds,
        program=(*program(), *given((*OWN, *STANDING_FOR_OTHERS))),
        config={k: v for k, v in config.items() if k not in {"seed", *own_flags}},
        defaults={k: v for k, v in config.items() if k in own_flags},
        machine=machine,
        jobs=jobs,
        merge=tuple(map(_folder_to_merge, FLAGS.merge)),
        command=command_line(),
        population=FLAGS.population if FLAGS["population"].present else together,
    )


def program_name() -> str:
    """The program's name as part of a folder's."""
    return pathlib.Path(sys.argv[0]).stem


def _tables() -> Sequence[str]:
    parser: Any = FLAGS["table"].parser
    return parser.enum_values


def _check_flags(table: Table, small: Mapping[str, Any]) -> None:
    for name, why in NOT_FOR_TABLES.items():
        if name in FLAGS and FLAGS[name].present:
            raise InputError(f"--{name} does not go with --table: {why}")
    for name in sorted(table.own_flags() - small.keys() - set(FREE)):
        if FLAGS[name].present:
            raise InputError(
                f"--{name} does not go with --table={FLAGS['table'].value}, whose cells set it: "
                "choose among them with --cells"
            )


def _settled(cell: Cell, small: Mapping[str, Any]) -> Cell:
    """The cell with its settings as the flags read them, e.g. 1 as 1.0, and small ones if asked.

    How far a run goes is for the command line to say, if it does, and else for the cell. On other
    data than the paper's nothing is published.
    """
    given = {name for name in FREE if FLAGS[name].present}
    own = {name: value for name, value in cell.settings.items() if name not in given}
    wanted = {name: small.get(name, value) for name, value in own.items()}
    read = {name: FLAGS[name].parser.parse(str(value)) for name, value in wanted.items()}
    published = cell.published if settings.has_papers_data() else {}
    return cell._replace(settings=read, published=published)


def _without_what_cells_are_about(table: Table, small: Mapping[str, Any]) -> dict[str, Any]:
    """The small settings but those in which the table's cells differ, such as K."""
    values = {name: {repr(c.settings.get(name)) for c in table.cells} for name in table.own_flags()}
    return {n: v for n, v in small.items() if n in FREE or len(values.get(n, ())) < 2}


def _smallest(cells: tuple[Cell, ...], small: Mapping[str, Any]) -> tuple[Cell, ...]:
    """Of a smoke run's table two cells do, if none are asked for."""
    return cells[:2] if small and not FLAGS["cells"].present else cells


def _folder_to_merge(name: str) -> pathlib.Path:
    folder = pathlib.Path(name).expanduser()
    if not (folder.name == "cells" or (folder / "cells").is_dir()) or not folder.is_dir():
        raise InputError(f"--merge={name} is no table's folder: it has no cells/ in it")
    return folder
