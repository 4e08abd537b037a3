"""Command lines of another shape: words, flag files, other programs' options, what surrounds them."""

import os
import pathlib
import resource
import sys
from collections.abc import Callable, Iterator

from .flags import NO_NUMBER, PROGRAMS
from .harness import Case
from .sound import MIXTURE, NO_CACHE, TINY, Sound, copied

KIND = "commands"
FLAG_FILES = {
    "missing": lambda path: None,
    "empty name": lambda path: None,
    "a folder": pathlib.Path.mkdir,
    "a pipe": os.mkfifo,
    "zeros": lambda path: path.symlink_to("/dev/zero"),
    "itself": lambda path: path.symlink_to(path),
    "not UTF-8": lambda path: path.write_bytes(b"--seed=\xff\n"),
    "noise": lambda path: path.write_bytes(bytes(range(256)) * 4),
    "an unknown flag": lambda path: path.write_text("--nothing=1\n"),
    "a bad value": lambda path: path.write_text("--seed=nan\n"),
    "a word": lambda path: path.write_text("seed 3\n"),
    "a file that is missing": lambda path: path.write_text("--flagfile=nowhere\n"),
    "null characters": lambda path: path.write_bytes(b"--seed=\0\n"),
}


def cases(sound: Sound) -> Iterator[Case]:
    """All of them."""
    yield from _shapes()
    yield from _flag_files()
    yield from _coordinators()
    yield from _others()
    yield from _surroundings(sound)


def _shapes() -> Iterator[Case]:
    for program in PROGRAMS:
        module = f"experiments.{program}"
        for words, told in (
            (["word"], "word"),
            (["--seed"], "seed"),
            (["--seed=1", "2"], "2"),
            (["--no_such"], "no_such"),
            (["--nosuch=3"], "nosuch"),
            (["-x"], "x"),
            (["-"], "-"),
            (["--", "word"], "word"),
            (["--=3"], ""),
            (["—seed=3"], "seed"),
            (["--seed=-1", "--seed=x"], "seed"),
            (["--noseed"], "noseed"),
            (["--nolive=3"], "live"),
            (["--smoke", "--num_steps=0"], "num_steps"),
            (["--\udcff=1"], ""),
            (["--SEED=1"], "SEED"),
        ):
            name = f"{program} {' '.join(words)}"
            yield Case(KIND, name, (module, NO_CACHE, *words), (told,))


def _flag_files() -> Iterator[Case]:
    for name, make in FLAG_FILES.items():
        file = "" if name == "empty name" else "flags"
        yield Case(
            KIND, f"--flagfile: {name}", ("tiny_run", NO_CACHE, f"--flagfile={file}"),
            make=lambda here, make=make: make(here / "flags"), limit=10,
        )  # fmt: skip


def _coordinators() -> Iterator[Case]:
    one = "--num_processes=1", "--process_id=0"
    for address in (
        "", " ", "x", "localhost", "127.0.0.1", ":1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:-1",
        "127.0.0.1:99999", "127.0.0.1:1e3", "no such host:1234", "nosuch.invalid:1234",
        "256.1.1.1:1234", "http://127.0.0.1:1234", "AUTO", "1234", "[::1:1234", "::1", "\udcff:1",
        "127.0.0.1:0", "a" * 300 + ":1", "127.0.0.1:1:2",
    ):  # fmt: skip
        words = ("tiny_run", NO_CACHE, "--workdir=run", f"--coordinator={address}", *one)
        yield Case(KIND, f"--coordinator={address[:30]}", words, ("coordinator",), limit=30)
    for more in (
        ["--num_processes=2"], ["--process_id=0"], ["--coordinator=127.0.0.1:1"],
        ["--coordinator=127.0.0.1:1", "--num_processes=2", "--process_id=2"],
        ["--coordinator=127.0.0.1:1", "--num_processes=0", "--process_id=0"],
        ["--coordinator=127.0.0.1:1", "--num_processes=2", "--process_id=-1"],
        ["--coordinator=auto"], ["--coordinator=auto", "--num_processes=2"],
    ):  # fmt: skip
        yield Case(KIND, " ".join(more), ("tiny_run", NO_CACHE, "--workdir=run", *more), limit=30)


