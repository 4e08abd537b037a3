"""Samples as they are shown: how far apart they lie, beside the data, and whether they settle.

It needs no labels. Images are averaged down to at most 8 × 8 pixels first, so that noise and sharp
edges count for little.
"""

import numpy as np
from scipy.spatial.distance import cdist

from ganstab.doctor.examination import Examination
from ganstab.doctor.finding import Finding
from ganstab.doctor.remedies import COLLAPSE, advice
from ganstab.doctor.run import Record

__all__ = ["drift", "latest", "spread"]

SIDE = 8
ALIKE, LESS = 0.5, 0.75
CLOSE = 0.3
"""Of the data's typical distance to the nearest other one, below which two samples are twins."""
MANY, SOME = 0.5, 0.2
MOVED = 0.6
FEW = 8


def spread(examination: Examination | None, record: Record) -> Finding | None:
    """The samples' mean distance over the data's, and how many images have a near-duplicate.

    With d the mean distance of two samples, and of two of the data: `d(samples) / d(data)`. An
    image has a near-duplicate where its nearest other one is closer than 0.3 times the median of
    that distance among as many of the data. Points are not asked for it: those of one mode may
    well lie closer than the data's.
    """
    del examination
    step, made, real = latest(record)
    if made is None or real is None:
        return None
    ours, theirs = cdist(made, made), cdist(real, real)
    count = len(made)
    pairs = count * (count - 1)
    if not np.isfinite(ours).all() or not theirs.any():
        return None
    ratio = float(ours.sum() / theirs.sum())
    words = (
        f"Two of the {count} samples shown at step {step:,} are {ours.sum() / pairs:.3g} apart on "
        f"average, {ratio:.2f} times as far as two of the data."
    )
    twins = 0.0
    if record.samples[step].ndim == 4:
        nearest = [np.where(np.eye(count, dtype=bool), np.inf, d).min(1) for d in (ours, theirs)]
        twins = float(np.mean(nearest[0] < CLOSE * np.median(nearest[1])))
        words += f" {twins:.0%} have a near-duplicate."
    if ratio >= LESS and twins <= SOME:
        return Finding("Diversity", "good", words)
    remedy = advice(record, *COLLAPSE)
    if ratio < ALIKE or twins > MANY:
        answer = "The samples are nearly all alike."
        return Finding("Diversity", "bad", f"{words} They are nearly all alike.", remedy, answer)
    answer = "The samples are less diverse than the data."
    return Finding("Diversity", "watch", f"{words} The data are more diverse.", remedy, answer)


def drift(examination: Examination | None, record: Record) -> Finding | None:
    """How far the samples of the same latents move between two evaluations, over the data's d."""
    del examination
    step, made, real = latest(record)
    earlier = [other for other in sorted(record.samples) if other < step]
    if made is None or real is None or not earlier:
        return None
    before = _flat(record.samples[earlier[-1]])
    if before.shape[1] != made.shape[1]:
        return None
    count = min(len(before), len(made))
    moved = np.linalg.norm(made[:count] - before[:count], axis=1).mean()
    apart = cdist(real, real)
    ratio = float(moved / (apart.sum() / (len(real) * (len(real) - 1))))
    if not np.isfinite(ratio):
        return None
    words = (
        f"From step {earlier[-1]:,} to {step:,} a sample moved by {ratio:.2f} of the distance of "
        "two of the data."
    )
    if ratio < MOVED:
        return Finding("Drift", "good", f"{words} Latents keep their samples.")
    remedy = (
        "A learning rate that falls, or an average of the generator (`players.averaged`, "
        "`--ema_images`), brings samples to rest."
    )
    answer = "The same latent gives another sample at every evaluation."
    return Finding("Drift", "watch", f"{words} They have not settled.", remedy, answer)


def latest(record: Record) -> tuple[int, np.ndarray | None, np.ndarray | None]:
    """The last evaluation's step and samples, and as many of the data; None where there are few."""
    if not record.samples or record.reference is None:
        return 0, None, None
    step = max(record.samples)
    made, real = _flat(record.samples[step]), _flat(record.reference)
    count = min(len(made), len(real))
    if count < FEW or made.shape[1] != real.shape[1]:
        return step, None, None
    return step, made[:count], real[:count]


def _flat(samples: np.ndarray) -> np.ndarray:
    """`[n, d]` in float64; images `[n, H, W, C]` averaged over blocks to at most 8 × 8 pixels."""
    samples = np.asarray(samples, np.float64)
    if samples.ndim == 4:
        height, width = (max(1, size // SIDE) for size in samples.shape[1:3])
        rows, columns = samples.shape[1] // height, samples.shape[2] // width
        samples = samples[:, : rows * height, : columns * width]
        blocks = samples.reshape(len(samples), rows, height, columns, width, -1)
        samples = blocks.mean(axis=(2, 4))
    return samples.reshape(len(samples), -1)
