"""Stacked MNIST: how many of 1,000 modes does a GAN cover, with and without unrolling?

Metz et al., "Unrolled Generative Adversarial Networks" (ICLR 2017), section 3.3.1 and Table 1.
Each image is three random MNIST digits, one a colour channel, so the data have 10 × 10 × 10 = 1,000
modes. The discriminator is kept small on purpose, at a fraction of the generator's width: a plain
GAN then often drops most modes, and one whose generator looks K discriminator updates ahead drops
fewer.

    python -m experiments.stacked_mnist --unroll_steps=5
    python -m experiments.stacked_mnist --unroll_steps=0
    python -m experiments.stacked_mnist --table=table_1 --seeds=5  # all runs, on all cores
    python -m experiments.stacked_mnist --recipe=r3gan             # a remedy that covers them all
    python -m experiments.stacked_mnist --table=remedies --seeds=3 # every recipe of ganstab
    python -m experiments.stacked_mnist --smoke                    # a try, in a minute

We count the modes hit at least once by 25,600 samples, as told by an MNIST classifier, and take the
KL divergence of the samples' histogram of modes to uniform, in nats. A perfect sampler covers 1,000
with a KL of 0.0195, the price of a finite sample.

Networks, optimizer (Adam) and evaluation follow the paper. Kernel sizes, learning rates, Adam's
beta1, leak and number of samples are taken from PacGAN's re-run of the table.
Batch size, length, beta2 and initialisation are our own choice; the length is chosen for minutes,
not hours. Real and generated images pass through the discriminator as one batch (--disc_batch): the
paper does not say which. --table=choices compares this and the paper's other open choices with
alternatives.

With --recipe, one of `ganstab.recipes` trains ordinary networks, see `remedies`; the share of
digits that the classifier names with 0.9 confidence is measured too.

On one core of a CPU the 5,000 steps take some 4, 7 and 10 minutes with K = 0, 5 and 10, and up to
eight times as long on a busy one. Which runs collapse changes from seed to seed: results/README.md.
"""

import dataclasses
import functools

import jax
import numpy as np

from experiments import digits, unrolled_gan
from experiments.stacked_mnist import remedies, tables
from ganstab import metrics, recipes
from ganstab.data import stacked_digits
from ganstab.networks.unrolled_gan import stacked_mnist as networks
from ganstab.training import Evaluation, Experiment, Measure, View, images, option
from ganstab.training.cli import main
from ganstab.training.experiment import prose
from ganstab.types import Player, TrainState

MODES = 1000
SMOKE = {"samples": 512}


@dataclasses.dataclass(frozen=True, kw_only=True)
class StackedMnist(unrolled_gan.NormedGenerator):
    """The settings of one cell of Table 1."""

    num_steps: int = 5000
    samples: int = 25_600
    recipe: str = option(
        tables.PAPER,
        "paper: the paper's networks and Adam, with --unroll_steps and other settings. Another: "
        "that recipe of ganstab.recipes on ordinary networks, with numbers that suit them.",
        choices=(tables.PAPER, *recipes.by_name),
    )
    disc_norm: bool = option(True, "Batch norm in the discriminator, as the paper has it.")
    disc_width: float = option(
        0.25,
        "X: the discriminator has 8X, 16X and 32X channels.",
        choices=tuple(unrolled_gan.WIDTHS),
    )

    def check(self) -> None:
        """A recipe of its own leaves the paper's settings as they are."""
        super().check()
        if self.recipe != tables.PAPER:
            remedies.check_settings(self)

    def run_name(self) -> str:
        """Of the cell and the seed."""
        if self.recipe != tables.PAPER:
            return f"stacked_mnist_{self.recipe}_seed{self.seed}"
        return f"stacked_mnist_K{self.unroll_steps}_width{self.disc_width}_seed{self.seed}"

    def unused(self) -> list[str]:
        """The paper's own settings, in a run of another recipe."""
        return [] if self.recipe == tables.PAPER else remedies.settings_of_paper(self)

    def views(self) -> tuple[View, ...]:
        """The channels apart, in grey: digits in colour, one upon the other, cannot be read."""
        caption = "each stack's three channels, in grey"
        return (View(digits.draw_channels, caption=caption, is_of_images=True),)


def measures(config: StackedMnist) -> tuple[Measure, ...]:
    """Modes and KL beside the paper's, and, on other digits, the classifier's accuracy."""
    paper = {}
    if config.has_papers_data():
        known = tables.published(config.disc_width, config.unroll_steps)
        paper = tables.REMEDIES.get(config.recipe, known)
    return (
        Measure("modes", f"modes covered, of {MODES:,}", "modes", ideal=MODES,
                published=paper.get("modes")),
        Measure("kl", "KL to uniform, nats", "KL", "lower",
                metrics.kl_floor(config.samples, MODES), paper.get("kl")),
        *([] if config.recipe == tables.PAPER else [remedies.sure(config)]),
        digits.ACCURACY,
    )  # fmt: skip


def evaluation(config: StackedMnist, gen: Player):
    """Draws the samples, classifies them, counts modes; the same latents at every evaluation."""
    sample = remedies.sampler(config, gen)

    def evaluate(state: TrainState, key: jax.Array) -> Evaluation:
        shown, (labels, *sure) = sample(state, key)
        numbers = {
            "samples": len(labels),
            "modes": metrics.count_modes(labels, MODES),
            "kl": float(metrics.kl_to_uniform(labels, MODES)),
        }
        if sure:
            numbers["sure"] = 100 * float(np.mean(sure))
        return Evaluation(numbers, {"samples": shown}, metrics.class_histogram(labels, MODES))

    return evaluate


def build(config: StackedMnist) -> Experiment:
    """One cell of Table 1, or a remedy."""
    source = images.load(config, (28, 28, 1))
    shared = {
        "description": prose(__doc__),
        "data": source,
        "held_out": images.held_out(config),
        "sampler": stacked_digits,
        "evaluation": functools.partial(evaluation, config),
        "measures": measures(config),
        "reference": {"samples": images.batch(source, stacked_digits, 64)},
        **digits.classifier_fields(config, source),
    }
    if config.recipe != tables.PAPER:
        return Experiment(
            title=f"Stacked MNIST, recipe {config.recipe}",
            players=remedies.players(config.recipe),
            recipe=remedies.recipe(config.recipe, config.num_steps, config.batch_size),
            prior=remedies.LATENT,
            **shared,
        )
    modules = networks(config.disc_width, disc_norm=config.disc_norm, **config.network_settings())
    return Experiment(
        title=f"Stacked MNIST, K = {config.unroll_steps}, width {config.disc_width:g}",
        players=unrolled_gan.players(modules),
        recipe=config.image_recipe(),
        prior=unrolled_gan.LATENT,
        **shared,
    )


def run() -> None:
    """The program."""
    main(build, StackedMnist, tables=tables.TABLES, smoke=SMOKE)
