"""The samples that a run shows: drawn from the generator, kept as arrays, and as pictures."""

import dataclasses
import io
import pathlib
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from etils import epy

from ganstab._files import read_arrays, read_bytes
from ganstab.errors import InputError
from ganstab.priors import as_prior
from ganstab.reporting import run_log
from ganstab.reporting.writing import explained, write_atomic
from ganstab.types import Player, PriorFn, TrainState

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

with epy.lazy_imports():  # a run starts without them
    import matplotlib.figure
    import matplotlib.image

    from ganstab import style

__all__ = [
    "View",
    "alike",
    "are_images",
    "draw_rows",
    "draw_samples",
    "draw_square",
    "make_sampler",
    "over_training",
    "read_lines",
    "read_reference",
    "read_samples",
    "sample_path",
    "spread",
    "tile",
    "to_bytes",
    "views_of",
    "write_lines",
    "write_samples",
]

Arrays = Mapping[str, np.ndarray]
SAMPLES = "samples"
DATA = "samples/data.npz"
SHOWN = 64
MOST = 6
"""Steps that a picture over training shows."""
ROW = 14
"""Letters of a label that stand beside a row of images."""
_GAP = 2


@dataclasses.dataclass(frozen=True)
class View:
    """One way to draw the arrays of an evaluation."""

    draw: Callable[["Axes", Arrays, Arrays], None]
    """`(axis, arrays, reference)`; the reference is the data's own arrays, empty where unknown."""
    label: str = ""
    """Beside its row of pictures."""
    caption: str = ""
    """Below all rows."""
    is_of_images: bool = False
    """Whether it draws the samples themselves, which then need no column of their own."""


Rows = Sequence[tuple[str, Mapping[int, Arrays], View]]
"""A label, arrays by step, and how they are drawn."""


def make_sampler(
    gen: Player,
    prior: PriorFn | int,
    *,
    samples: int,
    label: Any = None,
    measure: Callable[[jax.Array], Any] = lambda samples: (),
    at_once: int = 512,
    train: bool = False,
) -> Callable[[TrainState, jax.Array], tuple[np.ndarray, Any]]:
    """`(state, key) -> (shown, found)`: at most 64 samples, and what is measured on each of all.

    Args:
      gen: the generator.
      prior: `(key, n) -> z[n, …]`, or d for a standard normal `z[n, d]`.
      samples: how many are drawn.
      label: [N, …], for a conditional generator: sample i is made under label i, and after the last
        label from the first again.
      measure: `samples [n, …] -> leaves [n, …]`, inside jit; all that is kept of every sample.
      at_once: samples in memory.
      train: whether batch norm has the statistics of each batch of `at_once`.
    """
    size, latent = min(at_once, samples), as_prior(prior)
    count = -(-samples // size)
    if label is not None:
        label = jnp.resize(label, (count, size, *jnp.shape(label)[1:]))

    @jax.jit
    def draw(state: TrainState, key: jax.Array):
        def one(given):
            key, label = given
            z = latent(key, size)
            x = z if label is None else (z, label)
            fake, _ = gen.apply(state.params.gen, state.carry.state.gen, x, key, train=train)
            return fake[:SHOWN], measure(fake)

        shown, found = jax.lax.map(one, (jax.random.split(key, count), label))
        return shown[0], jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:samples], found)

    def sample(state: TrainState, key: jax.Array) -> tuple[np.ndarray, Any]:
        return jax.tree.map(lambda x: np.asarray(x.addressable_data(0)), draw(state, key))

    return sample


def write_samples(folder: pathlib.Path, step: int | None, arrays: Arrays) -> None:
    """Keeps an evaluation's arrays, or without a step those of the data; images as bytes.

    Raises:
      InputError: the file cannot be written.
    """
    kept: dict[str, Any] = {name: to_bytes(x) if are_images(x) else x for name, x in arrays.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **kept)
    path = folder / DATA if step is None else sample_path(folder, step)
    with explained(f"cannot write {path}"):
        path.parent.mkdir(exist_ok=True)
    write_atomic(path, buffer.getvalue())


def read_samples(
    folder: pathlib.Path,
    last_step: int | None = None,
    most: int | None = None,
    tell: Callable[[str], object] = lambda words: None,
) -> dict[int, Arrays]:
    """The arrays of every evaluation by its step, up to the last one, or of `most` of them.

    A file that is damaged is left out: what it had can be drawn again at the checkpoint.

    Args:
      folder: a run's.
      last_step: the last one that is read.
      most: so many are read, evenly spread; all by default.
      tell: is told in words what is left out.
    """
    names = (path.stem.removeprefix("step_") for path in (folder / SAMPLES).glob("step_*.npz"))
    known = {int(name) for name in names if name.isdecimal()}
    steps = [step for step in known if last_step is None or step <= last_step]
    chosen = spread(steps, len(steps) if most is None else most)
    found = {step: _read(sample_path(folder, step), tell) for step in chosen}
    return {step: arrays for step, arrays in found.items() if len(arrays.get(SAMPLES, ()))}


