"""CIFAR-10 with WGAN-GP: against weight clipping and the plain GAN, and its residual networks.

Gulrajani et al., "Improved Training of Wasserstein GANs" (NeurIPS 2017), sections 5.3 and 5.4,
Figure 3 and Table 3. In the figure the gradient penalty has a higher score than weight clipping,
even with the same optimizer, and about the score of DCGAN, the plain GAN, which is faster in
wall-clock time and less stable. In the table its ResNet scores 7.86 without labels and 8.42 with
them. With labels the generator has class-conditional batch norm, and the critic predicts the class,
as in an AC-GAN; the weight of the cross entropy is 1 for the critic, on real images alone, and 0.1
for the generator.

    python -m experiments.cifar10 --data=FOLDER --method=resnet --conditional
    python -m experiments.cifar10 --data=FOLDER --table=figure_3 --seeds=3
    python -m experiments.cifar10 --data=FOLDER --table=table_3 --seeds=3 --width=128 \
        --num_steps=100000 --samples=50000 --eval_every=1000 --inception=FILE  # the paper's
    python -m experiments.cifar10 --data=FOLDER --smoke                        # a try, in a minute

--data is as `ganstab train` takes it: a folder with one sub-folder of 32 × 32 images a class (in
its sub-folder train, if it has one), a zip archive of it, or tfds:cifar10.

The paper measures the Inception score. The weights of its network are not part of this package;
with --inception=FILE the score is measured and stands beside the paper's. Every run measures the
same formula with the package's own classifier of CIFAR-10, whose accuracy stands beside the score.
This score is compared with no number of the paper. The value called "perfect" is the score of as
many training images. It is a little high, since the classifier was trained on them.

The program follows the authors' code in networks, optimizers, λ = 10, 5 critic updates a step and
critic batches of 64. For the ResNet it follows that code in generator batches of 128, in a learning
rate that falls linearly from 2e-4 to 0 over --decay_steps, and in uniform noise within a pixel's
step. In that code the width is 128 in either pair, and the length is 200,000 steps in Figure 3 and
100,000 in Table 3; the defaults here are for two cores of a CPU. There are four deviations. The
labels in the generator's update are those of a batch of the data; that code draws them uniformly.
The labels of the samples that are scored take turns; that code draws those uniformly too.
Batch norm has running averages when samples are drawn; in that code it has a batch's statistics.
RMSProp is that of `ganstab.recipes.wgan`, with a decay of 0.99; in that code it is 0.9.

At the default width a step takes 0.08 s of one CPU core for DCGAN, 0.34 s for the gradient penalty
with Adam and 1.0 s for the ResNet by class (means of four steps). Results are not measured yet.
"""

import functools

import jax
import numpy as np

from experiments import scores
from experiments.cifar10 import methods, networks, tables
from experiments.cifar10.config import Cifar10
from ganstab import metrics
from ganstab.data import Images
from ganstab.data.sampling import to_bytes
from ganstab.metrics.evaluation import evaluate as evaluate_images
from ganstab.training import Evaluation, Experiment, Measure
from ganstab.training.cli import main
from ganstab.training.experiment import prose
from ganstab.training.samples import SHOWN, make_sampler
from ganstab.types import Player, TrainState

SMOKE = {"samples": 64, "batch_size": 8, "width": 4}


def labels(config: Cifar10) -> np.ndarray | None:
    """The labels of samples: those that are shown are sorted by class, others take turns."""
    count = len(config.class_names())
    shown = np.arange(SHOWN) * count // SHOWN
    others = np.arange(config.samples - SHOWN) % max(count, 1)
    return np.concatenate([shown, others]) if count else None


def evaluation(config: Cifar10, gen: Player):
    """Draws samples from the same latents at every evaluation, and scores them."""
    sample = make_sampler(
        gen,
        networks.LATENT,
        samples=config.samples,
        label=labels(config),
        measure=to_bytes,
    )

    def evaluate(state: TrainState, key: jax.Array) -> Evaluation:
        shown, drawn = sample(state, key)
        numbers = {"samples": len(drawn), tables.SCORE: metrics.classifier_score(drawn).value}
        if inception := config.weights():
            source = metrics.array_source("the samples", drawn)
            found = evaluate_images(key, source, source, ["is"], inception=inception)
            numbers["is"] = found["is"].value
        return Evaluation(numbers, {"samples": shown})

    return evaluate


def measures(config: Cifar10, real: Images) -> tuple[Measure, ...]:
    """The classifier's score, and with --inception the Inception score beside the paper's."""
    n = f"{config.samples:,} samples"
    enough = len(real.image) >= scores.LEAST
    ideal = metrics.classifier_score(real.image).value if enough else None
    score = Measure(tables.SCORE, f"{metrics.classifier_score_name()}, {n}", "score", ideal=ideal)
    if config.inception is None:
        return (score,)
    is_papers = config.method == methods.RESNET and config.has_papers_data()
    known = tables.published(config.conditional) if is_papers else None
    return score, Measure("is", f"Inception score, {n}", "IS", published=known)


def build(config: Cifar10) -> Experiment:
    """One curve of Figure 3, or one row of Table 3."""
    config = config.fingerprinted() if config.data_files is None else config
    data, real = config.images()
    method = methods.METHODS[config.method]
    classes = config.class_names()
    return Experiment(
        title=f"CIFAR-10, {method.words}, width {config.width}" + ", by class" * bool(classes),
        description=prose(__doc__),
        players=methods.players(config.method, config.width, len(classes) or None),
        recipe=method.recipe(config.decay_steps or config.num_steps, config.conditional),
        prior=networks.LATENT,
        data=data,
        sampler=methods.sampler(config.method),
        evaluation=functools.partial(evaluation, config),
        measures=measures(config, real),
        classes=classes,
        reference={"samples": real.image[:SHOWN]} if len(real.image) else {},
    )


def run() -> None:
    """The program."""
    main(build, Cifar10, tables=tables.TABLES, smoke=SMOKE)
