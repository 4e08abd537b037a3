"""What becomes of the Gaussian game of biases when its expectations are means over few samples."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

from experiments.one_parameter_gans import closed_forms
from experiments.one_parameter_gans.planes import (
    BIASES,
    NOTHING,
    at,
    draw,
    rates,
    resting,
    whole,
)  # fmt: skip
from experiments.runner.records import checked
from experiments.runner.study import Exhibit
from ganstab import Pair, dynamics, games, plots, surrogates
from ganstab.style import BLUE, FAINT, INK, VERMILION, styled
from ganstab.types import Game

CLIP, STDDEV, DRAWS = 0.01, 0.2, 30
SIZES, REPEATS = (5, 50, 500, 5000), 2000


def few_samples(seed: int) -> Exhibit:
    """100 samples and 5: every latent is a pole, and every fixed point a saddle."""
    figure, axes = plots.panels(2, 2)
    findings = []
    for column, count in zip(axes.T, (100, 5), strict=True):
        samples = draw(seed, count)
        sharp, clipped = (
            games.bias_gan(games.gaussian(clip), samples=samples) for clip in (0, CLIP)
        )
        found = resting(sharp, between_poles(samples))
        findings += _saddles(samples, found)
        few = count == 5
        plots.vector_field(
            column[0], whole(sharp), fixed_points=found if few else (), title=f"{count} samples",
            names=BIASES,
        )  # fmt: skip
        if few:
            _poles(column[0], np.asarray(samples.gen))
        title = f"{count} samples, d within [{CLIP:g}, {1 - CLIP:g}]"
        plots.vector_field(column[1], whole(clipped), title=title, names=BIASES)
    caption = (
        "The field of few samples, above as it is and below with d held within bounds. Each "
        "latent z is a pole along b_g + b_d = −z (dashed, for five samples). Between two poles "
        "the generator's loss is concave, so there is one fixed point in each gap, and it is a "
        "saddle (crosses). The essay's one more saddle near (1, −2) is of that kind; where they "
        "lie depends on the numbers drawn. Inside a bound, below, that latent says nothing, and "
        "the field has dead stripes."
    )
    return Exhibit(figure, caption, tuple(findings))


def heavy_tails(seed: int) -> Exhibit:
    """More samples do not help: the scatter of the pull stays."""
    sharp, clipped = (scatters(seed, clip) for clip in (0.0, CLIP))
    figure, axes = plots.panels(1, 2)
    _pulls(axes[0, 0], draw(seed, 2500))
    _spreads(axes[0, 1], sharp, clipped)
    limit = closed_forms.scatter(1.0)
    findings = (
        *(checked(f"scatter of the pull at b_g + b_d = 1, {count:,} samples", found,
                  expected=limit, tolerance=0.1 * limit, source="closed form: 4π φ(1)",
                  reading="for a mean with a variance it would fall with the root of the samples")
          for count, found in zip(SIZES[1:], sharp[1:], strict=True)),
        checked(f"{SIZES[-1] // SIZES[1]} times the samples shrink it by, d clipped",
                clipped[1] / clipped[-1], expected=(SIZES[-1] / SIZES[1]) ** 0.5, tolerance=1.0,
                source="root of the factor", reading="without the poles, a mean like any other"),
    )  # fmt: skip
    caption = (
        "Left, the generator's pull along b_g + b_d: exact, and of 2,500 samples. Right, the "
        f"interquartile range of the pull at b_g + b_d = 1 over {REPEATS:,} draws. A pole's 2/u "
        "has no mean: an average over more latents has more poles, each weaker, and the same "
        "scatter, 4π φ(1) = 3.04, for ever. Where d is clipped, it falls as it should."
    )
    return Exhibit(figure, caption, findings)


def parameter_noise(seed: int) -> Exhibit:
    """Noise on the parameters: a blur of the field, if one draws enough of it."""
    samples = draw(seed, 100)
    sharp = games.bias_gan(games.gaussian(), samples=samples)
    noisy = surrogates.smoothed(sharp, STDDEV, DRAWS)
    smooth = blurred(samples, STDDEV)
    found = resting(smooth, [(0.0, 0.0), (1.0, -1.0), (-1.0, 1.0)])
    figure, axes = plots.panels(1, 3)
    key = jax.random.key(seed)
    plots.vector_field(axes[0, 0], whole(sharp), title="100 samples", names=BIASES)
    plots.vector_field(
        axes[0, 1], whole(noisy, key=key), title=f"mean over {DRAWS} draws of noise", names=BIASES
    )
    plots.vector_field(
        axes[0, 2], whole(smooth), fixed_points=found, title="all noise: a Gaussian blur",
        names=BIASES,
    )  # fmt: skip
    wide = (1 + 2 * STDDEV**2) ** 0.5
    population = games.bias_gan(games.gaussian(), Pair(wide, 1.0))
    turn = np.sqrt(2 * closed_forms.curvature(wide) - 1)
    findings = (
        checked("upper eigenvalue of the blurred population", rates(population)[0],
                expected=-1 + 1j * turn, tolerance=1e-6,
                source="closed form: −1 + i√(2a(√1.08) − 1)",
                reading="without noise −1 + 1.325i: it turns less and comes no faster"),
        checked("upper eigenvalue of the blurred 100 samples", _nearest(found).eigenvalues[0],
                reading="the fixed point is back, and stable"),
        checked(f"scatter of the pull at b_g + b_d = 1, {DRAWS} draws",
                scatter_of_noisy(seed, 500), expected=closed_forms.scatter(1.0, wide),
                tolerance=0.15 * closed_forms.scatter(1.0, wide),
                source="closed form: that of 3,000 poles",
                reading="thirty times the poles, each a thirtieth: no smaller than without noise"),
    )  # fmt: skip
    caption = (
        "The essay's cure: the mean of 30 gradients under Gaussian noise of 0.2 on both biases, "
        "the same 100 latents and data in all. Thirty draws turn each pole into thirty weak ones. "
        "All noise at once is a Gaussian blur of the field (of width 0.283 along b_g + b_d), and "
        "it does what the essay says: it is smooth, and the stable point is back."
    )
    return Exhibit(figure, caption, findings)


def blurred(samples: Pair, stddev: float) -> Game:
    """The sampled game of biases under all Gaussian noise of this width, integrated.

    A latent z with noise on both biases is a population of latents of width √2 · stddev around z.
    """
    around = games.bias_gan(games.gaussian(), Pair(2**0.5 * stddev, 1.0))

    def losses(params: Pair) -> Pair:
        def fooled(z):
            return around(at(params.gen + z, params.disc), **NOTHING, key=None)[0].gen

        gen = jnp.mean(jax.vmap(fooled)(samples.gen))
        real = jnp.mean((samples.disc + params.disc) ** 2) + stddev**2
        return Pair(gen, real - gen)

    return games.from_losses(losses)


def pull(latents: jax.Array, s: jax.typing.ArrayLike, clip: float = 0.0) -> jax.Array:
    """How fast the generator of these latents moves at b_g = s, b_d = 0."""
    game = games.bias_gan(games.gaussian(clip), samples=Pair(latents, jnp.zeros(1)))
    return dynamics.field(game, at(s, 0.0), key=None, **NOTHING).gen


def scatters(seed: int, clip: float) -> list[float]:
    """The interquartile range of the pull at s = 1 over many draws, for each size of a sample."""

    @functools.partial(jax.jit, static_argnames="count")
    def drawn(keys, count):
        return jax.lax.map(
            lambda key: pull(jax.random.normal(key, (count,)), 1.0, clip), keys, batch_size=50
        )

    keys = jax.random.split(jax.random.key(seed), REPEATS)
    return [_range(drawn(keys, count)) for count in SIZES]


def scatter_of_noisy(seed: int, repeats: int) -> float:
    """The same for 100 latents and the mean over 30 draws of parameter noise."""

    def drawn(key):
        latents = jax.random.normal(key, (100,))
        game = games.bias_gan(games.gaussian(), samples=Pair(latents, jnp.zeros(1)))
        noisy = surrogates.smoothed(game, STDDEV, DRAWS)
        return dynamics.field(noisy, at(1.0, 0.0), key=key, **NOTHING).gen

    keys = jax.random.split(jax.random.key(seed), repeats)
    return _range(jax.jit(lambda keys: jax.lax.map(drawn, keys, batch_size=50))(keys))


def _range(values: jax.Array) -> float:
    low, high = np.percentile(values, [25, 75])
    return float(high - low)


def between_poles(samples: Pair) -> list[tuple[float, float]]:
    """The middles of the gaps, on the line b_d = −mean(x), where the discriminator rests."""
    poles, disc = np.sort(-np.asarray(samples.gen)), -float(np.mean(samples.disc))
    return [(float(middle) - disc, disc) for middle in (poles[1:] + poles[:-1]) / 2]


def _saddles(samples: Pair, found: list[dynamics.FixedPoint]) -> list:
    count = samples.gen.size
    stable = sum(bool(np.max(point.eigenvalues.real) < 0) for point in found)
    return [
        checked(f"fixed points of {count} samples", len(found), expected=count - 1, tolerance=0,
                source="closed form: one in each gap", reading="the exact field has one"),
        checked(f"stable ones of {count} samples", stable, expected=0, tolerance=0,
                source="closed form: det J = 2h″ < 0",
                reading="the exact field's stable point is in no sample's field"),
    ]  # fmt: skip


def _nearest(found: list[dynamics.FixedPoint]) -> dynamics.FixedPoint:
    return min(found, key=lambda point: float(np.hypot(*point.params)))


@styled
def _poles(axis: Axes, latents: np.ndarray) -> None:
    for z in latents:
        axis.axline((0, -z), slope=-1, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=2)


@styled
def _pulls(axis: Axes, samples: Pair) -> None:
    s = np.linspace(-3, 3, 1201)
    exact = games.bias_gan(games.gaussian())
    fields = jax.vmap(lambda s: dynamics.field(exact, at(s, 0.0), key=None, **NOTHING).gen)
    sampled = jax.jit(jax.vmap(lambda s: pull(samples.gen, s)))
    axis.plot(s, sampled(s), color=BLUE, linewidth=0.5, label="2,500 samples")
    axis.plot(s, jax.jit(fields)(s), color=VERMILION, linewidth=1.8, label="exact")
    axis.set_ylim(-10, 10)
    axis.set_xlabel("b_g + b_d")
    axis.set_ylabel("velocity of b_g")
    axis.set_title("the generator's pull")
    axis.legend(loc="upper right", frameon=True, framealpha=0.9, edgecolor="none")


@styled
def _spreads(axis: Axes, sharp: list[float], clipped: list[float]) -> None:
    axis.loglog(SIZES, sharp, "o-", color=BLUE, label="as it is")
    axis.loglog(SIZES, clipped, "s-", color=VERMILION, label=f"d within [{CLIP:g}, {1 - CLIP:g}]")
    axis.axhline(closed_forms.scatter(1.0), color=FAINT, linestyle="--", label="4π φ(1)")
    axis.set_xlabel("samples")
    axis.set_ylabel("interquartile range")
    axis.set_title("its scatter")
    axis.legend(loc="lower left")
