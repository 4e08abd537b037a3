"""Appendix B of Metz et al. 2017: what other discriminators and other gradients do on the ring."""

from collections.abc import Mapping
from typing import Any

from experiments.unrolled_gan import more_modes
from ganstab.tables import Cell, Claim, Table

PAPER_UPDATES = 50_000
"""Length of Metz et al.'s figures, whose axes count updates of either network."""
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "full": ("full", {}),
    "first": ("first-order", {"second_order": False}),
    "average": ("first-order, averaged", {"second_order": False, "average": True}),
}
FINDINGS: dict[int, tuple[dict[str, int], str]] = {
    1: (
        dict.fromkeys(VARIANTS, 3),
        "With one generator step for each of the discriminator's, as in Figure 2, the paper finds "
        "that K = 3 suffices with this gradient and without. It has no finding on the mean alone.",
    ),
    5: (
        {"full": 5, "first": 10, "average": 10},
        "With five generator steps for each of the discriminator's the paper finds that K = 5 "
        "suffices with this gradient, and K = 10 without. It has no finding on the mean alone.",
    ),
}
"""By generator steps for each of the discriminator's: the K that suffices, and the words for it.

The mean has the K of the gradient without the second term: the paper reports none of its own."""


def ensembles() -> Table:
    """A generator against the last N discriminators."""
    cells = [
        Cell(f"last{n}", "plain GAN", f"the last {n}", {"unroll_steps": 0, "ensemble": n})
        for n in (1, 5, 20, 50)
    ]
    return Table(
        "The last N discriminators",
        "Metz et al. 2017, appendix B: a generator whose loss is a mean over the last N "
        "discriminators is not visibly more stable.",
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


def delayed() -> Table:
    """A generator against five discriminators that are M updates apart."""
    cells = [
        Cell(
            f"every{m}", "plain GAN", f"every {m:,}",
            {"unroll_steps": 0, "ensemble": 5, "ensemble_every": m},
        )
        for m in (1, 10, 100, 1000)
    ]  # fmt: skip
    return Table(
        "Five discriminators, a new one every M updates",
        "Metz et al. 2017, appendix B: the longer the delay, the less stable the training, until "
        "the samples leave the window of the picture.",
        cells,
        claims=[
            Claim(
                f"Every {m:,} ends further from the modes than every 1",
                "distance",
                f"every{m}",
                "above",
                "every1",
                log=True,
            )
            for m in (10, 100, 1000)
        ],
    )


def second_gradient(gen_steps: int) -> Table:
    """What the gradient through the updates is worth, by generator steps a discriminator's."""
    enough, words = FINDINGS[gen_steps]
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
        more_modes(
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
        more_modes(
            f"K = {k}: the full gradient covers more modes than the {VARIANTS[other][0]} one",
            f"full_K{k}",
            f"{other}_K{k}",
        )
        for other in others
    ]
