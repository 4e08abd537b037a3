"""Figure 1 as tables: critics trained to their optimum, and gradients through twelve layers."""

from experiments.critic_surfaces import pictures
from experiments.critic_surfaces.toys import TOYS
from ganstab.tables import Cell, Claim, Table

NAMES = {"wgan": "weight clipping", "wgan_gp": "gradient penalty"}
CLIPS = (0.001, 0.01, 0.1)
ROLL = TOYS["swiss_roll"].title
DEEP = {
    "dataset": "swiss_roll",
    "generator": "trained",
    "depth": 12,
    "width": 256,
    "batch_size": 64,
    "num_steps": 300,
}


def _surfaces() -> Table:
    return Table(
        "Figure 1a: what a critic sees of the data",
        "Critics trained to their optimum against the data with noise added.",
        [
            Cell(f"{data}_{recipe}", words, toy.title, {"dataset": data, "recipe": recipe})
            for recipe, words in NAMES.items()
            for data, toy in TOYS.items()
        ],
        pictures=pictures.surfaces,
        claims=[
            Claim(
                f"{toy.title}: the penalty's critic tells the data from the gaps in them better",
                "gap_auc", f"{data}_wgan_gp", "above", f"{data}_wgan",
            )
            for data, toy in TOYS.items()
        ],
    )  # fmt: skip


def _gradients() -> Table:
    clipped = [
        Cell(
            f"clip{c:g}",
            ROLL,
            f"clipping, c = {c:g}",
            {**DEEP, "recipe": "wgan", "clip": c},
        )
        for c in CLIPS
    ]
    penalty = Cell("penalty", ROLL, NAMES["wgan_gp"], {**DEEP, "recipe": "wgan_gp"})
    return Table(
        "Figure 1b: gradients through a deep critic",
        "Twelve layers of ReLU in both networks: by how much the gradient of the critic's loss "
        "grows from layer to layer.",
        [*clipped, penalty],
        pictures=pictures.gradients,
        claims=[
            Claim(
                f"c = {c:g}: clipped, the gradient grows or decays faster than with the penalty",
                "steepness", f"clip{c:g}", "above", "penalty",
            )
            for c in CLIPS
        ],
    )  # fmt: skip


TABLES = {"surfaces": _surfaces(), "gradients": _gradients()}
