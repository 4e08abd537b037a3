"""The mixtures of Gaussians that papers train on, and how they count the modes of samples."""

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import numpy as np
from matplotlib.axes import Axes

from ganstab import metrics
from ganstab.data import grid, grid_modes, ring, ring_modes
from ganstab.training import Evaluation, Measure, Published
from ganstab.types import Player, TrainState


class Mixture(NamedTuple):
    """Equally likely Gaussians in the plane."""

    sample: Callable[[jax.Array, int], jax.Array]
    """`(key, n) -> points [n, 2]`"""
    modes: Callable[[], jax.Array]
    """`() -> centres [k, 2]`"""
    stddev: float
    reach: float
    """Pictures show [−reach, reach]²."""


MIXTURES = {
    "ring": Mixture(ring, ring_modes, stddev=0.02, reach=4.0),
    "small_ring": Mixture(
        functools.partial(ring, radius=1.0, stddev=0.01),
        functools.partial(ring_modes, radius=1.0),
        stddev=0.01,
        reach=2.0,
    ),
    "grid": Mixture(grid, grid_modes, stddev=0.05, reach=6.0),
}
"""`ring` is that of Metz et al. (arXiv:1611.02163, appendix A), 8 modes on a circle of radius 2;
`small_ring`, of radius 1, and `grid`, 5 × 5 modes at a distance of 2, are those of VEEGAN
(arXiv:1705.07761) and PacGAN (arXiv:1712.04086)."""

PERFECT_SHARE = float(1 - np.exp(-4.5))
"""Of a Gaussian in the plane, what lies within three standard deviations."""
PERFECT_DISTANCE = float(np.sqrt(2 * np.log(2)))
"""The median distance of its samples from its centre, in standard deviations."""


def measure(mixture: Mixture, samples: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
    """Modes covered, per cent of high quality, reverse KL, distance; the samples of each mode, [k].

    A sample within 3 σ of the nearest mode is of high quality and counts for that mode; one that
    counts is enough to cover it. The KL is that of the shares of the modes to uniform, in nats. The
    distance is the median to the nearest mode, in σ: it grows without bound when a generator
    diverges, while the others only tell that it covers nothing.
    """
    found = metrics.mixture_coverage(samples, mixture.modes(), mixture.stddev)
    numbers = {
        "samples": len(samples),
        "modes": found.modes,
        "high_quality": 100 * found.high_quality,
        "kl": found.reverse_kl,
        "distance": found.distance,
    }
    return numbers, found.counts


def floor(mixture: Mixture, samples: int) -> float:
    """The reverse KL of a perfect sampler, on average."""
    return metrics.kl_floor(round(samples * PERFECT_SHARE) or 1, len(mixture.modes()))


def measures(mixture: Mixture, samples: int, known: Mapping[str, Published]) -> tuple[Measure, ...]:
    """Modes, share near a mode, reverse KL and distance, beside the published numbers."""
    count = len(mixture.modes())
    kl = f"reverse KL of the modes, nats, at most ln {count} (one mode, or none)"
    return (
        Measure("modes", f"modes covered, of {count}", "modes", ideal=count,
                published=known.get("modes")),
        Measure("high_quality", "samples within 3 σ of a mode, %", "within 3 σ %",
                ideal=100 * PERFECT_SHARE, published=known.get("high_quality")),
        Measure("kl", kl, "KL", "lower", floor(mixture, samples), known.get("kl")),
        Measure("distance", "median distance of a sample to a mode, σ", "", "lower",
                PERFECT_DISTANCE),
    )  # fmt: skip


def evaluation(mixture: Mixture, latent: int, samples: int, gen: Player):
    """Draws samples, of the same latents at every evaluation, and counts the modes they cover."""

    @jax.jit
    def sample(state: TrainState, key: jax.Array) -> jax.Array:
        z = jax.random.normal(key, (samples, latent))
        return gen.apply(state.params.gen, state.carry.state.gen, z, key, train=False)[0]

    def evaluate(state: TrainState, key: jax.Array) -> Evaluation:
        points = np.asarray(sample(state, key).addressable_data(0))
        numbers, counts = measure(mixture, points)
        return Evaluation(numbers, {"samples": points}, counts)

    return evaluate


def draw(mixture: Mixture, axis: Axes, arrays: Mapping, reference: Mapping) -> None:
    """Where the samples [n, 2] lie, with a mark at each mode of the data."""
    from ganstab import plots  # here, so that a run starts without SciPy

    del reference
    centres, reach = np.asarray(mixture.modes()), mixture.reach
    plots.density(axis, arrays["samples"], reach=reach, bandwidth=reach / 30, centres=centres)
