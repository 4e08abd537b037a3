"""The training steps of `images.py` in ganstab: jitted, and donated."""

from collections.abc import Callable

import jax
from contestant import POOL, Contestant
from image_models import LATENT, MODELS

from ganstab import losses, optimizers, penalties, steps, terms
from ganstab.game import make_game
from ganstab.networks import dcgan, images
from ganstab.players import from_nnx, spectral_norm
from ganstab.types import Batch, Pair


def _dcgan(size: int, *, width: int, latent: int) -> Pair:
    """DCGAN's pair with kernels of 5, whose critic has no batch norm."""
    rows = [[], [width], [2 * width], [4 * width]]
    sides = [(size // 2**level,) * 2 for level in range(4)]
    units = dcgan.Units(dcgan.leaky, norm=None)
    return Pair(
        lambda rngs: dcgan.Generator(latent, rows[::-1], sides[::-1], rngs=rngs),
        lambda rngs: dcgan.Discriminator(rows, sides[0], units=units, rngs=rngs),
    )


PAIRS: dict[str, Callable[..., Pair]] = {
    "convolutional": images.convolutional,
    "dcgan": _dcgan,
    "r3gan": images.r3gan,
    "sngan": images.sngan,
    "wgan_gp": images.wgan_gp,
}
RELATIVISTIC = (
    terms.score_loss(losses.relativistic_paired),
    terms.disc_penalty(0.5, penalties.r1),
    terms.disc_penalty(0.5, penalties.r2),
)
WGAN_GP = (terms.score_loss(losses.wasserstein), terms.disc_penalty(10.0, penalties.wgan_gp))
TERMS = {
    "convolutional": RELATIVISTIC,
    "r3gan": RELATIVISTIC,
    "sngan": (terms.score_loss(losses.hinge),),
    "wgan_gp": WGAN_GP,
    "dcgan": WGAN_GP,
}


def race(model: str, unroll: int, batch: int) -> Contestant:
    """The training step on random data, compiled and ready to be timed."""
    assert unroll == 0
    size, width = MODELS[model]
    gen, disc = map(from_nnx, PAIRS[model](size, width=width, latent=LATENT))
    players = Pair(gen, spectral_norm(disc) if model == "sngan" else disc)
    game = make_game(
        players, *TERMS[model], prior=lambda key, n: jax.random.normal(key, (n, LATENT))
    )
    txs = Pair(*(optimizers.adam(2e-4, 0.0, 0.9) for _ in range(2)))
    state = steps.init(players, txs, jax.random.key(0))
    shape = POOL, 2, batch, size, size, 3
    pool = jax.random.uniform(jax.random.key(1), shape, minval=-1.0)
    step = steps.alternating(game, txs)
    compiled = jax.jit(lambda state, real: step(state, Batch(real))[0], donate_argnums=0)

    def run(count: int) -> None:
        nonlocal state
        for i in range(count):
            state = compiled(state, pool[i % POOL])
        jax.block_until_ready(state)

    return Contestant(run)
