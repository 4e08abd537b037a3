"""What the Inception network and the metrics are compared on, by `inception_parity.py` and tests.

Everything is drawn by NumPy's `RandomState`, whose numbers do not change from version to version.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

GOLDEN = Path(__file__).with_suffix(".json")
SEED = 2026
SHOWN = 6


def random_weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Float32 weights of `inception_weights.layout`, with which features keep their size."""
    rng = np.random.RandomState(SEED)
    return {name: _draw(rng, name, shapes[name]) for name in sorted(shapes)}


def _draw(rng: np.random.RandomState, name: str, shape: tuple[int, ...]) -> np.ndarray:
    part = name.rsplit(".", 1)[1]
    if part in ("scale", "var"):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    width = np.sqrt(2 / np.prod(shape[:-1])) if part == "kernel" else 0.1
    return (width * rng.standard_normal(shape)).astype(np.float32)


def images(height: int, width: int, n: int = 2) -> np.ndarray:
    """uint8 [n, H, W, 3]."""
    return np.random.RandomState(SEED).randint(0, 256, (n, height, width, 3)).astype(np.uint8)


def features(n_real: int, n_fake: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Two samples of float32 features [n, d], not negative, as those of a network are."""
    rng = np.random.RandomState(SEED)
    mixing = rng.standard_normal((d, d)) / np.sqrt(d)
    real = np.abs(rng.standard_normal((n_real, d)) @ mixing)
    fake = np.abs(rng.standard_normal((n_fake, d)) @ mixing * 0.9 + 0.1)
    return real.astype(np.float32), fake.astype(np.float32)


def summary(array: Any) -> list[float]:
    """The mean, the standard deviation, and some numbers spread over the array."""
    flat = np.asarray(array, np.float64).ravel()
    places = np.linspace(0, len(flat) - 1, SHOWN).astype(int)
    return [float(x) for x in (flat.mean(), flat.std(), *flat[places])]
