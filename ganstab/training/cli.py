"""A program's command line: flags out of a config's fields, then one run, or a table of runs.

An experiment ends in `cli.main(build, Config, tables=TABLES, smoke=SMOKE)`. This is the one module
that knows absl; what it calls takes values.
"""

import dataclasses
import re
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from absl import flags, logging

from ganstab._command_line import exit_status, quiet_where_unread
from ganstab._files import read_bytes
from ganstab.errors import InputError
from ganstab.training import distributed, provenance
from ganstab.training import run_folder as files
from ganstab.training.config import Option, RunConfig, option, options, reference
from ganstab.training.recorder import summary_writer
from ganstab.training.signals import watch_signals
from ganstab.training.train import Build, train_together

if TYPE_CHECKING:
    from ganstab.tables import Table

__all__ = ["Launch", "TableLaunch", "main", "run"]


SMALL = {"num_steps": 20, "eval_every": 10, "checkpoint_every": 10, "log_every": 5}
"""What `--smoke` stands for in every program."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Launch:
    """Where and how runs are started: what decides none of their numbers."""

    workdir: str | None = option(
        None,
        "Folder for everything the run writes; started again with the same folder and settings, "
        "the run goes on. It must be new, empty, or the run's own. Default: one under runs/, named "
        "after the settings.",
    )
    population: int | None = option(
        None,
        "Train this many seeds, from --seed on, as one program, each as a run of its own in a "
        "folder seed0, seed1, … under --workdir. It pays on an accelerator that one run does not "
        "fill.",
        lower=1,
        upper=10_000,
    )
    tensorboard: bool = option(False, "Write TensorBoard events too (extra tensorboard).")
    coordinator: str | None = option(
        None,
        "HOST:PORT of process 0 of a run over several processes, or 'auto' to read it, "
        "--num_processes and --process_id from the cluster's environment (TPU pod, Slurm, Open "
        "MPI).",
    )
    num_processes: int | None = option(
        None, "With --coordinator: how many processes there are.", lower=1
    )
    process_id: int | None = option(
        None, "With --coordinator: this process's number, from 0.", lower=0
    )
    partner_timeout: int = option(
        60,
        "With --coordinator: seconds within which all processes have to come, and within which one "
        "that died or does not answer is noticed; the others then end with exit status 76.",
        lower=5,
        upper=86_400,
    )
    compilation_cache: str | None = option(
        None,
        "Folder for compiled programs, so that a second start trains at once; empty for none. "
        "Default: ganstab/xla in the user's cache folder.",
    )
    smoke: bool = option(
        False,
        "Try the program out in under a minute: a few steps and few samples, in a new folder under "
        "runs/. Its numbers mean nothing. Flags that are given beside it keep their values.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableLaunch:
    """The flags of a program that has tables."""

    table: str | None = option(
        None,
        "Train all cells of this table, with several seeds each, in place of a single run. Each "
        "run is one of this program with the cell's settings, in a folder under --workdir, which "
        "by default is named after the table; report.html there shows all at any time. The same "
        "command goes on where it was stopped. Other flags, e.g. --num_steps, hold for every run; "
        "--smoke trains two cells with one seed.",
    )
    cells: tuple = option(
        (),
        "With --table: work on these cells alone; * stands for anything, as in 'width0.25_*'. May "
        "be repeated. So several machines can share a table: see --merge.",
    )
    merge: tuple = option(
        (),
        "With --table: first copy the finished runs of this folder, that of the same table from "
        "another machine, or of another table that has runs with the same settings. May be "
        "repeated.",
    )
    seeds: int = option(5, "With --table: how many seeds a cell, from 0 on.", lower=1, upper=10_000)
    jobs: int | None = option(
        None,
        "With --table: how many processes at once. Default: one for each core of a CPU or for "
        "each GPU, which has it alone, and one for all chips of a TPU; on an accelerator each "
        "trains several seeds of a cell, --population of them, by default as many as leave no "
        "GPU idle. 1 leaves all devices to one process. 0 starts none, and puts together what is "
        "there (see --merge).",
        lower=0,
        upper=10_000,
    )
    executor: str = option(
        "local",
        "With --table: where runs are trained. local: processes of this machine. dask:HOST:PORT: "
        "the workers of a Dask scheduler. slurm or slurm:queue=NAME,walltime=TIME,…: --jobs "
        "workers that Slurm starts. The last two need the extra dask, and a file system that all "
        "share.",
    )


FLAGS = "flags, as --name=value; --noname stands for --name=false:"
KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}
NOT_FOR_TABLES = {
    "seed": "a table has --seeds",
    "coordinator": "each run of a table is one process",
    "num_processes": "each run of a table is one process",
    "process_id": "each run of a table is one process",
    "partner_timeout": "each run of a table is one process",
}


@quiet_where_unread()
def main(
    build: Build,
    config: type[RunConfig],
    *,
    tables: "Mapping[str, Table] | None" = None,
    smoke: Mapping[str, Any] | None = None,
    arguments: Sequence[str] = (),
) -> NoReturn:
    """Reads the flags, trains a run or a table, and ends the process with its exit status.

    What the user has to mend (a flag, a file, a full disk) is told in one line, with exit status 2
    and without a traceback, or status 75 where it only has to wait for another process; anything
    else is a fault of ours and keeps its traceback.

    Args:
      build: makes the experiment of the settings; a function at the top of its module.
      config: the class of settings.
      tables: by name, what `--table` may train in place of a single run.
      smoke: small values of the program's own settings for `--smoke`, beside `SMALL`.
      arguments: of the command line, the program's name first; by default this process's.
    """
    logging.set_verbosity(logging.FATAL)  # what goes wrong is raised, and told once
    program = _Program(build, config, tables or {}, {**SMALL, **(smoke or {})})
    sys.exit(run(program, list(arguments or sys.argv)))


def run(program: "_Program", arguments: list[str]) -> int:
    """The exit status of a command line."""
    values = flags.FlagValues()
    for known in program.options().values():
        _define(known, values)
    if {"--help", "-h", "-help"} & set(arguments):
        print(program.help())
        return 0
    return exit_status(lambda: program.run(_parsed(values, arguments)))


def _parsed(values: flags.FlagValues, arguments: list[str]) -> flags.FlagValues:
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        name, given, file = word.lstrip("-").partition("=")
        if word.startswith("-") and name == "flagfile":
            named = file if given else following
            # absl would wait for a pipe's writer
            read_bytes(files.local_folder(named, "--flagfile", "file"))
    try:
        rest = values(arguments)[1:]
    except (flags.Error, ValueError) as error:
        raise InputError(_in_words(error, values)) from error
    if rest:
        like = f", such as --data={rest[0]}" if "data" in values else ""
        raise InputError(
            f"unexpected argument {rest[0]!r}: settings are given as --name=value{like}"
        )
    return values


def _in_words(error: Exception, values: flags.FlagValues) -> str:
    """An error of absl; where it has Python's words, what is allowed in their place."""
    found = re.match("flag --(.*?)=(.*?): ", str(error), re.DOTALL)
    kind = KINDS.get(values[found[1]].flag_type()) if found and found[1] in values else None
    return f"--{found[1]} must be {kind}, got {found[2]!r}" if found and kind else str(error)


