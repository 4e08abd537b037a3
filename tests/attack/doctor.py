"""What `ganstab doctor` is given as MODULE:FUNCTION, and code that nothing may import."""

import json
import os
import pathlib
import shutil
import sys
from collections.abc import Iterator

from .harness import Case
from .sound import NO_CACHE, Sound, cut

MODULE = """
import functools, json, os, sys
import jax, jax.numpy as jnp, numpy as np, optax
from ganstab import Carry, Pair, TrainState, games, steps
from ganstab.doctor import Subject
LIMIT = 3
text = "text"
txs = Pair(optax.sgd(0.1), optax.sgd(0.1))
def state(gen=0.3, disc=0.2):
    params = Pair(jnp.asarray(gen), jnp.asarray(disc))
    opt = Pair(txs.gen.init(params.gen), txs.disc.init(params.disc))
    return TrainState(params, Carry(Pair((), ()), opt), jnp.zeros((), jnp.int32), jax.random.key(0))
make_step = functools.partial(steps.simultaneous, txs=txs)
def sound(**more):
    given = dict(game=games.dirac(), make_step=make_step, state=state()) | more
    return Subject(**given)
def raises(error):
    def fail(*arguments):
        raise error
    return fail
def metrics(value):
    def make(game):
        step = make_step(game)
        def take(state, batches):
            moved, found = step(state, batches)
            return moved, {**found, "gen/loss": value(found)} if callable(value) else value
        return take
    return make
def several(count):
    raise ValueError(count)
def yields():
    yield sound()
async def later():
    return sound()
class Holder:
    pass
class Own(Exception):
    pass
class Base(BaseException):
    pass
"""
SUBJECTS = {
    "nothing": "None", "a number": "3", "a text": "'x'", "a class": "Subject", "a game": "games.dirac()",
    "a tuple": "(1, 2, 3)", "itself": "made", "a list": "[sound()]",
    "numbers in it": "Subject(1, 2, 3)", "nothing in it": "Subject(None, None, None)",
    "no game": "sound(game=None)", "a game of text": "sound(game='x')",
    "a game that is a function": "sound(game=lambda p: p)",
    "no step": "sound(make_step=None)", "a step that fails": "sound(make_step=raises(Own('no')))",
    "a step with two lines": "sound(make_step=raises(Own('no\\nmore')))",
    "a step that gives nothing": "sound(make_step=lambda g: lambda s, b: None)",
    "a step that gives one": "sound(make_step=lambda g: lambda s, b: s)",
    "a step of other numbers": "sound(make_step=lambda g: lambda s: s)",
    "metrics that are none": "sound(make_step=metrics(None))",
    "metrics of text": "sound(make_step=metrics({'gen/loss': 'x'}))",
    "metrics that are a list": "sound(make_step=metrics([1]))",
    "metrics that are vectors": "sound(make_step=metrics(lambda f: jnp.ones(3)))",
    "no state": "sound(state=None)", "a state of numbers": "sound(state=3)",
    "a state of a dict": "sound(state={})", "a state without a key": "sound(state=state()._replace(key=None))",
    "a state of text": "sound(state=state()._replace(params=Pair('a', 'b')))",
    "no parameters": "sound(state=state()._replace(params=Pair((), ())))",
    "parameters of another shape": "sound(state=state(gen=jnp.ones(3)))",
    "whole parameters": "sound(state=state(gen=1, disc=2))",
    "batches of text": "sound(batches='x', batch='y')",
    "modes that fail": "sound(modes=raises(Own('no modes')))",
    "modes of a list": "sound(modes=lambda: [1, 2])", "modes of text": "sound(modes=lambda: {'a': 'b'})",
    "modes of numbers": "sound(modes=lambda: {1: 3, 2: 4})", "modes are none": "sound(modes=3)",
    "modes of other lengths": "sound(modes=lambda: {1: np.ones(3), 2: np.ones(4)})",
    "modes below 0": "sound(modes=lambda: {1: -np.ones(3), 2: np.ones(3)})",
    "modes of NaN": "sound(modes=lambda: {1: np.full(3, np.nan), 2: np.ones(3)})",
    "modes of rank 2": "sound(modes=lambda: {1: np.ones((2, 3)), 2: np.ones((2, 3))})",
    "modes, none": "sound(modes=lambda: {1: np.ones(0), 2: np.ones(0)})",
    "an exit": "sys.exit(0)", "an exit of text": "sys.exit('bye')", "an assertion": "raises(AssertionError())()",
    "an error of many lines": "raises(Own('a\\nb\\nc' * 50))()", "an error of many letters": "raises(Own('x' * 9999))()",
    "no end": "made()", "an interrupt": "raises(KeyboardInterrupt())()", 
    "a broken unicode": "raises(Own('\\udcff'))()", "an input error": "raises(__import__('ganstab').InputError('x'))()",
}  # fmt: skip
FINE = ("whole parameters", "a step that fails later", "modes that are fine")
NAMES = (
    ":", "a:", ":b", "a:b:c", "own:", "own:nothing", "own:LIMIT", "own:text", "own:json", "own:jax.numpy",
    "own:several", "own:yields", "own:later", "own:Holder", "own:Base", "own.made:x", "own:made.x",
    ".own:made", "..own:made", "own/made:x", "own.py:made", "1:2", "nosuch:f", "sys:exit", "os:getcwd",
    "os:abort.x", "builtins:list", "own:made()", "own :made", "own: made", "own:\udcff", "\udcff:x",
    "ganstab.games:dirac", "ganstab.doctor:Subject", "broken:f", "syntax:f", "exiting:f", "http://x/y:z",
    "x" * 300 + ":f", "a" + ".a" * 2000 + ":f", "own:" + "x." * 2000 + "y", "null:f",
)  # fmt: skip


