"""The Inception score, or the same formula with a classifier of the data's own classes.

The paper's score is exp E KL(p(y|x) ‖ p(y)), where p(y|x) is that of the Inception network, whose
weights the user has to bring. Where p(y|x) is that of a classifier of this package, the score has
that classifier's name. Scores by one classifier can be compared with one another, and not with
Inception scores. `CLASSIFIERS` has the classifiers.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ganstab import cifar_classifier, digit_classifier, metrics
from ganstab.data import to_unit_range
from ganstab.metrics import Inception, load_inception
from ganstab.metrics.evaluation import depths_of
from ganstab.training.run_folder import local_folder

INCEPTION = "inception"
DIGIT = 28
LEAST = 10
"""The fewest images of which a score is taken."""


class Classifier(NamedTuple):
    """A classifier of a data set's own classes."""

    score: Callable[[], str]
    """What its score is called."""
    classes: tuple[str, ...]
    """Of its data; images whose classes have other names are not scored by it."""
    suits: Callable[[tuple[int, int, int]], bool]
    """Whether it can read images of this height, width and number of channels."""
    logits: Callable[[np.ndarray], np.ndarray]
    """Images uint8 [n, H, W, C] -> [n, classes]."""


@jax.jit
def _digit_logits(image: jax.Array) -> jax.Array:
    params = digit_classifier.load()
    top, left = ((side - DIGIT) // 2 for side in image.shape[1:3])
    digits = to_unit_range(image[:, top : top + DIGIT, left : left + DIGIT])
    one = functools.partial(digit_classifier.scores, params)
    return jax.lax.map(lambda digit: one(digit[None])[0], digits, batch_size=256)


CLASSIFIERS = {
    "digits": Classifier(
        lambda: "digit score",
        tuple("0123456789"),
        lambda shape: shape[2] == 1 and min(shape[:2]) >= DIGIT,
        lambda image: np.asarray(_digit_logits(jnp.asarray(image))),
    ),
    "cifar10": Classifier(
        metrics.classifier_score_name,
        cifar_classifier.CLASSES,
        lambda shape: shape == (32, 32, 3),
        lambda image: np.asarray(
            cifar_classifier.scores_in_chunks(cifar_classifier.load(), jnp.asarray(image))
        ),
    ),
}
"""By name; the one that suits the images is taken."""


@functools.lru_cache(maxsize=1)
def inception(file: str) -> Inception:
    """The Inception network with the weights of --inception; raises InputError for another file."""
    return load_inception(local_folder(file, "--inception", "file"), depths_of(["is"]))


def suiting(shape: tuple[int, int, int], classes: Sequence[str]) -> str | None:
    """The classifier that suits images of this height, width and channels in these classes."""
    for name, each in CLASSIFIERS.items():
        if each.classes == tuple(classes) and each.suits(shape):
            return name
    return None


def label(name: str) -> str:
    """What the score of this name is called, `INCEPTION` or one of `CLASSIFIERS`."""
    return "Inception score" if name == INCEPTION else CLASSIFIERS[name].score()


def score(name: str, image: np.ndarray, weights: str | None = None) -> float:
    """The score of images uint8 [n, H, W, C] in random order, in ten parts.

    Args:
      name: `INCEPTION` or one of `CLASSIFIERS`.
      image: the images, ten or more.
      weights: the file of Inception's.
    """
    if name != INCEPTION:
        return metrics.inception_score(CLASSIFIERS[name].logits(image)).value
    images, network = metrics.array_source("the images", image), inception(str(weights))
    found = metrics.evaluate(jax.random.key(0), images, images, ("is",), inception=network)
    return found["is"].value
