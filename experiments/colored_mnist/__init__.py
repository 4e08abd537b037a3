"""Coloured MNIST: does a GAN paint digits in all the colours of its data, or in a few?

Metz et al., "Unrolled Generative Adversarial Networks" (ICLR 2017), section 3.3.2, appendix F and
Table 2. Each image is one MNIST digit in a colour of its own, drawn from a normal distribution, on
black, with a little noise. Drawing the digits makes the task so complex that the generator cannot
solve all of it; whether it finds the distribution of the colours can be measured.

    python -m experiments.colored_mnist --unroll_steps=5 --width=0.25
    python -m experiments.colored_mnist --unroll_steps=0 --width=0.25
    python -m experiments.colored_mnist --table=table_2 --seeds=3  # all runs, on all cores
    python -m experiments.colored_mnist --smoke                    # a try, in a minute

We measure the Jensen-Shannon divergence, in nats, of the colours of 5,120 samples and of 5,120
images of the data. As in the paper, 2-means on an image's pixels tells the digit's colour from the
background's, and Gaussian kernels estimate the densities of the colours of samples and of data. The
paper names no unit, no number of samples and no bandwidth. If its unit is the bit, our numbers have
to be multiplied by 1.4427 before they are compared. Our bandwidth is Scott's rule on the data, with
which two samples of the data have a divergence of 0.004; a perfect sampler has this, and not 0.

The form of the networks, Adam, and the normal colour, noise and clipping of the data follow the
paper. These could not be checked against its text: the numbers of Table 2, the formula of a
coloured digit with its standard deviations of colour (0.5) and noise (0.2), the length of z, the
kernel sizes, the learning rates, Adam's beta1 and the leak. Batch size, length, beta2 and
initialisation are our guess: the paper's length is not known, and ours takes minutes, not hours.
The paper does not say whether real and generated images pass through the discriminator as one batch
or as two (--disc_batch). Here they are two, unlike in experiments.stacked_mnist: with one batch, a
plain GAN paints blobs in a few colours even after 5,000 steps, with a divergence five times the
paper's.

At width 1/4 the default length takes 4, 5, 12 and 20 minutes of a quiet CPU core with K = 0, 1, 5
and 10. At width 1/2 it takes 9, 14, 32 and 59 minutes. On a busy core it took up to six times as
long.
"""

import dataclasses
import functools

import jax
import numpy as np

from experiments import unrolled_gan
from experiments.colored_mnist import colors
from experiments.colored_mnist.tables import SOURCE, TABLE_2, TABLES
from ganstab import metrics
from ganstab.data import colored_digits
from ganstab.networks.unrolled_gan import colored_mnist as networks
from ganstab.training import Evaluation, Experiment, Measure, Published, View, images, option
from ganstab.training.cli import main
from ganstab.training.experiment import prose
from ganstab.training.samples import make_sampler
from ganstab.types import Player, TrainState

SMOKE = {"samples": 512, "batch_size": 16}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColoredMnist(unrolled_gan.NormedGenerator):
    """The settings of one cell of Table 2."""

    num_steps: int = 5000
    eval_every: int = 500
    disc_batch: str = "separate"
    samples: int = option(5120, "Samples drawn at an evaluation.", lower=colors.LEAST, upper=10**7)
    width: float = option(
        0.25, "X: all channels of both networks, times X.", choices=tuple(unrolled_gan.WIDTHS)
    )

    def run_name(self) -> str:
        """The run's name, made of K, the width and the seed."""
        return f"colored_mnist_K{self.unroll_steps}_width{self.width}_seed{self.seed}"

    def views(self) -> tuple[View, ...]:
        """Maps of the samples' colours."""
        return colors.VIEWS


def evaluation(data: np.ndarray, config: ColoredMnist, gen: Player):
    """Draws samples from the same latents at every evaluation, and compares their colours."""
    sample = make_sampler(
        gen,
        unrolled_gan.LATENT,
        samples=config.samples,
        measure=metrics.foreground_colors,
        train=config.bn_mode == "batch",
    )

    def evaluate(state: TrainState, key: jax.Array) -> Evaluation:
        shown, found = sample(state, key)
        numbers = {"samples": len(found), "js": colors.divergence(data, found)}
        return Evaluation(numbers, {"samples": shown, "colors": found})

    return evaluate


def published(config: ColoredMnist) -> Published | None:
    """What the paper has for this width and K."""
    row = TABLE_2.get((config.width, config.unroll_steps))
    return Published(*row, SOURCE) if row and config.has_papers_data() else None


def build(config: ColoredMnist) -> Experiment:
    """One cell of Table 2."""
    source = images.load(config, (28, 28, 1))
    data, floor = colors.of_data(source, jax.random.key(colors.SEED), config.samples)
    label = "JS divergence of the colours, nats"
    return Experiment(
        title=f"Coloured MNIST, K = {config.unroll_steps}, width {config.width:g}",
        description=prose(__doc__),
        players=unrolled_gan.players(networks(config.width, **config.network_settings())),
        recipe=config.image_recipe(),
        prior=unrolled_gan.LATENT,
        data=source,
        sampler=colored_digits,
        evaluation=functools.partial(evaluation, data, config),
        measures=(Measure("js", label, "JS", "lower", floor, published(config)),),
        reference={"colors": data},
    )


def run() -> None:
    """The program."""
    main(build, ColoredMnist, tables=TABLES, smoke=SMOKE)
