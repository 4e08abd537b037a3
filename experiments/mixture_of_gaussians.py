"""Mixtures of Gaussians: does a GAN cover all modes, or run after them one by one?

Metz et al., "Unrolled Generative Adversarial Networks" (ICLR 2017), section 3.1, Figure 2 and
appendix B. The data are eight narrow Gaussians on a circle, so that a glance at the samples tells
how many modes a generator has. A plain GAN's generator rotates from mode to mode; one that looks
K = 10 discriminator updates ahead spreads over all of them.

    python -m experiments.mixture_of_gaussians --unroll_steps=10
    python -m experiments.mixture_of_gaussians --unroll_steps=0
    python -m experiments.mixture_of_gaussians --table=figure_2 --seeds=10  # all runs, on all cores
    python -m experiments.mixture_of_gaussians --smoke                      # a try, in a minute

Counted are the modes that have a sample within three standard deviations, the share of all samples
that lie so near to a mode, and the reverse KL divergence of their histogram over the modes to
uniform, in nats. A perfect sampler has 98.89 % of such samples. The median distance of a sample to
the nearest mode tells a generator that diverges from one that covers nothing.

Networks, loss, data and optimizer (Adam) follow the paper, with the numbers that its text leaves
open (the width of the discriminator, β2) from the code of Nagarajan and Kolter 2017, which repeats
it. The batch size, 512, stands in that code and not in the paper. The paper's figures count the
updates of either network: its 50,000 are the 25,000 steps here.

The same program has the ensembles of past discriminators and the unrolling without second gradients
of appendix B, the ring and the grid on which VEEGAN and PacGAN count modes, and other remedies:
gradient-norm regularisation, consensus and packing.

On one core of a CPU the 25,000 steps take 3 to 4 minutes with K = 0 and 6 to 8 with K = 10.
"""

import functools
from collections.abc import Callable

import jax
import numpy as np
import optax
from absl import flags

from experiments import runner
from experiments.mixtures import papers, pictures, tables
from experiments.mixtures.networks import NETWORKS
from experiments.mixtures.protocols import (
    MIXTURES,
    PERFECT_DISTANCE,
    PERFECT_SHARE,
    Mixture,
    floor,
    measure,
)
from experiments.runner import devices, figures, gan_flags, records
from experiments.runner.feeds import drawn
from experiments.runner.report import prose
from ganstab import Pair, optimizers, priors, steps, surrogates
from ganstab.game import make_game
from ganstab.style import BLUE, FAINT, VERMILION
from ganstab.types import Game, Player, TrainState

TABLES = tables.TABLES
SMOKE = {"samples": 500}

FLAGS = flags.FLAGS
runner.define_flags(
    num_steps=25_000, batch_size=512, eval_every=1000, checkpoint_every=1000, log_every=100
)
gan_flags.define_flags(unroll_steps=10, disc_learning_rate=1e-4, loss="minimax")
flags.DEFINE_enum(
    "data", "ring", list(MIXTURES),
    "Eight Gaussians on a circle of radius 2 (Metz et al.) or 1 (VEEGAN, PacGAN), or a grid of 25.",
)  # fmt: skip
flags.DEFINE_enum("networks", "mlp", list(NETWORKS), "Metz et al.'s networks, or PacGAN's.")
flags.DEFINE_integer(
    "gen_steps", 1, "Generator updates for each of the discriminator's.", lower_bound=1
)
flags.DEFINE_integer("ensemble", 0, "N: the generator answers to the mean of the last N "
                     "discriminators; 0 for the present one.", lower_bound=0)  # fmt: skip
flags.DEFINE_integer("ensemble_every", 1, "Discriminator updates from one of these N to the next.",
                     lower_bound=1)  # fmt: skip
flags.DEFINE_float("gradient_norm", 0.0, "η: weight of the discriminator's squared gradient norm "
                   "in the generator's loss.", lower_bound=0.0)  # fmt: skip
flags.DEFINE_float("consensus", 0.0, "γ: weight of half the squared norm of both gradients in both "
                   "losses.", lower_bound=0.0)  # fmt: skip
flags.DEFINE_integer("pack", 1, "Points that the discriminator sees at once; it must divide "
                     "--batch_size.", lower_bound=1)  # fmt: skip
flags.DEFINE_integer("samples", 2560, "Samples drawn at an evaluation.", lower_bound=1)
flags.register_multi_flags_validator(
    ["batch_size", "pack"],
    lambda values: values["batch_size"] % values["pack"] == 0,
    "--pack must divide --batch_size",
)


def make_txs() -> Pair:
    """Adam for either player; the discriminator's keeps the ensemble."""
    gen, disc = gan_flags.adam()
    if FLAGS.ensemble:
        disc = optax.chain(disc, optimizers.snapshots(FLAGS.ensemble, FLAGS.ensemble_every))
    return Pair(gen, disc)


