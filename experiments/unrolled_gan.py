"""What the programs of the Unrolled GAN paper share: settings, players and claims."""

import dataclasses
from collections.abc import Callable
from typing import Any

from ganstab import Pair, losses, recipes
from ganstab.players import from_nnx
from ganstab.tables import Claim
from ganstab.training import ImageConfig, RunConfig, option

LOSSES: dict[str, Callable] = {
    "non_saturating": losses.non_saturating,
    "minimax": losses.minimax,
    "least_squares": losses.least_squares,
    "hinge": losses.hinge,
    "wasserstein": losses.wasserstein,
}
LATENT = 256
"""Length of z of the paper's generators."""
WIDTHS = {0.25: "1/4", 0.5: "1/2", 1.0: "1"}
"""Factors of a network's width in the paper's tables, and how they are written."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnrolledConfig(RunConfig):
    """The settings of an unrolled GAN: its loss, its unroll, its optimizers."""

    unroll_steps: int = option(
        5,
        "K: discriminator updates the generator looks ahead; 0 is a plain GAN.",
        lower=0,
        upper=10_000,
    )
    second_order: bool = option(
        True,
        "Differentiate through the unrolled updates; if not, the discriminator they lead to counts "
        "as a constant (the paper's ablation).",
    )
    average: bool = option(
        False,
        "Take the mean of the generator's losses after each of the unrolled updates, in place of "
        "the loss after the last.",
    )
    live: bool = option(
        True, "Start the unrolled Adam from the discriminator's live state; if not, from zero."
    )
    loss: str = option("non_saturating", "The adversarial loss.", choices=tuple(LOSSES))
    gen_learning_rate: float = option(1e-4, "Adam's step size, generator.", lower=0.0, upper=1e6)
    disc_learning_rate: float = option(
        2e-4, "Adam's step size, discriminator.", lower=0.0, upper=1e6
    )
    beta1: float = option(0.5, "Adam's decay of the mean.", lower=0.0, upper=0.9999)
    beta2: float = option(0.999, "Adam's decay of the square.", lower=0.0, upper=0.999999)

    def paper_recipe(self, **more: Any) -> recipes.Recipe:
        """The paper's recipe with these settings."""
        return recipes.unrolled(
            self.unroll_steps,
            loss=LOSSES[self.loss],
            gen_learning_rate=self.gen_learning_rate,
            disc_learning_rate=self.disc_learning_rate,
            b1=self.beta1,
            b2=self.beta2,
            second_order=self.second_order,
            average=self.average,
            live=self.live,
            **more,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnrolledImageConfig(UnrolledConfig, ImageConfig):
    """The settings of an unrolled GAN on images."""

    disc_batch: str = option(
        "joint",
        "Whether real and generated images pass through the discriminator's batch norm as one "
        "batch.",
        choices=("joint", "separate"),
    )
    disc_first_norm: bool = option(
        True,
        "Batch norm in the discriminator's first layer too, which with --disc_batch=separate hides "
        "the images' contrast from it.",
    )
    samples: int = option(5120, "Samples drawn at an evaluation.", lower=1, upper=10**7)
    init_stddev: float = option(
        0.05, "Standard deviation of initial weights.", lower=0.0, upper=1e6
    )

    def image_recipe(self) -> recipes.Recipe:
        """The paper's recipe with these settings, `--disc_batch` among them."""
        return self.paper_recipe(joint=self.disc_batch == "joint")

    def network_settings(self) -> dict[str, Any]:
        """Those of a pair of networks, by the names that `networks.unrolled_gan` has for them."""
        return {"init_stddev": self.init_stddev, "disc_first_norm": self.disc_first_norm}


@dataclasses.dataclass(frozen=True, kw_only=True)
class NormedGenerator(UnrolledImageConfig):
    """The settings of an unrolled GAN on images whose generator has batch norm."""

    bn_mode: str = option(
        "running",
        "The generator's batch norm at evaluation: running averages, or the statistics of each "
        "evaluation batch of 512, the habit of the reference implementations.",
        choices=("running", "batch"),
    )


def players(modules: Pair) -> Pair:
    """Players of a pair of functions `(rngs) -> module`."""
    return Pair(*map(from_nnx, modules))


def more_modes(words: str, first: str, second: str) -> Claim:
    """That one cell covers more modes than another."""
    return Claim(words, "modes", first, "above", second)
