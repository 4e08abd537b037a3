"""`ganstab sample`, `ganstab metrics` and `ganstab metrics convert`: their flags, runs and files."""

import functools
import json
import os
import pathlib
import shutil
import zipfile
from collections.abc import Callable, Iterator

import numpy as np

from ganstab.metrics import load_statistics

from .damage import CONTENT, OTHER_JSON, PLACE
from .data import _flagged, _header, _npz, _one, _save, _unreadable, _zipped, become_nobody
from .flags import NO_WHOLE
from .harness import Case
from .image_gan import unusable
from .runs import changed, to
from .sound import Sound, copied

SAMPLE = ("ganstab", "sample", "run", "--n=2")
METRICS = ("ganstab", "metrics")
OUTSIDE = "-1", "0", "1" + "0" * 30, "-1" + "0" * 30, "9" * 5000
NO_PLACE = (
    "", " ", "nowhere", "empty", "file", "/dev/null", "/dev/zero", "~nosuchuser/x", "x" * 300,
    "loop", "pipe", "\udcff", "gs://a/b", "beside/config.json", "text", "a\nb",
)  # fmt: skip
Change = Callable[[pathlib.Path], object]


def sample(sound: Sound) -> Iterator[Case]:
    """Flags, runs, and where samples are written."""
    make = copied(sound.gan)
    for flag, values in {
        "n": (*NO_WHOLE, *OUTSIDE),
        "seed": (*NO_WHOLE, "-1", str(2**32), "9" * 5000),
        "step": (*NO_WHOLE, "-1", "0", "1", "7", "1" + "0" * 30),
        "truncation": ("", "x", "nan", "-inf", "0", "-0.0", "-1", "1,5", "1e999x"),
        "class": ("", " ", "c", "2", "-1", "A", "a,b", "½", "٣", "\udcff", "1" + "0" * 30),
        "interpolate": ("", " ", "x", "x.mp4", "gif", ".gif", "~nosuchuser/x.gif", "gs://a/x.gif"),
        "experiment": ("", "x", ":", "nosuch:f", "tiny_run:nothing", "tiny_run:rows", "os:getcwd"),
        "nothing": ("1",),
    }.items():
        for value in values:
            if (flag, value) != ("interpolate", ""):  # which is none
                words = (*SAMPLE, f"--{flag}={value}")
                yield Case("sample", f"--{flag}={value[:20]!r}", words, make=make)
    for place in (*NO_PLACE, "images", "table"):
        words = ("ganstab", "sample", place)
        yield Case("sample", f"RUN {place[:20]!r}", words, make=_places(sound))
    for words in ((), ("run", "run"), ("--n=2",), ("run", "--out"), ("run", "--", "--n")):
        yield Case("sample", " ".join(words), ("ganstab", "sample", *words), make=make)
    for name, changes in damaged_runs().items():
        yield Case("sample", f"run: {name}", SAMPLE, make=_and(make, *changes))
    for name, make_place in {
        "file": lambda here: (here / "file").touch(),
        "file/deep": lambda here: (here / "file").touch(),
        "loop": lambda here: (here / "loop").symlink_to("loop"),
        "pipe": lambda here: os.mkfifo(here / "pipe"),
        "/dev/null": _nothing, "/dev/null/x": _nothing, "/proc/1/x": _nothing, "": _nothing,
        " ": _nothing, "y" * 300: _nothing, "~nosuchuser/x": _nothing, "gs://a/b": _nothing,
        "run/config.json": _nothing,
    }.items():  # fmt: skip
        words = (*SAMPLE, f"--out={name}")
        yield Case("sample", f"--out={name[:20]!r}", words, make=_and(make, make_place))
        way = f"{name or 'nowhere'}/way.gif"
        words = (*SAMPLE, f"--interpolate={way}")
        yield Case("sample", f"--interpolate={way[:20]!r}", words, make=_and(make, make_place))
    locked = _and(make, _locked)
    words = (*SAMPLE, "--out=locked/x")
    yield Case("sample", "--out not to be written", words, make=locked, inside=become_nobody)


