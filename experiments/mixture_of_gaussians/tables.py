"""The runs that make each figure and table on mixtures of Gaussians, and what papers claim."""

import dataclasses
from typing import Any

from experiments.mixture_of_gaussians import appendix_b
from experiments.unrolled_gan import more_modes
from ganstab.tables import Cell, Table
from ganstab.training import Published

VEEGAN = "Srivastava et al. 2017 (VEEGAN), Table 1"
PACGAN, PACGAN_RUNS = "Lin et al. 2018 (PacGAN), Table 1", 10

# (data, K) -> modes, share of high quality in %.
VEEGAN_TABLE = {
    ("small_ring", 0): (1.0, 99.3),
    ("small_ring", 5): (7.6, 35.6),
    ("grid", 0): (3.3, 0.5),
    ("grid", 5): (23.6, 16.0),
}
# (data, samples that the discriminator sees at once) -> value and standard error of the modes, the
# share of high quality in %, the reverse KL.
PACGAN_TABLE = {
    ("small_ring", 1): ((6.3, 0.5), (98.2, 0.2), (0.45, 0.09)),
    ("small_ring", 2): ((7.9, 0.1), (95.6, 2.0), (0.07, 0.03)),
    ("small_ring", 3): ((7.8, 0.1), (97.7, 0.3), (0.10, 0.02)),
    ("small_ring", 4): ((7.8, 0.1), (95.9, 1.4), (0.07, 0.02)),
    ("grid", 1): ((17.3, 0.8), (94.8, 0.7), (0.70, 0.07)),
    ("grid", 2): ((23.8, 0.7), (91.3, 0.8), (0.13, 0.04)),
    ("grid", 3): ((24.6, 0.4), (94.2, 0.4), (0.06, 0.02)),
    ("grid", 4): ((24.8, 0.2), (93.6, 0.6), (0.04, 0.01)),
}
MEASURES = ("modes", "high_quality", "kl")


def published(networks: str, data: str, unroll_steps: int, pack: int) -> dict[str, Published]:
    """The printed numbers for these settings, by measure; none where no paper has any."""
    if networks == "mlp" and pack == 1:
        values = VEEGAN_TABLE.get((data, unroll_steps), ())
        return {m: Published(v, None, VEEGAN) for m, v in zip(MEASURES, values, strict=False)}
    if networks == "pacgan" and unroll_steps == 0:
        pairs = PACGAN_TABLE.get((data, pack), ())
        return {
            m: Published(*pair, PACGAN, PACGAN_RUNS)
            for m, pair in zip(MEASURES, pairs, strict=False)
        }
    return {}


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
        "Metz et al.'s, for the 25,000 steps of Figure 2. PacGAN's networks are large and are "
        "trained for 5,000 steps here, 400,000 there. So ours are not judged against theirs.",
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
    """The table with its data named in each cell, so that no flag changes them."""
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
