"""Coloured MNIST: does a GAN paint digits in all the colours of its data, or in a few?

Metz et al., "Unrolled Generative Adversarial Networks" (ICLR 2017), section 3.3.2, appendix F and
Table 2. Each image is one MNIST digit in a colour of its own, drawn from a normal distribution, on
black, with a little noise. The digits give the generator enough to do that it cannot get all of it
right; whether it gets the colours right can be measured.

    python -m experiments.colored_mnist --unroll_steps=5 --width=0.25
    python -m experiments.colored_mnist --unroll_steps=0 --width=0.25
    python -m experiments.colored_mnist --table=table_2 --seeds=3  # all runs, on all cores
    python -m experiments.colored_mnist --smoke                    # a try, in a minute

We measure the Jensen-Shannon divergence of the colours of 5,120 samples and of 5,120 images of the
data, in nats: 2-means of an image's pixels tells its digit's colour from the background's, and a
Gaussian kernel density is put on the colours of samples and of data, as in the paper. The paper
names no unit, no number of samples and no bandwidth. Were its unit the bit, our numbers would have
to be multiplied by 1.4427 before they are compared. Our bandwidth is Scott's rule on the data, with
which a perfect sampler has not 0 but the 0.004 of two samples of the data.

The form of the networks, Adam, and the normal colour, noise and clipping of the data follow the
paper. Not checked against its text are the numbers of Table 2, the formula of a coloured digit with
its deviations of colour (0.5) and noise (0.2), the length of z, kernel sizes, the learning rates,
Adam's beta1 and the leak. Batch size, length, beta2 and initialisation are our guess: the paper's
length is not known, and ours is chosen for minutes, not hours. Whether real and generated images
pass through the discriminator as one batch or as two (--disc_batch) the paper does not say. It is
two here, unlike in experiments.stacked_mnist: as one, a plain GAN paints blobs in a few colours
even after 5,000 steps, with a divergence five times the paper's.

At width 1/4 the default length takes 4, 5, 12 and 20 minutes of a quiet CPU core with K = 0, 1, 5
and 10, at width 1/2 9, 13, 32 and 59, and up to three times as long on a busy one.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal

import jax
import numpy as np
from absl import flags

from experiments import runner
from experiments.digits import colors, pictures
from experiments.runner import figures, gan_flags, image_gan, images, records
from experiments.runner.feeds import image_feed
from experiments.runner.report import prose
from experiments.runner.table import Cell, Claim, Table
from ganstab import metrics, steps
from ganstab.data import colored_digits
from ganstab.networks import unrolled_gan
from ganstab.types import Player, TrainState

WIDTHS = {0.25: "1/4", 0.5: "1/2", 1.0: "1"}
SOURCE = "Metz et al. 2017, Table 2"
# (width, K) -> Jensen-Shannon divergence, its standard error.
TABLE_2 = {
    (0.25, 0): (0.073, 0.0058),
    (0.25, 1): (0.142, 0.028),
    (0.25, 5): (0.049, 0.0021),
    (0.25, 10): (0.075, 0.012),
    (0.5, 0): (0.095, 0.011),
    (0.5, 1): (0.119, 0.010),
    (0.5, 5): (0.055, 0.0049),
    (0.5, 10): (0.074, 0.016),
    (1.0, 0): (0.034, 0.0034),
    (1.0, 1): (0.050, 0.0026),
    (1.0, 5): (0.027, 0.0028),
    (1.0, 10): (0.025, 0.00076),
}
RELATIONS: tuple[tuple[int, str, Literal["above", "below"], int], ...] = (
    (1, "further from the data's colours than K = 0", "above", 0),
    (5, "nearer to the data's colours than K = 0", "below", 0),
    (5, "nearer to the data's colours than K = 1", "below", 1),
)
"""What the paper says in words: one step of unrolling hurts, more steps help."""
TABLES = {
    "table_2": Table(
        "Coloured MNIST: Table 2 of Unrolled GANs",
        prose(__doc__),
        [
            Cell(
                f"width{width:g}_K{unroll_steps}",
                WIDTHS[width],
                f"K = {unroll_steps}",
                {"width": width, "unroll_steps": unroll_steps},
                {"js": records.Published(*paper, SOURCE)},
            )
            for (width, unroll_steps), paper in TABLE_2.items()
        ],
        corner="width of both networks",
        claims=[
            Claim(
                f"Width {row}: K = {k} is {words}",
                "js",
                f"width{width:g}_K{k}",
                relation,
                f"width{width:g}_K{other}",
            )
            for width, row in WIDTHS.items()
            for k, words, relation, other in RELATIONS
        ],
    )
}
SMOKE: dict[str, Any] = {"samples": 512, "batch_size": 16}

FLAGS = flags.FLAGS
runner.define_flags(num_steps=5000, batch_size=64, eval_every=500, dataset="mnist")
gan_flags.define_flags(unroll_steps=5, disc_learning_rate=2e-4)
image_gan.define_flags(samples=5120, disc_batch="separate")
flags.DEFINE_float(
    "width", 0.25, f"X: all channels of both networks, times X: one of {tuple(WIDTHS)}."
)
flags.register_validator("width", lambda width: width in WIDTHS, f"must be one of {tuple(WIDTHS)}")
flags.register_validator(
    "samples", lambda n: n >= colors.LEAST, f"must be {colors.LEAST} or more: they need a density"
)


def make_evaluation(
    gen: Player, key: jax.Array, data: np.ndarray
) -> Callable[[TrainState], runner.Evaluation]:
    """Draws samples, of the same latents at every evaluation, and compares their colours."""
    sample = image_gan.make_sampler(gen, key, metrics.foreground_colors)

    def evaluate(state: TrainState) -> runner.Evaluation:
        shown, found = sample(state)
        numbers = {"samples": len(found), "js": colors.divergence(data, found)}
        return runner.Evaluation(numbers, shown, kept=found)

    return evaluate


def published() -> records.Published | None:
    """What the paper has for this width and K, if the run is on its data."""
    row = TABLE_2.get((FLAGS.width, FLAGS.unroll_steps))
    return records.Published(*row, SOURCE) if row and runner.has_papers_data() else None


def results(numbers, floor: float) -> dict:
    """The run's number beside the paper's."""
    entry = records.measured(
        [numbers["js"]],
        "JS divergence of the colours, nats",
        published=published(),
        ideal=floor,
        better="lower",
    )
    return {"js": entry}


def build(session: runner.Session) -> runner.Experiment:
    """One cell of Table 2."""
    session.progress.note("loading the digits")
    loaded = images.load_ahead(session.settings, (28, 28, 1))
    init_key, data_key, evaluation_key = jax.random.split(session.key, 3)
    modules = unrolled_gan.colored_mnist(FLAGS.width, **image_gan.network_settings())
    trained = image_gan.prepare(modules, init_key, session.mesh)
    source = loaded()
    session.progress.note("looking at the colours of the data")
    data, floor = colors.of_data(source, jax.random.key(colors.SEED), FLAGS.samples)
    return runner.Experiment(
        title=f"Coloured MNIST, K = {FLAGS.unroll_steps}, width {FLAGS.width:g}",
        description=prose(__doc__),
        state=trained.state,
        game=trained.game,
        make_step=functools.partial(steps.alternating, txs=trained.txs),
        feed=image_feed(session, source, colored_digits, data_key),
        evaluate=make_evaluation(trained.players.gen, evaluation_key, data),
        panels=(
            figures.js_panel("the digits' colours", published(), floor),
            figures.LOSSES,
            figures.GRADIENT_NORMS,
        ),
        results=functools.partial(results, floor=floor),
        draw_training=functools.partial(pictures.colors, data=data),
    )


def main() -> int:
    """Trains, evaluates and reports one cell of Table 2."""
    cell = f"colored_mnist_K{FLAGS.unroll_steps}_width{FLAGS.width}_seed{FLAGS.seed}"
    return runner.run(build, runner.start(__name__, f"runs/{cell}"))


subject = functools.partial(runner.subject, build, __name__)


if __name__ == "__main__":
    runner.launch(main, TABLES, SMOKE)
