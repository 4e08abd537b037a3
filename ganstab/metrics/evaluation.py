"""Several metrics of two sets of images, in one pass over each; features are all that is kept.

`evaluate` is what `ganstab metrics` runs. A generator's samples are measured the same way, as an
`ImageSource` whose batches are drawn when they are asked for.
"""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ganstab.errors import InputError
from ganstab.metrics.digits import digit_features, frechet_distance_of_digits
from ganstab.metrics.frechet import fid
from ganstab.metrics.inception_weights import Inception
from ganstab.metrics.kernel import kid
from ganstab.metrics.neighbours import density_coverage, precision_recall
from ganstab.metrics.reference import images_digest, load_statistics, save_statistics
from ganstab.metrics.score import InceptionScore, inception_score
from ganstab.metrics.sliced_wasserstein import (
    PATCH_SIDE,
    laplacian_patches,
    patches_of,
    sliced_wasserstein_of_patches,
)
from ganstab.metrics.sources import ImageSource
from ganstab.metrics.statistics import FeatureStatistics, statistics_on_host

__all__ = ["METRICS", "Metric", "depths_of", "evaluate"]

BATCH = 64


class Metric(NamedTuple):
    """A metric of two sets of images, through what is kept of each image."""

    label: str
    kept: str
    """A depth of the Inception network's features, or `DIGITS` or `PATCHES`, without weights."""
    least: int
    """How many images of either set it needs."""
    measure: Callable[[Array, Any, Any], Any]
    """`(key, real, fake) -> record`, a NamedTuple with numbers and how many images were seen."""


DIGITS, PATCHES, LOGITS = "digits", "patches", "logits_unbiased"
METRICS: Mapping[str, Metric] = {
    "fid": Metric("FID", "2048", 2, lambda _, real, fake: fid(real, fake)),
    "kid": Metric("KID", "2048", 2, kid),
    "is": Metric("Inception score", LOGITS, 10, lambda key, _, fake: _score(key, fake)),
    "precision_recall": Metric(
        "precision, recall", "2048", 4, lambda _, real, fake: precision_recall(real, fake)
    ),
    "density_coverage": Metric(
        "density, coverage", "2048", 6, lambda _, real, fake: density_coverage(real, fake)
    ),
    "swd": Metric("sliced Wasserstein × 1,000", PATCHES, 2, sliced_wasserstein_of_patches),
    "digits": Metric(
        "Fréchet distance of digits",
        DIGITS,
        2,
        lambda _, real, fake: frechet_distance_of_digits(real, fake),
    ),
}
"""By the names that the command line takes."""


def depths_of(names: Sequence[str]) -> tuple[str, ...]:
    """The depths of the Inception network that the metrics of these names need, each once."""
    kept = dict.fromkeys(METRICS[name].kept for name in names)
    return tuple(depth for depth in kept if depth not in (DIGITS, PATCHES))


def evaluate(
    key: Array,
    real: ImageSource,
    fake: ImageSource,
    names: Sequence[str],
    *,
    inception: Inception | None = None,
    reference: str | os.PathLike[str] | None = None,
    advance: Callable[[int], Any] = lambda images: None,
) -> dict[str, Any]:
    """Several metrics of two sets of images, by name: records with the numbers and the n of each.

    Args:
      key: of the subsets, patches and splits.
      real: images of the data.
      fake: images of a generator.
      names: of `METRICS`.
      inception: the network, at `depths_of(names)`; None where that is empty.
      reference: a `.npz` file in which the statistics of the real images are kept for FID, with a
        digest of the images and the network; what it holds is not computed again.
      advance: called with how many images were gone through since the last time.

    Raises:
      InputError: images of the two sets differ in size, there are too few for a metric, or the
        reference is of other images or another network.
      ValueError: an unknown name, or no network where one is needed.
    """
    _check(real, fake, names, inception)
    keys = jax.random.split(key, 3)
    wanted = {METRICS[name].kept for name in names}
    statistics, keep = _reference(reference, real, inception, names)
    of_real = {METRICS[name].kept for name in names if name != "fid" or statistics is None}
    patches = patches_of(real.n, fake.n)
    sources = _of_alike_channels(real, fake)
    reals, fakes = (
        _gather(key, source, kept, patches, inception, advance)
        for key, source, kept in zip(keys, sources, (of_real - {LOGITS}, wanted), strict=False)
    )
    if keep:
        statistics = keep(reals["2048"])
    found = {}
    for name in names:
        metric = METRICS[name]
        of_data = statistics if name == "fid" and statistics else reals.get(metric.kept)
        try:
            found[name] = metric.measure(keys[2], of_data, fakes[metric.kept])
        except ValueError as error:
            raise InputError(f"{metric.label} of {real.name} and {fake.name}: {error}") from error
    return found


