"""How far apart two distributions are, and what a critic of them tells a generator."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.special import rel_entr
from scipy.stats import wasserstein_distance

from experiments.runner.records import checked
from experiments.runner.study import Exhibit
from experiments.small_games.balance import LECTURE
from ganstab import Batch, Pair, Player, losses, metrics, optimizers, penalties, steps, terms
from ganstab.game import make_game
from ganstab.networks.mlp import Discriminator
from ganstab.players import from_nnx
from ganstab.style import BLUE, FAINT, GREEN, INK, PURPLE, VERMILION, panels, styled

GRID = np.linspace(-1, 1, 81)
"""Places of the generated mass; the data's is the middle one."""


class Distances(NamedTuple):
    """Of two point masses, one at 0 and one at each place of the grid: `[len(GRID)]`."""

    kl: np.ndarray
    js: np.ndarray
    variation: np.ndarray
    wasserstein: np.ndarray


def distances() -> Distances:
    """Every divergence, from the masses themselves."""
    masses = np.eye(len(GRID))
    data = masses[len(GRID) // 2]
    return Distances(
        np.array([rel_entr(data, own).sum() for own in masses]),
        np.array([metrics.js_divergence(data, own) for own in masses]),
        np.array([np.abs(data - own).sum() / 2 for own in masses]),
        np.array([wasserstein_distance(GRID, GRID, data, own) for own in masses]),
    )


@styled
def point_masses() -> Exhibit:
    """Two point masses: KL, Jensen-Shannon, total variation and Wasserstein distance."""
    figure, axes = panels(1, 4, width=2.3, height=2.3)
    found = distances()
    titles = ("KL divergence", "Jensen-Shannon, nats", "total variation", "Wasserstein-1")
    for axis, title, values, colour in zip(
        axes[0], titles, found, (VERMILION, PURPLE, BLUE, GREEN), strict=True
    ):
        finite = np.where(np.isfinite(values), values, np.nan)
        middle = len(GRID) // 2
        if title == "Wasserstein-1":
            axis.plot(GRID, finite, color=colour, linewidth=1.8)
        else:
            axis.plot(GRID[:middle], finite[:middle], color=colour, linewidth=1.8)
            axis.plot(GRID[middle + 1 :], finite[middle + 1 :], color=colour, linewidth=1.8)
            axis.plot(0, values[middle], "o", color=colour, markersize=5)
        axis.set(title=title, xlabel="θ", xlim=(-1.1, 1.1), ylim=(-0.1, 1.2), xticks=[-1, 0, 1])
    for x in (-0.7, 0.7):
        axes[0, 0].annotate(
            "", (x, 1.15), (x, 0.75), arrowprops={"arrowstyle": "->", "color": VERMILION}
        )
    axes[0, 0].text(0, 0.6, "∞ for every θ ≠ 0", ha="center", color=VERMILION)
    axes[0, 1].text(0, math.log(2) + 0.04, "ln 2", ha="center")
    caption = (
        "Data at 0, all samples at θ. KL, Jensen-Shannon and total variation say only whether the "
        "two are the same: their slope is 0 or there is none, and a generator learns nothing. The "
        "Wasserstein distance |θ| has a slope everywhere."
    )
    return Exhibit(figure, caption, mass_findings(found))


def mass_findings(found: Distances) -> tuple[dict, ...]:
    """Each divergence away from θ = 0, and at it."""
    away = GRID != 0
    slide = f"{LECTURE}, slides “Wasserstein GAN”"
    worst = float(np.max(np.abs(found.js[away] - math.log(2))))
    return (
        checked(
            "Jensen-Shannon divergence for θ ≠ 0, nats", float(found.js[away][0]),
            expected=math.log(2), tolerance=1e-12, source="½ ln 2 + ½ ln 2",
            reading="the slide's sum ½(ln 2 + ln 2) is right and its result, ln 4, a slip",
        ),
        checked(
            "its largest departure from ln 2 over all θ ≠ 0", worst, expected=0.0,
            tolerance=1e-12, reading="constant: no slope", source=slide,
        ),
        checked(
            "places θ ≠ 0 where KL is finite", int(np.isfinite(found.kl[away]).sum()), expected=0,
            tolerance=0, reading="infinite, as the slide says", source=slide,
        ),
        checked(
            "largest divergence of any kind at θ = 0",
            float(max(values[~away].max() for values in found)), expected=0.0, tolerance=1e-12,
            reading="all are 0 where the masses are one", source=slide,
        ),
        checked(
            "total variation for θ ≠ 0", float(found.variation[away].min()), expected=1.0,
            tolerance=1e-12, source=slide,
        ),
        checked(
            "largest error of the Wasserstein distance, taken for |θ|",
            float(np.max(np.abs(found.wasserstein - np.abs(GRID)))), expected=0.0,
            tolerance=1e-12, reading="a slope everywhere", source=slide,
        ),
    )  # fmt: skip


APART = 4.0
"""Data are N(0, 1), samples N(4, 1); the lecture does not say what its picture has."""
SAMPLES, TRAINED = 512, 3000
LINE = np.linspace(-4, 8, 241)


class Critic(NamedTuple):
    """How one critic is trained, on samples that do not move."""

    loss: Callable
    penalty: Callable | None
    tx: optax.GradientTransformation


CRITICS = {
    "GAN": Critic(losses.minimax, None, optax.adam(2e-3)),
    "WGAN-GP": Critic(losses.wasserstein, penalties.wgan_gp, optax.adam(2e-3, b1=0.5, b2=0.9)),
    "WGAN, clipped at 0.1": Critic(
        losses.wasserstein, None, optax.chain(optax.adam(2e-3), optimizers.clip_weights(0.1))
    ),
}


def trained(critic: Critic, count: int = TRAINED) -> np.ndarray:
    """The scores that the critic gives on `LINE` after training against still samples."""
    still = Player(lambda key: (jnp.zeros(()), ()), lambda params, state, z, key, train=True: (
        z + APART + 0.0 * params, state
    ))  # fmt: skip
    disc = from_nnx(
        lambda rngs: Discriminator(1, (64, 64), scale=1.0, activation=jnp.tanh, rngs=rngs)
    )
    added = () if critic.penalty is None else (terms.disc_penalty(10.0, critic.penalty),)
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

    # Much of its time is running, so it is compiled well.
    return np.asarray(jax.jit(learn)(jax.random.key(0), jnp.asarray(LINE)))


def best_logit(x: np.ndarray) -> np.ndarray:
    """`ln p_data(x) / p_G(x)` of the two normal laws: the optimal discriminator's score."""
    return APART**2 / 2 - APART * x


@styled
def gaussians() -> Exhibit:
    """Two Gaussians: an optimal discriminator saturates, a critic does not."""
    figure, axes = panels(1, 2, width=3.5, height=2.8)
    scores = {name: trained(critic) for name, critic in CRITICS.items()}
    left, right = axes[0]
    for centre, label, colour in ((0.0, "data", GREEN), (APART, "samples", FAINT)):
        left.fill_between(
            LINE, np.exp(-((LINE - centre) ** 2) / 2) / math.sqrt(2 * math.pi), color=colour,
            alpha=0.35, linewidth=0, label=label,
        )  # fmt: skip
    probability = 1 / (1 + np.exp(-scores["GAN"]))
    left.plot(LINE, probability, color=VERMILION, label="trained discriminator")
    left.plot(LINE, 1 / (1 + np.exp(-best_logit(LINE))), "--", color=INK, label="p / (p + q)")
    for name, colour in (("WGAN-GP", BLUE), ("WGAN, clipped at 0.1", PURPLE)):
        shifted = scores[name] - scores[name][len(LINE) // 2]
        right.plot(LINE, shifted, color=colour, label=name)
    right.plot(LINE, APART / 2 - LINE, "--", color=INK, label="slope −1")
    left.set(title="a discriminator's probability", xlabel="x", ylim=(-0.05, 1.45))
    right.set(title="a critic's score", xlabel="x", ylim=(-7, 9))
    left.legend(loc="upper right", ncols=2, fontsize=6.8)
    right.legend(loc="upper right")
    caption = (
        "Data N(0, 1), samples N(4, 1) that do not move, and networks trained to tell them apart. "
        "The discriminator is sure of nearly every sample: its probability is flat, so log(1 − D) "
        "teaches nothing. The critic of a Wasserstein GAN falls with slope −1 all the way; "
        "weight clipping keeps its slope from being 1. Scores are shifted to cross at x = 2."
    )
    return Exhibit(figure, caption, gaussian_findings(scores))


def gaussian_findings(scores: dict[str, np.ndarray]) -> tuple[dict, ...]:
    """Slopes where the samples are, and the distance that the critic measures."""
    slope = {name: np.gradient(values, LINE) for name, values in scores.items()}
    among = np.abs(LINE - APART) <= 1
    mass = np.exp(-(LINE**2) / 2), np.exp(-((LINE - APART) ** 2) / 2)
    data, fake = (own / own.sum() for own in mass)
    belief = 1 / (1 + np.exp(-scores["GAN"]))
    return (
        checked(
            "largest |slope| of ln(1 − D) within 1 of the samples' mean",
            float(np.max(np.abs(belief * slope["GAN"])[among])),
            reading="the saturating generator's pull, against the critic's 1",
        ),
        checked(
            "same, of the optimal discriminator",
            float(np.max(APART / (1 + np.exp(-best_logit(LINE[among]))))),
            reading="its pull at the samples' mean is 4/(1 + e⁸) = 0.0013",
        ),
        checked(
            "mean slope of the WGAN-GP critic within 1 of the samples' mean",
            float(slope["WGAN-GP"][among].mean()), expected=-1.0, tolerance=0.1,
            source="the optimal critic of two shifted laws has slope −1",
        ),
        checked(
            "E D(data) − E D(samples) of the WGAN-GP critic",
            float(data @ scores["WGAN-GP"] - fake @ scores["WGAN-GP"]), expected=APART,
            tolerance=0.1 * APART, reading="the Wasserstein distance of the two, up to the "
            "penalty's slack, which lets slopes exceed 1 a little", source="|4 − 0|",
        ),
        checked(
            "mean slope of the clipped critic there",
            float(slope["WGAN, clipped at 0.1"][among].mean()),
            reading="set by the clip and the width, not by the data",
        ),
    )  # fmt: skip
