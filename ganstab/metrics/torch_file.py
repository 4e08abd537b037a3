"""The tensors of a PyTorch file (`.pth`), read without PyTorch and without running its code.

`torch.save` writes a pickle of the structure, and the numbers beside it: as entries of a zip
archive, or before PyTorch 1.6 behind the pickle. A pickle can call any function; here it finds an
ordered dict and the two functions that make a tensor, and anything else ends the reading.
"""

import collections
import io
import math
import pickle
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

__all__ = ["is_torch_archive", "is_torch_stream", "read_tensors"]

_TYPES = {
    ("torch", f"{name}Storage"): np.dtype(dtype)
    for name, dtype in (
        ("Double", "<f8"), ("Float", "<f4"), ("Half", "<f2"), ("Long", "<i8"), ("Int", "<i4"),
        ("Short", "<i2"), ("Char", "i1"), ("Byte", "u1"), ("Bool", "?"),
    )
}  # fmt: skip
_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype
    size: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def is_torch_archive(names: list[str]) -> bool:
    """Whether a zip archive with these entries is a PyTorch file."""
    return any(name.endswith("/data.pkl") for name in names)


def is_torch_stream(data: bytes) -> bool:
    """Whether the bytes begin as a PyTorch file did before version 1.6."""
    try:
        return _Unpickler(io.BytesIO(data[:64])).load() == _MAGIC
    except Exception:  # any bytes may raise anything
        return False


def read_tensors(data: bytes) -> dict[str, np.ndarray]:
    """The tensors of a saved mapping of names to tensors, as little-endian arrays.

    Raises:
      ValueError: the file is damaged, or holds anything but such a mapping.
    """
    try:
        found, bytes_of = _from_stream(data) if is_torch_stream(data) else _from_archive(data)
        if not isinstance(found, Mapping):
            raise ValueError(f"it holds a {type(found).__name__}; tensors by name are expected")
        return {str(name): _array(name, tensor, bytes_of) for name, tensor in found.items()}
    except ValueError:
        raise
    except Exception as error:  # a damaged pickle raises nearly anything
        raise ValueError(f"it cannot be read: {' '.join(str(error).split())}") from error


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _TYPES:
            return _TYPES[module, name]
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        raise ValueError(f"it wants to call {module}.{name}; tensors by name are expected")

    def persistent_load(self, pid: Any) -> _Storage:
        _, dtype, key, _, size, *_ = pid
        return _Storage(str(key), np.dtype(dtype), int(size))


def _rebuild_tensor(storage, offset, shape, strides, *_) -> _Tensor:
    return _Tensor(storage, int(offset), tuple(shape), tuple(strides))


BytesOf = Callable[[_Storage], bytes]


def _from_archive(data: bytes) -> tuple[Any, BytesOf]:
    archive = zipfile.ZipFile(io.BytesIO(data))
    names = archive.namelist()
    folder = next(name for name in names if name.endswith("/data.pkl")).removesuffix("data.pkl")
    order = f"{folder}byteorder"
    if order in names and archive.read(order) != b"little":
        raise ValueError("its numbers are big-endian; little-endian ones are expected")
    found = _Unpickler(io.BytesIO(archive.read(f"{folder}data.pkl"))).load()
    return found, lambda storage: archive.read(f"{folder}data/{storage.key}")


def _from_stream(data: bytes) -> tuple[Any, BytesOf]:
    stream = io.BytesIO(data)
    _, version, system, found = (_Unpickler(stream).load() for _ in range(4))
    if version != _VERSION or not system.get("little_endian", True):
        raise ValueError(f"it is of version {version}, {system}; 1001, little-endian is expected")
    sizes = {}
    for name in found.values() if isinstance(found, Mapping) else ():
        if isinstance(name, _Tensor):
            sizes[name.storage.key] = name.storage.dtype.itemsize
    contents = {}
    for key in _Unpickler(stream).load():
        count = int.from_bytes(stream.read(8), "little")
        contents[str(key)] = stream.read(count * sizes[str(key)])
    return found, lambda storage: contents[storage.key]


def _array(name: Any, tensor: Any, bytes_of: BytesOf) -> np.ndarray:
    if not isinstance(tensor, _Tensor):
        raise ValueError(f"{name} is a {type(tensor).__name__}; a tensor is expected")
    storage, item = tensor.storage, tensor.storage.dtype.itemsize
    content = bytes_of(storage)
    if len(content) != storage.size * item:
        raise ValueError(f"{name} has {len(content)} bytes; {storage.size * item} are expected")
    if math.prod(tensor.shape) == 0:
        return np.empty(tensor.shape, storage.dtype)
    # NumPy refuses a shape with strides that leads out of the content.
    return np.ndarray(
        tensor.shape, storage.dtype, content, tensor.offset * item,
        tuple(step * item for step in tensor.strides),
    )  # fmt: skip
