"""What a compiled program sends between devices, and multiplies, read off XLA's own text of it."""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
BYTES = {"pred": 1, "bf16": 2} | {
    f"{kind}{bits}": max(bits // 8, 1) for kind in "fsuc" for bits in (4, 8, 16, 32, 64, 128)
}
_ARRAY = re.compile(r"(\w+)\[([\d,]*)\]")
_OPERATION = re.compile(r"\s+(?:ROOT )?%?([\w.-]+) = (.+?) ([\w-]+)\((.*?)\)(.*)")
_CALLED = re.compile(r"(?:calls|to_apply|body|branch_computations|\w+_computation)=\{?([^={}]+)")
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')


class Collective(NamedTuple):
    """One that is executed `times` times a call; `size` is the bytes of its result on a device."""

    kind: str
    size: int
    times: int


class _Operation(NamedTuple):
    shape: str
    kind: str
    operands: list[str]
    attributes: str


Computations = dict[str, dict[str, _Operation]]


def collectives(text: str) -> list[Collective]:
    """Those of a compiled program, `jitted.lower(…).compile().as_text()`.

    What stands in the body of a loop counts as often as XLA knows the loop to turn, and once where
    XLA does not know. Of a conditional all branches count.
    """
    computations, entry = _parse(text)
    return [
        Collective(kind, _bytes(operation.shape), times)
        for _, operation, times in _executed(computations, entry, 1)
        if (kind := operation.kind.removesuffix("-start")) in KINDS
    ]


def product_flops(text: str) -> int:
    """Floating-point operations of its matrix products on one device, 2 for each multiplication.

    Raises:
      ValueError: the program has a convolution, which is not counted.
    """
    computations, entry = _parse(text)
    total = 0
    for within, operation, times in _executed(computations, entry, 1):
        if operation.kind == "convolution":
            raise ValueError("the program has a convolution, whose operations are not counted")
        if operation.kind == "dot":
            left = _sizes(computations[within][operation.operands[0]].shape)
            axes = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", operation.attributes)
            summed = math.prod(left[int(axis)] for axis in axes[1].split(",")) if axes else 1
            total += 2 * math.prod(_sizes(operation.shape)) * summed * times
    return total


def _parse(text: str) -> tuple[Computations, str]:
    """The operations of every computation by their names, and which one is called first."""
    computations: Computations = {}
    entry = ""
    for line in re.sub(r"/\*.*?\*/", "", text).splitlines():
        if begun := re.match(r"(ENTRY )?%?([\w.-]+) .*\{$", line):
            within = computations.setdefault(begun[2], {})
            entry = begun[2] if begun[1] else entry
        elif found := _OPERATION.match(line):
            name, shape, kind, operands, attributes = found.groups()
            within[name] = _Operation(shape, kind, re.findall(r"%([\w.-]+)", operands), attributes)
    return computations, entry


def _executed(
    computations: Computations, name: str, times: int
) -> Iterator[tuple[str, _Operation, int]]:
    """Every operation, the computation that it stands in, and how often it is executed."""
    for operation in computations[name].values():
        yield name, operation, times
        trips = _TRIPS.search(operation.attributes)
        often = times * (int(trips[1]) if trips else 1)
        for called in _CALLED.findall(operation.attributes):
            for each in re.findall(r"[\w.-]+", called):
                if each in computations:
                    yield from _executed(computations, each, often)


def _sizes(shape: str) -> list[int]:
    """Of an array."""
    found = _ARRAY.search(shape)
    return [int(size) for size in found[2].split(",") if size] if found else []


def _bytes(shape: str) -> int:
    """Of an array, or of all arrays of a tuple."""
    return sum(
        BYTES[kind] * math.prod(int(size) for size in sizes.split(",") if size)
        for kind, sizes in _ARRAY.findall(shape)
    )
