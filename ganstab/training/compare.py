"""Several runs of one program in one picture: `ganstab compare RUN RUN`."""

import pathlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from ganstab import style
from ganstab.errors import InputError
from ganstab.reporting.formatting import format_mean
from ganstab.reporting.run_log import Row
from ganstab.reporting.writing import write_atomic
from ganstab.training import run_folder as files
from ganstab.training import samples
from ganstab.training.config import options
from ganstab.training.figures import measure_curve
from ganstab.training.images import ImageConfig
from ganstab.training.measures import Measure, Published
from ganstab.training.restore import config_of

__all__ = ["compare", "labels"]

SHORT = {"unroll_steps": "K"}
MOST_STEPS = 5
_WIDTH = 6.7


def compare(folders: Sequence[pathlib.Path], out: pathlib.Path) -> list[str]:
    """Writes a picture of the runs, and gives their numbers in words.

    The picture has a curve for each measure, with a line a run, and below them a row of samples
    over training for each run. A program may have a comparison of its own
    (`RunConfig.compare_runs`).

    Args:
      folders: two runs or more, of one program.
      out: the PNG file.

    Raises:
      InputError: a folder is no run's, the runs are of different programs, there is nothing to be
        drawn yet, or the file cannot be written.
    """
    if out.suffix.lower() != ".png":
        raise InputError(f"--out={out} is no PNG: give it a name that ends in .png")
    if len(folders) < 2:
        raise InputError(f"two runs or more are compared, got {len(folders)}")
    settings = [_settings(folder) for folder in folders]
    programs = sorted({str(known.pop(files.CLASS, "an older version")) for known in settings})
    if len(programs) > 1:
        raise InputError(f"runs of one program are compared, these are of {', '.join(programs)}")
    try:
        configs = [config_of(folder) for folder in folders]
    except InputError:  # the program is not to be had here
        configs = []
    names = labels(settings, unused=[config.unused() for config in configs])
    if len(set(names)) < len(names):
        names = [f"{name} ({place})".strip() for place, name in enumerate(names, start=1)]
    if configs:
        own = configs[0].compare_runs(list(zip(names, folders, configs, strict=True)), out)
        if own is not None:
            return own
    runs = dict(zip(names, folders, strict=True))
    left_out: list[str] = []
    _draw(runs, configs[0].views() if configs else (), out, left_out.append)
    return left_out + [line for name, folder in runs.items() for line in _lines(name, folder)]


def labels(
    settings: Sequence[Mapping[str, Any]],
    but: Collection[str] = (),
    unused: Sequence[Collection[str]] = (),
) -> list[str]:
    """Each run's name: the settings in which the runs differ, or K where they do not.

    A setting that a program got after one of the runs tells nothing, nor one of those in `but`, nor
    in a run's own name one that it does not use.
    """
    places = {name for name, known in options(ImageConfig).items() if not known.decides}
    common = set.intersection(*map(set, settings)) - places - set(but)
    names = [name for name in settings[0] if name in common]
    differing = [name for name in names if len({repr(known[name]) for known in settings}) > 1]
    shown = differing or [name for name in SHORT if name in names]
    return [
        ", ".join(f"{SHORT.get(n, n)} = {known[n]}" for n in shown if n not in own)
        for known, own in zip(settings, unused or [()] * len(settings), strict=True)
    ]


def _settings(folder: pathlib.Path) -> dict[str, Any]:
    if not (folder / files.CONFIG).exists():
        raise InputError(f"{folder} is no run's folder: it has no {files.CONFIG}")
    found = files.read_json(folder / files.CONFIG)
    found.pop(files.EXPERIMENT, None)
    return found


def _draw(
    runs: Mapping[str, pathlib.Path],
    views: Sequence[samples.View],
    out: pathlib.Path,
    tell: Callable[[str], object],
) -> None:
    """Curves above, rows of samples over training below; damaged samples are left out, and told."""
    rows = {name: _rows(folder) for name, folder in runs.items()}
    measures = _measures(runs.values())[:3]
    read = [(name, samples.read_samples(folder, tell=tell)) for name, folder in runs.items()]
    drawn = [(name, samples.alike(found, tell)) for name, found in read]
    steps = samples.spread(set.intersection(*(set(found) for _, found in drawn)), MOST_STEPS)
    if not steps and not measures:
        raise InputError("the runs have no samples at a step in common, and no measures yet")
    views = views or (samples.views_of(drawn[0][1][steps[0]]) if steps else ())
    reference = samples.read_reference(next(iter(runs.values())))
    columns = len(steps) + bool(reference) + 0.5 + any(not view.is_of_images for view in views)
    heights = [2.2 if measures else 0.1, min(1.36, _WIDTH / columns + 0.2) * len(drawn)]
    with matplotlib.rc_context(style.PAPER):
        figure = Figure(figsize=(_WIDTH, sum(heights)), dpi=200, layout="constrained")
        above, below = figure.subfigures(2, 1, height_ratios=heights, squeeze=False).ravel()
        axes = above.subplots(1, len(measures), squeeze=False)[0] if measures else ()
        for axis, measure in zip(axes, measures, strict=True):
            measure_curve(axis, measure, rows, letters=72 // len(measures))
        if steps and views:
            labelled = [(name, found, views[0]) for name, found in drawn]
            samples.draw_rows(below, labelled, steps, reference, images=True)
        write_atomic(out, style.png(figure))


def _rows(folder: pathlib.Path) -> list[Row]:
    rows, damaged = files.read_log(folder)
    if damaged:
        raise InputError(f"{damaged[0]}: leave this run out")
    return rows


def _measures(folders) -> list[Measure]:
    """Those that all runs have results of; a level is drawn where it is the same for all."""
    found = [files.read_sound_result(folder) for folder in folders]
    results = [result.get("results", {}) for result in found]
    names = dict.fromkeys([*found[0].get("measures", ()), *results[0]])
    common = [name for name in names if all(name in result for result in results)]
    return [_measure(name, [result[name] for result in results]) for name in common]


def _measure(name: str, entries: Sequence[Mapping[str, Any]]) -> Measure:
    first = entries[0]
    published, ideal = (
        first.get(level) if all(e.get(level) == first.get(level) for e in entries) else None
        for level in ("published", "ideal")
    )
    known = Published(**published) if isinstance(published, dict) else None
    label, better = first.get("label", name), first.get("better", "higher")
    return Measure(name, label, better=better, ideal=ideal, published=known)


def _lines(name: str, folder: pathlib.Path) -> list[str]:
    result = files.read_sound_result(folder)
    return [
        f"{name}: {entry['label']}: {format_mean(entry.get('mean'), entry.get('standard_error'))}"
        for entry in result.get("results", {}).values()
    ]