def cases(sound: Sound) -> Iterator[Case]:
    """All of them."""
    for name, text in SUBJECTS.items():
        make = _modules(f"{MODULE}\ndef made():\n    return {text}\n")
        words = ("ganstab", "doctor", "own:made", "--out=d", "--eigenvalues=1")
        may_work = name.startswith(("modes", "whole", "no param", "metrics that", "parameters"))
        status = (130,) if name == "an interrupt" else (0, 2) if may_work else (2,)
        yield Case("doctor", f"subject: {name}", words, (), status, make, touches=True)
    for name in NAMES:
        words = ("ganstab", "doctor", name, "--out=d")
        make = _modules(f"{MODULE}\ndef made():\n    return sound()\n")
        yield Case("doctor", f"MODULE:FUNCTION {name[:40]}", words, make=make, touches=True)
        if not name.startswith(("sys:exit", "os:", "ganstab.doctor", "builtins")):
            words = ("ganstab", "doctor", "beside", f"--experiment={name}", "--out=d")
            yield Case("doctor", f"--experiment={name[:40]}", words, make=make, touches=True)
    for what in ("nowhere", "beside/config.json", "", " ", "loop", "pipe", "/dev/null", "x" * 300,
                 "~nosuchuser", "\udcff", "s3://a/b", ".", "..", "empty"):  # fmt: skip
        for words in (["--log_only"], []):
            name = f"RUN {what[:20]!r} {' '.join(words)}"
            yield Case("doctor", name, ("ganstab", "doctor", what, *words), make=_odd)
    for value in (
        "",
        "nosuch",
        "tiny_run:rows",
        "tiny_run:MEASURES",
        "tiny_run:start",
        "tiny_run:Tiny",
    ):
        words = ("ganstab", "doctor", "beside", f"--experiment={value}", "--out=d")
        yield Case("doctor", f"--experiment={value}", words)


def _odd(here: pathlib.Path) -> None:
    (here / "loop").symlink_to("loop")
    os.mkfifo(here / "pipe")
    (here / "empty").mkdir()


def _modules(text: str):
    def make(here: pathlib.Path) -> None:
        (here / "own.py").write_text(text)
        (here / "broken.py").write_text("1 / 0")
        (here / "syntax.py").write_text("def f(:")
        (here / "exiting.py").write_text("raise SystemExit(0)")
        (here / "null.py").write_bytes(b"x = 1\0")

    return make


EVIL = (
    "import pathlib; pathlib.Path('EVIL').touch()\nclass Settings: pass\ndef build(config): pass\n"
)
HIDING = {
    "a module": "evil.py",
    "a package": "evil/__init__.py",
    "experiments beside it": "experiments/evil.py",
    "ganstab beside it": "ganstab/evil.py",
    "a customised site": "sitecustomize.py",
    "a module of the run": "run/evil.py",
    "a conftest": "run/conftest.py",
    "a module like ours": "tiny_run.py",
}
NAMED = (
    "evil:build", "run.evil:build", "experiments.evil:build", "ganstab.evil:build", "tiny_run:build",
    ".evil:build", "experiments.mixture_of_gaussians..evil:build", "run/evil:build", "EVIL.py:build",
)  # fmt: skip


def code(sound: Sound) -> Iterator[Case]:
    """Nothing is imported from a run's folder, nor because a file in it says so."""
    commands = {
        "doctor": ("ganstab", "doctor", "run", "--out=d"),
        "compare": ("ganstab", "compare", "run", "other", "--out=c.png"),
        "again": ("ganstab.training", "run", NO_CACHE),
        "go on": ("experiments.mixture_of_gaussians", "--unroll_steps=0", "--workdir=run", NO_CACHE),
        "merge": ("ring_experiment", NO_CACHE, "--table=steps", "--jobs=0", "--merge=run", "--workdir=n"),
    }  # fmt: skip
    for title, words in commands.items():
        looks = title in ("doctor", "compare", "again")
        for place, path in HIDING.items():
            for name in NAMED:
                make = _hidden(sound, path, name)
                yield Case(
                    "code", f"{title}: {name} in {place}", words, (), (0, 2), make,
                    inside=_as_installed if looks else _nothing, touches=True, never="EVIL",
                )  # fmt: skip


def _hidden(sound: Sound, path: str, name: str):
    def make(here: pathlib.Path) -> None:
        for folder in ("run", "other"):
            copy = shutil.copytree(sound.mixture, here / folder)
            shutil.copytree(copy, copy / "cells" / "K0" / "seed0")
            for run in (copy, copy / "cells" / "K0" / "seed0"):
                config = json.loads((run / "config.json").read_text())
                names = {"experiment": name, "config_class": name.replace("build", "Settings")}
                (run / "config.json").write_text(json.dumps(config | names))
        (here / path).parent.mkdir(exist_ok=True)
        (here / path).write_text(EVIL)
        for package in ("experiments", "ganstab"):
            if path.startswith(package):
                (here / package / "__init__.py").write_text(EVIL)
        cut(here / "run", 2)

    return make


def _nothing() -> None:
    """A program of the project's own is started in the project."""


def _as_installed() -> None:
    """As `ganstab` is installed: without the project's folder, whose `experiments` are not known."""
    for name in [n for n in sys.modules if n.split(".")[0] in ("experiments", "tiny_run")]:
        del sys.modules[name]
    root = str(pathlib.Path(__file__).parents[2])
    sys.path[:] = [path for path in sys.path if path not in ("", root)]
