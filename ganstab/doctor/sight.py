"""What the discriminator tells apart, what it cannot see, and what it knows by heart."""

import numpy as np
from scipy.spatial.distance import cdist

from ganstab.doctor.diversity import latest
from ganstab.doctor.examination import Examination
from ganstab.doctor.finding import Finding
from ganstab.doctor.remedies import advice
from ganstab.doctor.run import Record
from ganstab.doctor.training import probabilities

__all__ = ["apart", "contrast", "discrimination", "overfitting"]

HIDDEN = 0.1
"""Of a change in contrast, as of a discriminator that judges each sample alone."""
PALE, HARSH = 0.8, 1.25
"""Of the data's contrast; a batch of 64 points of the plane has it within 7 %."""
SURELY = 3.0
"""Standard errors."""
BY_HEART = 0.5
"""Of the way from scores of data to those of samples: held-out data look more like samples."""
ALIKE = 0.1
"""Less than that is what the probability of data is above that of samples."""
ENOUGH = 32
APART = 0.75
"""Half-way from one distribution to two that do not touch; for 2 × 32 samples of one distribution
that is four standard errors of a share, for 2 × 64 six."""


def contrast(examination: Examination | None, record: Record) -> Finding | None:
    """Whether the discriminator can see the contrast of samples, see `scores.Contrast`."""
    found = examination.contrast if examination else None
    if found is None or found.seen is None or not np.isfinite(found.share):
        return None
    words = (
        f"Where the contrast of all generated samples changes, the discriminator's scores change "
        f"{found.seen:.2g} times as much as where that of a few does. The samples have "
        f"{found.share:.2f} of the data's contrast."
    )
    if found.seen > HIDDEN:
        return Finding("Contrast", "good", words)
    words += " Batch norm hides it: what all samples of a batch share is divided out."
    remedy = advice(record, "first_norm", "joint")
    if PALE < found.share < HARSH:
        answer = "The discriminator cannot see the contrast of the samples."
        return Finding("Contrast", "watch", words, remedy, answer)
    answer = (
        f"Batch norm hides contrast from the discriminator: the samples have {found.share:.2f} of "
        "the data's."
    )
    return Finding("Contrast", "bad", words, remedy, answer)


def overfitting(examination: Examination | None, record: Record) -> Finding | None:
    """Whether the discriminator's scores are those of data that it knows by heart.

    With its mean scores of data that it was trained on, of held-out data and of samples,

        r_v = (E D(trained) − E D(held out)) / (E D(trained) − E D(G(z)))

    (Karras et al. 2020, arXiv:2006.06676, eq. 1): 0 where both kinds of data score alike, 1 where
    held-out data score as samples do. The gap has to be more than three standard errors, taken
    over the batches.
    """
    found = examination.memory if examination else None
    if found is None:
        return None
    gaps = found.trained - found.held_out
    gap, apart = float(gaps.mean()), float((found.trained - found.fake).mean())
    error = float(gaps.std(ddof=1) / np.sqrt(len(gaps)))
    if not np.isfinite([gap, apart, error]).all():
        return None
    words = (
        f"The discriminator's mean score is {found.trained.mean():.3g} of data that it was trained "
        f"on, {found.held_out.mean():.3g} of data that it was not, and {found.fake.mean():.3g} of "
        f"samples."
    )
    if gap <= SURELY * error or apart <= 0:
        return Finding("Overfitting", "good", f"{words} It does not favour what it was trained on.")
    share = gap / apart
    words += f" Held-out data lie {share:.0%} of the way from one to the other."
    if share < BY_HEART:
        return Finding("Overfitting", "good", words)
    answer = "The discriminator has learnt its data by heart."
    remedy = advice(record, "augmented", "adaptive_augmentation", "lecam", "r1")
    return Finding("Overfitting", "bad", f"{words} It knows them by heart.", remedy, answer)


def discrimination(examination: Examination | None, record: Record) -> Finding | None:
    """Whether samples are easily told from the data which the discriminator does not tell.

    They are told by their nearest neighbours (Lopez-Paz & Oquab 2017, arXiv:1610.06545, section 4):
    the share of shown samples and data, as many of each, whose nearest other one is of their own
    kind is ½ where both have one distribution, and 1 where these are far apart.
    """
    given, (step, made, real) = probabilities(examination, record), latest(record)
    if given is None or made is None or real is None or len(made) < ENOUGH:
        return None
    if given.disc - given.gen >= ALIKE or not np.isfinite(made).all():
        return None
    share = apart(made, real)
    words = (
        f"The discriminator gives real samples a probability of {given.disc:.2f} and generated "
        f"ones {given.gen:.2f}. Of those shown at step {step:,} and as many of the data, "
        f"{share:.0%} have their nearest neighbour among their own kind."
    )
    if share < APART:
        return Finding("Discrimination", "good", f"{words} Neither tells them apart.")
    answer = "The discriminator is too weak: it does not tell samples from data that differ."
    remedy = advice(record, "faster_disc", "wider")
    return Finding("Discrimination", "bad", f"{words} So it is too weak.", remedy, answer)


def apart(made: np.ndarray, real: np.ndarray) -> float:
    """The share of points `[n, d]` and `[m, d]` whose nearest other one is of their own kind."""
    both = np.concatenate([made, real])
    far = cdist(both, both)
    np.fill_diagonal(far, np.inf)
    kind = np.arange(len(far)) < len(made)
    return float(np.mean(kind[far.argmin(axis=1)] == kind))
