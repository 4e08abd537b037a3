"""Digits as an MNIST classifier reads them: those of the data, and those of samples."""

import functools
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from ganstab import digit_classifier, metrics
from ganstab.data import Images, RandomAccess, to_unit_range
from ganstab.metrics.divergences import kl
from ganstab.training import ImageConfig, Measure, images, samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLASSES = 10
DATA = 10_000
SURE = 0.9
"""Probability of a digit above which the classifier is sure of it."""
SOUND = 0.95
"""Accuracy below which the classifier is taken not to know the digits."""
ACCURACY = Measure(
    "ruler", "the classifier's accuracy on 1,000 of the training images", ideal=1.0, final=True
)
_CHUNK = 100


def classifier_fields(config: ImageConfig, source: Images | RandomAccess) -> dict[str, Any]:
    """Fields of an `Experiment`: the classifier's accuracy on digits other than the embedded."""
    if config.is_embedded():
        return {}
    accuracy = images.classifier_accuracy(source)
    note = f"the classifier that counts modes reads {accuracy:.1%} of these digits as labelled"
    if accuracy < SOUND:
        note += ": modes and KL mean little here"
    return {"numbers": {ACCURACY.name: accuracy}, "notes": (note,)}


def read(params: digit_classifier.Params, image: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The digit of each image [n, 28, 28, 1], and how sure the classifier is of it, from 0 to 1."""
    shares = jax.nn.softmax(digit_classifier.scores(params, image))
    return jnp.argmax(shares, axis=-1), jnp.max(shares, axis=-1)


def measure(digits: np.ndarray, sure: np.ndarray, data: np.ndarray) -> dict[str, float]:
    """How many digits occur, the KL to those of the data in nats, and the share read for sure in %.

    Args:
      digits: of the samples, [n].
      sure: how sure the classifier is of each, [n].
      data: digits of images of the data, [m].
    """
    return {
        "samples": len(digits),
        "modes": metrics.count_modes(digits, CLASSES),
        "kl": kl_to_data(digits, data),
        "sure": share_sure(sure),
    }


def kl_to_data(digits: np.ndarray, data: np.ndarray) -> float:
    """KL(shares of digits || shares in the data), in nats, of digits [n] and [m].

    Half an image is added to each class of the data: it stays finite where the data lack a class.
    """
    found, known = (metrics.class_histogram(x, CLASSES) for x in (digits, data))
    return kl(found / found.sum(), (known + 0.5) / (known.sum() + 0.5 * CLASSES))


def kl_floor(samples: int, data: int = DATA) -> float:
    """`kl_to_data` of a perfect sampler, on average: both sides are counts of a finite sample."""
    return metrics.kl_floor(samples, CLASSES) + metrics.kl_floor(data, CLASSES)


def measures(samples: int, sure_of_data: np.ndarray) -> tuple[Measure, ...]:
    """What `measure` takes of so many samples, with the value that the data have of each.

    Args:
      samples: how many.
      sure_of_data: how sure the classifier is of each image of the data, [m].
    """
    return (
        Measure("modes", f"digits that occur, of {CLASSES}", "digits", ideal=CLASSES),
        Measure("kl", "KL to the data's digits, nats", "KL", "lower", kl_floor(samples)),
        Measure("sure", "samples that the classifier is sure of, %", "sure %",
                ideal=share_sure(sure_of_data)),
    )  # fmt: skip


def share_sure(sure: np.ndarray) -> float:
    """% of the images of which the classifier is sure: to which it gives more than 0.9."""
    return 100 * float(np.mean(sure > SURE))


def some_data(source: Images | RandomAccess, count: int = DATA) -> np.ndarray:
    """Images [count, 28, 28, 1] in [-1, 1], evenly spread over the data."""
    places = np.linspace(0, images.size(source) - 1, count).astype(int)
    return np.asarray(to_unit_range(jnp.asarray(images.take(source, places).image)))


def read_data(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`read` of images [m, 28, 28, 1], m a multiple of 100, in little memory."""
    chunks = image.reshape(-1, _CHUNK, *image.shape[1:])
    digits, sure = jax.lax.map(functools.partial(read, digit_classifier.load()), chunks)
    return np.asarray(digits).ravel(), np.asarray(sure).ravel()


def draw_channels(axis: "Axes", arrays: samples.Arrays, reference: samples.Arrays) -> None:
    """Twelve stacks of digits, each as its three channels side by side, in grey."""
    del reference
    stacks = arrays[samples.SAMPLES][:12]
    grey = np.moveaxis(stacks, -1, 1).reshape(2, -1, *stacks.shape[1:3], 1)
    left, right = (samples.tile(half, 3, 2) for half in grey)
    gap = np.full((len(left), 8, 3), 255, np.uint8)
    axis.imshow(np.concatenate([left, gap, right], axis=1))
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
