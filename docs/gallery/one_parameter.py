"""The plane of a one-parameter GAN's two numbers: its field, its runs, its fixed points."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

from docs.gallery.common import NOTHING, pair
from ganstab import Game, Pair, dynamics, plots
from ganstab.style import BLUE, FAINT, VERMILION, styled

BIASES = ("generator's bias b_g", "discriminator's bias b_d")
WEIGHTS = ("generator's weight W_g", "discriminator's weight W_d")
CLIP = 0.01
"""How far from 0 and 1 the clipped discriminators are held."""


def samples(seed: int, count: int) -> Pair:
    """Latents and data `[count]` each, at most 2,500: fewer are the first of those."""
    numbers = np.random.default_rng(seed).standard_normal((2, 2500))[:, :count]
    return Pair(*map(jnp.asarray, numbers))


def field(game: Game, reach: float = 4.0, key: Any = None) -> dynamics.Slice:
    """The field on `[−reach, reach]²`, by an even number of points, since it may end on an axis."""
    places = jnp.linspace(-reach, reach, 60)
    plane, at = dynamics.parameter_plane(pair(0, 0)), {**NOTHING, "key": key}
    return jax.jit(lambda: dynamics.cut(game, plane, places, places, **at))()


def streamlines(axis: Axes, game: Game, title: str, *, key: Any = None, **drawn: Any) -> None:
    """The field of a game of biases; `drawn` goes to `plots.vector_field`."""
    plots.vector_field(axis, field(game, key=key), title=title, names=BIASES, **drawn)


def runs(
    game: Game, starts: Sequence[tuple[float, float]], dt: float, count: int
) -> list[np.ndarray]:
    """The flow from each start, `count` steps of `dt`: `[count + 1, 2]` each."""
    advance = dynamics.flow(game, dt, **NOTHING)
    orbits = jax.vmap(lambda start: dynamics.orbit(advance, start, count))
    return list(np.stack(jax.jit(orbits)(pair(*zip(*starts, strict=True))), axis=-1))


def resting(game: Game, starts: Sequence[tuple[float, float]]) -> list[dynamics.FixedPoint]:
    """The fixed points that are found from these starts."""
    return dynamics.fixed_points(game, pair(*zip(*starts, strict=True)), **NOTHING)


@styled
def curves(
    axis: Axes, x: np.ndarray, lines: Mapping[str, np.ndarray], *, law: Any = None, title: str = ""
) -> None:
    """Named lines over time, and dashed the law that they should follow: its name and values."""
    for (name, line), colour in zip(lines.items(), (VERMILION, BLUE), strict=False):
        axis.plot(x, line, color=colour, linewidth=1.6, label=name)
    if law:
        axis.plot(x, law[1], "--", color=FAINT, linewidth=1.2, label=law[0], zorder=3)
    axis.set(xlabel="time", title=title)
    axis.legend()