def write_lines(folder: pathlib.Path, step: int, lines: Sequence[str]) -> None:
    """Keeps an evaluation's samples that are lines of text, beside its arrays.

    Raises:
      InputError: the file cannot be written.
    """
    write_atomic(_lines_path(folder, step), "".join(f"{line}\n" for line in lines))


def read_lines(folder: pathlib.Path, step: int) -> str:
    """The lines of text that `write_lines` kept; none where there is no such file to be read."""
    try:
        return read_bytes(_lines_path(folder, step)).decode(errors="replace")
    except InputError:
        return ""


def _lines_path(folder: pathlib.Path, step: int) -> pathlib.Path:
    return sample_path(folder, step).with_suffix(".txt")


def alike(found: Mapping[int, Arrays], tell: Callable[[str], object]) -> dict[int, Arrays]:
    """The evaluations whose arrays are of the kind that most have, the latest in doubt.

    Args:
      found: the arrays by step.
      tell: is told in words what is left out.
    """
    kinds = {step: _kind(found[step]) for step in sorted(found, reverse=True)}
    usual = max(kinds.values(), key=[*kinds.values()].count, default=())
    for step in [step for step, kind in kinds.items() if kind != usual]:
        tell(f"left out: the samples of step {step:,} are of another kind than those beside them")
    return {step: found[step] for step in sorted(found) if kinds[step] == usual}


def read_reference(folder: pathlib.Path) -> Arrays:
    """The data's own arrays; empty where the run kept none."""
    return _read(folder / DATA, lambda words: None)


def sample_path(folder: pathlib.Path, step: int) -> pathlib.Path:
    """Where the shown samples of a step are, as arrays; the names sort by step."""
    return folder / SAMPLES / f"step_{step:09d}.npz"


def _read(path: pathlib.Path, tell: Callable[[str], object]) -> Arrays:
    """The file's arrays; none where it is damaged, which is told."""
    try:
        found = read_arrays(path)
    except InputError as error:
        tell(f"left out: {error}")
        return {}
    if all(array.ndim and array.dtype.kind in "biuf" for array in found.values()):
        return found
    tell(f"left out: {path} has something else than arrays of numbers")
    return {}


def _kind(arrays: Arrays) -> tuple:
    """What is the same for all evaluations of a run."""
    kinds = ((name, array.dtype.kind, array.ndim) for name, array in sorted(arrays.items()))
    return arrays[SAMPLES].shape[1:], *kinds


def views_of(arrays: Arrays) -> Sequence[View]:
    """How arrays are drawn whose program says nothing of it, by the shape of the samples."""
    samples = arrays[SAMPLES]
    if are_images(samples):
        return (View(draw_square, is_of_images=True),)
    if samples.ndim == 2 and samples.shape[1] == 2:
        return (View(_scatter),)
    return ()


def draw_samples(
    arrays: Arrays, views: Sequence[View], reference: Arrays, path: pathlib.Path
) -> None:
    """One PNG of an evaluation: a grid of its images, or the first view of what else it drew.

    Raises:
      InputError: the file cannot be written.
    """
    if are_images(arrays[SAMPLES]):
        buffer = io.BytesIO()
        matplotlib.image.imsave(buffer, tile(arrays[SAMPLES][:SHOWN], columns=8, scale=2))
        write_atomic(path, buffer.getvalue())
    elif views := views or views_of(arrays):
        with matplotlib.rc_context(style.PAPER):
            figure, axes = style.panels(width=2.4, height=2.4)
            views[0].draw(axes[0, 0], arrays, reference)
            write_atomic(path, style.png(figure))


def over_training(
    rows: Rows, reference: Arrays, path: pathlib.Path, *, most: int = MOST, images: bool = False
) -> bool:
    """One PNG with a row for each run or view, a column for each step, and the data at the end.

    Shown are some of the steps that all rows have, evenly spread, with the first and the last.

    Args:
      rows: a label, arrays by step, and how they are drawn.
      reference: the data's arrays; without, they have no column.
      path: the PNG file.
      most: steps that are shown.
      images: whether images of which a view draws something else have a column of their own.

    Returns:
      Whether there was a step that all rows have.

    Raises:
      InputError: the file cannot be written.
    """
    steps = spread(set.intersection(*(set(found) for _, found, _ in rows)) if rows else (), most)
    if steps:
        with matplotlib.rc_context(style.PAPER):
            figure = matplotlib.figure.Figure(dpi=200, layout="constrained")
            columns = draw_rows(figure, rows, steps, reference, images=images)
            figure.set_size_inches(1.28 * columns, 1.36 * len(rows))
            write_atomic(path, style.png(figure))
    return bool(steps)


