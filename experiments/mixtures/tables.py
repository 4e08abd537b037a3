"""What papers print for mixtures of Gaussians, and the runs that make each figure and table."""

from typing import Any

from experiments.mixtures import pictures
from experiments.runner.records import Published
from experiments.runner.table import Cell, Claim, Table

PAPER_UPDATES = 50_000
"""Length of Metz et al.'s figures, whose axes count updates of either network."""

VEEGAN = "Srivastava et al. 2017 (VEEGAN), Table 1"
PACGAN = "Lin et al. 2018 (PacGAN), Table 1"

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
MEASURES = ("modes", "high_quality", "reverse_kl")


def published(networks: str, data: str, unroll_steps: int, pack: int) -> dict[str, Published]:
    """The printed numbers for these settings, by measure; none where no paper has any."""
    if networks == "mlp" and pack == 1:
        values = VEEGAN_TABLE.get((data, unroll_steps), ())
        return {m: Published(v, None, VEEGAN) for m, v in zip(MEASURES, values, strict=False)}
    if networks == "pacgan" and unroll_steps == 0:
        pairs = PACGAN_TABLE.get((data, pack), ())
        return {m: Published(*pair, PACGAN) for m, pair in zip(MEASURES, pairs, strict=False)}
    return {}


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


def _second_gradient() -> Table:
    """What the gradient through the updates is worth."""
    cells = [
        Cell(
            f"{variant}_K{k}_gen{gen_steps}",
            f"{label}, {gen_steps} generator step{'s' if gen_steps > 1 else ''}",
            f"K = {k}",
            {
                "unroll_steps": k,
                "gen_steps": gen_steps,
                "num_steps": PAPER_UPDATES // (gen_steps + 1),
                **settings,
            },
        )
        for gen_steps in (1, 5)
        for variant, (label, settings) in VARIANTS.items()
        for k in (0, 1, 3, 5, 10, 20)
        if k or variant == "full"  # there is nothing to cut at K = 0
    ]
    return Table(
        "The second gradient",
        "Metz et al. 2017, appendix B: unrolling with the gradient through the discriminator's "
        "updates, without it, and without it by the mean of the losses after each update. With one "
        "generator step for each of the discriminator's, K = 3 suffices either way; with five, the "
        "full gradient needs K = 5 and the others K = 10.",
        cells,
        claims=_claims_of_second_gradient(),
    )


def _claims_of_second_gradient() -> list[Claim]:
    """Which K suffices, with one generator step for each of the discriminator's and with five."""
    enough = {1: dict.fromkeys(VARIANTS, 3), 5: {"full": 5, "first": 10, "average": 10}}
    steps = {1: "One generator step", 5: "Five generator steps"}
    suffices = [
        _more(
            f"{steps[n]}, {VARIANTS[variant][0]}: K = {k} covers more modes than K = 0",
            f"{variant}_K{k}_gen{n}",
            f"full_K0_gen{n}",
        )
        for n, variants in enough.items()
        for variant, k in variants.items()
    ]
    costs = [
        _more(
            f"Five generator steps, K = 5: the full gradient covers more modes than {label}",
            "full_K5_gen5",
            f"{variant}_K5_gen5",
        )
        for variant, (label, _) in VARIANTS.items()
        if variant != "full"
    ]
    return suffices + costs


def _protocols() -> Table:
    """VEEGAN's and PacGAN's tables."""
    own = {"veegan": {"networks": "mlp"}, "pacgan": PACGAN_SETTINGS}
    names = {"veegan": "VEEGAN", "pacgan": "PacGAN", "small_ring": "ring", "grid": "grid"}
    cells = [
        Cell(
            f"{paper}_{data}_K{k}",
            f"{names[data]}, as in {names[paper]}",
            f"K = {k}",
            {"data": data, "unroll_steps": k, "samples": 2500, **settings},
            published(str(settings["networks"]), data, k, 1),
        )
        for paper, settings in own.items()
        for data in ("small_ring", "grid")
        for k in (0, 5)
    ]
    return Table(
        "Ring and grid, by the protocols of VEEGAN and PacGAN",
        "Modes of 8 and of 25, by 2,500 samples. VEEGAN prints no networks or settings, so these "
        "are Metz et al.'s; its runs and PacGAN's (400,000 steps) are longer than these.",
        cells,
        claims=[
            _more(
                f"{names[data].capitalize()}, {names[paper]}: K = 5 covers more modes than K = 0",
                f"{paper}_{data}_K5",
                f"{paper}_{data}_K0",
            )
            for paper in own
            for data in ("small_ring", "grid")
        ],
    )


PACGAN_SETTINGS: dict[str, Any] = {
    "networks": "pacgan",
    "loss": "non_saturating",
    "beta1": 0.8,
    "batch_size": 100,
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


TABLES = {
    make.__name__.removeprefix("_"): make()._replace(pictures=pictures.of_table)
    for make in (_figure_2, _ensembles, _delayed, _second_gradient, _protocols, _methods)
}
