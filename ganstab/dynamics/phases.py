"""Phase diagrams: how training ends at each point of a grid of two hyperparameters.

    def distances(weight, rate):
        step = steps.alternating(r1_game(weight), Pair(optax.sgd(rate), optax.sgd(rate)))
        path = dynamics.orbit(dynamics.training(step), start, 2000).params
        return jnp.hypot(path.gen, path.disc)

    found = dynamics.phase_diagram(distances, weights, rates, dynamics.by_distance)
    plots.phase_diagram(axis, found)

All points train as one compiled program, under `vmap`, in pieces where they do not fit in memory.
"""

import contextlib
import dataclasses
import enum
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tqdm
from jax.typing import ArrayLike

__all__ = ["Outcome", "PhaseDiagram", "by_coverage", "by_distance", "phase_diagram"]


class Outcome(enum.IntEnum):
    """How training ends."""

    CONVERGES = 0
    ROTATES = 1
    COLLAPSES = 2
    DIVERGES = 3
    UNFINISHED = 4
    """Samples are not at the data yet."""


@dataclasses.dataclass(frozen=True, eq=False)
class PhaseDiagram:
    """A grid of runs."""

    first: np.ndarray
    """`[A]`, the first hyperparameter."""
    second: np.ndarray
    """`[B]`, the second one."""
    outcomes: np.ndarray
    """`[B, A]`, of `Outcome`."""
    found: Any
    """What the runs gave: leaves `[B, A, …]`."""

    def share(self, outcome: Outcome = Outcome.CONVERGES) -> float:
        """The share of the grid that ends so."""
        return float(np.mean(self.outcomes == outcome))


def phase_diagram(
    run: Callable[[Any, Any], Any],
    first: ArrayLike,
    second: Sequence[Any] | np.ndarray,
    judge: Callable[[Any], np.ndarray],
    *,
    static: bool = False,
    at_once: int | None = None,
) -> PhaseDiagram:
    """Trains at every point of a grid, and judges how each run ends.

    Args:
      run: `(a, b) -> found`, a whole training at two hyperparameters, traced under `vmap`; `found`
        are arrays that tell how it went.
      first: `[A]`, values of a.
      second: `[B]`, values of b.
      judge: from `found` with leaves `[B, A, …]` to `Outcome`s `[B, A]`: `by_distance`,
        `by_coverage`, or one of your own.
      static: whether b is handed over as it is in `second`, untraced, for what decides the program
        itself (the number of unrolled steps K, a network's width): one program for each.
      at_once: points that train side by side; by default all, or as many as fit in memory.

    Returns:
      The diagram.

    Raises:
      ValueError: for a grid without points, or where one point alone does not fit in memory.
    """
    first = np.asarray(first)
    rows = list(second) if static else np.asarray(second)
    if first.ndim != 1 or np.ndim(rows) != 1 or not len(first) or not len(rows):
        raise ValueError(
            f"a grid of the shapes {first.shape} and {np.shape(rows)}; [A] and [B] are expected, "
            "with at least one value each"
        )
    if at_once is not None and at_once < 1:
        raise ValueError(f"at_once is {at_once}; at least 1 is expected")
    if static:
        found = [_train(lambda a, b=b: run(a, b), [first], at_once) for b in rows]
        whole = jax.tree.map(lambda *of: np.stack(of), *found)
    else:
        points = np.meshgrid(first, rows)
        flat = _train(run, [axis.ravel() for axis in points], at_once)
        shape = len(rows), len(first)
        whole = jax.tree.map(lambda leaf: leaf.reshape(*shape, *leaf.shape[1:]), flat)
    outcomes = np.asarray(judge(whole))
    return PhaseDiagram(first, np.asarray(rows), outcomes, whole)