def metrics(sound: Sound) -> Iterator[Case]:
    """Flags, places and files of either set of images, and the file of statistics."""
    make = _places(sound)
    for flag, values in {
        "n": (*NO_WHOLE, *OUTSIDE, "1"),
        "seed": NO_WHOLE,
        "step": (*NO_WHOLE, "-1", "0", "1", "7"),
        "metrics": ("", ",", "fidd", "swd,x", "SWD", "fid", "kid,is", "digits", "\udcff"),
        "experiment": ("", "x", ":", "nosuch:f", "tiny_run:nothing", "tiny_run:rows"),
        "reference": ("", "x.npz", "pipe"),
        "nothing": ("1",),
    }.items():
        for value in values:
            if (flag, value) != ("reference", ""):  # which is none
                words = (*METRICS, "run", "images", f"--{flag}={value}")
                yield Case("metrics", f"--{flag}={value[:20]!r}", words, make=make)
    for words in (
        (), ("images",), ("images", "images", "images"), ("images", "images", "--n=3"),
        ("images", "images", "--step=1"), ("images", "images", "--experiment=x:y"), ("--json",),
        ("run", "run", "run"), ("table",), ("mixture", "images"), ("mixture",), ("run", "small"),
    ):  # fmt: skip
        yield Case("metrics", " ".join(words), (*METRICS, *words), make=make)
    for place in NO_PLACE:
        for words in ((place, "images"), ("images", place), ("run", place), (place,)):
            name = " ".join(word[:20] for word in words)
            yield Case("metrics", f"place {name!r}", (*METRICS, *words), make=make)
    for name, changes in damaged_runs().items():
        changed_run = _and(make, *changes)
        yield Case("metrics", f"run: {name}", (*METRICS, "run", "images"), make=changed_run)
    for name, change in {
        "gone": to(data="nowhere"), "other": to(data="small"), "another hash": to(data_files="x"),
        "a file": to(data="file"), "empty": to(data="empty"), "a pipe": to(data="pipe"),
    }.items():  # fmt: skip
        changed_run = _and(make, _in_run(changed("config.json", change)))
        yield Case("metrics", f"data: {name}", (*METRICS, "run"), ("data",), make=changed_run)
    yield from _arrays(make)
    yield from _pictures(make)
    yield from _weights(make)
    yield from _statistics()


def _arrays(make: Change) -> Iterator[Case]:
    whole = np.zeros((4, 16, 16, 3), np.uint8)
    for end, data in (("npy", _one(whole)), ("npz", _npz({"a": whole}))):
        for name, how in {**CONTENT, **PLACE}.items():
            yield _array(f"{end}: {name}", f"x.{end}", data, make, how)
    for name, array in {
        "no images": whole[:0], "one image": whole[:1], "no pixels": whole[:, :0],
        "two channels": whole[..., :2], "four channels": np.zeros((4, 16, 16, 4), np.uint8),
        "rank 2": whole[0, 0], "rank 5": whole[None], "a number": np.uint8(3), "words": np.array("a"),
        "another size": whole[:, :9], "small": whole[:, :5, :5], "int64": whole.astype(np.int64),
        "bool": whole.astype(bool), "complex": whole.astype(complex),
        "dates": whole.astype("datetime64[s]"), "NaN": np.full(whole.shape, np.nan),
        "infinite": np.full(whole.shape, -np.inf), "to 255": whole.astype(float) + 255,
        "to 1": np.ones(whole.shape), "a structure": np.zeros(4, [("x", np.uint8)]),
    }.items():  # fmt: skip
        yield _array(f"npy: {name}", "x.npy", _one(np.asarray(array)), make)
        yield _array(f"npz: {name}", "x.npz", _npz({"a": np.asarray(array)}), make)
    for name, data in {
        "a huge header": _header("(9999999999, 16, 16, 3)"),
        "a header of code": _header("__import__('os').getpid()"),
        "a negative shape": _header("(-4, 16, 16, 3)"),
        "no header": b"\x93NUMPY", "a version of none": b"\x93NUMPY\x09\x09" + bytes(80),
    }.items():  # fmt: skip
        yield _array(f"npy: {name}", "x.npy", data, make)
        yield _array(f"npz: {name}", "x.npz", _zipped({"a.npy": data}), make)
    for name, data in {
        "two": _npz({"a": whole, "b": whole}), "none": _npz({}), "texts": _zipped({"a.txt": b"x"}),
        "encrypted": _flagged(_npz({"a": whole})), "one array": _one(whole),
        "another method": _zipped({"a.npy": _one(whole)[:99]}, zipfile.ZIP_LZMA),
        "objects": _npz({"a": np.array([{}])}),
    }.items():  # fmt: skip
        yield _array(f"npz: {name}", "x.npz", data, make)


def _array(
    name: str, file: str, data: bytes, make: Change, how: Change = lambda path: None
) -> Case:
    def damaged(here: pathlib.Path) -> None:
        (here / file).write_bytes(data)
        how(here / file)

    return Case("metrics", name, (*METRICS, file, "images"), (file,), make=_and(make, damaged))


