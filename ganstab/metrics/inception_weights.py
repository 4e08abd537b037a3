"""Weights of the Inception network out of a user's file, and the network with them in.

A file is told by its content: Google's frozen graph (`classify_image_graph_def.pb` of
"inception-2015-12-05"), the conversions of pytorch-fid and torch-fidelity (`.pth`), or our own
`.npz`, which `save_weights` writes and which has a checksum. None of them is run or unpickled.
"""

import functools
import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import traverse_util
from jax import Array
from jax.typing import ArrayLike

from ganstab._files import read_bytes
from ganstab.errors import InputError
from ganstab.metrics.frozen_graph import read_constants
from ganstab.metrics.inception import InceptionV3
from ganstab.metrics.inception_names import graph_name, torch_name
from ganstab.metrics.torch_file import is_torch_archive, is_torch_stream, read_tensors
from ganstab.players import from_nnx
from ganstab.reporting.writing import write_atomic
from ganstab.types import Player

__all__ = ["Inception", "layout", "load_inception", "read_weights", "save_weights"]

Weights = Mapping[str, np.ndarray]
CHECKSUM = "sha256"
_NAMED = 3


class Inception(NamedTuple):
    """The network with a file's weights."""

    features: Callable[[ArrayLike], dict[str, Array]]
    """`images [n, H, W, C] -> {depth: [n, d]}`, compiled; images as `inception.as_bytes` takes."""
    digest: str
    """A SHA-256 of the weights, whatever file they came in."""


def load_inception(path: str | os.PathLike[str], depths: tuple[str, ...] = ("2048",)) -> Inception:
    """The network, with the weights of a file.

    Args:
      path: a `.pb`, `.pth` or `.npz` file.
      depths: which features, of `inception.DEPTHS`.

    Raises:
      InputError: as `read_weights`.
      ValueError: for an unknown depth.
    """
    weights = read_weights(path)
    player, shapes = _network(depths)
    params, state = (
        traverse_util.unflatten_dict({name: weights[".".join(name)] for name in part})
        for part in map(traverse_util.flatten_dict, shapes)
    )
    params, state = jax.device_put((params, state))

    def features(images: ArrayLike) -> dict[str, Array]:
        return player.apply(params, state, images, None, train=False)[0]

    return Inception(features, _digest(weights))


def layout() -> dict[str, tuple[int, ...]]:
    """The shape of every weight by its name, e.g. "Mixed_5b.branch1x1.conv.kernel" [h, w, i, o]."""
    params, state = map(traverse_util.flatten_dict, _network(("2048",))[1])
    return {".".join(name): leaf.shape for name, leaf in {**params, **state}.items()}


def read_weights(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The float32 weights of a file, by the names of `layout`.

    Raises:
      InputError: the file cannot be read, is of no known kind or damaged, or has other tensors than
        the FID Inception network; it names the first of those that are missing or differ.
    """
    data = read_bytes(path)
    try:
        form = _format(data)
        found = form.tensors(data)
        shapes = layout()
        _check(found, {form.name(name): form.shape(shape) for name, shape in shapes.items()}, form)
        return {name: form.array(found[form.name(name)]) for name in shapes}
    except Exception as error:  # a damaged file makes the decoders raise nearly anything
        told = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} is no file of the FID Inception weights: {told}") from error


def save_weights(path: str | os.PathLike[str], weights: Weights) -> None:
    """Writes weights as `.npz`, with their SHA-256.

    Raises:
      InputError: the file cannot be written.
    """
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {**weights, CHECKSUM: np.array(_digest(weights))}
    np.savez(buffer, **arrays)
    write_atomic(path, buffer.getvalue())


class _Format(NamedTuple):
    """How a kind of file names and lays out the weights."""

    tensors: Callable[[bytes], Mapping[str, np.ndarray]]
    name: Callable[[str], str]
    """The file's name of a weight, from ours."""
    axes: Mapping[int, tuple[int, ...]] = {}
    """By rank, which axis of ours each of the file's is; in our order where a rank is missing."""
    ignored: Callable[[str], bool] = lambda name: False
    """Whether a tensor that is not a weight may be there."""

    def shape(self, ours: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(ours[axis] for axis in self.axes.get(len(ours), range(len(ours))))

    def array(self, theirs: np.ndarray) -> np.ndarray:
        order = np.argsort(self.axes.get(theirs.ndim, range(theirs.ndim)))
        return np.ascontiguousarray(np.transpose(theirs, order), np.float32)


def _format(data: bytes) -> _Format:
    if data[:2] != b"PK":
        return _TORCH if is_torch_stream(data) else _GRAPH
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return _TORCH if is_torch_archive(archive.namelist()) else _OWN


def _check(found: Weights, shapes: Mapping[str, tuple[int, ...]], form: _Format) -> None:
    """Raises ValueError with the names of what is missing, differs or is too much."""
    faults = [f"{name} is missing" for name in shapes if name not in found]
    for name in shapes.keys() & found.keys():
        array = found[name]
        if array.shape != shapes[name]:
            faults.append(f"{name} is {list(array.shape)} and not {list(shapes[name])}")
        elif array.dtype.kind != "f":
            faults.append(f"{name} is {array.dtype} and not float32")
        elif not np.isfinite(array).all():
            faults.append(f"{name} holds a number that is not finite")
    extra = sorted(name for name in found.keys() - shapes.keys() if not form.ignored(name))
    faults = sorted(faults) + [f"{name} is too much" for name in extra]
    if faults:
        more = f" and {len(faults) - _NAMED} more faults" if len(faults) > _NAMED else ""
        raise ValueError("; ".join(faults[:_NAMED]) + more)


def _read_own(data: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        weights = {name: archive[name] for name in archive.files}
    expected = str(weights.pop(CHECKSUM, "missing"))
    if _digest(weights) != expected:
        raise ValueError(f"its SHA-256 is {_digest(weights)}; {expected} is expected")
    return weights


def _read_graph(data: bytes) -> dict[str, np.ndarray]:
    try:
        found = read_constants(data)
    except ValueError as error:
        raise ValueError(f"it is neither .npz nor .pth, and as .pb {error}") from error
    if not found:
        raise ValueError("it is neither .npz nor .pth, and as .pb it has no constants")
    return found


def _digest(weights: Weights) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(f"{name} {weights[name].shape} {weights[name].dtype}\n".encode())
        digest.update(np.ascontiguousarray(weights[name]).data)
    return digest.hexdigest()


@functools.cache
def _network(depths: tuple[str, ...]) -> tuple[Player, Any]:
    """The network, and the shapes of its parameters and state."""
    player = from_nnx(lambda rngs: InceptionV3(depths, rngs=rngs))
    return player, jax.eval_shape(player.init, jax.random.key(0))


_TORCH = _Format(
    read_tensors, torch_name, {4: (3, 2, 0, 1), 2: (1, 0)},
    lambda name: name.endswith(".num_batches_tracked"),
)  # fmt: skip
_GRAPH = _Format(_read_graph, graph_name, ignored=lambda name: True)
_OWN = _Format(_read_own, lambda name: name)
