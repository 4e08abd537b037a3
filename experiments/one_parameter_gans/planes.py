"""The plane of a one-parameter GAN's two numbers: its field there, its runs, its fixed points."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

from experiments.one_parameter_gans.closed_forms import in_order
from ganstab import Carry, Pair, dynamics
from ganstab.style import BLUE, FAINT, VERMILION, styled
from ganstab.types import Game

ESSAY = "Guttenberg 2016, Stability of Generative Adversarial Networks"
BIASES = ("generator's bias b_g", "discriminator's bias b_d")
WEIGHTS = ("generator's weight W_g", "discriminator's weight W_d")
NOTHING: Mapping[str, Any] = {"carry": Carry(Pair((), ()), Pair((), ())), "batch": None}
MOST = 2500


def at(gen: Any, disc: Any) -> Pair:
    """Parameters, of one point or of many."""
    return Pair(jnp.asarray(gen, float), jnp.asarray(disc, float))


def draw(seed: int, count: int) -> Pair:
    """Latents and data `[count]` each, at most 2,500: fewer are the first of those."""
    numbers = np.random.default_rng(seed).standard_normal((2, MOST))[:, :count]
    return Pair(*map(jnp.asarray, numbers))


def whole(game: Game, reach: float = 4.0, *, key: Any = None, count: int = 60) -> dynamics.Slice:
    """The field on `[−reach, reach]²`; an even `count` leaves out the axes, where it may end."""
    places = jnp.linspace(-reach, reach, count)
    plane = dynamics.parameter_plane(at(0, 0))
    return jax.jit(lambda: dynamics.cut(game, plane, places, places, key=key, **NOTHING))()


def followed(
    game: Game, starts: Sequence[tuple[float, float]], dt: float, steps: int
) -> list[np.ndarray]:
    """The flow from each start: `[steps + 1, 2]`."""
    advance = dynamics.flow(game, dt, key=None, **NOTHING)
    orbits = jax.vmap(lambda start: dynamics.orbit(advance, start, steps))
    return list(np.stack(jax.jit(orbits)(at(*zip(*starts, strict=True))), axis=-1))


def resting(game: Game, starts: Sequence[tuple[float, float]]) -> list[dynamics.FixedPoint]:
    """The fixed points that are found from these starts."""
    return dynamics.fixed_points(game, at(*zip(*starts, strict=True)), key=None, **NOTHING)


def velocity(game: Game, gen: Any, disc: Any) -> np.ndarray:
    """The field at a point."""
    return np.array(dynamics.field(game, at(gen, disc), key=None, **NOTHING))


def slopes(game: Game, gen: float = 0.0, disc: float = 0.0) -> np.ndarray:
    """The field's Jacobian."""
    return np.asarray(dynamics.jacobian(game, at(gen, disc), key=None, **NOTHING))


def rates(game: Game, gen: float = 0.0, disc: float = 0.0) -> np.ndarray:
    """Its eigenvalues, the rightmost first."""
    return in_order(np.linalg.eigvals(slopes(game, gen, disc)).astype(complex))


@styled
def curves(
    axis: Axes,
    x: np.ndarray,
    lines: Mapping[str, np.ndarray],
    *,
    laws: Mapping[str, np.ndarray] | None = None,
    title: str = "",
    names: tuple[str, str] = ("time", ""),
) -> None:
    """Named lines over x, and dashed the laws that they should follow."""
    for (name, line), colour in zip(lines.items(), (VERMILION, BLUE), strict=False):
        axis.plot(x, line, color=colour, linewidth=1.6, label=name)
    for name, law in (laws or {}).items():
        axis.plot(x, law, "--", color=FAINT, linewidth=1.2, label=name, zorder=3)
    axis.set_xlabel(names[0])
    axis.set_ylabel(names[1])
    axis.set_title(title)
    axis.legend()
