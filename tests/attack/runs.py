"""Damaged run folders: gone on with, looked at by the doctor, compared."""

import json
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import damage
from .damage import CONTENT, LFS, MISSING, OTHER_JSON, PLACE, content
from .harness import Case
from .sound import MIXTURE, NO_CACHE, TINY, Sound, copied, cut

GO_ON = (*TINY, "--workdir=run")
AGAIN = ("ganstab.training", "run", "--experiment=tiny_run:build", NO_CACHE)
DOCTOR = ("ganstab", "doctor", "run", "--log_only", "--out=d")
COMPARE = ("ganstab", "compare", "run", "other", "--out=c.png")
ALL = {**CONTENT, **OTHER_JSON, **PLACE}
Change = Callable[[dict], Any]


def changed(name: str, change: Change) -> damage.Damage:
    """A JSON file of a run with something else in it."""

    def apply(run: pathlib.Path) -> None:
        found = json.loads((run / name).read_text())
        change(found)
        (run / name).write_text(json.dumps(found))

    return apply


def to(**values: Any) -> Change:
    return lambda found: found.update(values)


def made(run: pathlib.Path, *changes: Callable[[pathlib.Path], Any], stop: bool = True):
    """A copy of a run with these changes, as if stopped half-way."""

    def make(here: pathlib.Path) -> None:
        copy = shutil.copytree(run, here / "run")
        if stop:
            cut(copy)
        for change in changes:
            change(copy)

    return make


def at(name: str, how: damage.Damage) -> Callable[[pathlib.Path], None]:
    """The damage of one of the run's files, which is made where the run has none of the name."""

    def apply(run: pathlib.Path) -> None:
        if not (run / name).exists():
            (run / name).touch()
        how(run / name)

    return apply


SETTINGS: dict[str, Change] = {
    "seed a string": to(seed="0"), "seed a fraction": to(seed=0.5), "seed null": to(seed=None),
    "seed too large": to(seed=2**32), "seed true": to(seed=True), "rate NaN": to(rate=float("nan")),
    "rate a list": to(rate=[0.05]), "rate negative": to(rate=-1.0), "another rate": to(rate=0.06),
    "another seed": to(seed=1), "another batch": to(batch_size=8), "no such loss": to(loss="x"),
    "loss a dict": to(loss={}), "unknown setting": to(speed=3), "empty name": to(**{"": 1}),
    "steps negative": to(num_steps=-1), "steps a dict": to(num_steps={}),
    "samples a string": to(samples="32"), "eval_every 0": to(eval_every=0),
    "class of another program": to(config_class="experiments.stacked_mnist:StackedMnist"),
    "class a number": to(config_class=3), "class empty": to(config_class=""),
    "class a list": to(config_class=[]), "class no class": to(config_class="ganstab.losses:hinge"),
    "class unknown": to(config_class="ganstab.training:Nothing"),
    "class of no settings": to(config_class="ganstab.types:Pair"),
    "class with dots": to(config_class="ganstab:training.config.RunConfig"),
    "class relative": to(config_class=".ganstab:x"),
    "class long": to(config_class="experiments." + "x" * 5000 + ":y"),
}  # fmt: skip
EXPERIMENTS = (
    3, "", [], "x", ":", "a:b:c", "experiments.stacked_mnist:", "experiments.stacked_mnist:SMOKE",
    "experiments.stacked_mnist:build", "experiments.stacked_mnist:run", "ganstab.style:PAPER",
    "ganstab.training.train:train", "experiments.nosuch:build", "experiments..x:build",
    "ganstab.checkpoint:clean", "ganstab.__main__:main", "experiments.games:runner",
    "ganstab.training.experiment:Experiment", "ganstab.data:load_mnist", "../x:y", "ganstab\n:x",
)  # fmt: skip