def _pictures(make: Change) -> Iterator[Case]:
    for name, (end, data) in unusable().items():
        if name not in ("animated gif", "animated png", "animated webp", "tiff of pages"):
            bad = _and(make, lambda here, e=end, d=data: (here / f"images/9.{e}").write_bytes(d))
            words = (*METRICS, "images", "images")
            yield Case("metrics", f"image: {name}", words, ("9.",), make=bad)
    for name, how in {**CONTENT, **PLACE}.items():
        if name not in ("deleted", "renamed"):
            bad = _and(make, lambda here, how=how: how(here / "images" / "3.png"))
            words = (*METRICS, "images", "images")
            yield Case("metrics", f"image: {name}", words, ("3.png",), make=bad)
    for name in ("3.png", "."):
        bad = _and(make, lambda here, name=name: _unreadable(name)(here / "images"))
        words = (*METRICS, "images", "run")
        yield Case("metrics", f"{name} not to be read", words, make=bad, inside=become_nobody)


def _weights(make: Change) -> Iterator[Case]:
    for end in ("npz", "pth", "pb"):
        for name, how in {**CONTENT, **PLACE}.items():
            bad = _and(make, lambda here, how=how, end=end: how(_there(here / f"w.{end}")))
            words = (*METRICS, "images", "images", f"--inception=w.{end}", "--metrics=fid")
            yield Case("metrics", f"weights w.{end}: {name}", words, (f"w.{end}",), make=bad)


def _statistics() -> Iterator[Case]:
    whole = {
        "n": np.asarray(3), "mean": np.zeros(2), "scatter": np.zeros((2, 2)), "digest": np.array("d"),
    }  # fmt: skip
    changes = {
        **{name: _npz({**whole, name: np.zeros(5)}) for name in whole},
        **{f"no {name}": _npz({n: a for n, a in whole.items() if n != name}) for name in whole},
        "one more": _npz({**whole, "more": np.zeros(1)}), "another digest": _npz({**whole, "digest": np.array("e")}),
        "objects": _npz({**whole, "mean": np.array([{}])}), "one array": _one(np.zeros(3)),
        "a text": _npz({**whole, "mean": np.array("a")}), "a number": _npz({**whole, "mean": np.zeros(())}),
    }  # fmt: skip
    damages = {name: (_npz(whole), how) for name, how in {**CONTENT, **PLACE}.items()}
    for name, (data, how) in (damages | {n: (d, _nothing) for n, d in changes.items()}).items():

        def make(here: pathlib.Path, data=data, how=how) -> None:
            (here / "s.npz").write_bytes(data)
            how(here / "s.npz")

        def load() -> None:
            load_statistics("s.npz", "d")

        yield Case(
            "metrics", f"statistics: {name}", ("load_statistics",), ("s.npz",), make=make, call=load
        )


def _damaged(name: str, how: Change) -> Change:
    return lambda here: how(_there(here / name))


def _write(here: pathlib.Path, data: bytes) -> None:
    (here / "w.pth").write_bytes(data)


def convert(sound: Sound) -> Iterator[Case]:
    """Files that hold no weights of the Inception network, and names that cannot be written."""
    del sound
    convert = (*METRICS, "convert")
    for end in ("npz", "pth", "pb", "txt"):
        for name, how in {**CONTENT, **PLACE}.items():
            words = (*convert, f"w.{end}", "out.npz")
            bad = _damaged(f"w.{end}", how)
            yield Case("convert", f"w.{end}: {name}", words, (f"w.{end}",), make=bad)
    tensor = np.zeros((3, 3), np.float32)
    for name, data in {
        "other tensors": _npz({"a": tensor}), "none": _npz({}), "objects": _npz({"a": np.array([{}])}),
        "texts": _zipped({"a.txt": b"x"}), "encrypted": _flagged(_npz({"a": tensor})),
        "a pickle": _zipped({"x/data.pkl": b"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x8c\x02os\x94."}),
        "code": _zipped({"x/data.pkl": b"cos\nsystem\n(S'touch made'\ntR."}),
        "code alone": b"cos\nsystem\n(S'touch made'\ntR.",
        "no pickle": _zipped({"x/data.pkl": b""}), "a graph of nothing": b"\x0a\x00",
        "a graph without end": b"\x0a\xff\xff\xff\xff\x0f", "a graph cut": b"\x0a\x40\x0a\x04name",
        "a recursion": b"\x0a\x02" * 50_000, "a huge header": _zipped({"a.npy": _header("(99999999999,)")}),
    }.items():  # fmt: skip
        words = (*convert, "w.pth", "out.npz")
        bad = functools.partial(_write, data=data)
        yield Case("convert", name, words, ("w.pth",), make=bad, never="made")
    for words in (
        (), ("w.pb",), ("w.pb", "out.bin"), ("w.pb", ""), ("w.pb", "out.NPZ"), ("w.pb", "npz"),
        ("", "out.npz"), (" ", "out.npz"), ("nowhere.pb", "out.npz"), ("/dev/zero", "out.npz"),
        ("\udcff", "out.npz"), ("x" * 300, "out.npz"), ("beside", "out.npz"), ("a", "b", "c"),
        ("--nothing", "a", "out.npz"), ("gs://a/b.pb", "out.npz"),
    ):  # fmt: skip
        yield Case("convert", " ".join(word[:20] for word in words), (*convert, *words))


