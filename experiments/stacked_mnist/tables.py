"""Table 1 of the Unrolled GAN paper as data, and what it leaves open."""

from typing import Any

from experiments.unrolled_gan import WIDTHS, more_modes
from ganstab import recipes
from ganstab.tables import Cell, Table
from ganstab.training import Published

PAPER = "paper"
"""The recipe that is the paper's own."""
SOURCE = "Metz et al. 2017, Table 1"
# (width, K) -> modes, their standard error, KL, its standard error.
TABLE_1 = {
    (0.25, 0): (30.6, 20.73, 5.99, 0.42),
    (0.25, 1): (65.4, 34.75, 5.911, 0.14),
    (0.25, 5): (236.4, 63.30, 4.67, 0.43),
    (0.25, 10): (327.2, 74.67, 4.66, 0.46),
    (0.5, 0): (628.0, 140.9, 2.58, 0.751),
    (0.5, 1): (523.6, 55.768, 2.44, 0.26),
    (0.5, 5): (732.0, 44.98, 1.66, 0.090),
    (0.5, 10): (817.4, 37.91, 1.43, 0.12),
}
# What the paper leaves open, one thing at a time changed from the defaults, then all as PacGAN did.
CHOICES: dict[str, tuple[str, dict[str, Any]]] = {
    "as_it_is": ("the defaults", {}),
    "separate": ("real and fake as two batches", {"disc_batch": "separate"}),
    "first_norm": (
        "no batch norm in the discriminator's first layer",
        {"disc_first_norm": False},
    ),
    "separate_first_norm": (
        "real and fake as two batches, and no batch norm in the discriminator's first layer",
        {"disc_batch": "separate", "disc_first_norm": False},
    ),
    "no_norm": ("no batch norm in the discriminator", {"disc_norm": False}),
    "init": ("initial weights N(0, 0.02²)", {"init_stddev": 0.02}),
    "batch_128": ("batch size 128", {"batch_size": 128}),
    "beta2": ("Adam's β2 = 0.99", {"beta2": 0.99}),
    "beta1": ("Adam's β1 = 0.9", {"beta1": 0.9}),
    "bn_mode": ("batch norm of the batch at evaluation", {"bn_mode": "batch"}),
    "minimax": ("minimax loss", {"loss": "minimax"}),
    "length": ("20,000 steps", {"num_steps": 20_000}),
    "pacgan": (
        "PacGAN's: two batches of 128, 0.02, 0.99, batch norm of the batch",
        {
            "disc_batch": "separate",
            "batch_size": 128,
            "init_stddev": 0.02,
            "beta2": 0.99,
            "bn_mode": "batch",
        },
    ),
}


PACGAN, VEEGAN = "Lin et al. 2018, Table 4", "Srivastava et al. 2017, Table 1"
# What others measured with each remedy on a DCGAN of ordinary size; 26,000 samples.
REMEDIES: dict[str, dict[str, Published]] = {name: {} for name in recipes.by_name} | {
    "dcgan": {
        "modes": Published(78.9, 6.46, PACGAN, 10),
        "kl": Published(4.50, 0.127, PACGAN, 10),
    },
    "pacgan": {
        "modes": Published(1000.0, 0.0, PACGAN, 10),
        "kl": Published(0.06, 0.003, PACGAN, 10),
    },
    "unrolled": {"modes": Published(48.7, None, VEEGAN), "kl": Published(4.32, None, VEEGAN)},
}


def published(width: float, unroll_steps: int) -> dict[str, Published]:
    """What the paper has for this width and K."""
    row = TABLE_1.get((width, unroll_steps))
    if row is None:
        return {}
    return {"modes": Published(*row[:2], SOURCE), "kl": Published(*row[2:], SOURCE)}


def cell(width: float, unroll_steps: int, name: str, row: str, **settings: Any) -> Cell:
    """A cell that is read against the paper's of this width and K."""
    return Cell(
        name=f"{name}_K{unroll_steps}",
        row=row,
        column=f"K = {unroll_steps}",
        settings={"disc_width": width, "unroll_steps": unroll_steps, **settings},
        published=published(width, unroll_steps),
    )


TABLES = {
    "table_1": Table(
        "Stacked MNIST: Table 1 of Unrolled GANs",
        "How many of 1,000 modes 25,600 samples cover, and the KL divergence of their histogram to "
        "uniform, with the discriminator at a fraction of the generator's width.",
        tuple(cell(width, k, f"width{width:g}", WIDTHS[width]) for width, k in TABLE_1),
        corner="discriminator's width",
        claims=[
            more_modes(
                f"Width {WIDTHS[width]}: K = {more} covers more modes than K = {less}",
                f"width{width}_K{more}",
                f"width{width}_K{less}",
            )
            for width in (0.25, 0.5)
            for more, less in ((5, 0), (10, 0), (10, 5))
        ],
    ),
    "choices": Table(
        "Stacked MNIST: what the collapse depends on",
        "Table 1 of Unrolled GANs at width 1/4, K = 0 and 5, with what the paper does not say "
        "chosen in other ways, one at a time. Each is read against the paper's value.",
        tuple(
            cell(0.25, k, name, row, **settings)
            for name, (row, settings) in CHOICES.items()
            for k in (0, 5)
        ),
        claims=[
            more_modes(
                f"With {row}: K = 5 covers more modes than K = 0", f"{name}_K5", f"{name}_K0"
            )
            for name, (row, _) in CHOICES.items()
        ],
    ),
    "remedies": Table(
        "Stacked MNIST: what covers all modes",
        "Every recipe on the same ordinary networks, with an average of the generator. Each has "
        "the numbers that it was published with, but for r3gan and r1: their γ is 0.23, which "
        "r3gan lets fall, they penalise every fourth step, and r3gan's rate is that of small "
        "networks; rate and γ would be at their last values after 10,000 steps. The published "
        "values are of other networks.",
        tuple(
            Cell(
                name=name,
                row=name,
                column="5,000 steps",
                settings={"recipe": name},
                published=known,
            )
            for name, known in REMEDIES.items()
        ),
        corner="recipe",
        claims=[
            more_modes(f"{more} covers more modes than {less}", more, less)
            for more, less in (("r3gan", "dcgan"), ("pacgan", "dcgan"), ("r3gan", "unrolled"))
        ],
    ),
}
