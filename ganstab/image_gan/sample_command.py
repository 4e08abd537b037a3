"""The command `ganstab sample`: pictures from a trained run."""

import argparse
import io
import pathlib
from collections.abc import Iterator, Sequence

import jax
import numpy as np
import tqdm
from PIL import Image

from ganstab._command_line import Parser, add_seed, add_step, exit_status, file_name
from ganstab.errors import InputError
from ganstab.generator import Generator, load
from ganstab.metrics.sources import GRID
from ganstab.reporting.formatting import best_line
from ganstab.reporting.writing import explained, write_atomic
from ganstab.training import distributed
from ganstab.training.run_folder import check_writable, is_run, local_folder, read_result
from ganstab.training.samples import are_images, tile, to_bytes

__all__ = ["main"]

AT_ONCE = 256
SHOWN = 64
"""Samples in the grid."""
MOST = 10**7
FRAMES_A_CORNER = 15
FRAME_MS = 66
ANIMATED = (".gif", ".png", ".webp")


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Writes what a command line asks for, and gives the exit status: 2 for bad input."""
    parser = Parser(
        prog=prog,
        description="Draws samples from the newest checkpoint of a run: a PNG for each, and a grid "
        "of the\nfirst 64. Where samples are no images, they are written as one file samples.npy.",
    )
    parser.add_argument("run", metavar="RUN", help="the run's folder")
    parser.add_argument("--out", default="samples", help="folder to write to (%(default)s)")
    parser.add_argument("--n", type=int, default=SHOWN, help="how many samples (%(default)s)")
    add_seed(parser, "the random inputs")
    parser.add_argument(
        "--class", dest="label", help="name or number of a class, of a run with --conditional"
    )
    parser.add_argument(
        "--truncation",
        type=float,
        help="draw numbers of the random inputs beyond ± this again, e.g. 1.5: less variety, and "
        "better samples of some networks, worse of others",
    )
    parser.add_argument(
        "--interpolate",
        type=file_name,
        metavar="FILE.gif",
        help="write samples on the way between random inputs too, as an animation",
    )
    add_step(parser)
    parser.add_argument(
        "--experiment",
        metavar="MODULE:FUNCTION",
        help="makes the run's experiment, if that is your own code",
    )
    return exit_status(_sample, parser.parse_args(arguments))


def _sample(asked: argparse.Namespace) -> int:
    if not 1 <= asked.n <= MOST:
        raise InputError(f"--n={asked.n}: 1 or more is expected, {MOST:,} at most")
    if asked.truncation is not None and not asked.truncation > 0:
        raise InputError(f"--truncation={asked.truncation}: a number above 0 is expected")
    animation = asked.interpolate and _animation(asked.interpolate)
    out = local_folder(asked.out, "--out")
    check_writable(out, "--out")
    _check_no_others(out, asked.n)
    distributed.use_full_precision()
    distributed.use_compilation_cache(None)
    generator = load(asked.run, step=asked.step, experiment=asked.experiment)
    label = _label(generator, asked.label)
    if animation and len(generator.sample_shape) != 3:
        raise InputError(f"--interpolate: the samples of {asked.run} are no images")
    key = jax.random.key(asked.seed)
    print(f"step {generator.step:,} of {asked.run}")
    if asked.step is None and (best := best_line(read_result(local_folder(asked.run, "RUN")))):
        print(best)
    print(_write_samples(generator, key, label, asked, out))
    if animation:
        _write_animation(generator, key, label, asked, animation)
        print(f"interpolation: {animation}", flush=True)
    return 0


def _check_no_others(out: pathlib.Path, n: int) -> None:
    """Samples may replace earlier samples, which have a grid beside them, but no other images."""
    if is_run(out):
        raise InputError(f"--out={out} is the folder of a run: name another")
    taken = out.is_dir() and not (out / GRID).exists()
    other = next((name for name in _names(n) if (out / name).exists()), "") if taken else ""
    if other:
        raise InputError(
            f"--out={out} has a file {other}, and no {GRID} says that it is a sample: name another "
            "folder"
        )


def _names(n: int) -> Iterator[str]:
    digits = len(str(n - 1))
    return (f"{i:0{digits}}.png" for i in range(n))


def _animation(name: str) -> pathlib.Path:
    path = local_folder(name, "--interpolate")
    if path.suffix.lower() not in ANIMATED:
        raise InputError(
            f"--interpolate={name}: a file ending in {', '.join(ANIMATED)} is expected"
        )
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"--interpolate={name}: a file in a folder that is there is expected")
    check_writable(path.parent, "--interpolate")
    return path


def _label(generator: Generator, name: str | None) -> int | None:
    """The number of a class, by its name or its number."""
    names = list(generator.classes)
    if name is None:
        return None
    if not names:
        raise InputError(
            f"--class={name}: this run's generator takes no class; one that was trained with "
            "--conditional does"
        )
    if name in names:
        return names.index(name)
    if name.isdecimal() and int(name) < len(names):
        return int(name)
    raise InputError(f"--class={name}: one of {', '.join(names)} is expected")


def _write_samples(
    generator: Generator,
    key: jax.Array,
    label: int | None,
    asked: argparse.Namespace,
    out: pathlib.Path,
) -> str:
    """Writes all, and says where they are."""
    with explained(f"cannot write into {out}"):
        out.mkdir(parents=True, exist_ok=True)
    names = _names(asked.n)
    kept: list[np.ndarray] = []
    batches = generator.batches(
        key, asked.n, label=label, truncation=asked.truncation, size=AT_ONCE
    )
    starts = tqdm.tqdm(range(0, asked.n, AT_ONCE), "sampling", leave=False, disable=None)
    for start, batch in zip(starts, batches, strict=True):
        drawn = np.asarray(batch)
        if not are_images(drawn):
            kept.append(drawn)
            continue
        if start == 0:  # before them, so that what is cut short is known as samples
            grid = tile(drawn[:SHOWN], columns=8, scale=2)
            write_atomic(out / GRID, _encoded([grid], "PNG"))
        for image in to_bytes(drawn):
            write_atomic(out / next(names), _encoded([image], "PNG"))
    if kept:
        file = io.BytesIO()
        np.save(file, np.concatenate(kept))
        write_atomic(out / "samples.npy", file.getvalue())
        return f"samples: {out / 'samples.npy'}"
    others = sum(file.suffix == ".png" for file in out.iterdir()) - asked.n - 1
    beside = f" (beside {others:,} other images that were there)" if others else ""
    return f"samples: {asked.n:,} in {out}{beside}, the first of them in {out / GRID}"


def _write_animation(
    generator: Generator,
    key: jax.Array,
    label: int | None,
    asked: argparse.Namespace,
    path: pathlib.Path,
) -> None:
    corners = 4
    frames = generator.interpolate(
        jax.random.fold_in(key, 2**31), 16, FRAMES_A_CORNER * corners, corners=corners,
        label=label, truncation=asked.truncation,
    )  # fmt: skip
    pictures = [tile(np.asarray(frame), columns=4, scale=2) for frame in frames]
    kind = path.suffix[1:].upper()
    write_atomic(path, _encoded(pictures, kind))


def _encoded(pictures: Sequence[np.ndarray], kind: str) -> bytes:
    """A picture, or several as an animation without end."""
    found = [Image.fromarray(p[..., 0] if p.shape[-1] == 1 else p) for p in pictures]
    more = {"save_all": True, "append_images": found[1:], "duration": FRAME_MS, "loop": 0}
    file = io.BytesIO()
    found[0].save(file, kind, **(more if len(found) > 1 else {}))
    return file.getvalue()
