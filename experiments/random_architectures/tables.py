"""Random architectures as tables: as a plain GAN and with WGAN-GP; both kinds of the penalty."""

import functools
from collections.abc import Mapping, Sequence

from experiments.random_architectures import pictures
from experiments.random_architectures.architectures import draw
from ganstab.tables import Cell, Table

GAN, PENALTY, ONE_SIDED = "dcgan", "wgan_gp", "wgan_gp_one_sided"
FEW, PAPERS = 24, 200
"""Architectures: for a CPU, and of the paper."""
OF_SIDES = 174
"""Of the paper's comparison of the two penalties."""
OBJECTIVES = {GAN: "GAN", PENALTY: "WGAN-GP"}
SIDES = {PENALTY: "two-sided", ONE_SIDED: "one-sided"}


def _cells(count: int, ways: Mapping[str, str]) -> Sequence[Cell]:
    names = [str(draw(number)) for number in range(count)]
    return [
        Cell(f"{name}_{way}", name.replace("_", ", "), words, {"architecture": name, "recipe": way})
        for name in names
        for way, words in ways.items()
    ]


def _of_objectives(count: int) -> Table:
    return Table(
        f"{count} random architectures, as a plain GAN and with WGAN-GP",
        f"The first {count} draws from Table 1 of the paper; the generator's network stands first. "
        "How many have more than a score, by the way they are trained, is Tables 2 and 5. The rows "
        "are alike in all but the objective, its optimizer and the discriminator's norm.",
        _cells(count, OBJECTIVES),
        corner="architecture",
        pictures=functools.partial(pictures.count_picture, ways=OBJECTIVES),
    )


def _of_sides(count: int) -> Table:
    return Table(
        f"The penalty two-sided and one-sided, on {count} random architectures",
        f"The first {count} draws from Table 1 of the paper, each with WGAN-GP's own penalty, and "
        "with one that leaves slopes under 1 free (appendix C).",
        _cells(count, SIDES),
        corner="architecture",
        pictures=functools.partial(pictures.side_picture, ways=SIDES),
    )


TABLES = {
    "table_1": _of_objectives(FEW),
    "table_1_full": _of_objectives(PAPERS),
    "table_5": _of_sides(FEW),
    "table_5_full": _of_sides(OF_SIDES),
}
