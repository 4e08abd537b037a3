"""Surrogates that act on the game's own gradients.

`ξ = (∇_θ L_G, ∇_ψ L_D)`, each player's gradient of its own loss, is the simultaneous gradient of
the game. Its Jacobian `H` is symmetric only in a potential game, where ξ is the gradient of one
function.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from ganstab._metric_names import free_name
from ganstab._precision import wide
from ganstab._steered import steered
from ganstab.types import PLAYERS, Aux, Carry, Game, Pair

__all__ = [
    "consensus",
    "gradient_norm",
    "own_gradients",
    "redirected",
    "replayed",
    "solved",
    "symplectic_adjustment",
]


def consensus(game: Game, weight: float) -> Game:
    """Both players also minimise `γ · ½‖ξ‖²` (Mescheder et al. 2017, arXiv:1705.10461, section 4).

        gen: L_G + γ·½(‖∇_θ L_G‖² + ‖∇_ψ L_D‖²)      disc: L_D + the same

    The generator is replayed: its own gradient is part of either loss.

    Args:
      game: any game.
      weight: γ; 10 in the paper's experiments on mixtures of Gaussians, with RMSProp.
    """

    def judge(params: Pair, carry: Carry, batch, fake, key):
        del fake

        def evaluate(at: Pair):
            return game(at, carry, batch, key)

        grads, (losses, aux) = own_gradients(evaluate, params)
        term = weight * 0.5 * optax.tree.norm(wide(grads), squared=True)
        return Pair(*(loss + term for loss in losses)), _noted(aux, "consensus", Pair(term, term))

    return replayed(judge)


def gradient_norm(game: Game, weight: float) -> Game:
    """The generator also minimises the squared norm of the discriminator's gradient.

        gen: L_G + η‖∇_ψ L_D‖²      disc: L_D

    Nagarajan and Kolter 2017 (arXiv:1706.04156, section 4); without a factor ½, as in their code.
    In a zero-sum game it is, to first order in η, `unrolled` by K gradient steps of size η/K.

    Args:
      game: any game.
      weight: η; 0.5 in the paper's experiments.
    """

    def judge(params: Pair, carry: Carry, batch, fake, key):
        def own_loss(disc):
            losses, aux = game.judge(params._replace(disc=disc), carry, batch, fake, key)
            return losses.disc, (losses, aux)

        grads, (losses, aux) = jax.grad(own_loss, has_aux=True)(params.disc)
        term = weight * optax.tree.norm(wide(grads), squared=True)
        noted = _noted(aux, "gradient_norm", Pair(term, None))
        return losses._replace(gen=losses.gen + term), noted

    return dataclasses.replace(game, judge=judge)


def symplectic_adjustment(
    game: Game, weight: float = 1.0, *, align: bool = True, epsilon: float = 0.1
) -> Game:
    """Each player follows its entry of `ξ + λAᵀξ` with `A = ½(H − Hᵀ)`, the rotating part of H.

    Balduzzi et al. 2018 (arXiv:1802.05642, algorithm 1). With `align`, λ is the weight times the
    sign of `⟨ξ, Hᵀξ⟩⟨Aᵀξ, Hᵀξ⟩/n + ε` for n parameters, so that the adjustment draws towards stable
    fixed points and away from unstable ones; without it, λ is the weight.

    The adjusted field is no gradient of any pair of losses: the losses keep their values, and only
    their own gradients are adjusted. All further derivatives are those of the adjusted field.

    Args:
      game: any game; its generator is replayed.
      weight: |λ|.
      align: whether λ takes the sign above.
      epsilon: ε, what decides the sign where the products are small.
    """

    def judge(params: Pair, carry: Carry, batch, fake, key):
        del fake

        def gradients(at: Pair):
            return own_gradients(lambda at: game(at, carry, batch, key), at)

        grads, pull, (losses, aux) = jax.vjp(gradients, params, has_aux=True)
        (transposed,) = pull(grads)
        _, forward, _ = jax.jvp(gradients, (params,), (grads,), has_aux=True)
        grads, transposed, forward = wide((grads, transposed, forward))
        turned = jax.tree.map(lambda a, b: 0.5 * (a - b), transposed, forward)
        agreement = optax.tree.vdot(grads, transposed) * optax.tree.vdot(turned, transposed)
        sign = jnp.sign(agreement / optax.tree.size(params) + epsilon) if align else 1.0
        adjustment = jax.tree.map(lambda leaf: weight * sign * leaf, turned)
        return redirected(losses, params, adjustment), aux

    return replayed(judge)


def own_gradients(evaluate: Callable, params: Pair) -> tuple[Pair, tuple[Pair, Aux]]:
    """ξ, each player's gradient of its own loss, and what `evaluate(params)` gives."""
    losses, pull, aux = jax.vjp(evaluate, params, has_aux=True)
    one, zero = jax.tree.map(jnp.ones_like, losses), jax.tree.map(jnp.zeros_like, losses)
    (of_gen,), (of_disc,) = pull(Pair(one.gen, zero.disc)), pull(Pair(zero.gen, one.disc))
    return Pair(of_gen.gen, of_disc.disc), (losses, aux)


def redirected(losses: Pair, params: Pair, changes: Pair) -> Pair:
    """The losses with the same values, whose own gradients have these changes added to them."""
    each = zip(losses, wide(params), changes, strict=True)
    return Pair(*(loss + steered(own, change) for loss, own, change in each))


def solved(solve: Callable, matvec: Callable, target: Any) -> Any:
    """The solution of `matvec(x) = target`, by jax's solvers or the like.

    Those take no player without parameters, whose equation is solved by nothing.
    """
    return solve(matvec, target)[0] if jax.tree.leaves(target) else target


def replayed(judge: Callable) -> Game:
    """The game whose judge is handed no samples, and lets the generator move itself."""

    def play(gen_params, carry: Carry, batch, key):
        del gen_params, batch, key
        return None, carry.state.gen

    return Game(play, judge)


def _noted(aux: Aux, name: str, parts: Pair) -> Aux:
    """With the parts' metrics, beside a term that a user called the same."""
    label = free_name(name, 2, aux.metrics)
    own = {f"{p}/{label}": parts.of(p) for p in PLAYERS if parts.of(p) is not None}
    return aux._replace(metrics={**aux.metrics, **own})