def damaged_runs() -> dict[str, tuple[Change, ...]]:
    """What can befall the folder of a run that is only read."""
    found: dict[str, tuple[Change, ...]] = {}
    for name, how in {**CONTENT, **OTHER_JSON, **PLACE}.items():
        found[f"config.json {name}"] = (_in_run(lambda run, how=how: how(run / "config.json")),)
    for name, change in {
        "no class": lambda config: config.pop("config_class"),
        "no experiment": lambda config: config.pop("experiment"),
        "another program": to(config_class="experiments.stacked_mnist:StackedMnist"),
        "code": to(experiment="os:system"),
        "code of settings": to(config_class="os:system"),
        "another maker": to(experiment="ganstab.checkpoint:clean"),
        "unknown": to(speed=3), "width negative": to(width=-1), "width another": to(width=3),
        "no shape": to(shape="x"), "a shape of nothing": to(shape="0x0x0"), "small": to(shape="1x1x3"),
        "another shape": to(shape="16x16x1"), "shape a number": to(shape=3), "rank 2": to(shape="16x16"),
        "classes no JSON": to(classes="["), "classes a number": to(classes="3"),
        "classes of numbers": to(classes="[1, 2]"), "other classes": to(classes='["a"]'),
        "classes an object": to(classes="{}"), "not conditional": to(conditional=False),
        "another network": to(network="residual"), "another recipe": to(recipe="wgan"),
        "no such recipe": to(recipe="x"), "no such precision": to(precision="float16"),
        "latent": to(latent=5), "no average": to(ema_images=0),
    }.items():  # fmt: skip
        found[f"config: {name}"] = (_in_run(changed("config.json", change)),)
    for name, how in PLACE.items():
        if name not in ("link to zeros", "pipe"):
            found[f"checkpoints {name}"] = (_in_run(lambda run, how=how: how(run / "checkpoints")),)
    for name, how in {**CONTENT, **PLACE}.items():
        for file in ("newest array", "checksums"):
            found[f"{file} {name}"] = (
                _in_run(lambda run, how=how, f=file: how(_of_newest(run, f))),
            )
    return found


def _of_newest(run: pathlib.Path, what: str) -> pathlib.Path:
    """A file of the only checkpoint that is left."""
    *older, newest = sorted((run / "checkpoints").iterdir())
    for other in older:
        shutil.rmtree(other)
    if what == "checksums":
        return newest / "manifest" / "metadata"
    return next((newest / "arrays" / "d").iterdir())


def _places(sound: Sound) -> Change:
    """Runs, images, and what is neither."""

    def make(here: pathlib.Path) -> None:
        shutil.copytree(sound.gan, here / "run")
        shutil.copytree(sound.mixture, here / "mixture")
        shutil.copytree(sound.ring, here / "table")
        for i in range(4):
            _save(here / "images" / f"{i}.png", (16, 16, 3))
            _save(here / "small" / f"{i}.png", (9, 9, 3))
        (here / "empty").mkdir()
        (here / "text").mkdir()
        (here / "text" / "a.txt").touch()
        (here / "file").write_text(json.dumps({}))
        (here / "loop").symlink_to("loop")
        os.mkfifo(here / "pipe")

    return make


def _in_run(change: Change) -> Change:
    return lambda here: change(here / "run")


def _there(path: pathlib.Path) -> pathlib.Path:
    path.write_bytes(bytes(100))
    return path


def _locked(here: pathlib.Path) -> None:
    here.chmod(0o777)
    (here / "locked").mkdir(mode=0o555)


def _nothing(place: pathlib.Path) -> None:
    del place


def _and(*makers: Change) -> Change:
    def make(here: pathlib.Path) -> None:
        for each in makers:
            each(here)

    return make
