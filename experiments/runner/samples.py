"""Pictures of samples: one grid, or two runs side by side with their mode coverage."""

import io
import math
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import matplotlib
import matplotlib.image
import numpy as np
from matplotlib.figure import Figure

from experiments.runner.figures import Line, Mark, Panel, draw_panel, points
from ganstab.reporting.run_log import Row
from ganstab.reporting.writing import write_atomic
from ganstab.style import BLUE, FAINT, STYLE, VERMILION, png

_GAP = 2
_SPACE = 22
_DPI = 100


class Run(NamedTuple):
    """One side of a comparison: a name such as "K = 5", the run's rows, its last samples."""

    label: str
    rows: Sequence[Row]
    images: np.ndarray


def sample_path(workdir: pathlib.Path, step: int) -> pathlib.Path:
    """Where the samples of a step go; the names sort by step."""
    return workdir / "figures" / f"samples_{step:09d}.png"


def sample_steps(workdir: pathlib.Path) -> list[int]:
    """The steps whose samples are there, in order."""
    names = (path.name for path in (workdir / "figures").glob("samples_*.png"))
    found = (re.fullmatch(r"samples_(\d+)\.png", name) for name in names)
    return sorted(int(match[1]) for match in found if match)


def spread(steps: Iterable[int], most: int = 6) -> list[int]:
    """At most so many of the steps, evenly spread, with the first and the last."""
    known = sorted(steps)
    places = np.linspace(0, len(known) - 1, min(most, len(known))).round().astype(int)
    return [known[place] for place in places]


def keep(found: np.ndarray, workdir: pathlib.Path, step: int) -> None:
    """Keeps samples as they are, beside their picture.

    Raises:
      InputError: the file cannot be written.
    """
    buffer = io.BytesIO()
    np.save(buffer, found)
    write_atomic(sample_path(workdir, step).with_suffix(".npy"), buffer.getvalue())


def kept(workdir: pathlib.Path, last_step: float = math.inf) -> dict[int, np.ndarray]:
    """The samples that were kept, by their step, in order, up to the last one."""
    paths = {step: sample_path(workdir, step).with_suffix(".npy") for step in sample_steps(workdir)}
    return {s: np.load(path) for s, path in paths.items() if s <= last_step and path.exists()}


def first_kept(
    seeds: Mapping[int, pathlib.Path],
) -> tuple[int, dict[int, np.ndarray]] | None:
    """The least seed whose folder has kept samples, and these; `None` if none has.

    A run that was merged in need not have any.
    """
    found = ((seed, kept(seeds[seed])) for seed in sorted(seeds))
    return next(((seed, samples) for seed, samples in found if samples), None)


def sample_grid(
    images: np.ndarray,
    path: pathlib.Path,
    *,
    columns: int = 8,
    title: str | None = None,
    scale: int = 2,
) -> None:
    """Writes the samples as a PNG, row by row, every pixel a crisp square of `scale`² pixels.

    Args:
      images: float [n, H, W, C] in [-1, 1], C = 1 (grey) or 3; what lies outside is clipped.
      path: the PNG file.
      columns: samples in a row.
      title: a line above the grid.
      scale: screen pixels for each side of a sample's pixel.

    Raises:
      ValueError: the images do not have that shape, or there are none.
      InputError: the file cannot be written.
    """
    grid = tile(images, columns, scale)
    height, width, _ = grid.shape
    above = 30 if title else 0
    # A little larger, or rounding takes a row of pixels: 1.14 inches of 100 dots are 113.99… dots.
    size = (width + 1e-3) / _DPI, (height + above + 1e-3) / _DPI
    figure = Figure(figsize=size, dpi=_DPI)
    figure.figimage(grid, 0, 0, origin="upper")
    if title:
        figure.text(8 / width, 1 - 15 / (height + above), title, va="center", fontsize=10)
    write_atomic(path, png(figure))


