"""The runs that make each figure and table on mixtures of Gaussians, and what papers claim."""

import dataclasses
from typing import Any

from experiments.mixture_of_gaussians import appendix_b
from experiments.mixture_of_gaussians.appendix_b import more_modes
from experiments.mixture_of_gaussians.papers import published
from ganstab.tables import Cell, Table


def _figure_2() -> Table:
    """Unrolled beside plain."""
    cells = [Cell(f"K{k}", "8 Gaussians", f"K = {k}", {"unroll_steps": k}) for k in (10, 0)]
    return Table(
        "Figure 2: eight Gaussians, with and without unrolling",
        "Metz et al. 2017, Figure 2: with ten steps of unrolling the generator spreads over all "
        "eight modes; without, it rotates through them, its mass at one mode at a time.",
        cells,
        claims=[more_modes("K = 10 covers more modes than K = 0", "K10", "K0")],
    )


def _protocol(data: str, name: str, count: int) -> Table:
    """VEEGAN's and PacGAN's numbers on one mixture."""
    variants = {
        "K0": ("K = 0", {"unroll_steps": 0}),
        "K5": ("K = 5", {"unroll_steps": 5}),
        "pack2": ("K = 0, packing 2", {"unroll_steps": 0, "pack": 2}),
    }
    own = {"VEEGAN": {"networks": "mlp"}, "PacGAN": PACGAN_SETTINGS}
    cells = [
        Cell(
            f"{paper.lower()}_{data}_{variant}",
            f"as in {paper}",
            column,
            {"data": data, "samples": 2500, **settings, **changed},
            published(settings["networks"], data, changed["unroll_steps"], changed.get("pack", 1)),
            judged=False,
        )
        for paper, settings in own.items()
        for variant, (column, changed) in variants.items()
        if variant != "pack2" or paper == "PacGAN"
    ]
    return Table(
        f"{name}, by the protocols of VEEGAN and PacGAN",
        f"Modes of {count}, by 2,500 samples. VEEGAN prints no networks or settings, so these are "
        "Metz et al.'s, for the 25,000 steps of Figure 2. PacGAN's networks are large and have "
        "5,000 steps here, 400,000 there. So nothing is said of whether our numbers agree with "
        "theirs.",
        cells,
        claims=[
            more_modes(
                f"As in {paper}: {words} covers more modes than K = 0",
                f"{paper.lower()}_{data}_{variant}",
                f"{paper.lower()}_{data}_K0",
            )
            for paper, variant, words in (
                ("VEEGAN", "K5", "K = 5"),
                ("PacGAN", "K5", "K = 5"),
                ("PacGAN", "pack2", "packing 2"),
            )
        ],
    )


PACGAN_SETTINGS: dict[str, Any] = {
    "networks": "pacgan",
    "loss": "non_saturating",
    "beta1": 0.8,
    "batch_size": 100,
    "num_steps": 5000,
}
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("plain GAN", {}),
    "unrolled": ("unrolled, K = 10", {"unroll_steps": 10}),
    "gradient_norm": ("gradient norm, 0.5", {"gradient_norm": 0.5}),
    "consensus": ("consensus, 10", {"consensus": 10.0}),
    "pack2": ("packing 2", {"pack": 2}),
    "pack3": ("packing 3", {"pack": 3, "batch_size": 510}),
    "pack4": ("packing 4", {"pack": 4}),
}


def _methods() -> Table:
    """Other remedies on the ring of Figure 2."""
    cells = [
        Cell(name, "8 Gaussians", label, {"unroll_steps": 0, **settings})
        for name, (label, settings) in METHODS.items()
    ]
    return Table(
        "Unrolling beside other remedies",
        "The ring of Figure 2 with the gradient-norm regulariser (Nagarajan and Kolter 2017), "
        "consensus (Mescheder et al. 2017; its γ, but Adam where it has RMSProp) and packing "
        "(Lin et al. 2018), all else equal.",
        cells,
        claims=[
            more_modes(f"More modes than the plain GAN: {label}", name, "plain")
            for name, (label, _) in METHODS.items()
            if name != "plain"
        ],
    )


def _on_ring(table: Table) -> Table:
    """The table with its data written down in each cell, so that no flag puts others in."""
    cells = [
        dataclasses.replace(cell, settings={"data": "ring", **cell.settings})
        for cell in table.cells
    ]
    return dataclasses.replace(table, cells=cells)


TABLES = {
    name: _on_ring(table)
    for name, table in {
        "figure_2": _figure_2(),
        "ensembles": appendix_b.ensembles(),
        "delayed": appendix_b.delayed(),
        "second_gradient": appendix_b.second_gradient(1),
        "second_gradient_five": appendix_b.second_gradient(5),
        "protocol_ring": _protocol("small_ring", "The ring", 8),
        "protocol_grid": _protocol("grid", "The grid", 25),
        "methods": _methods(),
    }.items()
}
