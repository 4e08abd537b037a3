"""Games whose losses are a formula, and whose answer is known."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ganstab.types import Aux, Game, Pair

__all__ = ["adversarial_balance", "bilinear", "dirac", "from_losses", "rock_paper_scissors"]


def from_losses(fn: Callable[[Pair], Pair]) -> Game:
    """The game whose losses are `fn(params)`, a `Pair` of scalars."""

    def play(gen_params, carry, batch, key):
        del gen_params, batch, key
        return None, carry.state.gen

    def judge(params, carry, batch, fake, key):
        del batch, fake, key
        losses = fn(params)
        return losses, Aux(carry.state, {"gen/loss": losses.gen, "disc/loss": losses.disc})

    return Game(play, judge)


def bilinear() -> Game:
    """Zero-sum `V(θ, ψ) = ⟨θ, ψ⟩`: the generator θ minimises it, the discriminator ψ maximises it.

    Its field turns around the origin and never approaches it.
    """

    def losses(params: Pair) -> Pair:
        value = jnp.sum(params.gen * params.disc)
        return Pair(gen=value, disc=-value)

    return from_losses(losses)


def dirac(f: Callable[[jax.Array], jax.Array] = jax.nn.log_sigmoid) -> Game:
    """The Dirac-GAN of Mescheder et al. (2018): data at 0, generator at θ, critic `D(x) = ψx`.

    Zero-sum `V = f(ψθ) + f(0)`, which the generator minimises. `f(t) = −log(1 + exp(−t))`, the
    default, is the original GAN; `f(t) = t` is the Wasserstein GAN.
    """

    def losses(params: Pair) -> Pair:
        value = jnp.sum(f(params.disc * params.gen) + f(jnp.zeros(())))
        return Pair(gen=value, disc=-value)

    return from_losses(losses)


def adversarial_balance(target: Sequence[float] = (0.0, 0.0), *, decay: float = 0.0) -> Game:
    """A generator of one point θ in the plane against a linear critic `D(x) = ⟨w, x⟩`.

    Wasserstein losses: disc `⟨w, θ − x*⟩ + γ/2 ‖w‖²`, gen `−⟨w, θ⟩`, for data at x* (a critic's
    bias would cancel). Then `θ̇ = w, ẇ = x* − θ − γw`: the point circles its target once in 2π and
    keeps `‖w‖² + ‖θ − x*‖²`, unless the critic's weight decay γ draws it in, at the rates
    `−γ/2 ± √(γ²/4 − 1)`.

    Args:
      target: x*, any number of coordinates; both players' parameters have its shape.
      decay: γ.
    """
    place = np.asarray(target, float)

    def losses(params: Pair) -> Pair:
        point, critic = params
        miss = jnp.sum(critic * (point - place.astype(point.dtype)))
        return Pair(-jnp.sum(critic * point), miss + decay / 2 * jnp.sum(critic**2))

    return from_losses(losses)


NO_TIES = Pair(0.0, 0.0)


def rock_paper_scissors(ties: Pair = NO_TIES, *, replicator: bool = False) -> Game:
    """Rock, paper, scissors between `x = softmax(u)` and `y = softmax(w)`, u and w `[3]`.

    A win pays 1, a loss −1, a tie what `ties` has for each player: `payoff = xᵀ(P + tie · I)y`.
    Each player's loss is minus its own payoff, so gradients are those of the logits. Uniform play
    is the one equilibrium (of |tie| < 1).

    With `replicator=True` the losses are `−uᵀ(P + tie · I)y` instead, whose gradients in the logits
    are the actions' payoffs: the field is the replicator equation
    `ẋ_i = x_i((Ay)_i − xᵀAy)`, and a step of gradient descent one of multiplicative weights. For
    opposite ties the sum of both players' KL from uniform play is conserved, and the motion can be
    chaotic (Sato, Akiyama & Farmer 2002, arXiv:nlin/0109007 has the equations).

    Args:
      ties: what a tie pays, a `Pair`.
      replicator: whether logits follow payoffs, or gradients of the expected payoff.
    """
    beats = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    payoffs = Pair(*(beats + tie * np.eye(3) for tie in ties))

    def loss(own, other, payoff):
        play = own if replicator else jax.nn.softmax(own)
        return -jnp.vdot(play, payoff.astype(own.dtype) @ jax.nn.softmax(other))

    def losses(params: Pair) -> Pair:
        gen, disc = params
        return Pair(loss(gen, disc, payoffs.gen), loss(disc, gen, payoffs.disc))

    return from_losses(losses)
