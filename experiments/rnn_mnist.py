"""MNIST column by column: a recurrent generator against a convolutional discriminator.

Metz et al., "Unrolled Generative Adversarial Networks" (ICLR 2017), section 3.2, appendix C and
Figure 3. An LSTM writes each digit as 28 columns of pixels, one after the other; a convolutional
network judges the whole image. The paper notes that the two tasks have no symmetry. In its figure
the plain GAN collapses and shows one blob after another, and the GAN whose generator looks K = 20
discriminator updates ahead spreads over the digits.

    python -m experiments.rnn_mnist --unroll_steps=20
    python -m experiments.rnn_mnist --unroll_steps=0
    python -m experiments.rnn_mnist --table=figure_3  # all runs, on all cores
    python -m experiments.rnn_mnist --smoke           # a try, in a minute

The paper shows samples and gives no numbers. Here an MNIST classifier names the digit of each of
5,120 samples. A run reports how many of the ten digits occur, the KL divergence, in nats, of their
shares from those that the classifier finds among 10,000 images of the data, and the percentage of
samples to whose digit it gives a probability above 90 %. The classifier names a digit in any blob,
so the first two numbers mean little where the third is low.

Networks, loss, K and Adam follow the paper. These could not be checked against its text: the sizes
of the noise and of the LSTM, the forget bias of 1, the leak, Adam's beta1, and the length, 150,000
updates of a single network, which are 75,000 steps here. Batch size, beta2, the discriminator's
initialisation and whether real and generated images pass through it as one batch (--disc_batch) are
our guess. The default length, 5,000 steps, is a fifteenth of the paper's; --num_steps=75000 gives
all of it. A step takes 1.1 s of one CPU core with K = 20 and 0.13 s with K = 0, so that 5,000 steps
take 90 and 10 minutes.
"""

import dataclasses
import functools

import jax
import numpy as np

from experiments import digits, unrolled_gan
from ganstab import digit_classifier, metrics
from ganstab.data import single_images
from ganstab.networks.unrolled_gan import rnn_mnist as networks
from ganstab.tables import Cell, Claim, Table
from ganstab.training import Evaluation, Experiment, images
from ganstab.training.cli import main
from ganstab.training.experiment import prose
from ganstab.training.samples import make_sampler
from ganstab.types import Player, TrainState

TABLES = {
    "figure_3": Table(
        "Figure 3: an LSTM generator, with and without unrolling",
        "How many of the ten digits an LSTM generates that writes an image column by column.",
        [Cell(f"K{k}", f"K = {k}", "MNIST", {"unroll_steps": k}) for k in (20, 0)],
        claims=[
            Claim("K = 20 generates more of the digits than K = 0", "modes", "K20", "above", "K0")
        ],
    )
}
SMOKE = {"samples": 512, "batch_size": 16, "unroll_steps": 2}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RnnMnist(unrolled_gan.UnrolledImageConfig):
    """The settings of one row of Figure 3."""

    num_steps: int = 5000
    eval_every: int = 500
    unroll_steps: int = 20
    disc_learning_rate: float = 1e-4

    def run_name(self) -> str:
        """The run's name, made of K and the seed."""
        return f"rnn_mnist_K{self.unroll_steps}_seed{self.seed}"


def evaluation(data: np.ndarray, config: RnnMnist, gen: Player):
    """Draws samples from the same latents at every evaluation, and reads their digits."""
    read = functools.partial(digits.read, digit_classifier.load())
    sample = make_sampler(gen, unrolled_gan.LATENT, samples=config.samples, measure=read)

    def evaluate(state: TrainState, key: jax.Array) -> Evaluation:
        shown, (found, sure) = sample(state, key)
        counts = metrics.class_histogram(found, digits.CLASSES)
        return Evaluation(digits.measure(found, sure, data), {"samples": shown}, counts)

    return evaluate


def build(config: RnnMnist) -> Experiment:
    """One row of Figure 3."""
    source = images.load(config, (28, 28, 1))
    known = digits.some_data(source)
    found, sure = digits.read_data(known)
    return Experiment(
        title=f"MNIST by columns, K = {config.unroll_steps}",
        description=prose(__doc__),
        players=unrolled_gan.players(networks(**config.network_settings())),
        recipe=config.image_recipe(),
        prior=unrolled_gan.LATENT,
        data=source,
        sampler=single_images,
        evaluation=functools.partial(evaluation, found, config),
        measures=(*digits.measures(config.samples, sure), digits.ACCURACY),
        reference={"samples": known[:64]},
        **digits.classifier_fields(config, source),
    )


if __name__ == "__main__":
    main(build, RnnMnist, tables=TABLES, smoke=SMOKE)
