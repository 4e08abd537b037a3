"""Files of weights as TensorFlow and PyTorch write them, made without either."""

import collections
import io
import pickle
import sys
import types
import zipfile

import numpy as np


def varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def field(number: int, value: int | bytes | str) -> bytes:
    """One field of a Protocol Buffers message: a number, or what has a length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def constant(name: str, array: np.ndarray, *, content: bytes | None = None) -> bytes:
    """A node of a graph that holds a float32 tensor; `content` replaces its raw bytes' field."""
    shape = b"".join(field(2, field(1, size)) for size in array.shape)
    raw = field(4, array.astype("<f4").tobytes()) if content is None else content
    tensor = field(1, 1) + field(2, shape) + raw
    value = field(5, field(1, "value") + field(2, field(8, tensor)))
    dtype = field(5, field(1, "dtype") + field(2, field(6, 1)))
    return field(1, field(1, name) + field(2, "Const") + dtype + value)


def node(name: str, operation: str, *inputs: str) -> bytes:
    named = b"".join(field(3, text) for text in inputs)
    return field(1, field(1, name) + field(2, operation) + named)


def graph(tensors: dict[str, np.ndarray]) -> bytes:
    """A frozen graph: constants, and between them other nodes."""
    integers = field(1, 3) + field(2, field(2, field(1, 2))) + field(4, b"\1\0\0\0\2\0\0\0")
    shape = field(5, field(1, "value") + field(2, field(8, integers)))
    other = field(1, field(1, "pool/shape") + field(2, "Const") + shape)
    constants = (constant(name, array) for name, array in tensors.items())
    return b"".join([node("Mul", "Placeholder"), other, *constants, node("Relu", "Relu", "Mul")])


class Storage:
    """Numbers of one type, which `torch.save` keeps beside its pickle."""

    def __init__(self, key: str, array: np.ndarray):
        self.key, self.array = key, array


class Tensor:
    """A view of a storage, pickled as `torch.save` pickles tensors."""

    def __init__(self, storage: Storage, offset: int, shape: tuple, strides: tuple):
        self.parts = storage, offset, shape, strides

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, (*self.parts, False, {})


def stand_in(monkeypatch) -> None:
    """A module `torch` with the names that pickles of tensors refer to."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2(*_):
        raise AssertionError("only a reference to it is written")

    for name, home in (("FloatStorage", torch), ("LongStorage", torch)):
        setattr(home, name, type(name, (), {"__module__": "torch"}))
    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


class _Pickler(pickle.Pickler):
    legacy = False

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        kind = "LongStorage" if value.array.dtype == np.int64 else "FloatStorage"
        storage = getattr(sys.modules["torch"], kind)
        pid = ("storage", storage, value.key, "cpu", value.array.size)
        return (*pid, None) if self.legacy else pid


def tensors_of(arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """Contiguous tensors, each with a storage of its own."""
    found: dict[str, Tensor] = collections.OrderedDict()
    for key, (name, array) in enumerate(arrays.items()):
        strides = tuple(step // array.itemsize for step in np.ascontiguousarray(array).strides)
        strides = strides if array.ndim else ()
        found[name] = Tensor(Storage(str(key), array), 0, array.shape, strides)
    return found


def torch_archive(value, storages: list[np.ndarray]) -> bytes:
    """What `torch.save` writes since PyTorch 1.6."""
    pickled, buffer = io.BytesIO(), io.BytesIO()
    _Pickler(pickled, protocol=2).dump(value)
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("any_name/data.pkl", pickled.getvalue())
        archive.writestr("any_name/byteorder", "little")
        for key, array in enumerate(storages):
            archive.writestr(f"any_name/data/{key}", np.ascontiguousarray(array).tobytes())
    return buffer.getvalue()


def torch_stream(value, storages: list[np.ndarray]) -> bytes:
    """What `torch.save` wrote before."""
    buffer = io.BytesIO()
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    for header in (0x1950A86A20F9469CFC6C, 1001, system):
        pickle.dump(header, buffer, protocol=2)
    pickler = _Pickler(buffer, protocol=2)
    pickler.legacy = True
    pickler.dump(value)
    pickle.dump([str(key) for key in range(len(storages))], buffer, protocol=2)
    for array in storages:
        buffer.write(array.size.to_bytes(8, "little") + np.ascontiguousarray(array).tobytes())
    return buffer.getvalue()
