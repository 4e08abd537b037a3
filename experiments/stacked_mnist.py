"""Stacked MNIST: how many of 1,000 modes does a GAN cover, with and without unrolling?

Metz et al., "Unrolled Generative Adversarial Networks" (ICLR 2017), section 3.3.1 and Table 1.
Each image is three random MNIST digits, one a colour channel, so the data have 10 × 10 × 10 = 1,000
modes. The discriminator is kept small on purpose, at a fraction of the generator's width: a plain
GAN then often drops most modes, one whose generator looks K discriminator updates ahead fewer.

    python -m experiments.stacked_mnist --unroll_steps=5
    python -m experiments.stacked_mnist --unroll_steps=0
    python -m experiments.stacked_mnist --table=table_1 --seeds=5  # all runs, on all cores
    python -m experiments.stacked_mnist --smoke                    # a try, in a minute

We count the modes hit at least once by 25,600 samples, as told by an MNIST classifier, and take the
KL divergence of the samples' histogram of modes to uniform, in nats. A perfect sampler covers 1,000
with a KL of 0.0195, the price of a finite sample.

Networks, optimizer (Adam) and evaluation follow the paper. Kernel sizes, learning rates, Adam's
beta1, leak and number of samples are taken from PacGAN's re-run of the table.
Batch size, length, beta2 and initialisation are our own choice; the length is chosen for minutes,
not hours. Real and generated images pass through the discriminator as one batch (--disc_batch): the
paper does not say; --table=choices compares it, and what else it leaves open, with other choices.

On one core of a CPU the 5,000 steps take some 4, 7 and 10 minutes with K = 0, 5 and 10, and up to
eight times as long on a busy one. Which runs collapse changes from seed to seed: results/README.md.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
from absl import flags

from experiments import runner
from experiments.runner import figures, gan_flags, image_gan, images, records
from experiments.runner.classifier_check import check_ruler
from experiments.runner.feeds import image_feed
from experiments.runner.report import prose
from ganstab import digit_classifier, metrics, steps
from ganstab.data import stacked_digits
from ganstab.networks import unrolled_gan
from ganstab.types import Player, TrainState

WIDTHS = (0.25, 0.5, 1.0)
SOURCE = "Metz et al. 2017, Table 1"
MODES = 1000
SMOKE = {"samples": 512}
DESCRIPTION = prose(__doc__)
# (width, K) -> modes, their standard error, KL, its standard error.
TABLE_1 = {
    (0.25, 0): (30.6, 20.73, 5.99, 0.42),
    (0.25, 1): (65.4, 34.75, 5.911, 0.14),
    (0.25, 5): (236.4, 63.30, 4.67, 0.43),
    (0.25, 10): (327.2, 74.67, 4.66, 0.46),
    (0.5, 0): (628.0, 140.9, 2.58, 0.751),
    (0.5, 1): (523.6, 55.768, 2.44, 0.26),
    (0.5, 5): (732.0, 44.98, 1.66, 0.090),
    (0.5, 10): (817.4, 37.91, 1.43, 0.12),
}
# What the paper leaves open, one thing at a time changed from the defaults, then all as PacGAN did.
CHOICES: dict[str, tuple[str, dict[str, Any]]] = {
    "as_it_is": ("the defaults", {}),
    "separate": ("real and fake as two batches", {"disc_batch": "separate"}),
    "first_norm": (
        "no batch norm in the discriminator's first layer",
        {"disc_first_norm": False},
    ),
    "separate_first_norm": (
        "real and fake as two batches, and no batch norm in the discriminator's first layer",
        {"disc_batch": "separate", "disc_first_norm": False},
    ),
    "no_norm": ("no batch norm in the discriminator", {"disc_norm": False}),
    "init": ("initial weights N(0, 0.02²)", {"init_stddev": 0.02}),
    "batch_128": ("batch size 128", {"batch_size": 128}),
    "beta2": ("Adam's β2 = 0.99", {"beta2": 0.99}),
    "beta1": ("Adam's β1 = 0.9", {"beta1": 0.9}),
    "bn_mode": ("batch norm of the batch at evaluation", {"bn_mode": "batch"}),
    "minimax": ("minimax loss", {"loss": "minimax"}),
    "length": ("20,000 steps", {"num_steps": 20_000}),
    "pacgan": (
        "PacGAN's: two batches of 128, 0.02, 0.99, batch norm of the batch",
        {
            "disc_batch": "separate",
            "batch_size": 128,
            "init_stddev": 0.02,
            "beta2": 0.99,
            "bn_mode": "batch",
        },
    ),
}


def published(width: float, unroll_steps: int) -> dict[str, records.Published]:
    """What the paper has for this width and K, if the run is on its data."""
    row = TABLE_1.get((width, unroll_steps))
    if row is None or not runner.has_papers_data():
        return {}
    return {"modes": records.Published(*row[:2], SOURCE), "kl": records.Published(*row[2:], SOURCE)}


def cell(width: float, unroll_steps: int, name: str, row: str, **settings: Any) -> runner.Cell:
    """A cell that is read against the paper's of this width and K."""
    return runner.Cell(
        name=f"{name}_K{unroll_steps}",
        row=row,
        column=f"K = {unroll_steps}",
        settings={"disc_width": width, "unroll_steps": unroll_steps, **settings},
        published=published(width, unroll_steps),
    )


def claim(words: str, first: str, second: str) -> runner.Claim:
    """That one cell covers more modes than another."""
    return runner.Claim(words, "modes", first, "above", second)


