"""Two Gaussians: an optimal discriminator saturates, a critic does not.

Networks are trained from four starts to tell data from samples that do not move. Left: a GAN's
discriminator, as a probability, over both densities. Middle: critics under a gradient penalty, two-
and one-sided. Right: a critic with clipped weights. Scores are shifted to cross at x = 2.

Setting: data N(0, 1), samples N(4, 1); one hidden layer of 32 tanh units; 1,200 steps of Adam at
0.002 on 128 samples each; penalties of weight 10; clipping at 0.1.

Source: Arjovsky et al. 2017 (arXiv:1701.07875), figure 2, which names neither means nor variances;
Gulrajani et al. 2017 (arXiv:1704.00028) for the penalty. A linear critic of slope s wins −4s at a
cost of 10(|s| − 1)², so its slope rests at −1.2, or with the two-sided penalty at 0.8 as well.

What to see: the discriminator is sure of nearly every sample, so that log(1 − D) is flat and
teaches little. A Wasserstein critic should fall with slope −1 all the way. WGAN-GP asks for slopes
of size 1: a critic that starts with the wrong sign can keep it, and sends the generator away from
the data. The one-sided penalty has only the right slope. Clipping leaves what the bound allows.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import expit

from docs.gallery.common import normal, quick
from ganstab import Batch, Pair, Player, losses, optimizers, penalties, steps, terms
from ganstab.game import make_game
from ganstab.networks.mlp import Discriminator
from ganstab.players import from_nnx
from ganstab.style import BLUE, FAINT, GREEN, INK, PURPLE, VERMILION, panels, styled

APART, SAMPLES, TRAINED, STARTS, PENALTY = 4.0, 128, 1200, 4, 10.0
LINE = np.linspace(-4, 8, 241)
_CALM = optax.adam(2e-3, b1=0.5, b2=0.9)
_CLIPPED = optax.chain(optax.adam(2e-3), optimizers.clip_weights(0.1))
ONE_SIDED = functools.partial(penalties.wgan_gp, one_sided=True)
CRITICS: dict[str, tuple] = {
    "GAN": (losses.minimax, None, optax.adam(2e-3)),
    "WGAN-GP": (losses.wasserstein, penalties.wgan_gp, _CALM),
    "one-sided": (losses.wasserstein, ONE_SIDED, _CALM),
    "WGAN, clipped at 0.1": (losses.wasserstein, None, _CLIPPED),
}
"""Loss, penalty and optimizer."""


def trained(name: str, seed: int = 0) -> np.ndarray:
    """The scores on `LINE` of critics trained from four starts: `[STARTS, len(LINE)]`."""
    loss, penalty, tx = CRITICS[name]
    still = Player(
        lambda key: ((), ()), lambda params, state, z, key, train=True: (APART + z, state)
    )
    disc = from_nnx(lambda rngs: Discriminator(1, (32,), scale=1.0, activation=jnp.tanh, rngs=rngs))
    added = () if penalty is None else (terms.disc_penalty(PENALTY, penalty),)
    players, txs = Pair(still, disc), Pair(optax.set_to_zero(), tx)
    step = steps.simultaneous(make_game(players, terms.score_loss(loss), *added, prior=normal), txs)

    def learn(key, line):
        def advance(state, place):
            data = normal(jax.random.fold_in(key, place), SAMPLES)
            return step(state, Batch(real=data))[0], None

        start = steps.init(players, txs, key)
        state, _ = jax.lax.scan(advance, start, jnp.arange(TRAINED))
        return disc.apply(state.params.disc, state.carry.state.disc, line[:, None], key)[0]

    keys = jax.random.split(jax.random.key(seed), STARTS)
    return np.asarray(quick(jax.vmap(learn, in_axes=(0, None)))(keys, jnp.asarray(LINE)))


@styled
def draw(seed: int = 0) -> Figure:
    figure, axes = panels(1, 3, width=2.9, height=2.8)
    left, middle, right = axes[0]
    for centre, label, colour in ((0.0, "data", GREEN), (APART, "samples", FAINT)):
        density = np.exp(-((LINE - centre) ** 2) / 2) / math.sqrt(2 * math.pi)
        left.fill_between(LINE, density, color=colour, alpha=0.35, linewidth=0, label=label)
    scores, best = trained("GAN", seed), APART**2 / 2 - APART * LINE
    left.plot(LINE, expit(scores.T), color=VERMILION)[0].set_label("trained")
    left.plot(LINE, expit(best), "--", color=INK, label="p / (p + q)")
    left.set(title="a discriminator's probability", xlabel="x", ylim=(-0.05, 1.45))
    left.legend(loc="upper right", ncols=2, fontsize=6.8)
    _scores(middle, "critics, gradient penalty", ("WGAN-GP", "one-sided"), seed)
    _scores(right, "critic, clipped weights", ("WGAN, clipped at 0.1",), seed)
    return figure


def _scores(axis: Axes, title: str, names: tuple[str, ...], seed: int) -> None:
    for name, colour in zip(names, (BLUE, PURPLE), strict=False):
        scores = trained(name, seed)
        shifted = scores - scores[:, len(LINE) // 2, None]
        axis.plot(LINE, shifted.T, color=colour)[0].set_label(name)
    axis.plot(LINE, APART / 2 - LINE, "--", color=INK, label="slope −1")
    axis.set(title=title, xlabel="x", ylim=(-8, 11))
    axis.legend(loc="upper right", fontsize=6.8)