def configs(sound: Sound) -> Iterator[Case]:
    """`config.json`, of every other kind, read by each command."""
    tiny, mixture = sound.tiny, sound.mixture
    for name, how in ALL.items():
        for title, words, run in (
            ("go on", GO_ON, tiny), ("again", AGAIN, tiny),
            ("doctor", DOCTOR, mixture), ("compare", COMPARE, mixture),
        ):  # fmt: skip
            stop = run is tiny
            make = _and(made(run, at("config.json", how), stop=stop), copied(run, "other"))
            # An empty object is a run of an older version, all of whose settings are the defaults.
            # One of settings that no program has is none for what looks at logs and results alone.
            looks = title in ("doctor", "compare")
            older = name in ("JSON {}", "JSON \ufeff{}") or (looks and name == 'JSON {"step": 1e9')
            status = (0, 2) if older else (2,)
            like = tiny if run is tiny else None
            names = () if older else ("config.json",)
            yield Case("configs", f"{title}: {name}", words, names, status, make, like=like)
    for name, change in SETTINGS.items():
        make = made(tiny, changed("config.json", change))
        yield Case("configs", f"go on: {name}", GO_ON, make=make)
        status = (0, 2) if name.startswith("another") else (2,)
        yield Case("configs", f"again: {name}", AGAIN, (), status, make, touches=True)
    for value in EXPERIMENTS:
        make = made(mixture, changed("config.json", to(experiment=value, num_steps=9)), stop=False)
        words = ("ganstab.training", "run", NO_CACHE)
        yield Case("configs", f"again: experiment {str(value)[:40]!r}", words, make=make)
        # The doctor reads the log alone where the game cannot be had, and says why.
        doctor = ("ganstab", "doctor", "run", "--out=d", "--eigenvalues=1")
        yield Case(
            "configs", f"doctor: experiment {str(value)[:40]!r}", doctor, ("the log alone",), (0,),
            make,
        )  # fmt: skip


RESULTS: dict[str, Change] = {
    "status another": to(status="done"), "status a number": to(status=3), "step a string": to(step="8"),
    "step negative": to(step=-1), "step huge": to(step=10**30), "step a fraction": to(step=8.5),
    "step null": to(step=None), "num_steps a list": to(num_steps=[]), "results a list": to(results=[]),
    "results null": to(results=None), "results of numbers": to(results={"spread": 3}),
    "mean a string": lambda r: r["results"]["spread"].update(mean="x"),
    "mean infinite": lambda r: r["results"]["spread"].update(mean=float("inf")),
    "label a number": lambda r: r["results"]["spread"].update(label=3),
    "published a list": lambda r: r["results"]["spread"].update(published=[1]),
    "a measure with a slash": lambda r: r["results"].update({"../x": r["results"]["spread"]}),
    "time a string": to(wall_time_s="long"), "time NaN": to(wall_time_s=float("nan")),
    "versions a list": to(versions=[]), "versions of numbers": to(versions={"jax": 3}),
    "measures a dict": to(measures={}), "measures of numbers": to(measures=[1]),
    "population a number": to(population=3), "population empty": to(population=[]),
    "reason a list": to(reason=[]), "digest a number": to(params_digest=3),
    "evaluated a string": to(evaluated_at_step="x"), "evaluated a list": to(evaluated_at_step=[]),
}  # fmt: skip
MORE_RESULTS: dict[str, Change] = {
    "saved a string": to(saved_at_step="x"), "saved huge": to(saved_at_step=10**40),
    "saved a list": to(saved_at_step=[]), "seed a list": to(seed=[]), "command a number": to(command=3),
    "seed huge": to(seed=10**40), "command null": to(command=None), "unknown": to(surprise=[1]),
}  # fmt: skip
ROWS = (
    "[]", "null", "4", "{}", '{"step": "4"}', '{"step": -1}', '{"step": true}', '{"step": 1e999}',
    '{"step": 2, "spread": "x"}', '{"step": 2, "counts": 3, "wall_time_s": 0}',
    '{"step": 2, "counts": [[1]]}', '{"step": 2, "gen/loss": {}}', '{"step": 10000000000000000000000}',
    "\0\0\0", '{"step": ', "\ufffd",
)  # fmt: skip
SOUND_ROWS = (
    '{"step": 2, "counts": [1], "wall_time_s": 0}', '{"step": 2, "counts": [null, 1, 2, 3]}',
    '{"step": 2, "counts": [-1, 0.5, 1, 1]}', '{"step": 2, "counts": []}', '{"step": 3, "spread": []}',
    '{"step": 2, "modes": [3]}', '{"step": 2, "wall_time_s": [1]}', '{"step": 2, "modes": true}',
    '{"step": 2, "spread": 1e300, "modes": -1e300}', '{"step": 2, "counts": [1e308, 1e308, 1, 1]}',
)  # fmt: skip


