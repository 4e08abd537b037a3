"""What `unroll.py` found, as text: the table, the targets it is read against, and where we lose."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

OURS = "ganstab"


class Cell(NamedTuple):
    """One contestant at one K and one batch size; block i of every contestant is of round i."""

    contestant: str
    batch: int
    steps: int
    block_ms: list[float]
    first_call_s: float
    rss_mb: float
    temp_bytes: int | None = None
    disc_bytes: int | None = None

    @property
    def ms(self) -> float:
        """Median milliseconds a step."""
        return median(self.block_ms)


Cells = dict[tuple[str, int, int], Cell]


def index(cells: list[Cell]) -> Cells:
    """The cells by contestant, batch and K."""
    return {(cell.contestant, cell.batch, cell.steps): cell for cell in cells}


def ratio(cell: Cell, cells: Cells) -> float | None:
    """How many times as long as ganstab's its step takes: the median of the rounds' ratios."""
    ours = cells.get((OURS, cell.batch, cell.steps))
    if ours is None:
        return None
    return median(a / b for a, b in zip(cell.block_ms, ours.block_ms, strict=True))


def growth(cell: Cell, cells: Cells) -> float | None:
    """cost(K) / cost(0)."""
    base = cells.get((cell.contestant, cell.batch, 0))
    return cell.ms / base.ms if base else None


def render(found: list[Cell]) -> str:
    """The table, a line a cell."""
    cells = index(found)
    rows = [
        ("batch", "K", "contestant", "ms/step", "x ganstab", "x K=0", "first s", "host MiB", "temp")
    ]
    for cell in sorted(found, key=lambda c: (c.batch, c.steps)):
        temp = "" if cell.temp_bytes is None else f"{cell.temp_bytes / 2**20:.2f} MiB"
        rows.append(
            (str(cell.batch), str(cell.steps), cell.contestant, _ms(cell.ms),
             _times(ratio(cell, cells)), _times(growth(cell, cells)), f"{cell.first_call_s:.1f}",
             f"{cell.rss_mb:.0f}", temp)
        )  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.rjust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


class Target(NamedTuple):
    """A goal, what was measured and whether the goal is met; None where it was not measured."""

    goal: str
    measured: float | None
    met: bool | None

    def line(self) -> str:
        """The goal's verdict in one line."""
        if self.measured is None:
            return f"not measured  {self.goal}"
        return f"{'met' if self.met else 'NOT MET':12}  {self.goal}: {self.measured:.2f}"


def targets(
    found: list[Cell], goals: Sequence[tuple[str, int, float]], batch: int = 64
) -> list[Target]:
    """What ganstab promises of its speed and memory at a batch size.

    Args:
      found: what was measured.
      goals: (peer, K, how many times as fast as it ganstab is meant to be).
      batch: of the promises.
    """
    cells = index(found)
    checks = [_speed(cells, batch, *goal) for goal in goals]
    last = cells.get((OURS, batch, 10))
    cost = growth(last, cells) if last else None
    goal = "cost(K=10) / cost(K=0) at most 4"
    checks.append(Target(goal, cost, None if cost is None else cost <= 4))
    return [*checks, _memory(cells, batch, 1, 10), _memory(cells, batch, 5, 10)]


def _speed(cells: Cells, batch: int, peer: str, steps: int, least: float) -> Target:
    cell = cells.get((peer, batch, steps))
    times = ratio(cell, cells) if cell else None
    goal = f"{least:g} times as fast as {peer} at K={steps}, batch {batch}"
    return Target(goal, times, None if times is None else times >= least)


def _memory(cells: Cells, batch: int, low: int, high: int) -> Target:
    """Temporary memory from one K to another, in discriminators a step.

    From K = 1 it holds a jump too: XLA makes no loop of a single update, so what every loop keeps
    once, such as the gradient at the samples that it adds up, comes with the second.
    """
    goal = f"temporary memory from K={low} to K={high} grows at most 1 discriminator state a step"
    few, many = (cells.get((OURS, batch, k)) for k in (low, high))
    if not (few and many and few.temp_bytes and many.temp_bytes and many.disc_bytes):
        return Target(goal, None, None)
    grown = (many.temp_bytes - few.temp_bytes) / (high - low) / many.disc_bytes
    return Target(goal, grown, grown <= 1)


def losses(found: list[Cell]) -> list[str]:
    """Every cell in which a peer is faster, smaller or sooner ready than ganstab."""
    cells = index(found)
    lines = []
    for cell in found:
        ours = cells.get((OURS, cell.batch, cell.steps))
        times = ratio(cell, cells)
        if ours is None or times is None or cell.contestant == OURS:
            continue
        won = [
            text
            for better, text in (
                (times < 1, f"{1 / times:.2f} times as fast"),
                (cell.rss_mb < ours.rss_mb,
                 f"{ours.rss_mb / cell.rss_mb:.1f} times less of the host's memory"),
                (cell.first_call_s < ours.first_call_s,
                 f"ready {ours.first_call_s - cell.first_call_s:.1f} s sooner"),
            )
            if better
        ]  # fmt: skip
        if won:
            at = f"batch {cell.batch}, K={cell.steps}"
            lines.append(f"{at}: {cell.contestant} is {', '.join(won)}")
    return lines
