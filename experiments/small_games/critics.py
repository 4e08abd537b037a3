"""Two Gaussians that do not move, and what a discriminator and critics make of them."""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.runner.records import checked
from experiments.runner.study import Exhibit
from experiments.small_games.moves import quick
from ganstab import Batch, Pair, Player, losses, optimizers, penalties, steps, terms
from ganstab.game import make_game
from ganstab.networks.mlp import Discriminator
from ganstab.players import from_nnx
from ganstab.style import BLUE, FAINT, GREEN, INK, PURPLE, VERMILION, panels, styled

APART = 4.0
"""Data are N(0, 1), samples N(4, 1); the lecture does not say what its picture has."""
SAMPLES, TRAINED, STARTS, PENALTY = 128, 1200, 4, 10.0
LINE = np.linspace(-4, 8, 241)


class Critic(NamedTuple):
    """How one critic is trained, on samples that do not move."""

    loss: Callable
    penalty: Callable | None
    tx: optax.GradientTransformation


CRITICS = {
    "GAN": Critic(losses.minimax, None, optax.adam(2e-3)),
    "WGAN-GP": Critic(losses.wasserstein, penalties.wgan_gp, optax.adam(2e-3, b1=0.5, b2=0.9)),
    "one-sided": Critic(
        losses.wasserstein,
        functools.partial(penalties.wgan_gp, one_sided=True),
        optax.adam(2e-3, b1=0.5, b2=0.9),
    ),
    "WGAN, clipped at 0.1": Critic(
        losses.wasserstein, None, optax.chain(optax.adam(2e-3), optimizers.clip_weights(0.1))
    ),
}


def trained(critic: Critic, count: int = TRAINED) -> np.ndarray:
    """The scores on `LINE` of critics trained from four starts: `[STARTS, len(LINE)]`."""
    still = Player(lambda key: (jnp.zeros(()), ()), lambda params, state, z, key, train=True: (
        z + APART + 0.0 * params, state
    ))  # fmt: skip
    disc = from_nnx(lambda rngs: Discriminator(1, (32,), scale=1.0, activation=jnp.tanh, rngs=rngs))
    added = () if critic.penalty is None else (terms.disc_penalty(PENALTY, critic.penalty),)
    game = make_game(
        Pair(still, disc), terms.score_loss(critic.loss), *added,
        prior=lambda key, n: jax.random.normal(key, (n, 1)),
    )  # fmt: skip
    txs = Pair(optax.set_to_zero(), critic.tx)
    step = steps.simultaneous(game, txs)

    def learn(key, line):
        def advance(state, place):
            data = jax.random.normal(jax.random.fold_in(key, place), (SAMPLES, 1))
            return step(state, Batch(real=data))[0], None

        start = steps.init(Pair(still, disc), txs, key)
        state, _ = jax.lax.scan(advance, start, jnp.arange(count))
        return disc.apply(state.params.disc, state.carry.state.disc, line[:, None], key)[0]

    return np.asarray(
        quick(jax.vmap(learn, in_axes=(0, None)))(
            jax.random.split(jax.random.key(0), STARTS), jnp.asarray(LINE)
        )
    )


def best_logit(x: np.ndarray) -> np.ndarray:
    """`ln p_data(x) / p_G(x)` of the two normal laws: the optimal discriminator's score."""
    return APART**2 / 2 - APART * x


