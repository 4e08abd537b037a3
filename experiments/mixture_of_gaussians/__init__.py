"""Mixtures of Gaussians: does a GAN cover all modes, or run after them one by one?

Metz et al., "Unrolled Generative Adversarial Networks" (ICLR 2017), section 3.1, Figure 2 and
appendix B. The data are eight narrow Gaussians on a circle, so that a picture of the samples shows
how many modes a generator covers. A plain GAN's generator rotates from mode to mode; one that looks
K = 10 discriminator updates ahead spreads over all of them.

    python -m experiments.mixture_of_gaussians --unroll_steps=10
    python -m experiments.mixture_of_gaussians --unroll_steps=0
    python -m experiments.mixture_of_gaussians --table=figure_2 --seeds=10  # all runs, on all cores
    python -m experiments.mixture_of_gaussians --smoke                      # a try, in a minute

A run counts the modes that have a sample within three standard deviations. It measures the
percentage of all samples that lie so near to a mode, 98.89 for a perfect sampler, and the reverse
KL divergence, in nats, of their histogram over the modes from the uniform one. The median distance
of a sample to the nearest mode distinguishes a generator that diverges from one that covers no
mode.

Networks, loss, data and optimizer (Adam) follow the paper. The numbers that its text leaves open,
the width of the discriminator and β2, are those of the code of Nagarajan and Kolter 2017, which
repeats the experiment. The batch size, 512, stands in that code and not in the paper. The paper's
figures count the updates of either network: its 50,000 are the 25,000 steps here.

The same program has the ensembles of past discriminators and the unrolling without second gradients
of appendix B, the ring and the grid on which VEEGAN and PacGAN count modes, and other remedies:
gradient-norm regularisation, consensus and packing.

On one core of a CPU the 25,000 steps take 3 to 4 minutes with K = 0 and 6 to 8 with K = 10.
"""

import dataclasses
import functools
from collections.abc import Callable

import jax
import numpy as np
import optax

from experiments import unrolled_gan
from experiments.mixture_of_gaussians import mixtures, tables
from experiments.mixture_of_gaussians.mixtures import MIXTURES, evaluation, measures
from experiments.mixture_of_gaussians.networks import NETWORKS
from ganstab import Pair, optimizers, priors, recipes, surrogates
from ganstab.training import Experiment, View, option
from ganstab.training.cli import main
from ganstab.training.experiment import prose

SMOKE = {"samples": 500}


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixtureOfGaussians(unrolled_gan.UnrolledConfig):
    """The settings of a run on a mixture."""

    num_steps: int = 25_000
    batch_size: int = 512
    checkpoint_every: int = 1000
    log_every: int = 100
    unroll_steps: int = 10
    disc_learning_rate: float = 1e-4
    loss: str = "minimax"
    data: str = option(
        "ring",
        "ring: eight Gaussians on a circle of radius 2 (Metz et al.); small_ring: eight on one of "
        "radius 1 (VEEGAN, PacGAN); grid: 25 (VEEGAN, PacGAN).",
        choices=tuple(MIXTURES),
    )
    networks: str = option("mlp", "Metz et al.'s networks, or PacGAN's.", choices=tuple(NETWORKS))
    gen_steps: int = option(
        1, "Generator updates for each of the discriminator's.", lower=1, upper=1000
    )
    ensemble: int = option(
        0,
        "N: the generator's loss is a mean over the last N discriminators; 0 for the present one.",
        lower=0,
        upper=10_000,
    )
    ensemble_every: int = option(1, "Discriminator updates between two of these N.", lower=1)
    gradient_norm: float = option(
        0.0,
        "η: weight of the discriminator's squared gradient norm in the generator's loss.",
        lower=0.0,
        upper=1e6,
    )
    consensus: float = option(
        0.0,
        "γ: weight of half the squared norm of both gradients in both losses.",
        lower=0.0,
        upper=1e6,
    )
    pack: int = option(
        1, "Points that the discriminator sees at once; it must divide --batch_size.", lower=1
    )
    samples: int = option(2560, "Samples drawn at an evaluation.", lower=1, upper=10**7)

    def check(self) -> None:
        """Raises ValueError where a batch is not made of whole packs."""
        if self.batch_size % self.pack:
            raise ValueError(f"pack must divide batch_size, got {self.pack} and {self.batch_size}")

    def run_name(self) -> str:
        """The run's name, made of the mixture, K and the seed."""
        return f"mixture_{self.data}_K{self.unroll_steps}_seed{self.seed}"

    def paper_recipe(self, **more) -> recipes.Recipe:
        """Unrolling around the other techniques, each of which wraps the one before."""
        recipe = super().paper_recipe(n_gen=self.gen_steps, **more)
        (gen, disc), inner = recipe.txs, list[Callable]()
        if self.ensemble:
            disc = optax.chain(disc, optimizers.snapshots(self.ensemble, self.ensemble_every))
            inner.append(surrogates.snapshot_ensemble)
        if self.gradient_norm:
            inner.append(functools.partial(surrogates.gradient_norm, weight=self.gradient_norm))
        if self.consensus:
            inner.append(functools.partial(surrogates.consensus, weight=self.consensus))
        unrolled: Callable = recipe.surrogates[0]
        last = functools.partial(unrolled, tx=disc)
        return dataclasses.replace(recipe, txs=Pair(gen, disc), surrogates=(*inner, last))

    def views(self) -> tuple[View, ...]:
        """Heat maps of the samples."""
        return (View(functools.partial(mixtures.draw, MIXTURES[self.data])),)


def published(config: MixtureOfGaussians) -> dict:
    """What papers print for these networks, data, K and packing; nothing with other techniques."""
    others = config.ensemble or config.gradient_norm or config.consensus or config.gen_steps > 1
    loss = "non_saturating" if config.networks == "pacgan" else "minimax"
    if others or config.average or not config.second_order or config.loss != loss:
        return {}
    return tables.published(config.networks, config.data, config.unroll_steps, config.pack)


def build(config: MixtureOfGaussians) -> Experiment:
    """One run on a mixture."""
    mixture, networks = MIXTURES[config.data], NETWORKS[config.networks]
    return Experiment(
        title=f"{config.data.replace('_', ' ').capitalize()} of Gaussians, "
        f"K = {config.unroll_steps}",
        description=prose(__doc__),
        players=networks.players(config.pack),
        recipe=config.paper_recipe(),
        prior=lambda key, n: priors.normal(key, (n, networks.latent)),
        data=mixture.sample,
        evaluation=functools.partial(evaluation, mixture, networks.latent, config.samples),
        measures=measures(mixture, config.samples, published(config)),
        reference={"samples": np.asarray(mixture.sample(jax.random.key(0), config.samples))},
    )


def run() -> None:
    """The program."""
    main(build, MixtureOfGaussians, tables=tables.TABLES, smoke=SMOKE)
