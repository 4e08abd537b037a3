"""How long a step waits for other devices, from published speeds: latency and bytes of a ring.

docs/devices.md says where each number stands, and how sure it is.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from collectives import Collective

SHARE = 0.1
"""The share of a chip's peak that its matrix products are assumed to reach."""


class Machine(NamedTuple):
    """Published speeds, in bytes, operations and seconds; docs/devices.md says where they stand.

    Attributes:
        peak: float32 operations a second of a chip, two for each multiplication and addition of a
            product; on a TPU a sixth of those in bfloat16.
        shape: of n chips, `n -> the number of chips along each axis` of a torus, or `(chips of a
            node, nodes)`.
        steps: `shape -> seconds` of an all-reduce of nothing.
        move: `(shape, bytes) -> seconds` of the bytes of an all-reduce.
    """

    peak: float
    shape: Callable[[int], tuple[int, ...]]
    steps: Callable[[tuple[int, ...]], float]
    move: Callable[[tuple[int, ...], float], float]


def ring(count: int, size: float, speed: float) -> float:
    """Seconds in which a ring of devices adds up `size` bytes of each: 2 (n − 1)/n · size/speed."""
    return 2 * (count - 1) / count * size / speed


def torus(peak: float, axes: int, speed: float) -> Machine:
    """A TPU: `speed` is all links' of a chip, one way; a hop takes 1 µs."""
    sides: dict[int, dict[int, tuple[int, ...]]] = {
        2: {8: (2, 4), 64: (8, 8), 256: (16, 16)},
        3: {8: (2, 2, 2), 64: (4, 4, 4), 256: (4, 8, 8)},
    }
    return Machine(
        peak,
        lambda n: sides[axes].get(n, (n,)),
        lambda shape: 1e-6 * 2 * sum(side - 1 for side in shape),
        lambda shape, size: ring(math.prod(shape), size, speed),
    )


def nccl_latency(shape: tuple[int, ...]) -> float:
    """Seconds of an all-reduce of nothing, as NCCL estimates it: the faster of a ring and a tree.

    The protocol is NCCL's low-latency one; `shape` is (chips of a node, nodes).
    """
    chips, count = shape
    near = 1e-6 * (1.8 if count > 1 else 1.0)
    hops = 2 * (chips * count - 1) - 2 * (count - 1)
    of_ring = 3.6e-6 + 0.47 * near * hops + 2.7e-6 * 2 * (count - 1)
    of_tree = 4.4e-6 + 2 * (0.52 * near * (chips - 1) + 5.0e-6 * int(math.log2(count)))
    return min(of_ring, of_tree)


MACHINES = {
    "TPU v5e": torus(197e12 / 6, 2, 200e9),
    "TPU v5p": torus(459e12 / 6, 3, 600e9),
    "H100, eight a node": Machine(
        67e12,
        lambda n: (min(n, 8), -(-n // 8)),
        nccl_latency,
        lambda shape, size: ring(shape[0], size, 450e9) + ring(shape[1], size, 8 * 50e9),
    ),
}


def waiting(machine: Machine, found: Sequence[Collective], devices: int) -> tuple[float, float]:
    """Seconds a step waits for latency and for bytes; every collective as an all-reduce."""
    shape = machine.shape(devices)
    count, size = sum(c.times for c in found), sum(c.times * c.size for c in found)
    return count * machine.steps(shape), machine.move(shape, size)


def half_busy(machine: Machine, found: Sequence[Collective], devices: int, flops: float) -> int:
    """Samples a device with which it computes as long as it waits, at SHARE of its peak.

    Args:
      machine: whose speeds are taken.
      found: the collectives of a step.
      devices: how many there are.
      flops: floating-point operations of a step for one sample.
    """
    return math.ceil(sum(waiting(machine, found, devices)) * SHARE * machine.peak / flops)
