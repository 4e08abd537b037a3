"""Table 3 of the Unrolled GAN paper as data."""

import functools
from collections.abc import Mapping
from typing import Any

from experiments.cifar10_reconstruction import comparison
from ganstab.tables import Cell, Claim, Table
from ganstab.training import Published

SOURCE = "Metz et al., Table 3 of an early version of the paper (full width)"
# K -> mean squared error, its standard error; share of images that this K reconstructs best, %.
TABLE_3 = {
    0: ((0.0231, 0.0024), 0.63),
    1: ((0.0195, 0.0021), 22.97),
    5: ((0.0200, 0.0023), 15.31),
    10: ((0.0181, 0.0018), 61.09),
}
DATASET = "cifar10"
RUNS = 5
"""Seeds of each K, whose mean the table has."""
SMALL = {"width": 0.125, "num_steps": 8000, "inference_images": 640}


def published(unroll_steps: int) -> dict[str, Published]:
    """What the paper has for this K, by the names of the results."""
    if unroll_steps not in TABLE_3:
        return {}
    error, share = TABLE_3[unroll_steps]
    return {
        "mse": Published(*error, SOURCE, RUNS),
        "win_share": Published(share, None, SOURCE, RUNS),
    }


def _table(
    title: str, description: str, settings: Mapping[str, Any], *, judged: bool = True
) -> Table:
    cells = [
        Cell(
            name=f"K{k}",
            row="CIFAR-10",
            column=f"K = {k}",
            settings={"unroll_steps": k, **settings},
            published=published(k),
            judged=judged,
        )
        for k in TABLE_3
    ]
    claims = [
        Claim(
            f"K = {k} reproduces images with less error than K = 0", "mse", f"K{k}", "below", "K0"
        )
        for k in TABLE_3
        if k
    ]
    return Table(
        title,
        description,
        tuple(cells),
        claims=claims,
        pictures=comparison.of_table,
        across=functools.partial(comparison.across, count=len(TABLE_3)),
    )


ABOUT = (
    "How well generators trained with K unrolled steps reproduce images of the training set, each "
    "sought by L-BFGS from three random starts: mean squared error of the best, and the share of "
    "images that this K reproduces best of all, which is known once every K has a seed. Searches "
    "end after --iterations whether or not they have converged, so the errors, and perhaps which K "
    "is best, depend on that number too. "
)
TABLES = {
    "table_3": _table(
        "Table 3: training images found again",
        ABOUT + "Networks and length are the paper's and need an accelerator.",
        {},
    ),
    "table_3_small": _table(
        "Table 3, small: training images found again by narrow networks",
        ABOUT + "All networks have an eighth of the paper's width, the training is shorter and the "
        "images are fewer, as suits a CPU: the errors are not those of the paper's networks.",
        SMALL,
        judged=False,
    ),
}
