"""Files with random changes: whatever is in them, the answer is a value or one line."""

import io
import pathlib
import random
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image
from tiny_images import BYTES, LABELS, idx_bytes

from .harness import Case
from .runs import DOCTOR
from .sound import TINY, Sound, copied, cut

FORMATS = ("png", "jpg", "gif", "bmp", "tif", "webp", "ppm")
EACH = 16


def cases(sound: Sound) -> Iterator[Case]:
    """Images, IDX files, archives of arrays, JSON, checkpoints."""
    for end in FORMATS:
        data = _image(end)
        for number in range(EACH):
            changed = _changed(data, f"{end}{number}")
            yield _read(f"{end} {number}", f"a/1.{end}", changed, _load_images)
    for number in range(EACH):
        changed = _changed(idx_bytes(BYTES[..., 0]), f"idx{number}")
        yield _read(f"idx {number}", "train-images-idx3-ubyte", changed, _load_idx)
        archive = (sound.tiny / "samples" / "step_000000004.npz").read_bytes()
        yield _run(sound, f"samples {number}", "samples/step_000000004.npz", archive, (0,))
        for name in ("metrics.jsonl", "evaluations.jsonl", "result.json"):
            text = (sound.tiny / name).read_bytes()
            yield _run(sound, f"{name} {number}", name, text, (0,))
        config = (sound.tiny / "config.json").read_bytes()
        yield _run(sound, f"config.json {number}", "config.json", config, (0, 2))
    newest = sound.tiny / "checkpoints" / "step_000000004"
    files = sorted(p for p in newest.rglob("*") if p.is_file())
    for file in files:
        for number in range(8):
            path = str(file.relative_to(sound.tiny))
            yield _run(sound, f"{file.name} {number}", path, file.read_bytes(), (0, 2))
    for name in ("config.json", "result.json", "metrics.jsonl", "evaluations.jsonl"):
        data = (sound.mixture / name).read_bytes()
        for number in range(EACH // 2):
            changed = _changed(data, f"{name}{number}")

            def make(here: pathlib.Path, name=name, changed=changed) -> None:
                copied(sound.mixture)(here)
                (here / "run" / name).write_bytes(changed)

            yield Case("fuzz", f"doctor, {name} {number}", DOCTOR, (), (0, 2), make)


def _changed(data: bytes, seed: str) -> bytes:
    """A few bytes flipped, cut out, doubled or put in."""
    draw, found = random.Random(seed), bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 5))):
        # Headers are at the beginning, where most of what can go wrong is told.
        place = draw.randrange(min(len(found), draw.choice((64, len(found)))))
        way = draw.randrange(4)
        if way == 0:
            found[place] ^= 1 << draw.randrange(8)
        elif way == 1:
            found[place] = draw.choice((0, 255, 34, 48, 125))
        elif way == 2:
            del found[place : place + draw.choice((1, 4, 50))]
        else:
            found[place:place] = draw.choice((b"0", b"\0\0", b"-", b"[", b"9" * 30, b"\xff" * 4))
        if not found:
            break
    return bytes(found)


def _image(end: str) -> bytes:
    buffer = io.BytesIO()
    draw = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(draw).save(buffer, {"jpg": "JPEG", "tif": "TIFF"}.get(end, end))
    return buffer.getvalue()


def _load_images() -> None:
    from ganstab.data import load_folder

    load_folder(".")


def _load_idx() -> None:
    from ganstab.data import load_idx

    load_idx(".", "train")


def _read(name: str, path: str, data: bytes, load: Callable[[], None]) -> Case:
    def make(here: pathlib.Path) -> None:
        (here / path).parent.mkdir(exist_ok=True)
        (here / path).write_bytes(data)
        (here / "train-labels-idx1-ubyte").write_bytes(idx_bytes(LABELS))
        if not path.startswith("train"):
            (here / "a" / "2.png").write_bytes(_image("png"))
            import shutil

            shutil.rmtree(here / "beside")

    told = (path,)
    return Case("fuzz", name, ("load",), told, (0, 2), make, call=load)


def _run(sound: Sound, name: str, path: str, data: bytes, status: tuple[int, ...]) -> Case:
    changed = _changed(data, name)

    def make(here: pathlib.Path) -> None:
        copied(sound.tiny)(here)
        cut(here / "run")
        (here / "run" / path).write_bytes(changed)

    words = (*TINY, "--workdir=run")
    return Case("fuzz", f"run, {name}", words, (), status, make, like=sound.tiny, touches=True)
