"""Runs of several K against each other: which of them reconstructs which image best."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.cifar10_reconstruction import pictures, search
from ganstab.errors import InputError
from ganstab.reporting import Picture
from ganstab.reporting.formatting import format_mean
from ganstab.reporting.writing import to_json, write_atomic
from ganstab.tables import Runs
from ganstab.training import Measure, Published, RunConfig
from ganstab.training.measures import measured
from ganstab.training.run_folder import read_result

SHOWN = 8
SHARE = Measure("win_share", "images that it reconstructs best, %", final=True)
ERROR = Measure(
    "mse", "mean squared error of reconstructions, pixels in [0, 1]", "MSE", "lower", final=True
)
Arrays = Mapping[str, np.ndarray]


class Run(NamedTuple):
    """One finished run."""

    label: str
    """The same for runs that differ in their seed alone."""
    unroll_steps: int
    seed: int
    kept: Arrays
    """What it measured last, see `search.read`."""
    published: Mapping[str, Published]
    """What the paper has for its K; empty where the run is on other data."""


def finished(
    label: str, folder: pathlib.Path, config: RunConfig, published: Mapping[str, Published]
) -> Run:
    """A run of which the search is done.

    Raises:
      InputError: it is not, or its images were not copied with it.
    """
    if read_result(folder).get("status") != "finished":
        raise InputError(f"{folder} has not sought all its images: let it finish")
    kept = _kept(folder)
    if not kept:
        raise InputError(
            f"{folder} came without {search.CHUNKS}/, the images that it found: copy that too"
        )
    return Run(label, vars(config)["unroll_steps"], config.seed, kept, published)


def win_shares(errors: np.ndarray) -> np.ndarray:
    """The share of images that each of m generators reconstructs best, [m], of errors [m, n].

    Generators with the same least error share the image. An error that is not finite never wins.
    """
    errors = np.where(np.isfinite(errors), errors, np.inf)
    least = (errors == errors.min(axis=0)) & np.isfinite(errors)
    return np.mean(least / np.maximum(least.sum(axis=0), 1), axis=1)


def largest_differences(first: np.ndarray, last: np.ndarray, count: int) -> np.ndarray:
    """The places of the images with the largest |l₁ − l₂| / ½(l₁ + l₂), the largest first.

    Args:
      first: l₁ [n], errors of one generator.
      last: l₂ [n], of another.
      count: how many, if there are so many.
    """
    middle = (first + last) / 2
    with np.errstate(invalid="ignore"):
        fraction = np.abs(first - last) / np.where(middle > 0, middle, 1)
    return np.argsort(-np.nan_to_num(fraction, nan=-1.0), kind="stable")[:count]


def compare(runs: Sequence[Run], path: pathlib.Path) -> list[str]:
    """Writes two pictures and the numbers, and gives the numbers in words.

    Beside `path`, the images on which the least and the largest K differ most (Figure 5), of the
    first seed that all have, there are `…_distances.png` (Figure 6) and `….json` (Table 3): for
    each label the mean squared error, and the share of images that it reconstructs best, found for
    each seed by itself, over all seeds that all have.

    Raises:
      InputError: there are fewer than two labels, they have no seed in common, or the runs have
        not reconstructed the same images; or a file cannot be written.
    """
    groups, seeds = _grouped(runs)
    errors = np.array([[groups[k][seed]["error"] for seed in seeds] for k in groups])
    shares = np.stack([win_shares(errors[:, place]) for place in range(len(seeds))], axis=1)
    papers = {run.label: run.published for run in runs}
    found = {
        label: _measured(papers[label], error.mean(axis=1), 100 * share)
        for label, error, share in zip(groups, errors, shares, strict=True)
    }
    first = [kept[seeds[0]] for kept in groups.values()]
    chosen = largest_differences(first[0]["error"], first[-1]["error"], SHOWN)
    rows = [
        pictures.Row(label, kept["reconstruction"][chosen], kept["error"][chosen])
        for label, kept in zip(groups, first, strict=True)
    ]
    pictures.reconstructions(first[0]["image"][chosen], rows, path)
    samples = {
        label: [kept["sample_distance"] for kept in of_seed.values()]
        for label, of_seed in groups.items()
    }
    data = first[0]["data_distance"]
    pictures.distances(data, samples, path.with_name(f"{path.stem}_distances.png"))
    write_atomic(path.with_suffix(".json"), to_json({"seeds": seeds, "results": found}))
    return [_line(label, entries) for label, entries in found.items()]


def of_table(runs: Runs, folder: pathlib.Path) -> list[Picture]:
    """For a table's report, Figures 5 and 6 of its finished runs, those with all their files."""
    runs = _with(runs, search.CHUNKS)
    if not _seeds(runs) or len(runs) < 2:
        return []
    known = [
        Run(cell.column, cell.settings["unroll_steps"], seed, _kept(run), cell.published)
        for cell, seeds in runs
        for seed, run in seeds.items()
    ]
    path = folder / "reconstructions.png"
    compare(known, path)
    return [
        Picture(path, "The images on which the least and the largest K differ most, first seed."),
        Picture(
            path.with_name(f"{path.stem}_distances.png"),
            "Distances of random pairs of samples, and of images of the data.",
        ),
    ]


