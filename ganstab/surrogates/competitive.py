"""`competitive_gradient`: each player moves as if the other answered at the same time."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from ganstab._checks import check_number
from ganstab._precision import cast_like, wide
from ganstab.surrogates.gradients import own_gradients, redirected, replayed, solved
from ganstab.types import Carry, Game, Pair

__all__ = ["competitive_gradient"]


def competitive_gradient(
    game: Game, rate: float, *, solve: Callable = jax.scipy.sparse.linalg.gmres
) -> Game:
    """Each player's step is its best one against the other's step.

    Instead of their gradients the players follow p and q with

        p + η ∂²_θψ L_G q = ∂_θ L_G        q + η ∂²_ψθ L_D p = ∂_ψ L_D

    so that `(−ηp, −ηq)` is the Nash equilibrium of the game's bilinear approximation, in which
    either player also pays ‖step‖²/2η. Under `steps.simultaneous` and `optax.sgd(rate)` it is
    competitive gradient descent (Schäfer and Anandkumar 2019, arXiv:1905.12103, theorem 2.2 and
    algorithm 1):

        p = (I − η² ∂²_θψ L_G ∂²_ψθ L_D)⁻¹ (∂_θ L_G − η ∂²_θψ L_G ∂_ψ L_D)

    which is solved here without forming a matrix; q follows from p. The losses keep their values,
    and only their own gradients are other ones, as in `symplectic_adjustment`. Every iteration of
    the solver takes two products with second derivatives.

    Args:
      game: any game; its generator is replayed.
      rate: η > 0, which should be that of the gradient descent.
      solve: `(matvec, target) -> (solution, info)`. The matrix is symmetric and positive definite
        where the losses' mixed derivatives are opposite (zero-sum games, with penalties in one
        player's parameters): there `jax.scipy.sparse.linalg.cg` does. `gmres`, the default, does
        everywhere; either is made exact with `functools.partial(…, tol=…)`.

    Raises:
      ValueError: for a rate that is not positive.
    """
    check_number("rate", rate, lambda value: value > 0, "positive")

    def judge(params: Pair, carry: Carry, batch, fake, key):
        del fake

        def gradients(at: Pair):
            return own_gradients(lambda at: game(at, carry, batch, key), at)

        grads, tilt, (losses, aux) = jax.linearize(gradients, params, has_aux=True)
        still = jax.tree.map(jnp.zeros_like, params)

        def gained(moved: Pair) -> Pair:
            """η times what either gradient gains by a move."""
            return optax.tree.scale(rate, wide(tilt(cast_like(moved, params))))

        def of_gen(q):
            return gained(still._replace(disc=q)).gen

        def of_disc(p):
            return gained(still._replace(gen=p)).disc

        grads, minus = wide(grads), optax.tree.sub
        target = minus(grads.gen, of_gen(grads.disc))
        gen = solved(solve, lambda p: minus(p, of_gen(of_disc(p))), target)
        disc = minus(grads.disc, of_disc(gen))
        return redirected(losses, params, minus(Pair(gen, disc), grads)), aux

    return replayed(judge)
