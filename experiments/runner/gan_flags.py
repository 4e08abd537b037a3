"""The flags of an unrolled GAN, which most programs share: its loss, its unroll, its optimizers."""

import functools
import sys
from collections.abc import Callable

import optax
from absl import flags

from ganstab import Pair, losses, optimizers, surrogates, terms
from ganstab.terms import Term
from ganstab.types import Game

LOSSES: dict[str, Callable] = {
    "non_saturating": losses.non_saturating,
    "minimax": losses.minimax,
    "least_squares": losses.least_squares,
    "hinge": losses.hinge,
    "wasserstein": losses.wasserstein,
}

FLAGS = flags.FLAGS


def define_flags(
    *,
    unroll_steps: int,
    disc_learning_rate: float,
    gen_learning_rate: float = 1e-4,
    loss: str = "non_saturating",
) -> None:
    """Defines them with an experiment's own defaults."""
    flags.DEFINE_integer(
        "unroll_steps",
        unroll_steps,
        "K: discriminator updates the generator looks ahead; 0 is a plain GAN.",
        lower_bound=0,
    )
    flags.DEFINE_bool(
        "second_order",
        True,
        "Differentiate through the unrolled updates; if not, only look at the discriminator they "
        "lead to (the paper's ablation).",
    )
    flags.DEFINE_bool(
        "average",
        False,
        "Score the generator by the mean of its losses after each of the unrolled updates, not by "
        "the last.",
    )
    flags.DEFINE_bool(
        "live",
        True,
        "Start the unrolled Adam from the discriminator's live state; if not, from zero.",
    )
    flags.DEFINE_enum("loss", loss, list(LOSSES), "The adversarial loss.")
    for player, rate in (("gen", gen_learning_rate), ("disc", disc_learning_rate)):
        name = {"gen": "generator", "disc": "discriminator"}[player]
        flags.DEFINE_float(
            f"{player}_learning_rate", rate, f"Adam's step size, {name}.", lower_bound=0.0
        )
    flags.DEFINE_float(
        "beta1", 0.5, "Adam's decay of the mean.", lower_bound=0.0, upper_bound=0.9999
    )
    flags.DEFINE_float(
        "beta2", 0.999, "Adam's decay of the square.", lower_bound=0.0, upper_bound=0.999999
    )
    for flag in FLAGS.flags_by_module_dict()[__name__]:
        FLAGS.register_key_flag_for_module(sys.argv[0], flag)


def score() -> Term:
    """The adversarial loss of the flags."""
    return terms.score_loss(LOSSES[FLAGS.loss])


def adam() -> Pair:
    """Adam for either player, at the rates of the flags."""
    make = functools.partial(optimizers.adam, b1=FLAGS.beta1, b2=FLAGS.beta2)
    return Pair(make(FLAGS.gen_learning_rate), make(FLAGS.disc_learning_rate))


def unrolled(game: Game, tx: optax.GradientTransformation) -> Game:
    """The game that is trained: K steps of the discriminator's own optimizer ahead."""
    return surrogates.unrolled(
        game,
        tx,
        FLAGS.unroll_steps,
        second_order=FLAGS.second_order,
        average=FLAGS.average,
        live=FLAGS.live,
    )
