"""Tables: their flags, folders that are none, and runs in them that are damaged."""

import json
import os
import pathlib
import shutil
from collections.abc import Iterator

from .damage import CONTENT, LFS, OTHER_JSON, PLACE, content
from .data import image_folder
from .flags import NO_WHOLE
from .harness import Case
from .runs import MORE_RESULTS, RESULTS, ROWS, SOUND_ROWS, Change, at, changed, to, with_row
from .sound import NO_CACHE, Sound

RING = (
    "ring_experiment",
    NO_CACHE,
    "--table=steps",
    "--seeds=1",
    "--num_steps=2",
    "--eval_every=2",
)
TOGETHER = (*RING, "--jobs=0", "--workdir=run")
MERGED = (*RING, "--jobs=0", "--workdir=new", "--merge=run")
RUN = "cells/K0/seed0"
PROGRAMS = {
    "stacked_mnist": "table_1",
    "mixture_of_gaussians": "figure_2",
    "colored_mnist": "table_2",
    "cifar10_reconstruction": "table_3",
    "rnn_mnist": "figure_3",
    "character_language_model": "table_4",
    "cifar10": "figure_3",
    "growing_mnist": "methods",
    "random_architectures": "table_1",
    "seven_architectures": "figure_2",
    "critic_surfaces": "surfaces",
    "critic_overfitting": "figure_5",
}


def cases(sound: Sound) -> Iterator[Case]:
    """All of them."""
    yield from _flags()
    yield from _folders(sound)
    yield from _damaged(sound)


def _flags() -> Iterator[Case]:
    for program, table in PROGRAMS.items():
        module, make = f"experiments.{program}", image_folder()
        data = ("--data=data", "--batch_size=8") if program == "cifar10" else ()
        for words, told in (
            (["--table="], "table"), (["--table=nothing"], "nothing"), (["--table"], "table"),
            ([f"--table={table}", "--seed=1"], "seed"), (["--seeds=3"], "seeds"),
            ([f"--table={table}", "--seeds=0"], "seeds"), (["--cells=*"], "cells"),
            ([f"--table={table}", "--seeds=nan"], "seeds"), (["--merge=x"], "merge"),
            ([f"--table={table}", "--seeds=1000000"], "seeds"), (["--jobs=2"], "jobs"),
            ([f"--table={table}", "--jobs=-1"], "jobs"), (["--executor=local"], "executor"),
            ([f"--table={table}", "--jobs=99999999999999999999"], "jobs"),
            ([f"--table={table}", "--cells=nothing"], "cells"),
            ([f"--table={table}", "--cells="], "cells"), ([f"--table={table}", "--cells=[0-"], "cells"),
            ([f"--table={table}", "--unroll_steps=3"], "unroll_steps"),
            ([f"--table={table}", "--num_steps=0"], "num_steps"),
            ([f"--table={table}", "--batch_size=nan"], "batch_size"),
            ([f"--table={table}", "--process_id=0"], "process_id"),
            ([f"--table={table}", "--coordinator=auto"], "coordinator"),
            ([f"--table={table}", "--population=0"], "population"),
            ([f"--table={table}", "--workdir=beside/config.json"], "file"),
            ([f"--table={table}", "--workdir=gs://a/b"], "address"),
            ([f"--table={table}", "--merge=nowhere"], "nowhere"),
            ([f"--table={table}", "--merge="], "merge"),
            ([f"--table={table}", "--merge=gs://a/b"], "gs://a/b"),
            ([f"--table={table}", "--merge=beside"], "beside"),
            ([f"--table={table}", "--smoke", "--cells=no"], "cells"),
        ):  # fmt: skip
            command = (module, NO_CACHE, *data, *words)
            yield Case("tables", f"{program} {' '.join(words)}", command, (told,), make=make)
    for flag in ("seeds", "jobs", "population"):
        for value in NO_WHOLE:
            words = (*RING[:3], f"--{flag}={value}", "--workdir=new")
            yield Case("tables", f"--{flag}={value}", words, (flag,))
    for place in (
        "", " ", "x", "LOCAL", "local:3", "local ", "dask", "dask:", "dask:x", "dask:127.0.0.1",
        "dask:127.0.0.1:x", "dask:127.0.0.1:99999", "dask:127.0.0.1:-1", "dask:ftp://x:1",
        "dask:nosuch.invalid:8786", "dask:127.0.0.1:9", "slurm:queue", "slurm:=", "slurm:=3",
        "slurm:cores=x", "slurm:cores=0", "slurm:memory=much", "slurm:nosuch=3", "slurm:walltime=",
        "slurm", "slurmy", "slurm:processes=x", "\udcff",
    ):  # fmt: skip
        words = (*RING, "--workdir=new", f"--executor={place}", "--jobs=1")
        yield Case("tables", f"--executor={place}", words, touches=True, limit=100)


