"""Table 3 of the Unrolled GAN paper as data."""

from collections.abc import Mapping
from typing import Any

from experiments.cifar10_reconstruction import comparison
from experiments.cifar10_reconstruction.published import DATASET, SMALL, TABLE_3, published
from ganstab.tables import Cell, Claim, Table

__all__ = ["DATASET", "TABLES", "published"]


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
        across=comparison.across,
    )


ABOUT = (
    "How well generators trained with K unrolled steps reproduce images of the training set, each "
    "sought by L-BFGS from three random starts: mean squared error of the best, and the share of "
    "images that this K reproduces best of all, which is told once every K has a seed. Searches "
    "end after --iterations whether or not they have converged, so the errors, and perhaps who "
    "wins, depend on that number too. "
)
TABLES = {
    "table_3": _table(
        "Table 3: training images found again",
        ABOUT + "Networks and length are the paper's, which wants an accelerator.",
        {},
    ),
    "table_3_small": _table(
        "Table 3, small: training images found again by narrow networks",
        ABOUT + "All networks have an eighth of the paper's width, the training is shorter and the "
        "images are fewer, so that a CPU carries it: the errors are not those of the paper's nets.",
        SMALL,
        judged=False,
    ),
}