def _others() -> Iterator[Case]:
    """The programs that train no GAN."""
    for value in (*NO_NUMBER, "nan", "-1", "1.5", "1" + "0" * 30, "9" * 5000):
        shown = value[:12]
        for program in ("games", "vector_fields"):
            words = (f"experiments.{program}", "--compilation_cache=", f"--seed={value}")
            yield Case(KIND, f"{program} --seed={shown}", words, ("seed",))
        for flag in ("seed", "epochs"):
            for program, more in (
                ("train_digit_classifier", ()),
                ("train_cifar_classifier", ("--data=x",)),
            ):
                words = (f"experiments.{program}", f"--{flag}={value}", "--out=a.npz", *more)
                yield Case(KIND, f"{program} --{flag}={shown}", words, (flag,))
        words = ("ganstab", "doctor", "beside", "--log_only", f"--eigenvalues={value}")
        yield Case(KIND, f"doctor --eigenvalues={shown}", words, ("eigenvalues",))
    for module in (
        "experiments.games", "experiments.vector_fields", "experiments.train_digit_classifier",
        "experiments.compare", "ganstab", "ganstab.doctor", "ganstab.training",
    ):  # fmt: skip
        for words, told in (
            (["--nothing=1"], ""), (["word", "--nothing"], ""), (["--", "--x"], ""),
            (["\udcff"], ""), ([""], ""), (["--seed"], ""), (["--out"], ""), ([" "], ""),
        ):  # fmt: skip
            name = f"{module} {' '.join(words)}"
            yield Case(KIND, name, (module, *words), (told,))
    for words in (
        ["experiments.games", "--only="], ["experiments.games", "--only=nothing"],
        ["experiments.games", "--on=dirac"], ["experiments.vector_fields", "--only=dirac"],
        ["experiments.compare"], ["experiments.compare", "--run=beside"],
        ["experiments.compare", "--run", "--run"], ["ganstab", "compare"],
        ["ganstab", "compare", "beside"], ["ganstab", "compare", "beside", "nowhere"],
        ["ganstab", "compare", "beside", ""], ["ganstab", "compare", "beside", "beside/config.json"],
        ["ganstab", "compare", "beside", "~nosuchuser/x"], ["ganstab", "compare", "beside", "\udcff"],
        ["ganstab", "compare", "beside", "gs://a/b"], ["ganstab", "compare", "beside", "/dev/null"],
        ["ganstab", "compare", "beside", "x" * 300], ["ganstab", "nothing"],
        ["ganstab", "doctor"], ["ganstab", "doctor", "a", "b"], ["ganstab", "--doctor"],
        ["ganstab.training"], ["ganstab.training", "nowhere"], ["ganstab.training", ""],
        ["ganstab.training", "beside", "beside"], ["ganstab.training", "/dev/null"],
        ["ganstab.training", "~nosuchuser/x"], ["ganstab.training", "\udcff"],
        ["ganstab.training", "x" * 300], ["ganstab.training", "gs://a/b"],
        ["ganstab.training", "beside", "--experiment="],
        ["ganstab.training", "beside", "--experiment=x"],
        ["ganstab.training", "beside", "--experiment=nosuch:f"],
        ["ganstab.training", "beside", "--experiment=tiny_run:nothing"],
        ["ganstab.training", "beside", "--experiment=tiny_run:MEASURES"],
        ["ganstab.training", "beside", "--experiment=tiny_run:rows"],
        ["ganstab.training", "beside", "--experiment=.x:f"],
    ):  # fmt: skip
        yield Case(KIND, " ".join(word[:30] for word in words), tuple(words))


def _surroundings(sound: Sound) -> Iterator[Case]:
    """A folder that is gone, a closed pipe, a full disk, a platform that is not there."""
    runs = {"tiny": TINY, "mixture": MIXTURE}
    for name, words in runs.items():
        for size in (3000, 20_000):
            yield Case(
                KIND, f"{name}: files of {size} bytes at most", (*words, "--workdir=run"),
                ("File too large",), inside=_at_most(size), touches=True,
            )  # fmt: skip
    for words in (
        (*TINY, "--workdir=run"), ("ganstab", "compare", "a", "b"), ("ganstab", "doctor", "a"),
        ("ganstab", "doctor", "nosuch:f"), ("ganstab.training", "a"),
        ("ring_experiment", "--table=steps", "--jobs=0", "--workdir=t"),
        ("experiments.games", "--compilation_cache="),
        ("experiments.train_digit_classifier", "--epochs=1"),
    ):  # fmt: skip
        yield Case(KIND, f"a folder that is gone: {words[:2]}", words, inside=_leave)
    for words in (
        ("tiny_run", "--help"), ("experiments.stacked_mnist", "--help"), ("ganstab", "--help"),
        ("ganstab", "doctor", "--help"), ("experiments.games", "--help"),
        ("ganstab", "doctor", "beside", "--log_only", "--out=d"),
        ("ganstab", "compare", "beside", "other", "--out=c.png"),
    ):  # fmt: skip
        make = copied(sound.tiny, "other")
        for name, inside in (("pipe", _broken_pipe), ("disk", _full_output)):
            status = (0, 1, 2, 141)
            yield Case(
                KIND, f"a closed {name}: {' '.join(words)}", words, status=status, make=make,
                inside=inside, touches=True,
            )  # fmt: skip
    folder = "--workdir=\udcff"
    yield Case(KIND, "a folder that is not UTF-8", (*TINY, folder), ("UTF-8",))
    folder = "--workdir=a b/ä'\"<b>/run"
    yield Case(KIND, "a folder with signs", (*TINY, folder), ("report:",), status=(0,))
    for platform in ("tpu", "cuda", "nosuch"):
        yield Case(
            KIND, f"platform {platform}", (*TINY, "--workdir=run"), (platform,), touches=True,
            inside=lambda platform=platform: _platform(platform),
        )  # fmt: skip
    huge = ("--batch_size=16777216", "--samples=64", "--num_steps=1", "--unroll_steps=0")
    yield Case(
        KIND, "more than the memory", (MIXTURE[0], NO_CACHE, *huge, "--workdir=run"), ("memory",),
        inside=_little_memory, touches=True,
    )  # fmt: skip


def _at_most(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _little_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))


def _leave() -> None:
    """Removes the folder that the program is in."""
    place = pathlib.Path.cwd() / "gone"
    place.mkdir()
    os.chdir(place)
    place.rmdir()


def _broken_pipe() -> None:
    read, write = os.pipe()
    os.close(read)
    _say_to(write)


def _full_output() -> None:
    handle = os.open("/dev/full", os.O_WRONLY)
    _say_to(handle)


def _say_to(handle: int) -> None:
    os.dup2(handle, 1)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)


def _platform(name: str) -> None:
    import jax

    os.environ["JAX_PLATFORMS"] = name
    jax.config.update("jax_platforms", name)
