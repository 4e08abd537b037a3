"""MNIST from coarse to fine: progressive growing, and LapGAN's pyramid.

Karras et al., "Progressive Growing of GANs" (ICLR 2018): networks that begin at 7 × 7 pixels and
gain 14 and 28, each resolution faded in over the last. Denton et al., "Deep Generative Image Models
using a Laplacian Pyramid of Adversarial Networks" (NIPS 2015): a GAN of 7 × 7 pixels, and above it
two that make an image twice as large out of a smaller one. The program shows what `ganstab.stages`
does on real images; the papers' own are larger and in colour.

    python -m experiments.growing_mnist --method=progressive
    python -m experiments.growing_mnist --method=lapgan
    python -m experiments.growing_mnist --table=methods --seeds=3
    python -m experiments.growing_mnist --smoke                    # a try, in a minute

A run reports how many of the ten digits the package's classifier finds among the samples, the KL
divergence, in nats, of their shares from those that it finds among 10,000 images of the data, the
percentage of samples to whose digit it gives a probability above 90 %, and the sliced Wasserstein
distance of patches. While the networks are at 7 or 14 pixels, samples are enlarged for these.

Progressive growing has the paper's networks and loss, WGAN-GP with a drift term, and Adam with a
learning rate of 0.001. The paper also averages its generator and lowers the batch size as the
resolution grows, which is not done here. The program trains at 7 pixels for --stage_steps. Each
further resolution fades in for --stage_steps and then trains for as many, so that 28 pixels are
fully faded in after four times --stage_steps. LapGAN trains all its levels at every step, since
they share nothing. Its loss and Adam are those of `recipes.dcgan`, the plain GAN, and its networks
are small convolutional ones; the paper has SGD with momentum, and dropout in its discriminators.

Either method is one run with one training state, for which `ganstab.training` compiles one step and
has checkpoints, progress and reports. So the levels of progressive growing are branches of one
game, and LapGAN's game is the sum of its levels' games.

At the default width a step takes 0.11 s of one CPU core for LapGAN, and 0.3, 0.6 and 1.0 s for
progressive growing at its three resolutions (means of two to four steps). After 2,000 steps the
samples of both have all ten digits, and the classifier is sure of 54 % of progressive growing's and
29 % of LapGAN's (two seeds, results/README.md).
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from experiments import digits
from experiments.growing_mnist import lapgan, progressive
from experiments.growing_mnist.config import METHODS, GrowingMnist
from ganstab import digit_classifier, metrics
from ganstab.data import to_unit_range
from ganstab.data.sampling import to_bytes
from ganstab.tables import Cell, Claim, Table
from ganstab.training import Evaluation, Experiment, Measure, images
from ganstab.training.cli import main
from ganstab.training.experiment import prose
from ganstab.training.samples import SHOWN
from ganstab.types import Player, TrainState

TABLES = {
    "methods": Table(
        "MNIST from coarse to fine",
        "Progressive growing and LapGAN on images of 28 × 28 pixels, by three resolutions.",
        [Cell(name, words, "MNIST", {"method": name}) for name, words in METHODS.items()],
        claims=[
            Claim("Progressive growing finds as many digits as LapGAN", "modes", "progressive",
                  "like", "lapgan")
        ],
    )
}  # fmt: skip
SMOKE = {"samples": 128, "batch_size": 8, "width": 4, "stage_steps": 4}
SHAPE, KNOWN = (28, 28, 1), 2000


def evaluation(sampler, known: np.ndarray, found: np.ndarray, config: GrowingMnist, gen: Player):
    """Draws samples from the same noise at every evaluation, and compares them with the data."""
    del gen  # the samplers have it as it is at each level
    read = functools.partial(digits.read, digit_classifier.load())
    sample = sampler(config.samples, lambda image: (*read(image), to_bytes(image)))

    def evaluate(state: TrainState, key: jax.Array) -> Evaluation:
        arrays, (digit, sure, drawn) = sample(state, key)
        counts = metrics.class_histogram(digit, digits.CLASSES)
        swd = metrics.sliced_wasserstein_distance(
            jax.random.fold_in(key, 1), jnp.asarray(known), drawn
        )
        numbers = digits.measure(digit, sure, found) | {"swd": swd.value}
        return Evaluation(numbers, arrays, counts)

    return evaluate


def build(config: GrowingMnist) -> Experiment:
    """One run."""
    source = images.load(config, SHAPE)
    known = digits.some_data(source)
    found, sure = digits.read_data(known)
    if config.method == "lapgan":
        grown = lapgan.lapgan(config.width)
    else:
        grown = progressive.grown(config.width, config.batch_size, config.stage_steps)
    few = np.linspace(0, images.size(source) - 1, KNOWN).astype(int)
    data = images.take(source, few).image
    distance = f"sliced Wasserstein distance × 1,000, {config.samples:,} samples"
    return Experiment(
        title=f"MNIST from coarse to fine, {METHODS[config.method]}, width {config.width}",
        description=prose(__doc__),
        players=grown.players,
        recipe=grown.recipe,
        prior=grown.prior,
        data=source,
        evaluation=functools.partial(evaluation, grown.sampler, data, found, config),
        measures=(
            *digits.measures(config.samples, sure),
            Measure("swd", distance, "SWD", "lower"),
            digits.ACCURACY,
        ),
        reference=jax.device_get(lapgan.seen(to_unit_range(data[:SHOWN]))),
        **digits.classifier_fields(config, source),
    )


def run() -> None:
    """The program."""
    main(build, GrowingMnist, tables=TABLES, smoke=SMOKE)