def make_trained_game(players: Pair, tx: optax.GradientTransformation, prior: Callable) -> Game:
    """The game of the flags: each technique wraps the one before."""
    game = make_game(players, gan_flags.score(), prior=prior)
    if FLAGS.ensemble:
        game = surrogates.snapshot_ensemble(game)
    if FLAGS.gradient_norm:
        game = surrogates.gradient_norm(game, FLAGS.gradient_norm)
    if FLAGS.consensus:
        game = surrogates.consensus(game, FLAGS.consensus)
    return gan_flags.unrolled(game, tx)


def make_evaluation(gen: Player, latent: int, mixture: Mixture, key: jax.Array) -> Callable:
    """Draws samples, of the same latents at every evaluation, and counts the modes they cover."""

    @jax.jit
    def sample(state: TrainState):
        z = jax.random.normal(key, (FLAGS.samples, latent))
        return gen.apply(state.params.gen, state.carry.state.gen, z, key, train=False)[0]

    def evaluate(state: TrainState) -> runner.Evaluation:
        samples = np.asarray(sample(state).addressable_data(0))
        numbers, counts = measure(mixture, samples)
        return runner.Evaluation(numbers, samples, counts)

    return evaluate


def published() -> dict[str, records.Published]:
    """What is printed for these networks and data, K and packing; nothing of other remedies."""
    if FLAGS.ensemble or FLAGS.gradient_norm or FLAGS.consensus or FLAGS.gen_steps > 1:
        return {}
    return papers.published(FLAGS.networks, FLAGS.data, FLAGS.unroll_steps, FLAGS.pack)


def panels(mixture: Mixture) -> tuple[figures.Panel, ...]:
    """What the curves show."""
    best = figures.Mark(100 * PERFECT_SHARE, f"perfect {100 * PERFECT_SHARE:.1f}", colour=FAINT)
    share = (figures.Line("high_quality", "this run", BLUE),)
    known = published()
    return (
        figures.modes_panel(known.get("modes"), len(mixture.modes())),
        figures.Panel("Samples within 3 σ of a mode, %", share, (best,)),
        figures.kl_panel(known.get("kl"), floor(mixture, FLAGS.samples)),
        figures.Panel("Discriminator's loss", (figures.Line("disc/loss", "this run", VERMILION),)),
    )


def results(numbers, mixture: Mixture) -> dict:
    """The run's numbers beside the published ones."""
    known, count = published(), len(mixture.modes())
    return {
        "modes": records.measured(
            [numbers["modes"]],
            f"modes covered, of {count}",
            published=known.get("modes"),
            ideal=count,
        ),
        "high_quality": records.measured(
            [numbers["high_quality"]],
            "samples within 3 σ of a mode, %",
            published=known.get("high_quality"),
            ideal=100 * PERFECT_SHARE,
        ),
        "kl": records.measured(
            [numbers["kl"]],
            f"reverse KL of the modes, nats, at most ln {count} (one mode, or none)",
            published=known.get("kl"),
            ideal=floor(mixture, numbers["samples"]),
            better="lower",
        ),
        "distance": records.measured(
            [numbers["distance"]],
            "median distance of a sample to a mode, σ",
            ideal=PERFECT_DISTANCE,
            better="lower",
        ),
    }


def build(session: runner.Session) -> runner.Experiment:
    """One run on a mixture."""
    init_key, data_key, evaluation_key = jax.random.split(session.key, 3)
    mixture, networks = MIXTURES[FLAGS.data], NETWORKS[FLAGS.networks]
    players, txs = networks.players(FLAGS.pack), make_txs()

    def prior(key, n):
        return devices.split(session.mesh, priors.normal(key, (n, networks.latent)))

    return runner.Experiment(
        title=f"{FLAGS.data.replace('_', ' ').capitalize()} of Gaussians, K = {FLAGS.unroll_steps}",
        description=prose(__doc__),
        state=devices.on_all(session.mesh, functools.partial(steps.init, players, txs), init_key),
        game=make_trained_game(players, txs.disc, prior),
        make_step=functools.partial(steps.alternating, txs=txs, n_gen=FLAGS.gen_steps),
        feed=drawn(
            mixture.sample,
            key=data_key,
            updates=FLAGS.gen_steps + 1,
            batch_size=FLAGS.batch_size,
            mesh=session.mesh,
        ),
        evaluate=make_evaluation(players.gen, networks.latent, mixture, evaluation_key),
        panels=panels(mixture),
        results=functools.partial(results, mixture=mixture),
        draw=functools.partial(pictures.heat_map, mixture=mixture),
        draw_training=functools.partial(pictures.over_training, mixture=mixture),
    )


def main() -> int:
    """Trains, evaluates and reports one run."""
    run = f"mixture_{FLAGS.data}_K{FLAGS.unroll_steps}_seed{FLAGS.seed}"
    return runner.run(build, runner.start(__name__, f"runs/{run}"))


subject = functools.partial(runner.subject, build, __name__)


if __name__ == "__main__":
    runner.launch(main, TABLES, SMOKE)
