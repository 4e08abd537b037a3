"""MNIST column by column: a recurrent generator against a convolutional discriminator.

Metz et al., "Unrolled Generative Adversarial Networks" (ICLR 2017), section 3.2, appendix C and
Figure 3. An LSTM writes each digit as 28 columns of pixels, one after the other; a convolutional
network judges the whole image. Nothing makes the two a match. In the paper's figure the plain GAN
shows one blob at a time, each in place of the one before, and the one whose generator looks K = 20
discriminator updates ahead spreads over the digits.

    python -m experiments.rnn_mnist --unroll_steps=20
    python -m experiments.rnn_mnist --unroll_steps=0
    python -m experiments.rnn_mnist --table=figure_3  # all runs, on all cores
    python -m experiments.rnn_mnist --smoke           # a try, in a minute

The paper shows samples and counts nothing. Here an MNIST classifier names the digit of each of
5,120 samples: reported are how many of the ten occur, the KL divergence of their shares to those
that it finds among 10,000 images of the data, in nats, and how many samples it is sure of, by more
than 90 %. It names a digit in any blob, so the first two mean little where the third is low.

Networks, loss, K and Adam follow the paper. Not checked against its text are the sizes of the noise
and of the LSTM, the forget bias of 1, the leak, Adam's beta1 and the length, 150,000 updates of
either network: 75,000 steps here. Batch size, beta2, the discriminator's initialisation and whether
real and generated images pass through it as one batch (--disc_batch) are our guess. The default
length, 5,000 steps, is a fifteenth of the paper's, which --num_steps=75000 makes whole: a step
takes 1.1 s of one CPU core with K = 20 and 0.13 s with K = 0, so that 5,000 take 90 and 10 minutes.
"""

import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from absl import flags

from experiments import runner
from experiments.digits import counts, pictures
from experiments.runner import figures, gan_flags, image_gan, images, records, samples
from experiments.runner.classifier_check import check_ruler
from experiments.runner.feeds import image_feed
from experiments.runner.report import prose
from experiments.runner.table import Cell, Claim, Table
from experiments.runner.table.cells import Runs
from ganstab import digit_classifier, metrics, steps
from ganstab.data import single_images
from ganstab.networks import unrolled_gan
from ganstab.reporting.pages import Picture
from ganstab.style import BLUE, FAINT
from ganstab.types import Player, TrainState


def figure_3(runs: Runs, folder: pathlib.Path) -> list[Picture]:
    """A row of samples over training for each K, of its first seed that kept them."""
    found = [(cell.row, samples.first_kept(seeds)) for cell, seeds in runs]
    rows = [(name, there[1]) for name, there in found if there]
    if not rows or not set.intersection(*(set(kept) for _, kept in rows)):
        return []
    pictures.strips(rows, folder / "figure_3.png")
    return [Picture(folder / "figure_3.png", "Samples over training, of the same latents.")]


TABLES = {
    "figure_3": Table(
        "Figure 3: an LSTM generator, with and without unrolling",
        prose(__doc__),
        [Cell(f"K{k}", f"K = {k}", "MNIST", {"unroll_steps": k}) for k in (20, 0)],
        pictures=figure_3,
        claims=[
            Claim("K = 20 generates more of the digits than K = 0", "modes", "K20", "above", "K0")
        ],
    )
}
SMOKE: dict[str, Any] = {"samples": 512, "batch_size": 16, "unroll_steps": 2}

FLAGS = flags.FLAGS
runner.define_flags(num_steps=5000, batch_size=64, eval_every=500, dataset="mnist")
gan_flags.define_flags(unroll_steps=20, disc_learning_rate=1e-4)
image_gan.define_flags(samples=5120, gen_norm=False)


def make_evaluation(
    gen: Player, key: jax.Array, data: np.ndarray
) -> Callable[[TrainState], runner.Evaluation]:
    """Draws samples, of the same latents at every evaluation, and reads the digits."""
    read = functools.partial(counts.read, digit_classifier.load())
    sample = image_gan.make_sampler(gen, key, read)

    def evaluate(state: TrainState) -> runner.Evaluation:
        shown, (digits, sure) = sample(state)
        found = metrics.class_histogram(digits, counts.CLASSES)
        numbers = counts.measure(digits, sure, data)
        return runner.Evaluation(numbers, shown, found, kept=shown[: pictures.SIDE**2])

    return evaluate


def panels(sure_of_data: float) -> tuple[figures.Panel, ...]:
    """What the curves show."""
    line = (figures.Line("sure", "this run", BLUE),)
    best = figures.Mark(sure_of_data, f"data {sure_of_data:.1f}", colour=FAINT)
    return (
        figures.modes_panel(maximum=counts.CLASSES),
        figures.kl_panel(floor=counts.kl_floor(FLAGS.samples), to="the data's digits"),
        figures.Panel("Samples that the classifier is sure of, %", line, (best,)),
        figures.LOSSES,
        figures.GRADIENT_NORMS,
    )


def results(
    numbers: Mapping[str, float], sure_of_data: float, accuracy: float | None
) -> dict[str, Any]:
    """The run's numbers beside a perfect sampler's; the paper has none."""
    ruler = {}
    if accuracy is not None:
        ruler["ruler"] = records.measured(
            [accuracy], "the classifier's accuracy on 1,000 of the training images", ideal=1.0
        )
    return {
        "modes": records.measured(
            [numbers["modes"]], f"digits that occur, of {counts.CLASSES}", ideal=counts.CLASSES
        ),
        "kl": records.measured(
            [numbers["kl"]],
            "KL to the data's digits, nats",
            ideal=counts.kl_floor(int(numbers["samples"])),
            better="lower",
        ),
        "sure": records.measured(
            [numbers["sure"]], "samples that the classifier is sure of, %", ideal=sure_of_data
        ),
        **ruler,
    }


def build(session: runner.Session) -> runner.Experiment:
    """One row of Figure 3."""
    session.progress.note("loading the digits")
    loaded = images.load_ahead(session.settings, (28, 28, 1))
    init_key, data_key, evaluation_key = jax.random.split(session.key, 3)
    modules = unrolled_gan.rnn_mnist(**image_gan.network_settings())
    trained = image_gan.prepare(modules, init_key, session.mesh)
    source = loaded()
    session.progress.note("reading the digits of the data")
    known = counts.some_data(source)
    digits, sure = counts.read_data(known)
    sure_of_data = counts.measure(digits, sure, digits)["sure"]
    return runner.Experiment(
        title=f"MNIST by columns, K = {FLAGS.unroll_steps}",
        description=prose(__doc__),
        state=trained.state,
        game=trained.game,
        make_step=functools.partial(steps.alternating, txs=trained.txs),
        feed=image_feed(session, source, single_images, data_key),
        evaluate=make_evaluation(trained.players.gen, evaluation_key, digits),
        panels=panels(sure_of_data),
        results=functools.partial(
            results, sure_of_data=sure_of_data, accuracy=check_ruler(session, source)
        ),
        draw_training=functools.partial(pictures.strip, data=known),
    )


def main() -> int:
    """Trains, evaluates and reports one row of Figure 3."""
    name = f"rnn_mnist_K{FLAGS.unroll_steps}_seed{FLAGS.seed}"
    return runner.run(build, runner.start(__name__, f"runs/{name}"))


subject = functools.partial(runner.subject, build, __name__)


if __name__ == "__main__":
    runner.launch(main, TABLES, SMOKE)
