"""CIFAR-10: which training images can a GAN make, with and without unrolling?

Metz et al., "Unrolled Generative Adversarial Networks" (ICLR 2017), section 3.4, Table 3 and
Figures 4, 5 and 6. Samples look alike whether a GAN was unrolled or not, and do not show what is
missing among them. So images of the training set are sought: L-BFGS looks for the latent vector
whose image comes nearest to a given one, from 3 random starts, of which the best is kept. Where no
latent vector leads near, the generator has dropped that image.

    python -m experiments.cifar10_reconstruction --data_dir=FOLDER --width=0.25 --unroll_steps=10
    python -m experiments.cifar10_reconstruction --data_dir=FOLDER --width=0.25 --unroll_steps=0
    python -m experiments.compare --run=runs/A --run=runs/B --out=picture.png

FOLDER has one sub-folder of 32 × 32 images a class; without it, --dataset=cifar10 is what
TensorFlow Datasets has prepared, or prepares with --download. The last command shows several
finished runs together: the share of images that each reconstructs best, the images on which they
differ most, and their samples' distances.

We measure the mean squared error over --inference_images training images, 1,280 in the paper and
the same in every run, of pixels in [0, 1] (in [−1, 1] it is four times as large; the paper does not
say which it has), and Euclidean distances of random pairs of samples beside those of the data, of
pixels in [0, 1] too. The paper finds the samples of a plain GAN nearer to each other than the data
are, and larger K closer to the data.

The networks, the searches' number of starts, the images' number and Adam follow the paper. Not
checked against its text are the length of the noise, 256, kernels of 3 × 3, the leak 0.3 and the
length, 100,000 updates of either network, which are the 50,000 steps here. Learning rates and beta1
are those of two re-implementations that agree. Batch size, beta2, initialisation, one batch for
real and generated images (--disc_batch) and where a search ends are our own choice. The paper's
numbers are those of the full width, and have to be compared with care where --width is less.

On one core of a CPU a quarter of the width takes 0.19, 0.26 and 0.58 s a step for K = 0, 1 and 5,
and the search 0.5 s an image for every 30 of its --iterations. It goes on where it was stopped.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags
from jax import Array

from experiments import runner
from experiments.reconstruction import comparison, findings, inference, tables
from experiments.runner import figures, gan_flags, image_gan, images, records
from experiments.runner.feeds import image_feed
from ganstab import steps
from ganstab.data import single_images, to_unit_range
from ganstab.errors import InputError
from ganstab.networks import unrolled_gan
from ganstab.style import BLUE, FAINT
from ganstab.types import Player, TrainState

TABLES = {
    name: table._replace(pictures=comparison.of_table, across=comparison.across)
    for name, table in tables.TABLES.items()
}
SMOKE = {
    "width": 0.0625, "batch_size": 16, "samples": 64, "inference_images": 8, "inference_batch": 4,
    "iterations": 5,
}  # fmt: skip
SHAPE = (32, 32, 3)
SAMPLED_AT_ONCE = 128

FLAGS = flags.FLAGS
runner.define_flags(num_steps=50_000, batch_size=64, eval_every=1000, dataset=tables.DATASET)
gan_flags.define_flags(unroll_steps=10, disc_learning_rate=2e-4)
image_gan.define_flags(samples=1024, gen_norm=False)
flags.DEFINE_float(
    "width", 1.0, "Channels of both networks, as a factor of the paper's.", lower_bound=0.0
)
flags.DEFINE_integer(
    "inference_images", 1280, "Training images that are sought in the end.", lower_bound=1
)
flags.DEFINE_integer("starts", 3, "Searches for each, of which the best is kept.", lower_bound=1)
flags.DEFINE_integer("iterations", 100, "Most steps of L-BFGS in each search.", lower_bound=1)
flags.DEFINE_integer("inference_batch", 16, "Images that are sought at once.", lower_bound=1)


def make_sampler(gen: Player, key: Array) -> Callable[[TrainState], list[np.ndarray]]:
    """From a training state to samples and their distances, of the same latents every time."""
    calls = -(-FLAGS.samples // SAMPLED_AT_ONCE)

    @jax.jit
    def sample(state: TrainState) -> tuple[Array, Array]:
        generate = inference.generator(gen, state)
        z = jax.random.normal(key, (calls, SAMPLED_AT_ONCE, image_gan.LATENT))
        made = jax.lax.map(generate, z).reshape(-1, *SHAPE)[: FLAGS.samples]
        return made[: image_gan.SHOWN], inference.distances(made)

    return lambda state: [np.asarray(x.addressable_data(0)) for x in sample(state)]


def make_evaluation(sample: Callable) -> Callable[[TrainState], runner.Evaluation]:
    """Draws the samples, and takes the distances between them."""

    def evaluate(state: TrainState) -> runner.Evaluation:
        shown, distance = sample(state)
        numbers = {"samples": FLAGS.samples, "distance": float(np.median(distance))}
        return runner.Evaluation(numbers, shown)

    return evaluate


def make_conclusion(
    gen: Player, sample: Callable, image: np.ndarray, data_distance: np.ndarray
) -> runner.Conclusion:
    """The search for the images, and the last samples' distances."""

    def measure_distances(state: TrainState) -> dict[str, np.ndarray]:
        return {"sample_distance": sample(state)[1], "data_distance": data_distance}

    searches = inference.pieces(
        gen,
        image,
        starts=FLAGS.starts,
        iterations=FLAGS.iterations,
        at_once=min(FLAGS.inference_batch, len(image)),
    )
    return runner.Conclusion({"distances": measure_distances, **searches}, findings.conclude)