def across(runs: Runs, count: int) -> dict[str, dict[int, dict[str, Any]]]:
    """For a table, by cell and seed: the share of images that this K reconstructs best.

    The result is empty until there are runs of all `count` K, since the share is one among them.
    Runs that came without the errors of their images are left out.
    """
    runs = _with(runs, search.ERRORS)
    found: dict[str, dict[int, dict[str, Any]]] = {cell.name: {} for cell, _ in runs}
    for seed in _seeds(runs) if len(runs) == count else ():
        errors = np.stack([np.load(seeds[seed] / search.ERRORS) for _, seeds in runs])
        for (cell, _), share in zip(runs, win_shares(errors), strict=True):
            known = dataclasses.replace(SHARE, published=cell.published.get("win_share"))
            found[cell.name][seed] = {"win_share": measured([100 * share], known)}
    return found


def _with(runs: Runs, name: str) -> Runs:
    """The runs that have this file or folder; a run that was merged in may lack some files."""
    there = [
        (cell, {s: run for s, run in seeds.items() if (run / name).exists()})
        for cell, seeds in runs
    ]
    return [(cell, seeds) for cell, seeds in there if seeds]


def _seeds(runs: Runs) -> list[int]:
    """Those that every cell has."""
    return sorted(set.intersection(*(set(seeds) for _, seeds in runs))) if runs else []


def _kept(folder: pathlib.Path) -> Arrays:
    return search.read(folder, read_result(folder)["step"])


def _grouped(runs: Sequence[Run]) -> tuple[dict[str, dict[int, Arrays]], list[int]]:
    """By label, from the least K to the largest, and by seed; and the seeds that all have."""
    groups: dict[str, dict[int, Arrays]] = {}
    for run in sorted(runs, key=lambda run: (run.unroll_steps, run.seed)):
        groups.setdefault(run.label, {})[run.seed] = run.kept
    seeds = sorted(set.intersection(*(set(group) for group in groups.values())))
    if len(groups) < 2 or not seeds:
        raise InputError(
            "reconstructions are compared between two settings or more, with a seed in common; got "
            + ", ".join(f"{run.label} (seed {run.seed})" for run in runs)
        )
    images = runs[0].kept["image"]
    if any(not np.array_equal(run.kept["image"], images) for run in runs):
        raise InputError("the runs reconstructed different images: give them the same data and "
                         "the same --inference_images")  # fmt: skip
    return groups, seeds


def _measured(known: Mapping[str, Published], error, share) -> dict[str, Any]:
    """The two numbers of a label, one value a seed, beside the paper's."""
    return {
        measure.name: measured(
            values, dataclasses.replace(measure, published=known.get(measure.name))
        )
        for measure, values in ((ERROR, error), (SHARE, share))
    }


def _line(label: str, entries: Mapping[str, Mapping[str, Any]]) -> str:
    words = []
    for entry in entries.values():
        paper = entry["published"]
        beside = f" (paper {format_mean(paper['value'], paper['standard_error'])})" if paper else ""
        mean = format_mean(entry["mean"], entry["standard_error"])
        words.append(f"{entry['label']}: {mean}{beside}")
    return f"{label}: {'; '.join(words)}"
