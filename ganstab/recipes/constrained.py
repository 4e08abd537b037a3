"""Recipes that bound the discriminator's slope: by clipping, or by a gradient penalty."""

import functools

import optax

from ganstab import losses, optimizers, penalties, terms
from ganstab.players.ema import averaged, half_life
from ganstab.recipes.recipe import Recipe, unchanged
from ganstab.types import Pair

__all__ = ["dragan", "r1", "r3gan", "wgan", "wgan_gp"]


def wgan(
    *, clip: float = 0.01, learning_rate: optax.ScalarOrSchedule = 5e-5, n_disc: int = 5
) -> Recipe:
    """The Wasserstein GAN of Arjovsky et al. (2017, arXiv:1701.07875, algorithm 1), clipped.

    RMSProp is PyTorch's, which the authors' code uses. That code takes 100 critic updates in the
    first 25 steps and in every 500th, which is left out here: the paper's algorithm has none.

    Args:
      clip: c, the largest weight.
      learning_rate: RMSProp's, of both players.
      n_disc: critic updates a step.
    """
    rmsprop = optax.rmsprop(learning_rate, decay=0.99, eps=1e-8, eps_in_sqrt=False)
    return Recipe(
        "wgan",
        "Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1",
        terms=(terms.score_loss(losses.wasserstein),),
        txs=Pair(rmsprop, optax.chain(rmsprop, optimizers.clip_weights(clip))),
        n_disc=n_disc,
    )


def wgan_gp(
    *,
    weight: optax.ScalarOrSchedule = 10.0,
    one_sided: bool = False,
    learning_rate: optax.ScalarOrSchedule = 1e-4,
    b1: float = 0.0,
    b2: float = 0.9,
    n_disc: int = 5,
) -> Recipe:
    """The Wasserstein GAN with gradient penalty of Gulrajani et al. (2017, arXiv:1704.00028).

    Args:
      weight: λ; 10 in all of the paper, 0.1 for the toys in the authors' code.
      one_sided: whether slopes under 1 are free, which the paper finds no better.
      learning_rate: Adam's, of both players.
      b1: Adam's; the authors' code has 0.5 for toys, MNIST, text and the DCGAN networks.
      b2: Adam's.
      n_disc: critic updates a step.
    """
    tx = optimizers.adam(learning_rate, b1, b2)
    penalty = functools.partial(penalties.wgan_gp, one_sided=one_sided)
    return Recipe(
        "wgan_gp",
        "Gulrajani et al. 2017, arXiv:1704.00028, algorithm 1",
        terms=(terms.score_loss(losses.wasserstein), terms.disc_penalty(weight, penalty)),
        txs=Pair(tx, tx),
        n_disc=n_disc,
    )


def dragan(
    *,
    weight: optax.ScalarOrSchedule = 10.0,
    learning_rate: optax.ScalarOrSchedule = 1e-4,
    b1: float = 0.5,
    b2: float = 0.9,
) -> Recipe:
    """DRAGAN of Kodali et al. (2017, arXiv:1705.07215): slope 1 around the data, noise as coded.

    Args:
      weight: λ.
      learning_rate: Adam's, of both players.
      b1: Adam's.
      b2: Adam's.
    """
    tx = optimizers.adam(learning_rate, b1, b2)
    return Recipe(
        "dragan",
        "Kodali et al. 2017, arXiv:1705.07215; numbers and noise of the authors' code",
        terms=(
            terms.score_loss(losses.non_saturating),
            terms.disc_penalty(weight, penalties.dragan),
        ),
        txs=Pair(tx, tx),
    )


def r1(
    *,
    gamma: optax.ScalarOrSchedule = 10.0,
    learning_rate: optax.ScalarOrSchedule = 1e-4,
    ema_decay: float = 0.999,
    every: int = 1,
) -> Recipe:
    """The R1-penalised GAN of Mescheder et al. (2018, arXiv:1801.04406), with PyTorch's RMSProp.

    Args:
      gamma: γ, of which the loss takes half (eq. 9); the authors' code has a weight of 10 without
        the half, which is γ = 20.
      learning_rate: RMSProp's, of both players.
      ema_decay: of the generator's running average.
      every: `terms.lazy`; the paper penalises every step, 1.
    """
    tx = optax.rmsprop(learning_rate, decay=0.99, eps=1e-8, eps_in_sqrt=False)
    return Recipe(
        "r1",
        "Mescheder et al. 2018, arXiv:1801.04406, eq. 9; optimizer and average of the authors' "
        "code",
        terms=(
            terms.score_loss(losses.non_saturating),
            terms.lazy(terms.disc_penalty(_half(gamma), penalties.r1), every),
        ),
        txs=Pair(tx, tx),
        wrappers=Pair(functools.partial(averaged, decay=ema_decay), unchanged),
    )


def r3gan(
    *,
    gamma: optax.ScalarOrSchedule = 2.0,
    learning_rate: optax.ScalarOrSchedule = 2e-4,
    b1: float = 0.0,
    b2: float = 0.99,
    ema_half_life: float = 500_000 / 256,
    decay_steps: int = 78_125,
    every: int = 1,
) -> Recipe:
    """R3GAN of Huang et al. (2024, arXiv:2501.05441): relativistic pairs, R1 and R2.

    The numbers are those of the authors' code for FFHQ at 64 × 64: batches of 256, and schedules
    over 20 million images. There γ falls to a tenth, `optax.cosine_decay_schedule(2.0, 78_125,
    0.1)`, β₂ rises from 0.9 to the value here, images are augmented, and the discriminator moves
    first. For others γ starts at 0.05 (CIFAR-10), 0.5 and 1 (ImageNet at 32 and 64) and 150 (FFHQ
    at 256).

    Args:
      gamma: γ, of which the loss takes half.
      learning_rate: Adam's, of both players; a number falls to a quarter, along a cosine.
      b1: Adam's.
      b2: Adam's.
      ema_half_life: of the generator's running average, in updates; it grows from 0, along a
        cosine.
      decay_steps: over which either cosine runs; a run that ends sooner sees its beginning.
      every: `terms.lazy`, of both penalties; the authors penalise every step, 1.
    """
    if not callable(learning_rate):
        learning_rate = optax.cosine_decay_schedule(learning_rate, decay_steps, alpha=0.25)
    tx = optimizers.adam(learning_rate, b1, b2)
    left = optax.cosine_decay_schedule(ema_half_life, decay_steps)
    decay = half_life(lambda count: ema_half_life - left(count))
    penalised = (
        terms.lazy(terms.disc_penalty(_half(gamma), penalty), every)
        for penalty in (penalties.r1, penalties.r2)
    )
    return Recipe(
        "r3gan",
        "Huang et al. 2024, arXiv:2501.05441, section 2; numbers of the authors' code, "
        "preset FFHQ-64",
        terms=(terms.score_loss(losses.relativistic_paired), *penalised),
        txs=Pair(tx, tx),
        wrappers=Pair(functools.partial(averaged, decay=decay), unchanged),
    )


def _half(gamma: optax.ScalarOrSchedule) -> optax.ScalarOrSchedule:
    return (lambda step: gamma(step) / 2) if callable(gamma) else gamma / 2