def panels(data_distance: float) -> tuple[figures.Panel, ...]:
    """What the curves show."""
    data = figures.Mark(data_distance, f"data {data_distance:.3g}", colour=FAINT)
    line = figures.Line("distance", "samples", BLUE)
    distance = figures.Panel("Median distance of two samples", (line,), (data,))
    return distance, figures.LOSSES, figures.GRADIENT_NORMS


def results(numbers, data_distance: float) -> dict:
    """The last samples' distances beside the data's, and after the search its errors."""
    found = {
        "distance": records.measured(
            [numbers["distance"]],
            "median distance of two samples, pixels in [0, 1]",
            ideal=data_distance,
        )
    }
    if "mse" not in numbers:
        return found
    known = tables.published(FLAGS.unroll_steps)
    error = records.measured(
        [numbers["mse"]],
        "mean squared error of reconstructions, pixels in [0, 1]",
        published=known.get("mse"),
        better="lower",
    )
    converged = records.measured([numbers["converged"]], "images whose best search converged, %")
    return {"mse": error, **found, "converged": converged}


def build(session: runner.Session) -> runner.Experiment:
    """One cell of Table 3."""
    session.progress.note("loading the images")
    source = images.load(session.settings, SHAPE)
    image = chosen_images(source)
    seen = to_unit_range(jnp.asarray(image[: FLAGS.samples]))
    data_distance = np.asarray(jax.jit(inference.distances)(seen))
    init_key, data_key, evaluation_key = jax.random.split(session.key, 3)
    modules = unrolled_gan.cifar10(FLAGS.width, **image_gan.network_settings())
    trained = image_gan.prepare(modules, init_key, session.mesh)
    gen = trained.players.gen
    sample = make_sampler(gen, evaluation_key)
    middle = float(np.median(data_distance))
    sought = image[: FLAGS.inference_images]
    return runner.Experiment(
        title=f"CIFAR-10, K = {FLAGS.unroll_steps}, width {FLAGS.width:g}",
        description=description(),
        state=trained.state,
        game=trained.game,
        make_step=functools.partial(steps.alternating, txs=trained.txs),
        feed=image_feed(session, source, single_images, data_key),
        evaluate=make_evaluation(sample),
        panels=panels(middle),
        results=functools.partial(results, data_distance=middle),
        conclusion=make_conclusion(gen, sample, sought, data_distance),
    )


def chosen_images(source) -> np.ndarray:
    """As many training images as the distances or the search want, uint8 [n, 32, 32, 3]."""
    count = images.size(source)
    if FLAGS.inference_images > count:
        raise InputError(
            f"--inference_images={FLAGS.inference_images} is more than the data, {count} images"
        )
    wanted = max(FLAGS.inference_images, FLAGS.samples)
    return images.take(source, inference.order(count)[:wanted]).image


def description() -> str:
    """The docstring without its commands and the paragraph about them."""
    before, _, after = (__doc__ or "").partition("    python")
    return before + after.split("\n\n", 2)[2]


def main() -> int:
    """Trains, evaluates and reports one cell of Table 3."""
    cell = f"cifar10_K{FLAGS.unroll_steps}_width{FLAGS.width:g}_seed{FLAGS.seed}"
    return runner.run(build, runner.start(__name__, f"runs/{cell}"))


subject = functools.partial(runner.subject, build, __name__)


if __name__ == "__main__":
    runner.launch(main, TABLES, SMOKE)
