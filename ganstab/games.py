"""Games in closed form: two losses of two parameters, no data and no networks.

They run through the same surrogates and steps as a GAN. Their batch is `None`, `play` hands over
nothing, and their parameters are whatever arrays the losses take.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ganstab.types import Aux, Game, Pair


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