def with_row(name: str, row: str, place: int = 1) -> Callable[[pathlib.Path], None]:
    def insert(run: pathlib.Path) -> None:
        lines = (run / name).read_text().splitlines()
        (run / name).write_text("\n".join([*lines[:place], row, *lines[place:]]) + "\n")

    return insert


def side_files(sound: Sound) -> Iterator[Case]:
    """What a run that goes on can do without, and what it cannot."""
    tiny = sound.tiny
    for name, how in ALL.items():
        made_again = name not in PLACE or name in MISSING or name in ("pipe", "link to zeros")
        yield _mended(tiny, "result.json", name, how, (0,) if made_again else (2,))
        for log in ("metrics.jsonl", "evaluations.jsonl"):
            sound_log = name in CONTENT or name in OTHER_JSON or name in ("deleted", "renamed")
            status = (0,) if sound_log else (0, 2)
            yield _mended(tiny, log, name, how, status, () if name == "cut" else (log,))
    for name, how in {**CONTENT, **PLACE}.items():
        for file in ("samples/step_000000004.npz", "samples/data.npz"):
            # The program writes its data's own arrays anew at each start.
            known = "data" in file or name in MISSING
            status = (0, 2) if "data" in file and name in PLACE else (0,)
            yield _mended(tiny, file, name, how, status, () if known else (file[8:-4],))
    for name, how in PLACE.items():
        for file in ("figures/curves.png", ".lock", "report.html"):
            yield _mended(tiny, file, name, how, (0, 2))
    for folder in ("figures", "samples", "checkpoints"):
        for name, how in PLACE.items():
            yield _mended(tiny, folder, name, how, (0, 2))
    for name, change in {**RESULTS, **MORE_RESULTS}.items():
        yield _mended(tiny, "result.json", name, None, (0,), (), changed("result.json", change))
        make = made(tiny, changed("result.json", change), stop=False)
        yield Case("runs", f"finished, {name}", GO_ON, (), (0,), make, like=tiny)
    for log in ("metrics.jsonl", "evaluations.jsonl"):
        for row in ROWS:
            yield _mended(tiny, log, row, None, (0,), (log,), with_row(log, row))
        for row in SOUND_ROWS:
            yield _mended(tiny, log, row, None, (0,), (), with_row(log, row))
    for name, arrays in SAMPLES.items():
        yield _mended(tiny, "samples", name, None, (0,), (), _sampled(4, arrays))
        mixture = (*MIXTURE, "--workdir=run")
        make = made(sound.mixture, _unfinished, _sampled(2, arrays), stop=False)
        yield Case("runs", f"mixture, samples: {name}", mixture, (), (0,), make, like=sound.mixture)


def _mended(tiny, file, name, how, status, told=(), *changes) -> Case:
    changes = changes or (at(file, how),)
    title = f"{file}: {name}"
    return Case("runs", title, GO_ON, told, status, made(tiny, *changes), touches=True, like=tiny)


SAMPLES = {
    "of other names": {"other": np.zeros((4, 2))},
    "numbers alone": {"samples": np.float32(1)},
    "of rank 1": {"samples": np.zeros(9)},
    "of rank 5": {"samples": np.zeros((2, 2, 2, 2, 2))},
    "points of space": {"samples": np.zeros((64, 3))},
    "images": {"samples": np.zeros((4, 8, 8, 3), np.uint8)},
    "none at all": {"samples": np.zeros((0, 2))},
    "words": {"samples": np.array([["a", "b"]])},
    "complex": {"samples": np.ones((4, 2), complex)},
    "true and false": {"samples": np.ones((4, 2), bool)},
    "NaN": {"samples": np.full((4, 2), np.nan)},
    "infinite": {"samples": np.full((4, 2), np.inf)},
    "objects": {"samples": np.array([[{}, None]])},
    "dates": {"samples": np.zeros((4, 2), "datetime64[s]")},
    "huge": {"samples": np.full((4, 2), 1e38)},
    "half": {"samples": np.full((4, 2), 6e4, np.float16)},
    "records": {"samples": np.zeros((4, 2), [("a", "f4"), ("b", "i4")])},
}


