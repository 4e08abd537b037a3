"""`best_response`: the limit K → ∞ of `unrolled`, by implicit differentiation."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import optax

from ganstab._checks import check_count
from ganstab._precision import cast_like, wide
from ganstab.optimizers.extra import update_with
from ganstab.surrogates.gradients import solved
from ganstab.surrogates.unrolling import start_of
from ganstab.types import Carry, Game, Pair, metrics_of

__all__ = ["best_response"]


def best_response(
    game: Game,
    tx: optax.GradientTransformation,
    steps: int,
    *,
    damping: float = 0.0,
    solve: Callable = jax.scipy.sparse.linalg.cg,
    live: bool = True,
) -> Game:
    """The game whose generator answers to the discriminator's best response ψ*(θ).

        gen: L_G(θ, ψ*(θ))      disc: L_D(θ, ψ)      with ∇_ψ L_D(θ, ψ*(θ)) = 0

    The response is sought by `steps` updates of `tx`, which are not differentiated through: the
    generator's gradient is that of the implicit function,

        ∂_θ L_G − (∂²_ψθ L_D)ᵀ (∂²_ψψ L_D + δI)⁻¹ ∂_ψ L_G    at the ψ that was arrived at,

    the limit of Metz et al. 2017 (arXiv:1611.02163, section 2) for K → ∞; the move of a leader in
    Fiez et al. 2020 (arXiv:1906.01217). In a zero-sum game ∂_ψ L_G is 0 at the response, and with
    it the second term. Memory does not grow with `steps`; the Hessian is never formed. Derivatives
    with respect to the present ψ are those of the limit, which forgets where the discriminator
    started: 0. The discriminator's state is held while it moves.

    Args:
      game: any game; its `play` runs once.
      tx: the optimizer that seeks the response.
      steps: how many updates of it, 0 or more; 0 trusts that the discriminator is at its best.
      damping: δ, added to the Hessian. `1/(Kη)` gives about the gradient of K steps of size η, and
        is needed where L_D is flat in some direction.
      solve: `(matvec, target) -> (solution, info)`. Conjugate gradients, the default, need a
        positive definite matrix; `jax.scipy.sparse.linalg.gmres` does not.
      live: whether `tx` starts from `carry.opt.disc`, as in `unrolled`.

    Raises:
      ValueError: for steps below 0, or, at trace time, a live optimizer state that is not `tx`'s.
    """
    check_count("steps", steps, 0)

    def invert(matvec, target):
        def damped(x):
            image = wide(matvec(cast_like(x, target)))
            return jax.tree.map(lambda image, leaf: image + damping * leaf, image, x)

        # jax's own solvers cannot be transposed inside a root: their start depends on the target.
        how = functools.partial(solved, solve)
        found = jax.lax.custom_linear_solve(damped, wide(target), how, symmetric=True)
        return cast_like(found, target)

    def judge(params: Pair, carry: Carry, batch, fake, key):
        def facing(disc):
            return game.judge(params._replace(disc=disc), carry, batch, fake, key)

        def own_loss(disc):
            return facing(disc)[0].disc

        slope = jax.grad(own_loss)

        def seek(_, disc):
            def update(at, _):
                value, grads = jax.value_and_grad(own_loss)(at[0])
                updates, opt = update_with(tx, grads, at[1], at[0], value=value, value_fn=own_loss)
                return (optax.apply_updates(at[0], updates), opt), None

            start = disc, start_of(tx, disc, carry.opt.disc, live)
            return jax.lax.scan(update, start, None, length=steps)[0][0]

        response = jax.lax.custom_root(slope, params.disc, seek, invert)
        (loss, _), final_aux = facing(response)
        losses, aux = facing(params.disc)
        metrics = {**aux.metrics, **metrics_of(final_aux, "gen")}
        return losses._replace(gen=loss), aux._replace(metrics=metrics)

    return dataclasses.replace(game, judge=judge)
