"""Weights that the package ships: float16 arrays without pickle, their digest in a file beside."""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ganstab._files import read_arrays, read_bytes, read_json
from ganstab.errors import InputError

__all__ = ["Layout", "digest", "init", "layout_of", "load", "save"]

Layout = Mapping[str, tuple[int, ...]]
"""The shapes of the arrays, by name."""


def layout_of(kernels: Layout) -> dict[str, tuple[int, ...]]:
    """The shapes of each layer's `_kernel`, and of its `_bias`, which has the last axis alone."""
    return {
        f"{layer}_{part}": shape if part == "kernel" else shape[-1:]
        for layer, shape in kernels.items()
        for part in ("kernel", "bias")
    }


def init(key: Array, layout: Layout) -> dict[str, Array]:
    """He-normal kernels, N(0, 2 / fan_in), and zero biases, in float32."""
    keys = dict(zip(layout, jax.random.split(key, len(layout)), strict=True))
    return {
        name: _he_normal(keys[name], shape) if len(shape) > 1 else jnp.zeros(shape)
        for name, shape in layout.items()
    }


def _he_normal(key: Array, shape: tuple[int, ...]) -> Array:
    return jax.random.normal(key, shape) * np.sqrt(2 / np.prod(shape[:-1]))


def save(
    path: Path, params: Mapping[str, Array], record: Mapping[str, Any], *, layout: Layout
) -> None:
    """Write float16 weights to `path` (.npz), and their digest and `record` to the .json beside."""
    arrays: dict[str, Any] = {name: np.asarray(params[name], np.float16) for name in layout}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    text = json.dumps({"sha256": digest(buffer.getvalue()), **record}, indent=2)
    try:
        path.write_bytes(buffer.getvalue())
        path.with_suffix(".json").write_text(text + "\n")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def load(path: Path, *, layout: Layout) -> dict[str, Array]:
    """Read float32 weights that `save` wrote.

    Raises:
      InputError: if a file is missing, the weights' SHA-256 is not the recorded one, or their
        names, shapes or dtype are not those of `layout` in float16.
    """
    found, expected = digest(read_bytes(path)), _recorded_digest(path.with_suffix(".json"))
    if found != expected:
        raise InputError(f"{path} has the SHA-256 {found}; {expected} is expected")
    arrays = _arrays(path, layout)
    return {name: jnp.asarray(arrays[name].astype(np.float32)) for name in layout}


def digest(data: bytes) -> str:
    """The SHA-256 of a file's content."""
    return hashlib.sha256(data).hexdigest()


def _arrays(path: Path, layout: Layout) -> dict[str, np.ndarray]:
    arrays = read_arrays(path)
    found = {name: (array.shape, str(array.dtype)) for name, array in arrays.items()}
    if found != {name: (shape, "float16") for name, shape in layout.items()}:
        raise InputError(f"{path} holds {found}; float16 arrays of shapes {layout} are expected")
    wrong = next((name for name, array in arrays.items() if not np.isfinite(array).all()), None)
    if wrong:
        raise InputError(f"{path} has numbers in {wrong} that are not finite")
    return arrays


def _recorded_digest(path: Path) -> str:
    record = read_json(path, "take it from its source again")
    if not isinstance(record.get("sha256"), str):
        raise InputError(f'{path} has no "sha256": "…" with the digest of the weights')
    return record["sha256"]