def _reference(
    path: str | os.PathLike[str] | None,
    real: ImageSource,
    inception: Inception | None,
    names: Sequence[str],
) -> tuple[FeatureStatistics | None, Callable[[np.ndarray], FeatureStatistics] | None]:
    """The statistics in the file, if it is there; else how to make it of all features."""
    if path is None or inception is None or "fid" not in names:
        return None, None
    digest = images_digest(real.batches(BATCH), network=f"{inception.digest} 2048")
    if pathlib.Path(path).exists():
        return load_statistics(path, digest), None

    def keep(features: np.ndarray) -> FeatureStatistics:
        statistics = statistics_on_host(features)
        save_statistics(path, statistics, digest)
        return statistics

    return None, keep


def _check(
    real: ImageSource, fake: ImageSource, names: Sequence[str], inception: Inception | None
) -> None:
    unknown = [name for name in names if name not in METRICS]
    if unknown or not names:
        raise ValueError(f"names is {list(names)}; some of {', '.join(METRICS)} are expected")
    if depths_of(names) and inception is None:
        raise ValueError(f"{', '.join(names)} need the Inception network, got inception=None")
    height, width, _ = real.shape
    has = f"{real.name} has images of {width} × {height} pixels"
    if fake.shape[:2] != (height, width):
        other = f"{fake.name} of {fake.shape[1]} × {fake.shape[0]}"
        raise InputError(f"{has} and {other}; both must have one size")
    for name in names:
        kept, label = METRICS[name].kept, METRICS[name].label
        if kept == DIGITS and (height, width) != (28, 28):
            raise InputError(f"{has}; {label} needs images of 28 × 28 pixels")
        if kept == PATCHES and min(height, width) < PATCH_SIDE:
            raise InputError(f"{has}; {label} needs {PATCH_SIDE} or more")
        for source in (real, fake):
            if source.n < METRICS[name].least:
                raise InputError(
                    f"{source.name} has {source.n} images; "
                    f"{label} needs {METRICS[name].least} or more"
                )


def _gather(
    key: Array,
    source: ImageSource,
    wanted: set[str],
    patches: int,
    inception: Inception | None,
    advance: Callable[[int], Any],
) -> dict[str, Any]:
    """What is kept of all images: features [n, d], patches by level."""
    parts: list[dict[str, Any]] = []
    seen = 0
    for batch in source.batches(BATCH) if wanted else ():
        end = seen + len(batch)
        part: dict[str, Any] = {}
        if inception is not None and wanted - {DIGITS, PATCHES}:
            part |= _of_network(inception, batch)
        if DIGITS in wanted:
            part[DIGITS] = digit_features(batch)
        if PATCHES in wanted:
            share = patches * end // source.n - patches * seen // source.n
            part[PATCHES] = laplacian_patches(jax.random.fold_in(key, seen), batch, share)
        parts.append(part)
        advance(len(batch))
        seen = end
    return jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts) if parts else {}


def _of_network(inception: Inception, batch: Any) -> dict[str, np.ndarray]:
    """The features of a batch, which is filled up so that one program is compiled for all."""
    n = len(batch)
    full = jnp.pad(jnp.asarray(batch), ((0, -n % BATCH), (0, 0), (0, 0), (0, 0)))
    return {depth: x[:n] for depth, x in jax.device_get(inception.features(full)).items()}


def _of_alike_channels(*sources: ImageSource) -> list[ImageSource]:
    """Grey images in three channels, where the others have colours."""
    channels = max(source.shape[2] for source in sources)
    return [source if source.shape[2] == channels else _in_colour(source) for source in sources]


def _in_colour(source: ImageSource) -> ImageSource:
    def batches(size: int) -> Iterator[np.ndarray]:
        return (np.repeat(np.asarray(batch), 3, axis=-1) for batch in source.batches(size))

    return dataclasses.replace(source, shape=(*source.shape[:2], 3), batches=batches)


def _score(key: Array, logits: np.ndarray) -> InceptionScore:
    """In random order, since a folder's images often lie class by class."""
    return inception_score(logits[np.asarray(jax.random.permutation(key, len(logits)))])
