"""The constants of a TensorFlow graph file (`.pb`), read without TensorFlow.

The file is a `GraphDef` in the wire format of Protocol Buffers. Only the fields below are looked
at: a graph's nodes, a node's name, operation and attribute `value`, and that one's float32 tensor.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["read_constants"]

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_FLOAT32 = 1
"""TensorFlow's number of the type."""
_MOST = 2**31


def read_constants(data: bytes) -> dict[str, np.ndarray]:
    """The float32 constants of a graph, by the names of their nodes.

    Raises:
      ValueError: the bytes are not a graph, or end too early.
    """
    found = {}
    for node in _messages(memoryview(data), 1):
        name, operation = (b"".join(map(bytes, _messages(node, n))).decode() for n in (1, 2))
        if operation == "Const":
            tensor = _value(node)
            if tensor is not None:
                found[name] = tensor
    return found


def _value(node: memoryview) -> np.ndarray | None:
    for attribute in _messages(node, 5):
        if b"".join(map(bytes, _messages(attribute, 1))) == b"value":
            for value in _messages(attribute, 2):
                for tensor in _messages(value, 8):
                    return _tensor(tensor)
    return None


def _tensor(tensor: memoryview) -> np.ndarray | None:
    """A float32 tensor, as raw bytes or as a list of floats of which the last is repeated."""
    fields = list(_fields(tensor))
    if [value for number, wire, value in fields if number == 1] != [_FLOAT32]:
        return None
    shape = [
        sum(value for number, wire, value in _fields(size) if (number, wire) == (1, _VARINT))
        for dimensions in _messages(tensor, 2)
        for size in _messages(dimensions, 2)
    ]
    content = b"".join(bytes(x) for number, _, x in fields if number in (4, 5))
    values = np.frombuffer(content, "<f4")
    count = math.prod(shape)
    if not 0 < len(values) <= count < _MOST:
        raise ValueError(f"a constant of the shape {shape} has {len(values)} numbers")
    return np.pad(values, (0, count - len(values)), mode="edge").reshape(shape)


def _messages(data: memoryview, number: int) -> Iterator[memoryview]:
    """The fields of this number that have a length: messages, texts, bytes."""
    return (value for found, wire, value in _fields(data) if (found, wire) == (number, _LENGTH))


def _fields(data: memoryview) -> Iterator[tuple[int, int, Any]]:
    """Number, wire type and value of each field of a message."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, place = _varint(data, place)
            yield number, wire, value
            continue
        if wire not in (_LENGTH, _EIGHT_BYTES, _FOUR_BYTES):
            raise ValueError(f"a field has the wire type {wire}")
        size = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(wire)
        if size is None:
            size, place = _varint(data, place)
        if place + size > len(data):
            raise ValueError("it ends within a field")
        yield number, wire, data[place : place + size]
        place += size


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise ValueError("it ends within a number")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("a number has more than 64 bits")
