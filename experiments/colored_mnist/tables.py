"""Table 2 of the Unrolled GAN paper as data."""

from typing import Literal

from experiments.unrolled_gan import WIDTHS
from ganstab.tables import Cell, Claim, Table
from ganstab.training import Published

SOURCE = "Metz et al. 2017, Table 2"
# (width, K) -> Jensen-Shannon divergence, its standard error.
TABLE_2 = {
    (0.25, 0): (0.073, 0.0058),
    (0.25, 1): (0.142, 0.028),
    (0.25, 5): (0.049, 0.0021),
    (0.25, 10): (0.075, 0.012),
    (0.5, 0): (0.095, 0.011),
    (0.5, 1): (0.119, 0.010),
    (0.5, 5): (0.055, 0.0049),
    (0.5, 10): (0.074, 0.016),
    (1.0, 0): (0.034, 0.0034),
    (1.0, 1): (0.050, 0.0026),
    (1.0, 5): (0.027, 0.0028),
    (1.0, 10): (0.025, 0.00076),
}
RELATIONS: tuple[tuple[int, str, Literal["above", "below"], int], ...] = (
    (1, "further from the data's colours than K = 0", "above", 0),
    (5, "nearer to the data's colours than K = 0", "below", 0),
    (5, "nearer to the data's colours than K = 1", "below", 1),
)
"""What the paper says in words: one step of unrolling hurts, more steps help."""
TABLES = {
    "table_2": Table(
        "Coloured MNIST: Table 2 of Unrolled GANs",
        "How far the colours of 5,120 samples are from the data's: Jensen-Shannon divergence in "
        "nats, with both networks at a fraction of their width.",
        [
            Cell(
                f"width{width:g}_K{unroll_steps}",
                WIDTHS[width],
                f"K = {unroll_steps}",
                {"width": width, "unroll_steps": unroll_steps},
                {"js": Published(*paper, SOURCE)},
            )
            for (width, unroll_steps), paper in TABLE_2.items()
        ],
        corner="width of both networks",
        claims=[
            Claim(
                f"Width {row}: K = {k} is {words}",
                "js",
                f"width{width:g}_K{k}",
                relation,
                f"width{width:g}_K{other}",
            )
            for width, row in WIDTHS.items()
            for k, words, relation, other in RELATIONS
        ],
    )
}
