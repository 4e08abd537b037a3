"""How far samples are from the data, by the metrics that the settings ask for."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from ganstab.data import Images
from ganstab.data.sampling import to_bytes
from ganstab.image_gan.config import ImageGan
from ganstab.metrics.evaluation import evaluate
from ganstab.metrics.sources import array_source
from ganstab.training import Evaluation, Measure
from ganstab.training.samples import SHOWN, make_sampler
from ganstab.types import Player, TrainState

__all__ = ["evaluation", "labels", "measures"]

_MEASURES: dict[str, tuple[tuple[str, str, str, Any, float | None], ...]] = {
    "fid": (("fid", "FID", "FID", "lower", 0.0),),
    "kid": (("kid", "KID", "KID", "lower", 0.0),),
    "is": (("is", "Inception score", "IS", "higher", None),),
    "precision_recall": (
        ("precision", "precision", "precision", "higher", 1.0),
        ("recall", "recall", "recall", "higher", 1.0),
    ),
    "density_coverage": (
        ("density", "density", "density", "higher", 1.0),
        ("coverage", "coverage", "coverage", "higher", 1.0),
    ),
    "swd": (("swd", "sliced Wasserstein distance × 1,000", "SWD", "lower", None),),
    "digits": (("digits", "Fréchet distance of digits", "digits", "lower", 0.0),),
}


def measures(config: ImageGan) -> tuple[Measure, ...]:
    """What the settings' metrics give, declared for curves, tables and captions."""
    return tuple(
        Measure(name, f"{label}, {config.samples:,} samples", short, better, ideal)
        for metric in config.metric_names()
        for name, label, short, better, ideal in _MEASURES[metric]
    )


def labels(config: ImageGan, known: np.ndarray) -> np.ndarray | None:
    """What samples are made under: those that are shown sorted by class, the others as the data.

    Args:
      config: the settings.
      known: labels of images of the data [n]; none of them where the images are not there.
    """
    count = len(config.class_names())
    if not count:
        return None
    shown = np.arange(SHOWN) * count // SHOWN
    others = config.samples - SHOWN
    return np.concatenate([shown, np.resize(known if len(known) else shown, others)])


def evaluation(config: ImageGan, real: Images, gen: Player) -> Callable:
    """`(state, key) -> Evaluation`: draws samples, and measures them against these images.

    Args:
      config: the settings.
      real: images of the data and their labels.
      gen: the generator as the recipe wraps it.
    """
    names = config.metric_names()
    sample = make_sampler(
        gen,
        config.latent,
        samples=config.samples,
        label=labels(config, real.label),
        measure=to_bytes,
    )
    data = array_source("the data", real.image) if names and len(real.label) else None

    def evaluate_state(state: TrainState, key: jax.Array) -> Evaluation:
        shown, drawn = sample(state, key)
        numbers = {"samples": float(len(drawn))}
        if data is not None and np.isfinite(shown).all():
            fake = array_source("the samples", drawn)
            found = evaluate(
                jax.random.fold_in(key, 1), data, fake, names, inception=config.weights()
            )
            numbers |= _numbers(found, names)
        return Evaluation(numbers, {"samples": shown})

    return evaluate_state


def _numbers(found: dict, names: Sequence[str]) -> dict[str, float]:
    """The metrics' numbers by the names of measures."""
    return {
        name: float(getattr(found[metric], name if len(_MEASURES[metric]) > 1 else "value"))
        for metric in names
        for name, *_ in _MEASURES[metric]
    }