def _sampled(step: int, arrays: dict) -> Callable[[pathlib.Path], None]:
    return lambda run: np.savez(run / "samples" / f"step_{step:09d}.npz", **arrays)


def _unfinished(run: pathlib.Path) -> None:
    """The mixture's, stopped at step 2."""
    cut(run, 2)


def checkpoints(sound: Sound) -> Iterator[Case]:
    """Files of checkpoints, of the newest or of all of them."""
    tiny = sound.tiny
    newest = tiny / "checkpoints" / "step_000000008"
    files = sorted(str(p.relative_to(newest)) for p in newest.rglob("*") if p.is_file())
    for file in files:
        for name, how in {**CONTENT, **PLACE}.items():
            if name in ("zeros", "renamed", "not UTF-8"):
                continue
            make = made(tiny, _at_6, _in_checkpoints(file, how, [6]), stop=False)
            # Orbax has files that it does not read on restore: damage there does no harm.
            yield Case("checkpoints", f"newest, {file}: {name}", GO_ON, (), (0,), make, like=tiny)
        make = made(tiny, _in_checkpoints(file, content(LFS), None))
        yield Case("checkpoints", f"all, {file}", GO_ON, (), (0, 2), make, like=tiny, touches=True)
    for name, change in {
        "a copy as 7": lambda run: shutil.copytree(_step(run, 4), _step(run, 7)),
        "a file as 7": lambda run: _step(run, 7).write_text("x"),
        "a pipe as 7": lambda run: os.mkfifo(_step(run, 7)),
        "a link to itself as 7": lambda run: _step(run, 7).symlink_to(_step(run, 7).name),
        "an empty folder as 7": lambda run: _step(run, 7).mkdir(),
        "half a save": lambda run: shutil.copytree(
            _step(run, 4), run / "checkpoints" / "step_000000006.orbax-checkpoint-tmp-3"
        ),
        "other files": lambda run: (run / "checkpoints" / "notes.txt").write_text("x"),
        "a step of ten digits": lambda run: (run / "checkpoints" / "step_1234567890").mkdir(),
        "a folder within": lambda run: (_step(run, 4) / "arrays" / "more").mkdir(),
        "a link that goes round": lambda run: (_step(run, 4) / "round").symlink_to(".."),
    }.items():
        make = made(tiny, change)
        yield Case("checkpoints", name, GO_ON, (), (0,), make, like=tiny)
    make = made(tiny, _at_6, lambda run: _step(run, 6).rename(_step(run, 7)), stop=False)
    yield Case("checkpoints", "the newest, renamed", GO_ON, (), (0,), make, like=tiny)
    make = made(tiny, lambda run: _step(run, 4).rename(_step(run, 5)))
    yield Case("checkpoints", "the only one, renamed", GO_ON, ("it is of step 4",), make=make)
    for name, change in {
        "gone": lambda run: shutil.rmtree(run / "checkpoints"),
        "empty": lambda run: _emptied(run / "checkpoints"),
        "of another run": lambda run: _swapped(run, sound.mixture),
    }.items():
        for title, words in (("go on", GO_ON), ("again", AGAIN)):
            make = made(tiny, change)
            yield Case("checkpoints", f"{title}: all {name}", words, ("checkpoint",), make=make)
    make = made(tiny, lambda run: shutil.rmtree(run / "checkpoints"), stop=False)
    yield Case("checkpoints", "finished, gone", GO_ON, (), (0,), make, like=tiny)


def _at_6(run: pathlib.Path) -> None:
    cut(run, 6)


def _step(run: pathlib.Path, step: int) -> pathlib.Path:
    return run / "checkpoints" / f"step_{step:09d}"


