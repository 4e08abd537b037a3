"""Terms: what a game's losses are the sum of. A term maps a `Round` to a `Pair` of scalars.

`score_loss` lifts a loss of `ganstab.losses`, `disc_penalty` a penalty of `ganstab.penalties`; a
function of your own from a `Round` to a `Pair` is as good.
"""

import functools
from collections.abc import Callable

import jax.numpy as jnp

from ganstab.types import Pair, Round

Term = Callable[[Round], Pair]


def name(term: Callable) -> str:
    """What metrics call a term: its function's own name, seen through `functools.partial`."""
    while isinstance(term, functools.partial):
        term = term.func
    return term.__name__ if isinstance(term, type(name)) else type(term).__name__


def score_loss(loss: Callable) -> Term:
    """The term of an adversarial loss `(real_score, fake_score) -> Pair`."""

    def term(round: Round) -> Pair:
        return loss(round.real_score, round.fake_score)

    term.__name__ = name(loss)
    return term


def disc_penalty(weight: float, penalty: Callable) -> Term:
    """`weight · penalty(score, real, fake, key)` in the discriminator's loss, 0 in the generator's.

    Args:
      weight: λ of the papers; R1 and R2 are published as γ/2.
      penalty: one of `ganstab.penalties`, or `functools.partial` of one.
    """

    def term(round: Round) -> Pair:
        value = penalty(round.score, round.real, round.fake, round.key)
        return Pair(gen=jnp.zeros_like(value), disc=weight * value)

    term.__name__ = name(penalty)
    return term
