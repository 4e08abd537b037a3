"""The pretrained digit classifier that names the mode of a stacked-MNIST sample.

    28 x 28 x 1  conv 5x5 / 2, 24   14 x 14   conv 3x3 / 2, 32   7 x 7   conv 3x3, 64   5 x 5
    dense 64     dense 10

with ReLU between the layers. It is written for one CPU core, on which an evaluation of stacked
MNIST has it classify 76,800 digits. Images are processed in small chunks that stay in the cache,
with the batch as the minor axis ([C, H, W, N]), so that every copy and product runs over contiguous
memory. A convolution consists of shifted copies, one for each tap of its kernel, and one matrix
product.

The weights are shipped as `files/digit_classifier.npz` (float16, no pickle). The JSON file of
the same name beside it holds their SHA-256 and how they were made; retrain them with
`python -m experiments.train_digit_classifier`.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ganstab import _weight_files
from ganstab._arrays import in_chunks
from ganstab.errors import InputError
from ganstab.networks.convolution.shifts import phases, windows

__all__ = ["classify", "classify_stacked", "features", "init", "load", "save", "scores"]

Params = dict[str, Array]

_digest = _weight_files.digest
WEIGHTS = Path(__file__).parent / "files" / "digit_classifier.npz"
CHUNK = 64  # images a pass; the windows of 256 no longer fit a core's cache, at half the speed


class _Convolution(NamedTuple):
    stride: int
    padding: int


_CONVOLUTIONS = {
    "conv1": _Convolution(stride=2, padding=2),
    "conv2": _Convolution(stride=2, padding=1),
    "conv3": _Convolution(stride=1, padding=0),
}
_KERNELS = {
    "conv1": (5, 5, 1, 24),
    "conv2": (3, 3, 24, 32),
    "conv3": (3, 3, 32, 64),
    "dense1": (5 * 5 * 64, 64),
    "dense2": (64, 10),
}
LAYOUT = _weight_files.layout_of(_KERNELS)


def init(key: Array) -> Params:
    """He-normal kernels, N(0, 2 / fan_in), and zero biases, in float32."""
    return _weight_files.init(key, LAYOUT)


def scores(params: Params, image: Array) -> Array:
    """Unnormalised log-probabilities [n, 10] of images [n, 28, 28, 1] in [-1, 1]."""
    _check_shape(image, channels=1)
    return _dense(params, "dense2", _hidden(params, image)).T


def _hidden(params: Params, image: Array) -> Array:
    """The last layer's inputs [64, n]."""
    x = image.transpose(3, 1, 2, 0)
    for layer, convolution in _CONVOLUTIONS.items():
        x = jax.nn.relu(_convolve(params, layer, x, *convolution))
    return jax.nn.relu(_dense(params, "dense1", x.reshape(-1, x.shape[-1])))


def _convolve(params: Params, layer: str, x: Array, stride: int, padding: int) -> Array:
    kernel = params[f"{layer}_kernel"]
    height, width = kernel.shape[:2]
    size = (x.shape[1] + 2 * padding - height) // stride + 1
    x = jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    apart = [phases(row, 2, stride) for row in phases(x, 1, stride)]
    under = jnp.concatenate(windows(apart, 1, (height, width), (size, size)))
    flat = kernel.reshape(-1, kernel.shape[-1]).T @ under.reshape(len(under), -1)
    return flat.reshape(-1, size, size, x.shape[-1]) + params[f"{layer}_bias"][:, None, None, None]


def _dense(params: Params, layer: str, x: Array) -> Array:
    return params[f"{layer}_kernel"].T @ x + params[f"{layer}_bias"][:, None]


@jax.jit
def classify(params: Params, image: Array) -> Array:
    """The digits int32 [n] of images [n, 28, 28, 1] in [-1, 1], in memory that n does not raise."""
    _check_shape(image, channels=1)
    return in_chunks(functools.partial(_digits, params), image, CHUNK)


@jax.jit
def classify_stacked(params: Params, image: Array) -> Array:
    """The classes int32 [n], 0 to 999, of stacked digits [n, 28, 28, 3] in [-1, 1].

    A class is 100 a + 10 b + c, with a, b, c the digits of the three channels.
    """
    _check_shape(image, channels=3)
    return in_chunks(functools.partial(_stacked_digits, params), image, CHUNK)


@jax.jit
def features(params: Params, image: Array) -> Array:
    """The last layer's inputs [n, 64] for images [n, 28, 28, 1] in [-1, 1], all at least 0."""
    _check_shape(image, channels=1)
    return in_chunks(lambda chunk: _hidden(params, chunk).T, image, CHUNK)


def _digits(params: Params, image: Array) -> Array:
    return jnp.argmax(scores(params, image), axis=-1).astype(jnp.int32)


def _stacked_digits(params: Params, image: Array) -> Array:
    a, b, c = (_digits(params, image[..., channel, None]) for channel in range(3))
    return 100 * a + 10 * b + c


def _check_shape(image: Array, channels: int) -> None:
    if image.ndim != 4 or image.shape[1:] != (28, 28, channels):
        raise InputError(
            f"image has the shape {list(image.shape)}; [n, 28, 28, {channels}] is expected"
        )


def save(path: Path, params: Params, record: Mapping[str, Any]) -> None:
    """Write float16 weights to `path` (.npz), and their digest and `record` to the .json beside."""
    _weight_files.save(path, params, record, layout=LAYOUT)


def load(path: Path = WEIGHTS) -> Params:
    """Read float32 weights that `save` wrote.

    Raises:
      InputError: if a file is missing, the weights' SHA-256 is not the recorded one, or their
        names, shapes or dtype are not those of `LAYOUT` in float16.
    """
    return _weight_files.load(path, layout=LAYOUT)
