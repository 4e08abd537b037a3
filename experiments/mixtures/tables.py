"""The runs that make each figure and table on mixtures of Gaussians, and what papers claim."""

from collections.abc import Mapping
from typing import Any

from experiments.mixtures import pictures
from experiments.mixtures.papers import published
from experiments.runner.table import Cell, Claim, Table

PAPER_UPDATES = 50_000
"""Length of Metz et al.'s figures, whose axes count updates of either network."""


def _more(words: str, first: str, second: str) -> Claim:
    """That one cell covers more modes than another."""
    return Claim(words, "modes", first, "above", second)


def _figure_2() -> Table:
    """Unrolled beside plain."""
    cells = [Cell(f"K{k}", "8 Gaussians", f"K = {k}", {"unroll_steps": k}) for k in (10, 0)]
    return Table(
        "Figure 2: eight Gaussians, with and without unrolling",
        "Metz et al. 2017, Figure 2: with ten steps of unrolling the generator spreads over all "
        "eight modes; without, it rotates through them and never covers more than a few.",
        cells,
        claims=[_more("K = 10 covers more modes than K = 0", "K10", "K0")],
    )


def _ensembles() -> Table:
    """Against the last N discriminators."""
    cells = [
        Cell(f"last{n}", "plain GAN", f"the last {n}", {"unroll_steps": 0, "ensemble": n})
        for n in (1, 5, 20, 50)
    ]
    return Table(
        "The last N discriminators",
        "Metz et al. 2017, appendix B: a generator that answers to the mean of the last N "
        "discriminators is visibly no stabler.",
        cells,
        claims=[
            Claim(
                f"The last {n} cover as many modes as the last 1",
                "modes",
                f"last{n}",
                "like",
                "last1",
            )
            for n in (5, 20, 50)
        ],
    )


def _delayed() -> Table:
    """Against five discriminators ever further back."""
    cells = [
        Cell(
            f"every{m}", "plain GAN", f"every {m:,}",
            {"unroll_steps": 0, "ensemble": 5, "ensemble_every": m},
        )
        for m in (1, 10, 100, 1000)
    ]  # fmt: skip
    return Table(
        "Five discriminators, a new one every M updates",
        "Metz et al. 2017, appendix B: the longer the delay, the less stable, up to divergence.",
        cells,
        claims=[
            Claim(
                f"Every {m:,} covers fewer modes than every 1",
                "modes",
                f"every{m}",
                "below",
                "every1",
            )
            for m in (10, 100, 1000)
        ],
    )


VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "full": ("full", {}),
    "first": ("first-order", {"second_order": False}),
    "average": ("first-order, averaged", {"second_order": False, "average": True}),
}


def _second_gradient(gen_steps: int, enough: Mapping[str, int], words: str) -> Table:
    """What the gradient through the updates is worth.

    Args:
      gen_steps: generator steps for each of the discriminator's.
      enough: the K that suffices, by variant.
      words: the paper's finding.
    """
    cells = [
        Cell(
            f"{variant}_K{k}",
            label,
            f"K = {k}",
            {
                "unroll_steps": k,
                "gen_steps": gen_steps,
                "num_steps": PAPER_UPDATES // (gen_steps + 1),
                **settings,
            },
        )
        for variant, (label, settings) in VARIANTS.items()
        for k in (0, 1, 3, 5, 10, 20)
        if k or variant == "full"  # there is nothing to cut at K = 0
    ]
    suffices = [
        _more(
            f"K = {k} covers more modes than K = 0: {VARIANTS[variant][0]} gradient",
            f"{variant}_K{k}",
            "full_K0",
        )
        for variant, k in enough.items()
    ]
    return Table(
        f"The second gradient, {gen_steps} generator step{'s' if gen_steps > 1 else ''} each",
        "Metz et al. 2017, appendix B: unrolling with the gradient through the discriminator's "
        "updates, without it, and without it by the mean of the losses after each update. " + words,
        cells,
        claims=[*suffices, *_compared(enough)],
    )


def _compared(enough: Mapping[str, int]) -> list[Claim]:
    """The full gradient against the others, at the K that suffices for it."""
    k, others = enough["full"], [name for name in VARIANTS if name != "full"]
    if len(set(enough.values())) == 1:
        return [
            Claim(
                f"K = {k}: the {VARIANTS[other][0]} gradient covers as many modes as the full one",
                "modes", f"{other}_K{k}", "like", f"full_K{k}",
            )
            for other in others
        ]  # fmt: skip
    return [
        _more(
            f"K = {k}: the full gradient covers more modes than the {VARIANTS[other][0]} one",
            f"full_K{k}",
            f"{other}_K{k}",
        )
        for other in others
    ]


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
            _more(
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
            _more(f"More modes than the plain GAN: {label}", name, "plain")
            for name, (label, _) in METHODS.items()
            if name != "plain"
        ],
    )


def _on_ring(table: Table) -> Table:
    """The table with its data written down in each cell, so that no flag puts others in."""
    cells = [cell._replace(settings={"data": "ring", **cell.settings}) for cell in table.cells]
    return table._replace(cells=cells)


ONE_STEP = (
    "With one generator step for each of the discriminator's, as in Figure 2, all three are alike "
    "and K = 3 suffices."
)
FIVE_STEPS = (
    "With five generator steps for each of the discriminator's the full gradient needs K = 5, and "
    "the others K = 10."
)
TABLES = {
    name: _on_ring(table)._replace(pictures=pictures.of_table)
    for name, table in {
        "figure_2": _figure_2(),
        "ensembles": _ensembles(),
        "delayed": _delayed(),
        "second_gradient": _second_gradient(1, dict.fromkeys(VARIANTS, 3), ONE_STEP),
        "second_gradient_five": _second_gradient(
            5, {"full": 5, "first": 10, "average": 10}, FIVE_STEPS
        ),
        "protocol_ring": _protocol("small_ring", "The ring", 8),
        "protocol_grid": _protocol("grid", "The grid", 25),
        "methods": _methods(),
    }.items()
}
