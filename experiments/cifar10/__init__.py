"""CIFAR-10 with WGAN-GP: against weight clipping and the plain GAN, and its residual networks.

Gulrajani et al., "Improved Training of Wasserstein GANs" (NeurIPS 2017), sections 5.3 and 5.4,
Figure 3 and Table 3. In the figure the gradient penalty scores above weight clipping, with the same
optimizer too, and like DCGAN, the plain GAN, which is faster and less stable. In the table its
ResNet has 7.86 without labels and 8.42 with them, made by class-conditional batch norm and taught
by the classes that an AC-GAN's critic reads (cross entropies of weight 1 on real images for the
critic, 0.1 for the generator).

    python -m experiments.cifar10 --data=FOLDER --method=resnet --conditional
    python -m experiments.cifar10 --data=FOLDER --table=figure_3 --seeds=3
    python -m experiments.cifar10 --data=FOLDER --table=table_3 --seeds=3 --width=128 \
        --num_steps=100000 --samples=50000 --eval_every=1000 --inception=FILE  # the paper's
    python -m experiments.cifar10 --data=FOLDER --smoke                        # a try, in a minute

--data is as `ganstab train` takes it: a folder with one sub-folder of 32 × 32 images a class (in
its sub-folder train, if it has one), a zip archive of it, or tfds:cifar10.

The paper measures the Inception score, whose network's weights are not part of this package: with
--inception it is measured beside the paper's. Measured always is the same formula with the
package's own classifier of CIFAR-10, whose accuracy stands beside it; it is compared with no
paper's number. As "perfect" stands the score of as many training images, which is a little high,
since the classifier was trained on them.

Networks, optimizers, λ = 10, 5 critic updates a step, critic batches of 64 and the ResNet's
generator batches of 128, its rate that falls linearly from 2e-4 to 0 over --decay_steps, and its
noise in a pixel's step are those of the authors' code. Its width is 128 in either pair, its length
200,000 steps in Figure 3 and 100,000 in Table 3; the defaults here are for two cores of a CPU.
Deviations: labels of generated images are those of a batch of the data, batch norm has running
averages when samples are drawn, and RMSProp is that of `ganstab.recipes.wgan`.

At the default width a step takes 0.08 s of one CPU core for DCGAN, 0.34 s for the gradient penalty
with Adam and 1.0 s for the ResNet by class (means of four steps). Results are not measured yet.
"""

import functools

import jax
import numpy as np

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
    """What samples are made under: those that are shown sorted by class, the others in turn."""
    count = len(config.class_names())
    shown = np.arange(SHOWN) * count // SHOWN
    others = np.arange(config.samples - SHOWN) % max(count, 1)
    return np.concatenate([shown, others]) if count else None


def evaluation(config: Cifar10, gen: Player):
    """Draws samples, of the same latents at every evaluation, and scores them."""
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
    """The score, and with --inception the paper's beside the paper's number."""
    n = f"{config.samples:,} samples"
    ideal = metrics.classifier_score(real.image).value if len(real.image) >= 10 else None
    known = tables.published(config.conditional) if config.method == methods.RESNET else None
    score = Measure(tables.SCORE, f"{metrics.classifier_score_name()}, {n}", "score", ideal=ideal)
    if config.inception is None:
        return (score,)
    known = known if config.has_papers_data() else None
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
