"""Recipes that replay the game at other parameters: those with a surrogate."""

import functools
from collections.abc import Callable

import jax
import optax

from ganstab import losses, optimizers, surrogates, terms
from ganstab.recipes.recipe import Recipe
from ganstab.steps import Step, check_stacked, simultaneous
from ganstab.types import Carry, Game, Pair

__all__ = ["consensus", "gradient_norm", "unrolled"]


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
      steps: K, discriminator updates looked ahead; 0 is a plain GAN. The paper has 1 to 20.
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


def consensus(
    *,
    weight: float = 10.0,
    learning_rate: optax.ScalarOrSchedule = 1e-4,
    loss: Callable = losses.non_saturating,
) -> Recipe:
    """Consensus optimization of Mescheder et al. (2017, arXiv:1705.10461), `surrogates.consensus`.

    Both players move at once, by TensorFlow's RMSProp, as in the authors' code, but each on a batch
    of its own, where that code has one for both.

    Args:
      weight: γ; 0.1 for the network without batch norm in the authors' code.
      learning_rate: RMSProp's, of both players.
      loss: the adversarial loss, of `ganstab.losses`.
    """
    tx = optax.rmsprop(learning_rate, decay=0.9, eps=1e-10, initial_scale=1.0)
    return Recipe(
        "consensus",
        "Mescheder et al. 2017, arXiv:1705.10461, algorithm 2; numbers of the authors' code",
        terms=(terms.score_loss(loss),),
        txs=Pair(tx, tx),
        surrogates=(functools.partial(surrogates.consensus, weight=weight),),
        make_step=_at_once,
    )


def gradient_norm(
    *,
    weight: float = 0.5,
    learning_rate: optax.ScalarOrSchedule = 1e-4,
    b1: float = 0.5,
    b2: float = 0.999,
    loss: Callable = losses.minimax,
) -> Recipe:
    """The regulariser of Nagarajan and Kolter (2017, arXiv:1706.04156), on the generator.

    The numbers are those of the authors' code for the ring of 8 Gaussians.

    Args:
      weight: η.
      learning_rate: Adam's, of both players.
      b1: Adam's.
      b2: Adam's, Keras' default.
      loss: the adversarial loss, of `ganstab.losses`.
    """
    tx = optimizers.adam(learning_rate, b1, b2)
    return Recipe(
        "gradient_norm",
        "Nagarajan and Kolter 2017, arXiv:1706.04156, section 4; numbers of the authors' code",
        terms=(terms.score_loss(loss),),
        txs=Pair(tx, tx),
        surrogates=(functools.partial(surrogates.gradient_norm, weight=weight),),
    )


def _at_once(game: Game, txs: Pair) -> Step:
    """`steps.simultaneous` with a batch for each player, stacked as `alternating` takes them."""
    both = simultaneous(game, txs)

    def step(state, batches):
        check_stacked(batches, 1, 1)
        of_gen, of_disc = (
            both(state, jax.tree.map(lambda leaf, place=place: leaf[place], batches))
            for place in (0, 1)
        )

        def own(entry: Callable) -> Pair:
            return Pair(entry(of_gen[0]).gen, entry(of_disc[0]).disc)

        carry = Carry(own(lambda new: new.carry.state), own(lambda new: new.carry.opt))
        metrics = {
            name: (of_disc if name.startswith("disc/") else of_gen)[1][name] for name in of_gen[1]
        }
        return of_gen[0]._replace(params=own(lambda new: new.params), carry=carry), metrics

    return step
