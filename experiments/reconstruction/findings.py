"""What one run's last measurement comes to."""

import io
import pathlib

import numpy as np

from experiments.reconstruction import pictures
from experiments.runner.conclusion import Arrays, Findings
from ganstab.reporting.pages import Picture
from ganstab.reporting.writing import write_atomic

SHOWN = 8
ERRORS = "errors.npy"


def conclude(kept: Arrays, folder: pathlib.Path) -> Findings:
    """The errors of a run's reconstructions, in words and pictures, and as `errors.npy`.

    Args:
      kept: as of `inference.pieces`, with "sample_distance" and "data_distance".
      folder: the run's.

    Raises:
      InputError: a file cannot be written.
    """
    error, drawn = kept["error"], folder / "figures"
    buffer = io.BytesIO()
    np.save(buffer, error)
    write_atomic(folder / ERRORS, buffer.getvalue())
    shown = np.argsort(error)[np.linspace(0, len(error) - 1, min(SHOWN, len(error))).astype(int)]
    row = pictures.Row("found", kept["reconstruction"][shown], error[shown])
    pictures.reconstructions(kept["image"][shown], [row], drawn / "reconstructions.png")
    panel = pictures.Panel("samples", [kept["sample_distance"]])
    pictures.distances(kept["data_distance"], [panel], drawn / "distances.png")
    numbers = {"mse": float(error.mean()), "converged": 100 * float(kept["converged"].mean())}
    words = "Training images, from the best found to the worst, and their mean squared errors."
    return Findings(
        numbers,
        (
            Picture(drawn / "reconstructions.png", words),
            Picture(drawn / "distances.png", "Distances of random pairs; dashed: medians."),
        ),
    )