@dataclasses.dataclass(frozen=True)
class _Program:
    """What `main` is given."""

    build: Build
    config: type[RunConfig]
    tables: Mapping[str, Any]
    small: Mapping[str, Any]

    def options(self) -> dict[str, Option]:
        """All that have a flag, by name: the settings first."""
        found = options(self.config) | options(Launch)
        if self.tables:
            found |= options(TableLaunch)
            found["table"] = dataclasses.replace(found["table"], choices=list(self.tables))
        return {name: known for name, known in found.items() if known.flag}

    def help(self) -> str:
        """The program's own docstring, then every flag with its default and what is allowed."""
        module = reference(self.build).partition(":")[0]
        start = " ".join(self.config.command or ("python", "-m", module))
        about = sys.modules[self.build.__module__].__doc__ or ""
        lines = [f"usage: {start} [--NAME=VALUE …]\n", about, FLAGS]
        words = {name: f"{each.help} {each.describe()}" for name, each in self.options().items()}
        words["flagfile"] = "A file of flags, one a line."
        wrapper = textwrap.TextWrapper(98, initial_indent="  ", subsequent_indent="      ")
        for name, text in words.items():
            lines += wrapper.wrap(f"--{name}: {text}")
        return "\n".join(lines)

    def run(self, values: flags.FlagValues) -> int:
        """Trains what the flags ask for."""
        given = {name for name in self.options() if values[name].present}
        read = {name: _read(known, values[name].value) for name, known in self.options().items()}
        launch = Launch(**{name: read[name] for name in options(Launch)})
        if launch.tensorboard:
            summary_writer()
        if read.get("table"):
            return self._table(given, read, launch)
        for name in sorted(given & options(TableLaunch).keys()):
            raise InputError(f"--{name} needs --table: one of {', '.join(self.tables)}")
        config = self._config({**read, **self._small(given, launch)})
        if launch.smoke and launch.workdir is None:
            launch = dataclasses.replace(launch, workdir=_smoke_folder(config))
        return self._train(config, launch)

    def _small(self, given: set[str], launch: Launch) -> dict[str, Any]:
        """The settings that `--smoke` makes small."""
        return {n: v for n, v in self.small.items() if launch.smoke and n not in given}

    def _config(self, read: Mapping[str, Any]) -> RunConfig:
        wanted = {name: read[name] for name, known in options(self.config).items() if known.flag}
        try:
            return self.config(**wanted)
        except ValueError as error:
            raise InputError(f"--{error}") from error

    @distributed.together()
    def _train(self, config: RunConfig, launch: Launch) -> int:
        distributed.join(
            launch.coordinator,
            launch.num_processes,
            launch.process_id,
            timeout=launch.partner_timeout,
        )
        distributed.use_full_precision()
        distributed.use_compilation_cache(launch.compilation_cache)
        count = launch.population or 1
        several = f"_population{count}" if count > 1 else ""
        default = f"runs/{config.run_name()}{several}"
        folder = files.local_folder(default if launch.workdir is None else launch.workdir)
        if count > 1 and (folder / files.CONFIG).exists():
            raise InputError(
                f"--workdir={folder} is the folder of one run, and --population makes folders of "
                "runs in it: name another"
            )
        seeds = range(config.seed, config.seed + count)
        try:
            configs = [config.replace(seed=seed) for seed in seeds]
        except ValueError as error:
            raise InputError(f"--population={count}: {error}") from error
        folders = [folder / f"seed{seed}" for seed in seeds] if count > 1 else [folder]
        commands = [
            provenance.command_of(self.build, each, place if launch.workdir or several else None)
            for each, place in zip(configs, folders, strict=True)
        ]
        trained = train_together(
            self.build, configs, folders, commands=commands, tensorboard=launch.tensorboard
        )
        return max(each.exit_status for each in trained)

    def _table(self, given: set[str], read: Mapping[str, Any], launch: Launch) -> int:
        from ganstab import tables  # here, so that a single run starts without what tables need

        name = read["table"]
        table = self._settled(name, given)
        small, cells = self._small(given, launch), read["cells"]
        if launch.smoke:
            table, small = table.smallest(small)
            cells = cells or [cell.name for cell in table.cells[:2]]
        if launch.workdir is not None:
            files.check_writable(files.local_folder(launch.workdir))  # before data are read
        base = self._config({**read, **small}).fingerprinted()
        program = reference(self.build).partition(":")[0].rpartition(".")[2]
        default = _smoke_folder(base) if launch.smoke else f"runs/{program}_{name}"
        cache = launch.compilation_cache
        with watch_signals() as stop:
            return tables.sweep(
                table,
                base,
                name=name,
                experiment=reference(self.build),
                folder=files.local_folder(default if launch.workdir is None else launch.workdir),
                seeds=range(1 if launch.smoke and "seeds" not in given else read["seeds"]),
                cells=cells,
                merge=read["merge"],
                executor=read["executor"],
                jobs=read["jobs"],
                population=launch.population,
                arguments=[
                    *(["--tensorboard"] if launch.tensorboard else []),
                    *([] if cache is None else [f"--compilation_cache={cache}"]),
                ],
                stop=stop,
                command=provenance.command_line(),
            )

    def _settled(self, name: str, given: set[str]) -> "Table":
        """The table, whose cells leave to the flags given what decides no numbers."""
        table, known = self.tables[name], self.options()
        for flag, why in NOT_FOR_TABLES.items():
            if flag in given:
                raise InputError(f"--{flag} does not go with --table: {why}")
        for flag in sorted(given & table.own_settings()):
            if known[flag].decides:
                raise InputError(
                    f"--{flag} does not go with --table={name}, whose cells set it: choose among "
                    "them with --cells"
                )
        return table.without(given)


def _define(known: Option, values: flags.FlagValues) -> None:
    """The flag of an option; what is allowed is looked at afterwards, in one place."""
    if known.kind is str and known.choices:
        choices = list(known.choices)
        flags.DEFINE_enum(known.name, known.default, choices, known.help, flag_values=values)
        return
    define: Any = {
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
        bool: flags.DEFINE_boolean,
        str: flags.DEFINE_string,
        tuple: flags.DEFINE_multi_string,
    }[known.kind]
    define(known.name, known.default, known.help, flag_values=values)


def _read(known: Option, value: Any) -> Any:
    try:
        return known.read(tuple(value) if known.kind is tuple else value)
    except ValueError as error:
        raise InputError(f"--{error}") from error


def _smoke_folder(config: RunConfig) -> str:
    return f"runs/{config.run_name()}_smoke_{time.strftime('%Y%m%d_%H%M%S')}"