def by_distance(distances: ArrayLike, tolerance: float = 0.05) -> np.ndarray:
    """Outcomes of runs by their distance to the equilibrium, over all training steps.

    With r the largest distance in the second quarter of the steps, and r′ that in the last: a run
    converges where `r′ < (1 − tolerance) r`, or where r′ is at most 1e-5 of the first distance; it
    diverges where `(1 − tolerance) r′ > r` or a distance is not finite; else it rotates. A run
    that rests elsewhere counts as one that rotates.

    Args:
      distances: `[…, T]`, with at least 8 steps.
      tolerance: the change of the distance that counts as none, in [0, 1).

    Raises:
      ValueError: for fewer steps, or another tolerance.
    """
    distances = np.asarray(distances, np.float64)
    steps = distances.shape[-1] if distances.ndim else 0
    if steps < 8 or not 0 <= tolerance < 1:
        raise ValueError(
            f"{steps} distances and a tolerance of {tolerance}; at least 8 and one in [0, 1) are "
            "expected"
        )
    finite = np.isfinite(distances).all(axis=-1)
    sound = np.where(np.isfinite(distances), distances, 0.0)
    before = sound[..., steps // 4 : steps // 2].max(axis=-1)
    after = sound[..., -(steps // 4) :].max(axis=-1)
    near = after <= 1e-5 * sound[..., 0]
    outcomes = np.full(finite.shape, Outcome.ROTATES)
    outcomes[(1 - tolerance) * after > before] = Outcome.DIVERGES
    outcomes[(after < (1 - tolerance) * before) | near] = Outcome.CONVERGES
    outcomes[~finite] = Outcome.DIVERGES
    return outcomes


def by_coverage(found: Any, *, scale: float = 10.0) -> np.ndarray:
    """Outcomes of runs on data with modes, by the samples in each mode at every evaluation.

    Of the second half of the evaluations: a run converges where each of them has nine tenths of
    the modes; it rotates where only all of them together have; else it has collapsed. It is
    unfinished where on average less than a tenth of the samples are at a mode. It diverges where
    samples are not finite, or on average farther than `scale` from the origin at the last one.

    Args:
      found: `(counts, distance)`: the share of the samples in each mode `[…, T, M]`, and the mean
        distance of samples from the origin `[…, T]`.
      scale: of the data, above which a distance is a run that diverges.
    """
    counts, distance = (np.asarray(leaf, np.float64) for leaf in found)
    late = counts[..., counts.shape[-2] // 2 :, :]
    enough = 0.9 * counts.shape[-1]
    each = ((late > 0).sum(axis=-1) >= enough).all(axis=-1)
    together = (late > 0).any(axis=-2).sum(axis=-1) >= enough
    last = distance[..., -1]
    outcomes = np.full(last.shape, Outcome.COLLAPSES)
    outcomes[together] = Outcome.ROTATES
    outcomes[each] = Outcome.CONVERGES
    outcomes[late.sum(axis=-1).mean(axis=-1) < 0.1] = Outcome.UNFINISHED
    outcomes[~(last <= scale)] = Outcome.DIVERGES
    return outcomes


def _train(run: Callable, points: Sequence[np.ndarray], at_once: int | None) -> Any:
    """`run` at every point: leaves `[N, …]`."""
    count = len(points[0])
    size = min(at_once or count, count)
    program, needed = _compile(run, points, size)
    if at_once is None and (free := _free()) is not None and needed > free:
        size = max(1, int(size * free / needed))
        program, needed = _compile(run, points, size)
        if needed > free:
            raise ValueError(
                f"{size} of the {count} points need {needed / 2**20:,.0f} MiB, and "
                f"{free / 2**20:,.0f} MiB are free"
            )
    pieces = []
    for start in tqdm.trange(0, count, size, disable=None if size < count else True):
        # The last piece is as large as the others: its points are repeated.
        place = np.minimum(np.arange(start, start + size), count - 1)
        piece = program(*(jnp.asarray(axis[place]) for axis in points))
        pieces.append(jax.tree.map(np.asarray, piece))
    return jax.tree.map(lambda *of: np.concatenate(of)[:count], *pieces)


def _compile(run: Callable, points: Sequence[np.ndarray], size: int) -> tuple[Callable, int]:
    """The program of so many points, and the bytes that it needs."""
    program = jax.jit(jax.vmap(run)).lower(*(jnp.asarray(x[:size]) for x in points)).compile()
    analysis = program.memory_analysis()
    if analysis is None:
        return program, 0
    return program, analysis.temp_size_in_bytes + analysis.output_size_in_bytes


def _free() -> int | None:
    """The bytes that the device has left, where it can be told."""
    stats = jax.local_devices()[0].memory_stats()
    if stats and "bytes_limit" in stats:
        return stats["bytes_limit"] - stats["bytes_in_use"]
    with contextlib.suppress(OSError), open("/proc/meminfo") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    return None
