"""Images of one size, and a score of samples: what the WGAN-GP paper's programs on images share."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, Self

import jax
import numpy as np

from experiments import scores
from ganstab.data.sampling import to_bytes
from ganstab.errors import InputError
from ganstab.image_gan.source import Source, open_source
from ganstab.training import Evaluation, Measure, RunConfig, images, option
from ganstab.training.samples import SHOWN, make_sampler
from ganstab.types import Player, TrainState


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoredImages(RunConfig):
    """The settings of a run on images whose samples are scored."""

    needs_score: ClassVar[bool] = False
    """Whether images without a score are refused."""
    data: str = option(
        "mnist",
        "The images: a folder of any depth or a zip archive, cut and resized to --size; a folder "
        "of IDX files; mnist (embedded); or tfds:NAME, a prepared dataset of TensorFlow Datasets.",
        decides=False,
    )
    size: int = option(
        32,
        "Height and width of the images in pixels. Smaller ones of mnist and IDX files get a black "
        "border.",
        lower=7,
        upper=256,
    )
    critic_updates: int | None = option(
        None, "Critic updates a step. Default: the recipe's.", lower=1, upper=1000
    )
    samples: int = option(
        2048,
        "Samples of an evaluation, scored in ten parts; 50,000 in papers.",
        lower=64,
        upper=10**6,
    )
    inception: str | None = option(
        None,
        "A file with the weights of the FID Inception network, for the Inception score: see "
        "`ganstab metrics --help`. Default: the score of a classifier of the data's own classes.",
        decides=False,
    )
    data_files: str | None = option(
        None, "A hash of the images, which may lie elsewhere later.", flag=False
    )
    channels: int | None = option(None, "Channels of the images.", flag=False)
    score: str | None = option(None, "Whose score it is.", flag=False)

    def source(self) -> Source:
        """The images; raises InputError where they cannot be had, or not in this size."""
        if not self.data.strip():
            raise InputError("--data is missing: name a folder of images, or mnist")
        return open_source(self.data, self.size, border=True)

    def fingerprinted(self) -> Self:
        """With `data_files`, `channels` and `score` filled in; raises InputError for bad images."""
        source = self.source()
        score = scores.suiting(source.shape, source.classes)
        if self.inception is not None:
            score = scores.INCEPTION
            scores.inception(self.inception)  # a run must not end at its first evaluation
        elif score is None and self.needs_score:
            raise InputError(
                f"--data={self.data} has no classifier of its own: name the weights of the "
                "Inception network with --inception=FILE"
            )
        return self.replace(data_files=source.digest, channels=source.shape[2], score=score)

    def parts(self) -> dict[str, Any]:
        """Fields of an `Experiment` that follow from the images, for `fingerprinted` settings."""
        try:
            source = self.source()
            if source.digest != self.data_files:
                raise InputError(f"--data={self.data} has other images than the run began with")
        except InputError as error:
            return {"data": error, "measures": _measures(self, np.zeros(0))}
        places = np.random.default_rng(0).permutation(len(source))
        real = images.take(source.data, places[: self.samples]).image
        height, width, channels = source.shape
        told = f"{len(source):,} images of {width} × {height} pixels, {channels} channels"
        unscored = () if self.score else ("no score: --inception=FILE gives these images one",)
        return {
            "data": source.data,
            "measures": _measures(self, real),
            "reference": {"samples": real[:SHOWN].astype(np.float32) / 127.5 - 1},
            "notes": (told, *unscored),
        }


def _measures(config: ScoredImages, real: np.ndarray) -> tuple[Measure, ...]:
    """The score beside that of the data; Inception's, which would take minutes, has none."""
    if config.score is None:
        return ()
    quick = config.score != scores.INCEPTION and len(real) >= scores.LEAST
    ideal = scores.score(config.score, real) if quick else None
    words = f"{scores.label(config.score)}, {config.samples:,} samples"
    return (Measure("score", words, "score", ideal=ideal),)


def evaluation(config: ScoredImages, latent: int, gen: Player) -> Callable:
    """`(state, key) -> Evaluation`: samples of the same latents every time, and their score.

    Batch norm has the statistics of the batch, as in the paper's code.
    """
    sample = make_sampler(gen, latent, samples=config.samples, measure=to_bytes, train=True)

    def evaluate(state: TrainState, key: jax.Array) -> Evaluation:
        shown, drawn = sample(state, key)
        numbers = {"samples": float(len(drawn))}
        if config.score and np.isfinite(shown).all():
            numbers["score"] = scores.score(config.score, drawn, config.inception)
        return Evaluation(numbers, {"samples": shown})

    return evaluate
