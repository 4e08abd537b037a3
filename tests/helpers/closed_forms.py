"""A game whose gradients are one matrix, and central differences: what surrogates are held against.

With w = (θ, ψ) in R⁵, two of them θ, the game has ξ(w) = Mw + c: not zero-sum, and M not symmetric.
"""

import jax
import jax.numpy as jnp
import numpy as np
from common import scalar_carry

from ganstab import Pair, games

SPLIT = 2
THETA, PSI = slice(0, SPLIT), slice(SPLIT, 5)
KEY = jax.random.key(0)

_rng = np.random.default_rng(4)
M = _rng.standard_normal((5, 5))
M[THETA, THETA] += M[THETA, THETA].T
# The discriminator's own loss has a minimum, so that it has a best response.
M[PSI, PSI] = M[PSI, PSI] @ M[PSI, PSI].T + 0.5 * np.eye(3)
C = _rng.standard_normal(5)
POINT = _rng.standard_normal(5)


def xi(w):
    return M @ w + C


def gen_loss(w):
    """½θᵀM_θθ θ + θᵀM_θψ ψ + cᵀθ, and a term in ψ alone, which ξ does not see."""
    theta, psi = w[THETA], w[PSI]
    own = 0.5 * theta @ M[THETA, THETA] @ theta + theta @ M[THETA, PSI] @ psi + C[THETA] @ theta
    return own + 0.3 * psi @ psi


def disc_loss(w):
    theta, psi = w[THETA], w[PSI]
    return 0.5 * psi @ M[PSI, PSI] @ psi + psi @ M[PSI, THETA] @ theta + C[PSI] @ psi


def quadratic():
    def losses(params):
        w = jnp.concatenate(params)
        return Pair(gen_loss(w), disc_loss(w))

    return games.from_losses(losses)


def pair_at(w):
    return Pair(jnp.asarray(w[THETA]), jnp.asarray(w[PSI]))


def field_of(game, carry=None):
    """`w -> (ξ(w), losses)` of the game, for jax."""

    def at(w):
        def losses(params):
            found, _ = game(params, carry or scalar_carry(), None, KEY)
            return found, found

        own, found = jax.jacrev(losses, has_aux=True)(Pair(w[THETA], w[PSI]))
        return jnp.concatenate([own.gen.gen, own.disc.disc]), found

    return at


def played(game, w, carry=None):
    """The game's losses at w, and each player's gradient of its own, in a row."""
    slopes, found = quick(field_of(game, carry))(jnp.asarray(w))
    return found, np.asarray(slopes)


def quick(fn):
    """Compiled without optimizations, which take longer than these tests run."""
    return jax.jit(fn, compiler_options={"xla_backend_optimization_level": 0})


def central(fn, w, h=1e-5):
    """Derivative of a function of w, by columns: exact for a quadratic one up to rounding."""
    columns = [(fn(w + h * e) - fn(w - h * e)) / (2 * h) for e in np.eye(len(w))]
    return np.stack(columns, axis=-1)