def _folders(sound: Sound) -> Iterator[Case]:
    """What is no table's folder, or another's."""
    makes = {
        "a run": lambda here: shutil.copytree(sound.tiny, here / "run"),
        "another table": _table(sound, changed("result.json", to(table="figure_9"))),
        "of other things": lambda here: [(here / "run").mkdir(), (here / "run" / "a.txt").touch()],
        "of figures": lambda here: _written(here / "run" / "result.json", '{"seconds": {}}'),
        "with cells and a config": _table(
            sound,
            at("result.json", PLACE["deleted"]),
            lambda run: _written(run / "config.json", "{}"),
        ),
        "a pipe": lambda here: os.mkfifo(here / "run"),
        "a link to itself": lambda here: (here / "run").symlink_to("run"),
        "a file": lambda here: (here / "run").touch(),
    }
    for name, make in makes.items():
        yield Case("tables", f"in {name}", TOGETHER, ("run",), make=make)
        if name not in ("another table", "with cells and a config"):
            yield Case("tables", f"merge from {name}", MERGED, ("run",), make=make)
    for name, change in {
        "another rate": to(batch_size=8), "another class": to(config_class="x:y"),
        "no class of settings": to(config_class=[]), "another seed": to(seed=4),
        "an unknown setting": to(speed=1), "NaN": to(batch_size=float("nan")),
        "another K": to(unroll_steps=7),
    }.items():  # fmt: skip
        make = _table(sound, changed(f"{RUN}/config.json", change))
        yield Case("tables", f"a run with {name}", TOGETHER, ("config.json",), make=make) if name in (
            "another class", "no class of settings", "an unknown setting", "NaN"
        ) else Case("tables", f"a run with {name}", TOGETHER, ("other settings",), make=make)  # fmt: skip
        yield Case("tables", f"merge a run with {name}", MERGED, (), make=make)
    for name, how in {**CONTENT, **OTHER_JSON, **PLACE}.items():
        make = _table(sound, at(f"{RUN}/config.json", how))
        for title, words in (("", TOGETHER), ("merge, ", MERGED)):
            status = (0, 2) if name in PLACE or name == "JSON {}" else (2,)
            yield Case("tables", f"{title}run's config: {name}", words, (), status, make)


def _damaged(sound: Sound) -> Iterator[Case]:
    """Runs whose files are damaged are left out, and told; the table is put together."""
    for name, how in {**CONTENT, **OTHER_JSON, **PLACE}.items():
        missing = name in ("deleted", "renamed", "link to itself", "link to nothing")
        told = () if missing else ("damaged",)
        make = _table(sound, at(f"{RUN}/result.json", how))
        yield Case("tables", f"result: {name}", TOGETHER, told, (0,), make)
        yield Case("tables", f"merge, result: {name}", MERGED, told, (0,), make)
        for file in ("metrics.jsonl", "evaluations.jsonl", "figures", "samples"):
            make = _table(sound, at(f"{RUN}/{file}", how if file.endswith("l") else PLACE["pipe"]))
            yield Case("tables", f"{file}: {name}", TOGETHER, (), (0,), make)
            if file == "figures":
                break
        make = _table(sound, at("result.json", how))
        yield Case(
            "tables", f"the table's result: {name}", TOGETHER, (), (0, 2), make, touches=True
        )
        make = _table(sound, at(f"{RUN}/metrics.jsonl", how))
        yield Case("tables", f"merge, metrics: {name}", MERGED, (), (0, 2), make, touches=True)
    for name, change in RESULTS.items():
        make = _table(sound, _of_run(change))
        yield Case("tables", f"result: {name}", TOGETHER, ("damaged",), (0,), make)
        yield Case("tables", f"merge, result: {name}", MERGED, ("damaged",), (0,), make)
    for name, change in MORE_RESULTS.items():
        yield Case("tables", f"result: {name}", TOGETHER, (), (0,), _table(sound, _of_run(change)))
    for row in (*ROWS, *SOUND_ROWS):
        make = _table(sound, with_row(f"{RUN}/metrics.jsonl", row))
        yield Case("tables", f"metrics: {row}", TOGETHER, (), (0,), make)
    for name in ("seed01", "seed-1", "seed٣", "seed", "seedx", "seed99999999999", "seed4294967296"):
        make = _table(sound, lambda run, name=name: shutil.copytree(
            run / RUN, run / "cells" / "K0" / name))  # fmt: skip
        yield Case("tables", f"a folder {name}", TOGETHER, (), (0, 2), make)
    for path in ("cells", "cells/K0", RUN, f"{RUN}/figures", "report.html", "figures", "K0.log"):
        for name, how in PLACE.items():
            make = _table(sound, lambda run, path=path, how=how: _if_there(run / path, how))
            yield Case("tables", f"{path}: {name}", TOGETHER, (), (0, 2), make, touches=True)
    make = _table(sound, at(f"{RUN}/config.json", content(LFS)))
    words = (*RING, "--jobs=1", "--workdir=run", "--num_steps=3")
    yield Case(
        "tables", "training, with a config that is damaged", words, ("config.json",), make=make
    )


def _table(sound: Sound, *changes):
    """A copy of a table with these changes."""

    def make(here: pathlib.Path) -> None:
        copy = shutil.copytree(sound.ring, here / "run")
        for change in changes:
            change(copy)

    return make


def _of_run(change: Change):
    """A change of a run's result, whose measure is called as the tiny run's."""

    def apply(table: pathlib.Path) -> None:
        path = table / RUN / "result.json"
        found = json.loads(path.read_text())
        found["results"]["spread"] = found["results"].pop("modes")
        change(found)
        path.write_text(json.dumps(found))

    return apply


def _if_there(path: pathlib.Path, how) -> None:
    path.touch() if not path.exists() else None
    how(path)


def _written(path: pathlib.Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
