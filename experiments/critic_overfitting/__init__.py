"""A critic that learns a thousand digits by heart: its loss on training and on other images.

Gulrajani et al., "Improved Training of Wasserstein GANs" (NeurIPS 2017), section 5.6 and Figure 5b.
The discriminator of a Wasserstein GAN is a critic. Its loss, unlike that of a plain GAN's
discriminator, is meant to tell how far the generator is from the data. Where the data are few the
critic learns them by heart, and then its loss on them says nothing about other images.

    python -m experiments.critic_overfitting --recipe=wgan_gp
    python -m experiments.critic_overfitting --images=50000
    python -m experiments.critic_overfitting --table=figure_5 --seeds=3  # all runs, on all cores
    python -m experiments.critic_overfitting --smoke                     # a try, in a minute

The run trains on --images of MNIST's images, the same ones for every seed. An evaluation takes
--samples of them, and as many other images for validation. For each kind it reports the negative
loss of the critic, against the same generated images, with λ = 10 for the penalty and 0 for
clipping.

    E D(x) − E D(G(z)) − λ E (‖∇D(x̂)‖₂ − 1)²

"training minus validation" is the gap between the two. The paper finds that the two diverge with
the penalty and with clipping, and that with the penalty the value of training images gradually
rises even while that of validation images falls. It prints no numbers.

Adam, λ and 5 critic updates a step are those of the authors' code; RMSProp, with clipping, is that
of `ganstab.recipes.wgan`, with a decay of 0.99 where that code has 0.9. The paper does not say how
large its "large unregularized" networks are. Its authors' code for MNIST has kernels of 5 × 5 and
64, 128 and 256 channels in the critic. The networks here, of `networks.images.convolutional`
without norm, have kernels of 3 × 3, and the critic has twice, four and eight times --width
channels: as many with --width=32. That code has batches of 50 images, and the figure 20,000 steps;
the defaults here are chosen for CPUs. Pixels are in [−1, 1] here and in [0, 1] there, so that
distances, and with the penalty losses, are twice as large here.

With the penalty a step took 0.2 to 0.9 s of one CPU core beside one to five other programs.
"""

import functools
import pathlib
from collections.abc import Callable

import numpy as np

from experiments.critic_overfitting import pictures, tables, values
from experiments.critic_overfitting.settings import CriticOverfitting
from ganstab import Pair, data
from ganstab.errors import InputError
from ganstab.networks import images as networks
from ganstab.players import from_nnx
from ganstab.training import Experiment, Findings, Measure, distributed, images
from ganstab.training.cli import main
from ganstab.training.experiment import prose
from ganstab.training.run_folder import FIGURES
from ganstab.types import TrainState

LATENT = 128
SMOKE = {"samples": 64, "batch_size": 16, "width": 2}
MEASURES = (
    Measure("training", "negative loss of the critic, training images", "training"),
    Measure("validation", "negative loss of the critic, validation images", "validation"),
    Measure("gap", "negative loss of the critic, training minus validation", "gap", "lower"),
)


def split(config: CriticOverfitting) -> tuple[data.Images, data.Images]:
    """Training and validation images, without one in common; the same for every seed.

    Raises:
      InputError: there are not so many images, or they cannot be read.
    """
    source = images.load(config, (28, 28, 1))
    count, wanted = images.size(source), config.images + config.samples
    if wanted > count:
        raise InputError(
            f"--images={config.images} and --samples={config.samples} need {wanted} images, "
            f"the data have {count}"
        )
    order = np.random.default_rng(0).permutation(count)
    kinds = order[: config.images], order[-config.samples :]
    training, validation = (images.take(source, places) for places in kinds)
    return training, validation


def conclude(state: TrainState, folder: pathlib.Path, stop: Callable[[], bool]) -> Findings | None:
    """Draws both curves, of all evaluations, in one picture."""
    del state, stop
    path = folder / FIGURES / "values.png"
    return Findings({}, [pictures.of_run(folder, path)] if distributed.is_main() else [])


def build(config: CriticOverfitting) -> Experiment:
    """One curve of Figure 5b."""
    training, validation = split(config)
    pair = networks.convolutional(28, 1, width=config.width, norm=False, latent=LATENT)
    players, recipe = Pair(*map(from_nnx, pair)), config.whole_recipe()
    kinds = {"training": training.image[: config.samples], "validation": validation.image}
    return Experiment(
        title=f"MNIST, {config.images:,} images, {tables.NAMES[config.recipe]}",
        description=prose(__doc__),
        players=players,
        recipe=recipe,
        prior=LATENT,
        data=training,
        held_out=validation,
        evaluation=functools.partial(
            values.evaluation, kinds, recipe.build(players, LATENT).game, LATENT
        ),
        measures=MEASURES,
        reference={"samples": np.asarray(data.to_unit_range(training.image[:64]))},
        conclude=conclude,
    )


def run() -> None:
    """The program."""
    main(build, CriticOverfitting, tables=tables.TABLES, smoke=SMOKE)
