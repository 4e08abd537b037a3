"""Recipes whose generator answers to the discriminator that is to come."""

import functools
from collections.abc import Callable

import optax

from ganstab import losses, optimizers, surrogates, terms
from ganstab.recipes.recipe import Recipe
from ganstab.types import Pair


def unrolled(
    steps: int = 5,
    *,
    loss: Callable = losses.non_saturating,
    gen_learning_rate: optax.ScalarOrSchedule = 1e-4,
    disc_learning_rate: optax.ScalarOrSchedule = 2e-4,
    b1: float = 0.5,
    b2: float = 0.999,
    second_order: bool = True,
    average: bool = False,
    live: bool = True,
    joint: bool = False,
    n_gen: int = 1,
) -> Recipe:
    """The unrolled GAN of Metz et al. (2017, arXiv:1611.02163), `surrogates.unrolled`.

    The text we have of the paper lacks most numbers. The learning rates are those of its stacked
    MNIST and CIFAR-10 networks as two re-implementations agree on them (PacGAN's and the VEEGAN
    authors'); its ring of Gaussians takes 1e-4 for both and `losses.minimax`. β₂ is TensorFlow's
    default; PacGAN's code has 0.99.

    Args:
      steps: K, discriminator updates looked ahead; 0 is a plain GAN. The paper has 1, 5 and 10.
      loss: the adversarial loss, of `ganstab.losses`.
      gen_learning_rate: Adam's.
      disc_learning_rate: Adam's, of the discriminator and of its unrolled updates.
      b1: Adam's, of both players.
      b2: Adam's, of both players.
      second_order: as in `surrogates.unrolled`, and so are the next two.
      average: the generator's loss is the mean over the K updates.
      live: unrolled Adam starts from the discriminator's moments.
      joint: real and fake pass through the discriminator as one batch.
      n_gen: generator updates a step; 5 in one of the paper's ablations (appendix B).
    """
    adam = functools.partial(optimizers.adam, b1=b1, b2=b2)
    txs = Pair(adam(gen_learning_rate), adam(disc_learning_rate))
    ahead = functools.partial(
        surrogates.unrolled, tx=txs.disc, steps=steps,
        second_order=second_order, average=average, live=live,
    )  # fmt: skip
    return Recipe(
        "unrolled",
        "Metz et al. 2017, arXiv:1611.02163, eq. 7-11; rates as in PacGAN's stacked-MNIST code",
        terms=(terms.score_loss(loss),),
        txs=txs,
        surrogates=(ahead,),
        n_gen=n_gen,
        joint=joint,
    )
