"""A pretrained classifier of CIFAR-10's images, for a score of samples that needs no other weights.

    32 x 32 x 3   conv 3x3, 16        32 x 32   conv 3x3 / 2, 32    16 x 16   two of 3x3, 32
    16 x 16       conv 3x3 / 2, 64     8 x 8    two of 3x3, 64
     8 x 8        conv 3x3 / 2, 128    4 x 4    two of 3x3, 128     mean over the pixels, dense 10

with ReLU behind every convolution. The output of each "two of 3x3" is added to their input. The
network has no norm, so that an image's scores do not depend on other images. Classes are in the
order of their names: airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck.

The weights are shipped as `files/cifar_classifier.npz` (float16, no pickle). The JSON file of the
same name beside it holds their SHA-256, their accuracy and how they were made; retrain them with
`python -m experiments.train_cifar_classifier`. `ganstab.metrics.classifier_score` is their score.
"""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ganstab import _weight_files
from ganstab._arrays import in_chunks
from ganstab._files import read_json
from ganstab.data.sampling import to_unit_range
from ganstab.errors import InputError
from ganstab.networks.convolution import batch_minor

__all__ = ["CLASSES", "init", "load", "record", "save", "scores", "scores_in_chunks"]

Params = dict[str, Array]

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
"""The names of the classes, in the order of the scores."""
WEIGHTS = Path(__file__).parent / "files" / "cifar_classifier.npz"
CHUNK = 64  # images a pass
_WIDTHS = (16, 32, 64, 128)
_KERNELS: dict[str, tuple[int, ...]] = {"conv0": (3, 3, 3, _WIDTHS[0])}
for _level, (_narrow, _wide) in enumerate(itertools.pairwise(_WIDTHS), 1):
    _KERNELS |= {
        f"down{_level}": (3, 3, _narrow, _wide),
        f"first{_level}": (3, 3, _wide, _wide),
        f"second{_level}": (3, 3, _wide, _wide),
    }
_KERNELS["dense"] = (_WIDTHS[-1], len(CLASSES))
LAYOUT = _weight_files.layout_of(_KERNELS)


def init(key: Array) -> Params:
    """He-normal kernels, N(0, 2 / fan_in), and zero biases, in float32."""
    return _weight_files.init(key, LAYOUT)


def scores(params: Params, image: Array) -> Array:
    """Unnormalised log-probabilities [n, 10] of images [n, 32, 32, 3] in [-1, 1]."""
    _check_shape(image)
    x = _convolve(params, "conv0", batch_minor.to_internal(image))
    for level in range(1, len(_WIDTHS)):
        x = _convolve(params, f"down{level}", x, stride=2)
        x = x + _convolve(params, f"second{level}", _convolve(params, f"first{level}", x))
    return jnp.mean(x, axis=(1, 2)).T @ params["dense_kernel"] + params["dense_bias"][None]


def _convolve(params: Params, layer: str, x: Array, stride: int = 1) -> Array:
    bias = params[f"{layer}_bias"][:, None, None, None]
    return jax.nn.relu(batch_minor.conv(x, params[f"{layer}_kernel"], stride) + bias)


@jax.jit
def scores_in_chunks(params: Params, image: Array) -> Array:
    """`scores` of images in [-1, 1] or of bytes, in memory that their number does not raise."""
    _check_shape(image)
    unit = to_unit_range if image.dtype == jnp.uint8 else jnp.asarray
    return in_chunks(lambda chunk: scores(params, unit(chunk)), image, CHUNK)


def _check_shape(image: Array) -> None:
    if image.ndim != 4 or image.shape[1:] != (32, 32, 3):
        raise InputError(f"image has the shape {list(image.shape)}; [n, 32, 32, 3] is expected")


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


def record() -> dict[str, Any]:
    """What the file beside the shipped weights has: digest, accuracy, how they were made."""
    return read_json(WEIGHTS.with_suffix(".json"), "take it from its source again")