@styled
def gaussians() -> Exhibit:
    """Two Gaussians: an optimal discriminator saturates, a critic does not."""
    figure, axes = panels(1, 3, width=2.9, height=2.8)
    scores = {name: trained(critic) for name, critic in CRITICS.items()}
    left = axes[0, 0]
    for centre, label, colour in ((0.0, "data", GREEN), (APART, "samples", FAINT)):
        left.fill_between(
            LINE, np.exp(-((LINE - centre) ** 2) / 2) / math.sqrt(2 * math.pi), color=colour,
            alpha=0.35, linewidth=0, label=label,
        )  # fmt: skip
    left.plot(LINE, 1 / (1 + np.exp(-scores["GAN"].T)), color=VERMILION, label=_once("trained"))
    left.plot(LINE, 1 / (1 + np.exp(-best_logit(LINE))), "--", color=INK, label="p / (p + q)")
    left.set(title="a discriminator's probability", xlabel="x", ylim=(-0.05, 1.45))
    left.legend(loc="upper right", ncols=2, fontsize=6.8)
    for axis, title, names in (
        (axes[0, 1], "critics, gradient penalty", ("WGAN-GP", "one-sided")),
        (axes[0, 2], "critic, clipped weights", ("WGAN, clipped at 0.1",)),
    ):
        for name, colour in zip(names, (BLUE, PURPLE), strict=False):
            shifted = scores[name] - scores[name][:, len(LINE) // 2, None]
            axis.plot(LINE, shifted.T, color=colour, label=_once(name))
        axis.plot(LINE, APART / 2 - LINE, "--", color=INK, label="slope −1")
        axis.set(title=title, xlabel="x", ylim=(-8, 11))
        axis.legend(loc="upper right", fontsize=6.8)
    caption = (
        "Data N(0, 1), samples N(4, 1) that do not move, and networks trained from four starts to "
        "tell them apart. The discriminator is sure of nearly every sample: its probability is "
        "flat, so log(1 − D) teaches little. A Wasserstein critic should fall with slope −1 all "
        "the way. WGAN-GP asks for slopes of size 1, which 1 and −1 both are: a critic that "
        "starts on the wrong side can stay there and send the generator away from the data. The "
        "one-sided penalty has no such place. Clipping leaves what slope it allows. Scores are "
        "shifted to cross at x = 2."
    )
    return Exhibit(figure, caption, gaussian_findings(scores))


def _once(label: str) -> list[str]:
    """For the first of the starts alone."""
    return [label] + ["_"] * (STARTS - 1)


def gaussian_findings(scores: dict[str, np.ndarray]) -> tuple[dict, ...]:
    """Slopes where the samples are, of each start, against those of the best linear critic."""
    slopes = {name: np.gradient(values, LINE, axis=1) for name, values in scores.items()}
    among = np.abs(LINE - APART) <= 1
    mean = {name: own[:, among].mean(axis=1) for name, own in slopes.items()}
    fake = np.exp(-((LINE - APART) ** 2) / 2)
    fake /= fake.sum()
    pull = (np.abs(slopes["GAN"]) / (1 + np.exp(-scores["GAN"]))) @ fake
    best = float(fake @ (APART / (1 + np.exp(-best_logit(LINE)))))
    give = APART / (2 * PENALTY)
    right, wrong = -1 - give, 1 - give
    either = np.minimum(np.abs(mean["WGAN-GP"] - right), np.abs(mean["WGAN-GP"] - wrong))
    worst = mean["one-sided"][np.argmax(np.abs(mean["one-sided"] - right))]
    source = "critic −sx: 4s is won at a penalty of 10(|s| − 1)², so s = 1 + W/2λ, or s = −1 + W/2λ"
    return (
        checked(
            "E |slope of ln(1 − D)| over the samples", float(pull.mean()), expected=best,
            tolerance=0.5 * best, source="D = p / (p + q)",
            reading="the saturating generator's pull, where a critic's is 1",
        ),
        checked(
            "WGAN-GP, largest distance of a slope from either of −1.2 and 0.8",
            float(either.max()), expected=0.0, tolerance=0.1, source=source,
            reading="a two-sided penalty has two resting places; slopes "
            + ", ".join(f"{slope:.2f}" for slope in mean["WGAN-GP"]),
        ),
        checked(
            "WGAN-GP, starts that end with the slope turned round",
            f"{int(np.sum(mean['WGAN-GP'] > 0))} of {STARTS}",
            reading="they would send the generator away from the data",
        ),
        checked(
            "one-sided penalty, slope of the start that is farthest off", float(worst),
            expected=right, tolerance=0.1, source=source,
            reading="one resting place; steeper than 1, since a penalty gives way",
        ),
        checked(
            "mean slope of the clipped critic", float(mean["WGAN, clipped at 0.1"].mean()),
            reading="set by the clip and the widths of the layers, not by the data",
        ),
    )  # fmt: skip