TABLES = {
    "table_1": runner.Table(
        "Stacked MNIST: Table 1 of Unrolled GANs",
        DESCRIPTION,
        tuple(
            cell(width, k, f"width{width:g}", {0.25: "1/4", 0.5: "1/2"}[width])
            for width, k in TABLE_1
        ),
        corner="discriminator's width",
        claims=[
            claim(
                f"Width {row}: K = {more} covers more modes than K = {less}",
                f"width{width}_K{more}",
                f"width{width}_K{less}",
            )
            for width, row in ((0.25, "1/4"), (0.5, "1/2"))
            for more, less in ((5, 0), (10, 0), (10, 5))
        ],
    ),
    "choices": runner.Table(
        "Stacked MNIST: what the collapse depends on",
        "Table 1 of Unrolled GANs at width 1/4, K = 0 and 5, with what the paper does not say "
        "chosen in other ways, one at a time. Each is read against the paper's value.",
        tuple(
            cell(0.25, k, name, row, **settings)
            for name, (row, settings) in CHOICES.items()
            for k in (0, 5)
        ),
        claims=[
            claim(f"With {row}: K = 5 covers more modes than K = 0", f"{name}_K5", f"{name}_K0")
            for name, (row, _) in CHOICES.items()
        ],
    ),
}

FLAGS = flags.FLAGS
runner.define_flags(num_steps=5000, batch_size=64, eval_every=1000, dataset="mnist")
gan_flags.define_flags(unroll_steps=5, disc_learning_rate=2e-4)
image_gan.define_flags(samples=25_600)
flags.DEFINE_bool("disc_norm", True, "Batch norm in the discriminator, as the paper has it.")
flags.DEFINE_float(
    "disc_width", 0.25, f"X: the discriminator has 8X, 16X and 32X channels; one of {WIDTHS}."
)
flags.register_validator("disc_width", lambda width: width in WIDTHS, f"must be one of {WIDTHS}")


def make_evaluation(gen: Player, key: jax.Array) -> Callable[[TrainState], runner.Evaluation]:
    """Draws the samples, classifies them, counts modes; the same latents at every evaluation."""
    classify = functools.partial(digit_classifier.classify_stacked, digit_classifier.load())
    sample = image_gan.make_sampler(gen, key, classify)

    def evaluate(state: TrainState) -> runner.Evaluation:
        shown, labels = sample(state)
        numbers = {
            "samples": len(labels),
            "modes": metrics.count_modes(labels, MODES),
            "kl": float(metrics.kl_to_uniform(labels, MODES)),
        }
        return runner.Evaluation(numbers, shown, metrics.class_histogram(labels, MODES))

    return evaluate


def panels() -> tuple[figures.Panel, ...]:
    """What the curves show."""
    paper = published(FLAGS.disc_width, FLAGS.unroll_steps)
    floor = metrics.kl_floor(FLAGS.samples, MODES)
    coverage = (
        figures.modes_panel(paper.get("modes"), MODES),
        figures.kl_panel(paper.get("kl"), floor),
    )
    return *coverage, figures.LOSSES, figures.GRADIENT_NORMS


def results(numbers, accuracy: float | None) -> dict:
    """The run's two numbers beside the paper's, and how well the classifier knows other digits."""
    paper = published(FLAGS.disc_width, FLAGS.unroll_steps)
    floor = metrics.kl_floor(numbers["samples"], MODES)
    ruler = {}
    if accuracy is not None:
        ruler["ruler"] = records.measured(
            [accuracy], "the classifier's accuracy on 1,000 of the training images", ideal=1.0
        )
    return {
        "modes": records.measured(
            [numbers["modes"]],
            f"modes covered, of {MODES:,}",
            published=paper.get("modes"),
            ideal=MODES,
        ),
        "kl": records.measured(
            [numbers["kl"]],
            "KL to uniform, nats",
            published=paper.get("kl"),
            ideal=floor,
            better="lower",
        ),
        **ruler,
    }


def build(session: runner.Session) -> runner.Experiment:
    """One cell of Table 1."""
    session.progress.note("loading the digits")
    loaded = images.load_ahead(session.settings, (28, 28, 1))
    init_key, data_key, evaluation_key = jax.random.split(session.key, 3)
    modules = unrolled_gan.stacked_mnist(
        FLAGS.disc_width, disc_norm=FLAGS.disc_norm, **image_gan.network_settings()
    )
    trained = image_gan.prepare(modules, init_key, session.mesh)
    source = loaded()
    return runner.Experiment(
        title=f"Stacked MNIST, K = {FLAGS.unroll_steps}, discriminator width {FLAGS.disc_width:g}",
        description=DESCRIPTION,
        state=trained.state,
        game=trained.game,
        make_step=functools.partial(steps.alternating, txs=trained.txs),
        feed=image_feed(session, source, stacked_digits, data_key),
        evaluate=make_evaluation(trained.players.gen, evaluation_key),
        panels=panels(),
        results=functools.partial(results, accuracy=check_ruler(session, source)),
    )


def main() -> int:
    """Trains, evaluates and reports one cell of Table 1."""
    cell = f"stacked_mnist_K{FLAGS.unroll_steps}_width{FLAGS.disc_width}_seed{FLAGS.seed}"
    return runner.run(build, runner.start(__name__, f"runs/{cell}"))


subject = functools.partial(runner.subject, build, __name__)


if __name__ == "__main__":
    runner.launch(main, TABLES, SMOKE)
