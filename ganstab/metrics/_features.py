"""The check of two samples of features."""

import numpy as np
from numpy.typing import ArrayLike


def checked_features(real: ArrayLike, fake: ArrayLike, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Two samples of features [n, d] and [m, d], in float64 on the host.

    Raises:
      ValueError: if the shapes do not fit, a number is not finite, or there are fewer than `least`.
    """
    x, y = np.asarray(real, np.float64), np.asarray(fake, np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(
            f"real and fake features have the shapes {x.shape} and {y.shape}; "
            "[n, d] and [m, d] are expected"
        )
    for name, sample in (("real", x), ("fake", y)):
        if len(sample) < least:
            raise ValueError(
                f"there are {len(sample)} {name} features; {least} or more are expected"
            )
        if not np.isfinite(sample).all():
            raise ValueError(f"{name} features hold a number that is not finite")
    return x, y