def _in_checkpoints(file: str, how: damage.Damage, steps: list[int] | None):
    def apply(run: pathlib.Path) -> None:
        for folder in (run / "checkpoints").iterdir():
            if steps is None or int(folder.name[5:]) in steps:
                if not (folder / file).exists():  # some names have a number of their own
                    there = folder / pathlib.Path(file).parent
                    same = [p for p in there.glob("*") if p.is_file()] if there.is_dir() else []
                    for path in same[:1]:
                        how(path)
                else:
                    how(folder / file)

    return apply


def _emptied(folder: pathlib.Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def _swapped(run: pathlib.Path, other: pathlib.Path) -> None:
    shutil.rmtree(run / "checkpoints")
    shutil.copytree(other / "checkpoints", run / "checkpoints")


def looks(sound: Sound) -> Iterator[Case]:
    """The doctor and the comparison on what is damaged."""
    mixture, tiny = sound.mixture, sound.tiny
    for title, words in (("doctor", DOCTOR), ("compare", COMPARE)):
        for file in (
            "result.json",
            "metrics.jsonl",
            "evaluations.jsonl",
            "samples/step_000000002.npz",
        ):
            for name, how in ALL.items():
                needed = file == "result.json" or (file.endswith("jsonl") and name in CONTENT)
                status = (2,) if needed and name != "empty" and name not in MISSING else (0, 2)
                status = (0, 2) if title == "compare" and file == "metrics.jsonl" else status
                make = _and(made(mixture, at(file, how), stop=False), copied(mixture, "other"))
                yield Case("looks", f"{title}: {file}: {name}", words, (), status, make)
        for name, change in RESULTS.items():
            other = _results_of(change, mixture)
            make = _and(made(mixture, other, stop=False), copied(mixture, "other"))
            yield Case("looks", f"{title}: result: {name}", words, ("result.json",), (2,), make)
        for name, change in MORE_RESULTS.items():
            make = _and(
                made(mixture, changed("result.json", change), stop=False), copied(mixture, "other")
            )
            yield Case("looks", f"{title}: result: {name}", words, (), (0, 2), make)
        for row in (*ROWS, *SOUND_ROWS):
            for log in ("metrics.jsonl", "evaluations.jsonl"):
                make = _and(made(mixture, with_row(log, row), stop=False), copied(mixture, "other"))
                yield Case("looks", f"{title}: {log}: {row}", words, (), (0, 2), make)
    for name, arrays in SAMPLES.items():
        for run in (mixture, tiny):
            make = _and(made(run, _sampled(4, arrays), stop=False), copied(run, "other"))
            yield Case(
                "looks", f"compare: samples: {run.parts[-3]}: {name}", COMPARE, (), (0, 2), make
            )
    game = ("ganstab", "doctor", "run", "--out=d", "--eigenvalues=1")
    for row in SOUND_ROWS:
        make = made(mixture, with_row("evaluations.jsonl", row), stop=False)
        yield Case("looks", f"doctor, game: {row}", game, (), (0, 2), make)
    for name, change in {
        "no checkpoints": lambda run: shutil.rmtree(run / "checkpoints"),
        "checkpoints a file": at("checkpoints", content(b"")),
        "damaged checkpoints": lambda run: [
            content(LFS)(p) for p in (run / "checkpoints").rglob("*") if p.is_file()
        ],
        "no evaluations": at("evaluations.jsonl", PLACE["deleted"]),
        "other networks": changed("config.json", to(networks="pacgan", data="grid")),
        "no seed": changed("config.json", lambda found: found.pop("seed")),
    }.items():
        make = made(mixture, change, stop=False)
        yield Case("looks", f"doctor, game: {name}", game, (), (0,), make)


def _results_of(change: Change, mixture: pathlib.Path) -> Callable[[pathlib.Path], None]:
    """The change for the mixture's own first measure."""

    def apply(run: pathlib.Path) -> None:
        found = json.loads((run / "result.json").read_text())
        first = next(iter(found["results"]))
        found["results"]["spread"] = found["results"].pop(first)
        change(found)
        (run / "result.json").write_text(json.dumps(found))

    return apply


def _and(*makers: Callable[[pathlib.Path], Any]) -> Callable[[pathlib.Path], None]:
    def make(here: pathlib.Path) -> None:
        for each in makers:
            each(here)

    return make