def tile(images: np.ndarray, columns: int, scale: int) -> np.ndarray:
    """The samples as one picture uint8 [H', W', 3] on white, with thin gaps between them.

    Raises:
      ValueError: the images are not [n, H, W, 1 or 3] with n > 0.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not len(images):
        raise ValueError(f"images must be [n > 0, H, W, 1 or 3], not {list(images.shape)}")
    n, height, width, _ = images.shape
    columns = min(columns, n)
    lines = -(-n // columns)
    cell = (height * scale + _GAP, width * scale + _GAP, 3)
    cells = np.full((lines * columns, *cell), 255, np.uint8)
    cells[:n, :-_GAP, :-_GAP] = _pixels(images).repeat(scale, 1).repeat(scale, 2)
    cells = cells.reshape(lines, columns, *cell).swapaxes(1, 2)
    return cells.reshape(lines * cell[0], columns * cell[1], 3)[:-_GAP, :-_GAP]


def read_grid(path: pathlib.Path, *, size: int = 28, scale: int = 2) -> np.ndarray:
    """The samples of a grid that `sample_grid` wrote without a title, [n, size, size, 3]."""
    picture = matplotlib.image.imread(path)[..., :3] * 2 - 1
    cell = size * scale + _GAP
    corners = [
        (top, left)
        for top in range(0, picture.shape[0], cell)
        for left in range(0, picture.shape[1], cell)
    ]
    reach = size * scale
    return np.stack([picture[y : y + reach : scale, x : x + reach : scale] for y, x in corners])


def _pixels(images: np.ndarray) -> np.ndarray:
    """Floats in [-1, 1] as uint8 [n, H, W, 3], grey in all three channels; NaN comes out black."""
    shades = np.nan_to_num((images.astype(np.float32) + 1) * 127.5, nan=0.0)
    shades = np.rint(shades.clip(0, 255)).astype(np.uint8)
    return np.broadcast_to(shades, (*shades.shape[:-1], 3))


def comparison(runs: Sequence[Run], path: pathlib.Path, *, maximum: int = 1000) -> None:
    """One picture, 1200 pixels wide: two runs' modes over the steps, and their last samples.

    Raises:
      ValueError: there are not two runs.
      InputError: the file cannot be written.
    """
    first, second = runs
    grids = [tile(run.images[:36], columns=6, scale=2) for run in (first, second)]
    height, width, _ = grids[0].shape
    left = 1200 - 2 * (width + _SPACE)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(1200 / _DPI, (height + 66) / _DPI), dpi=_DPI)
        _draw_coverage(figure, (first, second), left, maximum)
        _draw_grid(figure, first, grids[0], VERMILION, left)
        _draw_grid(figure, second, grids[1], BLUE, left + width + _SPACE)
        write_atomic(path, png(figure))


def _draw_coverage(figure: Figure, runs: tuple[Run, Run], width: int, maximum: int) -> None:
    """The curves, on axes that end `width` pixels from the picture's left side."""
    rows = [{"step": row["step"], run.label: row.get("modes")} for run in runs for row in run.rows]
    lines = [Line(run.label, run.label, c) for run, c in zip(runs, (VERMILION, BLUE), strict=True)]
    best = Mark(maximum, f"all {maximum:,} modes", colour=FAINT)
    whole, height = figure.bbox.width, figure.bbox.height
    axis = figure.add_axes((62 / whole, 52 / height, (width - 96) / whole, 1 - 100 / height))
    draw_panel(axis, Panel("Modes covered", tuple(lines), (best,)), rows)


def _draw_grid(figure: Figure, run: Run, grid: np.ndarray, colour: str, left: int) -> None:
    """The samples, with a line above them, `left` pixels from the picture's left side."""
    figure.figimage(grid, left, 16, origin="upper")
    _, modes = points(run.rows, "modes")
    covered = f": {modes[-1]:,.0f} modes" if len(modes) else ""
    place = (left / figure.bbox.width, 1 - 34 / figure.bbox.height)
    figure.text(*place, run.label + covered, color=colour, fontsize=12, weight="bold", va="center")
