"""Statistics of real images kept on disk, so that they are computed once.

A `.npz` without pickle, with a digest of what the statistics are of: the images and the network.
"""

import hashlib
import io
import os
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from ganstab._files import read_bytes
from ganstab.errors import InputError
from ganstab.metrics.statistics import FeatureStatistics
from ganstab.reporting.writing import write_atomic

__all__ = ["images_digest", "load_statistics", "save_statistics"]

_DIGEST = "digest"


def images_digest(batches: Iterable[ArrayLike], *, network: str = "") -> str:
    """The SHA-256 of images, in their order, however they are cut into batches [n_i, H, W, C].

    Args:
      batches: of images of one shape and dtype.
      network: what the features are of, e.g. `Inception.digest` and a depth.
    """
    digest, form, n = hashlib.sha256(), "", 0
    for batch in batches:
        x = np.asarray(batch)
        form, n = f"{x.dtype} {x.shape[1:]}", n + len(x)
        digest.update(np.ascontiguousarray(x).data)
    digest.update(f"\0{n} {form} {network}".encode())
    return digest.hexdigest()


def save_statistics(
    path: str | os.PathLike[str], statistics: FeatureStatistics, digest: str
) -> None:
    """Writes statistics as `.npz`, with the digest of what they are of (`images_digest`).

    Raises:
      InputError: the file cannot be written.
    """
    buffer = io.BytesIO()
    arrays = {name: np.asarray(x) for name, x in statistics._asdict().items()}
    np.savez(buffer, **arrays, **{_DIGEST: np.array(digest)})  # type: ignore[arg-type]
    write_atomic(path, buffer.getvalue())


def load_statistics(path: str | os.PathLike[str], digest: str) -> FeatureStatistics:
    """Reads what `save_statistics` wrote, on the host.

    Args:
      path: the file.
      digest: of the images and the network that the statistics have to be of.

    Raises:
      InputError: the file cannot be read, is damaged, or is of other images or another network.
    """
    data = read_bytes(path)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
        kept = str(found.pop(_DIGEST))
        statistics = FeatureStatistics(**found)
        d = len(statistics.mean)
        sound = statistics.n.shape == () and statistics.scatter.shape == (d, d)
    except Exception:  # a damaged file makes the decoders raise nearly anything
        sound = False
    if not sound:
        raise InputError(f"{path} holds no feature statistics; delete it to compute them again")
    if kept != digest:
        raise InputError(
            f"{path} holds the statistics of other images or of another network; "
            "delete it to compute them again, or name another file"
        )
    return statistics
