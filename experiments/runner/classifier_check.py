"""Whether the classifier that counts modes can read the data at all."""

import numpy as np

from experiments.runner import images
from experiments.runner.session import Session
from ganstab import digit_classifier
from ganstab.data import Images, RandomAccess, to_unit_range

SOUND = 0.95  # of labels, below which the classifier does not know the digits


def ruler_accuracy(source: Images | RandomAccess) -> float:
    """How much of the data the classifier reads as labelled; modes mean nothing where it cannot."""
    places = np.linspace(0, images.size(source) - 1, 1000).astype(int)
    image, label = images.take(source, places)
    found = digit_classifier.classify(digit_classifier.load(), to_unit_range(image))
    return float(np.mean(np.asarray(found) == label))


def check_ruler(session: Session, source: Images | RandomAccess) -> float | None:
    """How well the classifier knows digits that are not the embedded ones, said aloud."""
    if images.is_embedded(session.settings):
        return None
    accuracy = ruler_accuracy(source)
    session.progress.note(
        f"the classifier that counts modes reads {accuracy:.1%} of these digits as labelled"
        + (": modes and KL mean little here" if accuracy < SOUND else "")
    )
    return accuracy
