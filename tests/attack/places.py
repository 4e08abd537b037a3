"""Destinations that cannot be written to, and folders of figures that are damaged."""

import os
import pathlib
from collections.abc import Iterator

from .damage import CONTENT, OTHER_JSON, PLACE
from .data import become_nobody
from .harness import Case
from .sound import NO_CACHE, TINY, Sound, copied

RULER = ("experiments.train_digit_classifier", "--epochs=1")
GAMES = ("experiments.games", NO_CACHE, "--only=adversarial_balance")
WAYS = {
    "run": (*TINY, "--workdir={}"),
    "population": (*TINY, "--population=2", "--workdir={}"),
    "table": ("ring_experiment", NO_CACHE, "--table=steps", "--jobs=1", "--workdir={}"),
    "figures": (*GAMES, "--workdir={}"),
    "classifier": (*RULER, "--out={}/x.npz"),
    "doctor": ("ganstab", "doctor", "beside", "--log_only", "--out={}"),
    "compare": ("ganstab", "compare", "beside", "other", "--out={}/x.png"),
}


def cases(sound: Sound) -> Iterator[Case]:
    """Places of every kind, for everything that writes."""
    places = {
        "within a file": ("file/deep", lambda here: (here / "file").touch()),
        "a link to itself": ("loop", lambda here: (here / "loop").symlink_to("loop")),
        "within a link to itself": ("loop/deep", lambda here: (here / "loop").symlink_to("loop")),
        "a link into nothing": ("lost", lambda here: (here / "lost").symlink_to("no/where")),
        "a pipe": ("pipe", lambda here: os.mkfifo(here / "pipe")),
        "within a pipe": ("pipe/deep", lambda here: os.mkfifo(here / "pipe")),
        "a device": ("/dev/null", lambda here: None),
        "within a device": ("/dev/null/deep", lambda here: None),
        "of the system": ("/proc/1/x", lambda here: None),
        "a name too long": ("y" * 300, lambda here: None),
        "a path too long": ("/".join(["y" * 200] * 30), lambda here: None),
        "of nobody": ("~nosuchuser/x", lambda here: None),
        "an address": ("gs://bucket/x", lambda here: None),
        "an address with one slash": ("s3:/bucket/x", lambda here: None),
    }
    for way, words in WAYS.items():
        for name, (place, make) in places.items():
            given = tuple(word.format(place) for word in words)
            both = _and(copied(sound.tiny, "other"), make)
            yield Case("places", f"{way}: {name}", given, (), (2,), both)
        given = tuple(word.format("locked/run") for word in words)
        make = _and(copied(sound.tiny, "other"), _locked)
        yield Case("places", f"{way}: not to be written", given, ("locked",), make=make,
                   inside=become_nobody)  # fmt: skip
    for out in ("", " ", "x", "x.txt", ".npz", "beside", "x.NPZ/", "\udcff", "a/x.npz"):
        yield Case("places", f"classifier --out={out}", (*RULER, f"--out={out}"), ("out",))
    for out in ("", " ", "x", "x.txt", ".png", "beside", "a/x.png"):
        words = ("ganstab", "compare", "beside", "other", f"--out={out}")
        yield Case("places", f"compare --out={out}", words, make=copied(sound.tiny, "other"))
    for out in ("x.npz", "x.json"):
        for name, how in PLACE.items():
            if name in ("folder", "link to itself", "link to nothing", "pipe"):
                make = _there(out, how)
                words = (*RULER, "--out=x.npz")
                yield Case("places", f"classifier {out}: {name}", words, ("out",), make=make)
    for cache in ("beside/config.json", "loop", "/dev/null", "~nosuchuser/x", " "):
        words = ("tiny_run", "--num_steps=2", "--workdir=run", f"--compilation_cache={cache}")
        yield Case(
            "places", f"--compilation_cache={cache}", words, ("compilation_cache",), make=_loop
        )


def figures(sound: Sound) -> Iterator[Case]:
    """The folder of the programs that draw."""
    del sound
    for name, how in {**CONTENT, **OTHER_JSON, **PLACE}.items():
        # Nothing is known of the folder without its result; an empty one is as good as new.
        status, told = ((0,), ()) if name == "deleted" else ((2,), ("run",))
        yield Case("figures", f"result.json: {name}", (*GAMES, "--workdir=run"), told, status,
                   make=_figures("result.json", how, '{"seed": 0, "seconds": {}}'))  # fmt: skip
    for text in (
        '{"seconds": 3}', '{"seconds": []}', '{"seconds": null}', '{"seconds": "x"}',
        '{"seconds": {"adversarial_balance": "x"}}', '{"seconds": {"adversarial_balance": []}}',
        '{"seconds": {"adversarial_balance": -1}}', '{"seconds": {"adversarial_balance": NaN}}',
        '{"seconds": {}, "seed": 1}', '{"seconds": {}, "seed": "0"}', '{"seconds": {}, "seed": []}',
        '{"seconds": {}, "seed": null}', '{"seconds": {}, "seed": 1e999}', '{"seed": 0}',
        '{"seconds": {"../x": 1}, "seed": 1}',
    ):  # fmt: skip
        make = _figures("result.json", None, text)
        yield Case("figures", text, (*GAMES, "--workdir=run"), ("run",), make=make)
    for name in PLACE:
        for path in ("figures", "report.html", ".lock"):
            make = _figures(path, PLACE[name], '{"seed": 0, "seconds": {}}')
            words = (*GAMES, "--workdir=run")
            yield Case("figures", f"{path}: {name}", words, (), (0, 2), make, touches=True)


def _figures(path: str, how, text: str):
    def make(here: pathlib.Path) -> None:
        (here / "run").mkdir()
        (here / "run" / "result.json").write_text(text)
        file = here / "run" / path
        if how:
            file.touch()
            how(file)

    return make


def _there(name: str, how):
    def make(here: pathlib.Path) -> None:
        (here / name).touch()
        how(here / name)

    return make


def _locked(here: pathlib.Path) -> None:
    here.chmod(0o777)
    (here / "locked").mkdir()
    (here / "locked").chmod(0o555)


def _and(*makers):
    def make(here: pathlib.Path) -> None:
        for each in makers:
            each(here)

    return make


def _loop(here: pathlib.Path) -> None:
    (here / "loop").symlink_to("loop")
