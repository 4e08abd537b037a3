"""Random architectures: how many does WGAN-GP train that a plain GAN does not?

Gulrajani et al., "Improved Training of Wasserstein GANs" (NeurIPS 2017), section 5.1, Tables 1, 2
and 5, appendices B and C. The nonlinearity, depth and base filters of either network, and whether
it has a norm, are drawn from Table 1. Each pair is trained as a plain GAN and with WGAN-GP.

    python -m experiments.random_architectures --draw=0 --recipe=wgan_gp
    python -m experiments.random_architectures --architecture=relu-4-norm-64_leaky-4-norm-64
    python -m experiments.random_architectures --table=table_1 --seeds=1  # 24 pairs, both ways
    python -m experiments.random_architectures --table=table_5 --seeds=1  # the penalty's two kinds
    python -m experiments.random_architectures --smoke                    # a try, in a minute

The paper draws 200 pairs (--table=table_1_full), and 174 for its comparison of penalties in
appendix C (--table=table_5_full). It trains each for 100,000 generator iterations on ImageNet at 32
× 32 pixels, and counts the pairs whose Inception score is above a minimum; its DCGAN scores 7.24.
Here the images are MNIST with a border, the score is that of the digits' classifier, and steps and
widths are a fraction of the paper's, all chosen for two CPU cores. The paper's are --data=FOLDER
--inception=FILE --width=1 --num_steps=100000 --samples=50000. The report has the paper's counts
beside ours where the score is the Inception score.

Adam's numbers are the paper's, and so are layer norm in place of batch norm in WGAN-GP's critics,
and the weight decay of 1e-3 in discriminators with a norm. The paper leaves open what follows, with
our choice in brackets: where layers go in a network of 8, 12 or 20 (evenly over the four
resolutions, 1, 2 or 4 more at each), their channels at the image's own resolution (half of the base
filters, as in the authors' ResNets), kernels (3 × 3; DCGAN has 5 × 5, --kernel=5), initial weights
(uniform, as in most of the authors' code), what weight decay is (an L2 term of the loss, on
kernels), the batch size (32; that code has 64), the length of z (128, as in that code), the slope
of leaky ReLU (0.2), and whether a pair may be drawn twice (no). Results are not measured yet.
"""

import dataclasses
import functools
from typing import ClassVar, Self

import jax
import optax

from experiments import scored_images
from experiments.random_architectures.architectures import BASELINE, SIZE, Architecture, draw
from experiments.random_architectures.tables import GAN, ONE_SIDED, PENALTY, TABLES
from ganstab import Pair, recipes
from ganstab.networks.norms import batch_norm, layer_norm
from ganstab.networks.wgan_gp import LATENT
from ganstab.players import from_nnx
from ganstab.recipes import Recipe
from ganstab.training import Experiment, option
from ganstab.training.cli import main
from ganstab.training.experiment import prose

RECIPES = {
    GAN: recipes.dcgan(),
    PENALTY: recipes.wgan_gp(),
    ONE_SIDED: recipes.wgan_gp(one_sided=True),
}
WORDS = {GAN: "plain GAN", PENALTY: "WGAN-GP", ONE_SIDED: "WGAN-GP, one-sided"}
DECAY = 1e-3
SMOKE = {"samples": 64, "batch_size": 4, "width": 1 / 32, "critic_updates": 1}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomArchitectures(scored_images.ScoredImages):
    """The settings of one architecture, trained one way."""

    needs_score: ClassVar[bool] = True
    num_steps: int = 1000
    batch_size: int = 32
    eval_every: int = 250
    checkpoint_every: int = 250
    recipe: str = option(PENALTY, "How it is trained.", choices=tuple(RECIPES))
    architecture: str | None = option(
        None,
        "A pair of networks by its name: nonlinearity, layers, norm or plain, base filters; the "
        f"generator's, then the discriminator's. Default: DCGAN's, {BASELINE}.",
    )
    draw: int | None = option(
        None,
        "A pair by its place among those that are drawn, counted from 0. With --draw_seed=0 it is "
        "the pair of this row of a table.",
        lower=0,
        upper=SIZE - 1,
    )
    draw_seed: int = option(0, "Seed of the order of the draws.", lower=0)
    width: float = option(
        0.125, "Factor of the base filters; 1 in the paper.", lower=1 / 32, upper=8
    )
    kernel: int = option(3, "Side of the kernels; 5 in DCGAN.", choices=(3, 5))

    def check(self) -> None:
        """Raises ValueError for settings that exclude each other, or that name no architecture."""
        if self.architecture is not None and self.draw is not None:
            raise ValueError("draw does not go with architecture, which is one already")
        self.networks()

    def drawn(self) -> Architecture:
        """The architecture that is named or drawn."""
        if self.draw is not None:
            return draw(self.draw, self.draw_seed)
        name = str(BASELINE) if self.architecture is None else self.architecture
        return Architecture.read(name)

    def networks(self) -> Pair:
        """What `players.from_nnx` takes; raises ValueError for a size or width it cannot have."""
        norm = batch_norm if self.recipe == GAN else layer_norm
        return self.drawn().networks(
            self.size, self.channels or 1, width=self.width, kernel=self.kernel, disc_norm=norm
        )

    def run_name(self) -> str:
        """The run's name, made of the architecture, the recipe and the seed."""
        return f"random_architectures_{self.drawn()}_{self.recipe}_seed{self.seed}"

    def fingerprinted(self) -> Self:
        """With what is known of the images, and the architecture by its name."""
        known = super().fingerprinted()
        return known.replace(draw=None, draw_seed=0, architecture=str(self.drawn()))


def recipe_of(config: RandomArchitectures) -> Recipe:
    """The recipe, with weight decay in a discriminator that has a norm."""
    recipe = RECIPES[config.recipe]
    tx = recipe.txs.disc
    if config.drawn().disc.norm:
        tx = optax.chain(optax.add_decayed_weights(DECAY, _kernels), tx)
    n_disc = config.critic_updates or recipe.n_disc
    return dataclasses.replace(recipe, txs=recipe.txs._replace(disc=tx), n_disc=n_disc)


def _kernels(params):
    """Which parameters decay."""
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)


def build(config: RandomArchitectures) -> Experiment:
    """One architecture, trained one way."""
    return Experiment(
        title=f"{config.drawn()}, {WORDS[config.recipe]}",
        description=prose(__doc__),
        players=Pair(*map(from_nnx, config.networks())),
        recipe=recipe_of(config),
        prior=LATENT,
        evaluation=functools.partial(scored_images.evaluation, config, LATENT),
        **config.parts(),
    )


def run() -> None:
    """The program."""
    main(build, RandomArchitectures, tables=TABLES, smoke=SMOKE)
