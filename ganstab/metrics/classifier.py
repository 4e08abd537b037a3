"""A score of samples by the package's own classifier of CIFAR-10."""

import jax.numpy as jnp
from jax.typing import ArrayLike

from ganstab import cifar_classifier
from ganstab.metrics.score import InceptionScore, inception_score

__all__ = ["classifier_score", "classifier_score_name"]


def classifier_score(images: ArrayLike, splits: int = 10) -> InceptionScore:
    """The score exp E_x KL(p(y|x) ‖ p(y)) by `ganstab.cifar_classifier`, from 1 to 10.

    Larger is better. It is the formula of `inception_score` with another network, so its values can
    be compared with one another, for one number of images, and with no Inception score.

    Args:
      images: [n, 32, 32, 3] in random order, uint8 or in [−1, 1].
      splits: consecutive parts, of which the score is the mean.

    Raises:
      ValueError: as `inception_score`; `InputError` for images of another shape.
    """
    scores = cifar_classifier.scores_in_chunks(cifar_classifier.load(), jnp.asarray(images))
    return inception_score(scores, splits)


def classifier_score_name() -> str:
    """What the score is called, with the classifier's accuracy on the 10,000 test images."""
    share = 100 * cifar_classifier.record()["test_accuracy"]
    return f"classifier score (CIFAR-10, accuracy {share:.1f} %)"
