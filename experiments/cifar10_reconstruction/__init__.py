"""CIFAR-10: which training images can a GAN make, with and without unrolling?

Metz et al., "Unrolled Generative Adversarial Networks" (ICLR 2017), section 3.4, Table 3 and
Figures 4, 5 and 6. Samples look alike whether a GAN was unrolled or not, and do not show what is
missing among them. So the program searches for images of the training set: for each image, L-BFGS
looks for the latent vector whose sample comes nearest to it, from 3 random starts, of which the
best is kept. Where no latent vector leads near, the generator has dropped that image.

    python -m experiments.cifar10_reconstruction --data_dir=FOLDER --width=0.25 --unroll_steps=10
    python -m experiments.cifar10_reconstruction --data_dir=FOLDER --width=0.25 --unroll_steps=0
    ganstab compare runs/A runs/B --out=picture.png

The folder of --data_dir has one sub-folder of 32 × 32 images for each class. Without it, the images
are what TensorFlow Datasets has prepared as --dataset=cifar10, or prepares with --download.
Finished runs are compared by the share of images that each reconstructs best, by the images on
which they differ most, and by their samples' distances.

A run measures the mean squared error over --inference_images training images, which are the same in
every run; the paper has 1,280. Pixels are in [0, 1]. In [−1, 1] the error is four times as large,
and the paper does not say which range it has. A run also measures Euclidean distances of random
pairs of samples, beside those of the data, of pixels in [0, 1] too. The paper finds that samples of
a plain GAN are nearer to each other than images of the data are, and that with a larger K their
distances come closer to the data's.

The networks, the number of starts, the number of images and Adam follow the paper. These could not
be checked against its text: the length of the noise, 256, kernels of 3 × 3, the leak 0.3, and the
length, 100,000 updates of a single network, which are the 50,000 steps here. Learning rates and
beta1 are those of two re-implementations that agree. Batch size, beta2, initialisation, one batch
for real and generated images (--disc_batch) and where a search ends are our own choice. The paper's
numbers are those of the full width. Compare with care where --width is less.

At a quarter of the width a step takes 0.19, 0.26 and 0.58 s of one CPU core for K = 0, 1 and 5, and
the search takes 0.5 s for each image and every 30 of its --iterations. A search that was stopped
goes on where it was.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from experiments import unrolled_gan
from experiments.cifar10_reconstruction import comparison, search, tables
from ganstab.data import to_unit_range
from ganstab.networks.unrolled_gan import cifar10 as networks
from ganstab.training import Evaluation, Experiment, Measure, images, option
from ganstab.training.cli import main
from ganstab.training.compare import labels
from ganstab.training.experiment import prose
from ganstab.types import Player, TrainState

SMOKE = {"width": 0.0625, "batch_size": 16, "samples": 64, "inference_images": 8, "iterations": 5}
SHAPE, SAMPLED_AT_ONCE = (32, 32, 3), 128


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cifar10Reconstruction(unrolled_gan.UnrolledImageConfig):
    """The settings of one cell of Table 3."""

    num_steps: int = 50_000
    dataset: str = tables.DATASET
    unroll_steps: int = 10
    samples: int = 1024
    width: float = option(
        1.0, "Channels of both networks, as a factor of the paper's.", lower=0.001, upper=64.0
    )
    inference_images: int = option(
        1280, "Training images that the run searches for at its end.", lower=1, upper=10**7
    )
    starts: int = option(3, "Searches for each, of which the best is kept.", lower=1, upper=10**4)
    iterations: int = option(100, "Most steps of L-BFGS in each search.", lower=1)
    inference_batch: int = option(16, "Images that are searched for at once.", lower=1, upper=10**6)

    def check(self) -> None:
        """Raises ValueError where the width does not make whole numbers of channels."""
        networks(self.width)

    def run_name(self) -> str:
        """The run's name, made of K, the width and the seed."""
        return f"cifar10_K{self.unroll_steps}_width{self.width:g}_seed{self.seed}"

    def compare_runs(self, runs, path):
        """Figures 5 and 6 and Table 3 of runs that searched for the same images, over all seeds."""
        names = labels([vars(config) for *_, config in runs], but={"seed"})
        found = [
            comparison.finished(name, folder, config, published(config))
            for name, (_, folder, config) in zip(names, runs, strict=True)
        ]
        return comparison.compare(found, path)


def evaluation(config: Cifar10Reconstruction, gen: Player):
    """Draws samples from the same latents every time, and takes the distances of random pairs."""
    calls = -(-config.samples // SAMPLED_AT_ONCE)

    @jax.jit
    def sample(state: TrainState, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        z = jax.random.normal(key, (calls, SAMPLED_AT_ONCE, unrolled_gan.LATENT))
        made = jax.lax.map(search.generator(gen, state), z).reshape(-1, *SHAPE)[: config.samples]
        return made[:64], search.distances(made)

    def evaluate(state: TrainState, key: jax.Array) -> Evaluation:
        shown, distance = (np.asarray(x.addressable_data(0)) for x in sample(state, key))
        numbers = {"samples": config.samples, "distance": float(np.median(distance))}
        return Evaluation(numbers, {"samples": shown, "sample_distance": distance})

    return evaluate


def published(config: Cifar10Reconstruction) -> dict:
    """What the paper has for these settings."""
    return tables.published(config.unroll_steps) if config.has_papers_data() else {}


def measures(config: Cifar10Reconstruction, data_distance: float) -> tuple[Measure, ...]:
    """The error of reconstructions beside the paper's, and the samples' distances."""
    known = published(config)
    return (
        dataclasses.replace(comparison.ERROR, published=known.get("mse")),
        Measure("distance", "median distance of two samples, pixels in [0, 1]", "distance",
                ideal=data_distance),
        Measure("converged", "images whose best search converged, %", final=True),
    )  # fmt: skip


def build(config: Cifar10Reconstruction) -> Experiment:
    """One cell of Table 3."""
    source = images.load(config, SHAPE)
    image = search.choose(source, config.inference_images, config.samples)
    data = to_unit_range(jnp.asarray(image[: config.samples]))
    data_distance = np.asarray(jax.jit(search.distances)(data))
    players = unrolled_gan.players(networks(config.width, **config.network_settings()))
    sought = image[: config.inference_images]
    settings = search.Settings(config.starts, config.iterations, config.inference_batch)
    return Experiment(
        title=f"CIFAR-10, K = {config.unroll_steps}, width {config.width:g}",
        description=prose(__doc__),
        players=players,
        recipe=config.image_recipe(),
        prior=unrolled_gan.LATENT,
        data=source,
        evaluation=functools.partial(evaluation, config),
        measures=measures(config, float(np.median(data_distance))),
        reference={"samples": np.asarray(data[:64])},
        conclude=search.make_conclusion(players.gen, sought, settings, data_distance),
    )


def run() -> None:
    """The program."""
    main(build, Cifar10Reconstruction, tables=tables.TABLES, smoke=SMOKE)
