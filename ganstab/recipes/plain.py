"""Recipes that are a loss, two optimizers and at most a wrapper."""

import functools

import optax

from ganstab import losses, optimizers, terms
from ganstab.players import packed, spectral_norm
from ganstab.recipes.recipe import Recipe, unchanged
from ganstab.types import Pair

__all__ = ["dcgan", "lsgan", "pacgan", "sngan"]


def dcgan(
    *, learning_rate: optax.ScalarOrSchedule = 2e-4, b1: float = 0.5, b2: float = 0.999
) -> Recipe:
    """The baseline of Radford et al. (2016, arXiv:1511.06434, section 4): non-saturating, Adam.

    Args:
      learning_rate: Adam's, of both players.
      b1: Adam's; 0.5 in the paper against the usual 0.9.
      b2: Adam's; the paper names none, so the usual one.
    """
    tx = optimizers.adam(learning_rate, b1, b2)
    return Recipe(
        "dcgan",
        "Radford et al. 2016, arXiv:1511.06434, section 4",
        terms=(terms.score_loss(losses.non_saturating),),
        txs=Pair(tx, tx),
    )


def lsgan(
    *,
    a: float = 0.0,
    b: float = 1.0,
    c: float = 1.0,
    learning_rate: optax.ScalarOrSchedule = 2e-4,
    b1: float = 0.5,
    b2: float = 0.999,
) -> Recipe:
    """The least-squares GAN of Mao et al. (2017, arXiv:1611.04076).

    The authors' code has learning rates of 2e-4 and of 1e-3, by data set, and sums the loss over
    the batch; Adam hardly sees the difference from the mean.

    Args:
      a: as in `losses.least_squares`, and so are the next two; 0, 1, 1 or −1, 1, 0 in the paper.
      b: the target for data.
      c: the generator's target.
      learning_rate: Adam's, of both players.
      b1: Adam's, of the authors' code.
      b2: Adam's, the usual one.
    """
    tx = optimizers.adam(learning_rate, b1, b2)
    return Recipe(
        "lsgan",
        "Mao et al. 2017, arXiv:1611.04076, eq. 2; rates of the authors' code",
        terms=(terms.score_loss(functools.partial(losses.least_squares, a=a, b=b, c=c)),),
        txs=Pair(tx, tx),
    )


def sngan(
    *,
    learning_rate: optax.ScalarOrSchedule = 2e-4,
    b1: float = 0.0,
    b2: float = 0.9,
    n_disc: int = 5,
    power_iterations: int = 1,
) -> Recipe:
    """The spectrally normalised GAN of Miyato et al. (2018, arXiv:1802.05957), hinge loss.

    In the authors' CIFAR-10 code the rate falls linearly to 0 over the run's 50,000 generator
    updates, and the generator's batch is twice the discriminator's; here it is the same.

    Args:
      learning_rate: Adam's, of both players; a schedule counts each player's own updates.
      b1: Adam's.
      b2: Adam's.
      n_disc: discriminator updates a step.
      power_iterations: of the singular vectors, a training batch.
    """
    tx = optimizers.adam(learning_rate, b1, b2)
    return Recipe(
        "sngan",
        "Miyato et al. 2018, arXiv:1802.05957, eq. 16-17 and algorithm 1; rates of the authors' "
        "CIFAR-10 code",
        terms=(terms.score_loss(losses.hinge),),
        txs=Pair(tx, tx),
        wrappers=Pair(unchanged, functools.partial(spectral_norm, steps=power_iterations)),
        n_disc=n_disc,
    )


def pacgan(
    m: int = 2,
    *,
    learning_rate: optax.ScalarOrSchedule = 2e-4,
    b1: float = 0.5,
    b2: float = 0.999,
    n_gen: int = 2,
) -> Recipe:
    """PacGAN of Lin et al. (2018, arXiv:1712.04086): the discriminator sees m samples at once.

    The discriminator that `build` is given must take m times as many channels, and m must divide
    the batch. The numbers are those of the authors' stacked-MNIST code, a DCGAN.

    Args:
      m: samples a score; 2, 3 and 4 in the paper.
      learning_rate: Adam's, of both players.
      b1: Adam's.
      b2: Adam's, the usual one.
      n_gen: generator updates a step.
    """
    tx = optimizers.adam(learning_rate, b1, b2)
    return Recipe(
        "pacgan",
        "Lin et al. 2018, arXiv:1712.04086, section 2; numbers of the authors' stacked-MNIST code",
        terms=(terms.score_loss(losses.non_saturating),),
        txs=Pair(tx, tx),
        wrappers=Pair(unchanged, functools.partial(packed, m=m)),
        n_gen=n_gen,
    )
