"""Runs of several K against each other: which of them reconstructs which image best."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.reconstruction import pictures
from experiments.reconstruction.findings import ERRORS
from experiments.reconstruction.tables import DATASET, TABLE_3, published
from experiments.runner import conclusion, records
from experiments.runner.result_text import shown
from experiments.runner.settings import name_of
from experiments.runner.table import Runs
from ganstab.errors import InputError
from ganstab.reporting.pages import Picture
from ganstab.reporting.writing import to_json, write_atomic

SHOWN = 8
SHARE = "images that it reconstructs best, %"
Arrays = Mapping[str, np.ndarray]


class Run(NamedTuple):
    """One finished run."""

    label: str
    """The same for runs that differ in their seed alone."""
    unroll_steps: int
    seed: int
    kept: Arrays
    """What it measured last, see `inference.pieces`."""
    dataset: str = DATASET


def win_shares(errors: np.ndarray) -> np.ndarray:
    """The share of images that each of m generators reconstructs best, [m], of errors [m, n].

    Those with the same least error share the image; an error that is not finite is no least one.
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
    steps = {run.label: run.unroll_steps for run in runs}
    papers = all(name_of(run.dataset) == DATASET for run in runs)
    found = {
        label: _measured(published(steps[label]) if papers else {}, error.mean(axis=1), 100 * share)
        for label, error, share in zip(groups, errors, shares, strict=True)
    }
    first = [kept[seeds[0]] for kept in groups.values()]
    chosen = largest_differences(first[0]["error"], first[-1]["error"], SHOWN)
    rows = [
        pictures.Row(label, kept["reconstruction"][chosen], kept["error"][chosen])
        for label, kept in zip(groups, first, strict=True)
    ]
    pictures.reconstructions(first[0]["image"][chosen], rows, path)
    panels = [
        pictures.Panel(label, [kept["sample_distance"] for kept in of_seed.values()])
        for label, of_seed in groups.items()
    ]
    data = first[0]["data_distance"]
    pictures.distances(data, panels, path.with_name(f"{path.stem}_distances.png"))
    write_atomic(path.with_suffix(".json"), to_json({"seeds": seeds, "results": found}))
    return [_line(label, entries) for label, entries in found.items()]


def of_table(runs: Runs, folder: pathlib.Path) -> list[Picture]:
    """For a table's report, Figures 5 and 6 of its finished runs, those with all their files."""
    runs = _with(runs, conclusion.FOLDER)
    if not _seeds(runs) or len(runs) < 2:
        return []
    known = [
        Run(cell.column, cell.settings["unroll_steps"], seed, _kept(run))
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


def across(runs: Runs) -> dict[str, dict[int, dict[str, Any]]]:
    """For a table, by cell and seed: the share of images that this K reconstructs best.

    It is said once all the paper's K are there, as it is a share among them. Runs that came without
    the errors of their images are left out.
    """
    runs = _with(runs, ERRORS)
    found: dict[str, dict[int, dict[str, Any]]] = {cell.name: {} for cell, _ in runs}
    for seed in _seeds(runs) if len(runs) == len(TABLE_3) else ():
        errors = np.stack([np.load(seeds[seed] / ERRORS) for _, seeds in runs])
        for (cell, _), share in zip(runs, win_shares(errors), strict=True):
            entry = records.measured(
                [100 * share], SHARE, published=cell.published.get("win_share")
            )
            found[cell.name][seed] = {"win_share": entry}
    return found


def _with(runs: Runs, name: str) -> Runs:
    """The runs that have this file or folder; one that was merged in need not have all it made."""
    there = [
        (cell, {s: run for s, run in seeds.items() if (run / name).exists()})
        for cell, seeds in runs
    ]
    return [(cell, seeds) for cell, seeds in there if seeds]


def _seeds(runs: Runs) -> list[int]:
    """Those that every cell has."""
    return sorted(set.intersection(*(set(seeds) for _, seeds in runs))) if runs else []


def _kept(folder: pathlib.Path) -> Arrays:
    config = json.loads((folder / "config.json").read_text())
    return conclusion.read(folder, config["num_steps"])


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


def _measured(known: Mapping[str, records.Published], error, share) -> dict[str, Any]:
    """The two numbers of a label, one value a seed, beside the paper's."""
    return {
        "mse": records.measured(
            error,
            "mean squared error of reconstructions, pixels in [0, 1]",
            published=known.get("mse"),
            better="lower",
        ),
        "win_share": records.measured(share, SHARE, published=known.get("win_share")),
    }


def _line(label: str, entries: Mapping[str, Mapping[str, Any]]) -> str:
    words = []
    for entry in entries.values():
        paper = entry["published"]
        beside = f" (paper {shown(paper['value'], paper['standard_error'])})" if paper else ""
        mean = shown(entry["mean"], entry["standard_error"])
        words.append(f"{entry['label']}: {mean}{beside}")
    return f"{label}: {'; '.join(words)}"