def draw_rows(
    figure: "FigureBase",
    rows: Rows,
    steps: Sequence[int],
    reference: Arrays,
    *,
    images: bool = False,
) -> int:
    """The axes of `over_training`; gives how many columns there are."""
    last = steps[-1]
    # Images that the rows do not show.
    images = images and all(
        are_images(found[last][SAMPLES]) and not view.is_of_images for _, found, view in rows
    )
    titles = [f"step {step:,}" for step in steps]
    titles += ["data"] * bool(reference) + ["samples"] * images
    axes = figure.subplots(len(rows), len(titles), squeeze=False)
    for line, (label, found, view) in zip(axes, rows, strict=True):
        drawn = [found[step] for step in steps] + [reference] * bool(reference)
        for axis, arrays in zip(line, drawn, strict=False):
            view.draw(axis, arrays, reference)
        if images:
            draw_square(line[-1], found[last], reference)
        line[0].set_ylabel(_beside_a_row(label))
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, loc="center", fontweight="normal")
    captions = {
        view.caption if label == view.label else f"{view.label}: {view.caption}".strip(": ")
        for label, _, view in rows
    }
    if len(captions) == 1:
        figure.supxlabel(captions.pop(), fontsize=7.5)
    return len(titles)


def _beside_a_row(label: str) -> str:
    """The label in lines that are no longer than a row of images is high."""
    return "\n".join(textwrap.fill(part, ROW) for part in label.split(", "))


def spread(steps: Iterable[int], most: int = MOST) -> list[int]:
    """At most so many of the steps, evenly spread, with the first and the last."""
    known = sorted(steps)
    return [known[place] for place in run_log.spread(len(known), most)]


def draw_square(axis: "Axes", arrays: Arrays, reference: Arrays) -> None:
    """A square of 25 images; image i of two steps has the same latents."""
    del reference
    axis.imshow(tile(arrays[SAMPLES][:25], 5, 2))
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def _scatter(axis: "Axes", arrays: Arrays, reference: Arrays) -> None:
    """Points of the plane as a density, over the extent of the data."""
    from ganstab import plots  # here, so that a run starts without SciPy

    known = (reference or arrays)[SAMPLES]
    sound = np.abs(known[np.isfinite(known).all(axis=1)])
    reach = max(1.25 * float(np.quantile(sound, 0.99)), 1e-6) if len(sound) else 1.0
    plots.density(axis, arrays[SAMPLES], reach=reach, bandwidth=reach / 30)


def tile(images: np.ndarray, columns: int, scale: int) -> np.ndarray:
    """The images as one picture uint8 [H', W', 3] on white, with thin gaps between them.

    Args:
      images: [n, H, W, 1 or 3], bytes, or floats in [−1, 1]; what lies outside is clipped.
      columns: images in a row.
      scale: screen pixels for each side of an image's pixel.

    Raises:
      ValueError: the images do not have that shape, or there are none.
    """
    images = np.asarray(images)
    if not are_images(images):
        raise ValueError(f"images must be [n > 0, H, W, 1 or 3], not {list(images.shape)}")
    n, height, width, _ = images.shape
    columns = min(columns, n)
    lines = -(-n // columns)
    cell = (height * scale + _GAP, width * scale + _GAP, 3)
    cells = np.full((lines * columns, *cell), 255, np.uint8)
    cells[:n, :-_GAP, :-_GAP] = to_bytes(images).repeat(scale, 1).repeat(scale, 2)
    cells = cells.reshape(lines, columns, *cell).swapaxes(1, 2)
    return cells.reshape(lines * cell[0], columns * cell[1], 3)[:-_GAP, :-_GAP]


def are_images(array: np.ndarray) -> bool:
    """Whether samples have the shape of images, [n > 0, H, W, 1 or 3]."""
    return array.ndim == 4 and array.shape[-1] in (1, 3) and bool(len(array))


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Floats in [−1, 1] as bytes; NaN comes out black."""
    if images.dtype == np.uint8:
        return images
    shades = np.nan_to_num((images.astype(np.float32) + 1) * 127.5, nan=0.0)
    return np.rint(shades.clip(0, 255)).astype(np.uint8)
