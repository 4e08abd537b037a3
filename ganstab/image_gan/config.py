"""The settings of `ganstab train`, and the values of those that are not given."""

import dataclasses
import functools
import json
import re
from collections.abc import Sequence
from typing import ClassVar, Self

from ganstab import recipes
from ganstab.errors import InputError
from ganstab.image_gan.recipe import EMA_IMAGES, PENALISED, PENALTY_EVERY, default_gamma
from ganstab.image_gan.source import Source, open_source
from ganstab.metrics.evaluation import METRICS, depths_of
from ganstab.metrics.inception_weights import Inception, load_inception
from ganstab.training.config import RunConfig, option

__all__ = ["ImageGan"]

AUTO, NONE, FIXED, ADAPTIVE = "auto", "none", "fixed", "adaptive"
FLOAT32, BFLOAT16 = "float32", "bfloat16"
FEW = 10_000
"""Images below which the discriminator is shown augmented ones by default."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageGan(RunConfig):
    """A GAN of one's own images."""

    command: ClassVar[Sequence[str]] = ("ganstab", "train")
    num_steps: int = 20_000
    data: str = option(
        "",
        "The images: a folder of any depth or a zip archive, with images of any sizes and kinds, "
        "whose sub-folders are classes; a folder of IDX files; mnist (embedded); or tfds:NAME, a "
        "prepared dataset of TensorFlow Datasets.",
        decides=False,
    )
    size: int | None = option(
        None,
        "Height and width in pixels that a folder's images are cut and resized to. Default: the "
        "median of their shorter sides, from 8 to 64.",
        lower=8,
        upper=256,
    )
    recipe: str = option(
        "r3gan",
        "How to train: losses, penalties, optimizers; see ganstab.recipes.",
        choices=tuple(recipes.by_name),
    )
    conditional: bool = option(
        False, "Generate by class: both networks are given the labels of the images."
    )
    network: str = option(
        "convolutional",
        "convolutional: small and fast. residual: larger and slower, for an accelerator.",
        choices=("convolutional", "residual"),
    )
    width: int | None = option(
        None,
        "Channels of the networks at the images' own resolution. Default: 16, or 64 in residual "
        "networks of images up to 32 pixels.",
        lower=1,
        upper=4096,
    )
    latent: int = option(64, "Length of the generator's random input.", lower=1, upper=65_536)
    mirror: bool = option(False, "Show images mirrored left to right half of the time.")
    augment: str = option(
        AUTO,
        "What the discriminator is shown, of data and samples alike, so that it does not learn few "
        "images by heart. fixed: changed colours, shifts and cut-out parts; adaptive: each of the "
        "three with a probability p, from 0 at the start, which rises while the discriminator "
        "scores data above samples in more than 4 of 5 pairs, and falls otherwise; metrics.jsonl "
        "has p as disc/parameter/augment_probability; none: the images as they are; auto: adaptive "
        f"for fewer than {FEW:,} images.",
        choices=(AUTO, NONE, FIXED, ADAPTIVE),
    )
    learning_rate: float | None = option(
        None,
        "Adam's, of both players. Default: the recipe's own; for r3gan 0.004, which falls to a "
        "fiftieth along a cosine.",
        lower=0.0,
    )
    gamma: float | None = option(
        None,
        "The penalty's γ of r1 and r3gan; larger is more stable, smaller is sharper. That of r3gan "
        "falls to a tenth. Default: 0.3 at 32 pixels, more in proportion to the number of pixels.",
        lower=0.0,
    )
    penalty_every: int = option(
        PENALTY_EVERY,
        "Steps from one penalty of r1 and r3gan to the next; its weight is multiplied by this.",
        lower=1,
    )
    ema_images: int = option(
        EMA_IMAGES,
        "Half-life of the generator's running average, in images; it is shorter in the first steps."
        " Samples are drawn from the average. 0 for none.",
        lower=0,
    )
    precision: str = option(
        FLOAT32,
        "What the networks compute in. bfloat16 is meant for TPUs and recent GPUs, and takes half "
        "the memory for what networks compute; most CPUs are slower with it. Parameters, "
        "optimizers, losses and penalties are float32 with either.",
        choices=(FLOAT32, BFLOAT16),
    )
    samples: int = option(
        2048, "Samples of an evaluation, from which measures are taken.", lower=64, upper=10**6
    )
    metrics: str = option(
        AUTO,
        "What samples are measured by, joined by commas: swd needs no weights; fid, kid, is, "
        "precision_recall and density_coverage need --inception; digits suits digits. auto: swd, "
        "or with --inception fid and kid; none: nothing.",
    )
    inception: str | None = option(
        None,
        "A file with the weights of the FID Inception network: see `ganstab metrics --help`.",
        decides=False,
    )
    decay_steps: int | None = option(
        None,
        "Steps over which r3gan's learning rate and γ fall. Default: --num_steps. To train on with "
        "more steps later, give the first run's --num_steps here.",
        lower=1,
        upper=10**9,
    )
    data_files: str | None = option(
        None, "A hash of the images, which may lie elsewhere later.", flag=False
    )
    shape: str | None = option(None, "Height, width and channels of the images.", flag=False)
    classes: str | None = option(None, "The names of their classes, as JSON.", flag=False)

    def check(self) -> None:
        """What does not go together."""
        if not self.data.strip():
            raise ValueError("data is missing: name a folder of images, as in --data=FOLDER")
        if self.recipe == "pacgan" and (self.conditional or self.batch_size % 2):
            raise ValueError("recipe=pacgan goes with an even batch_size, and not with conditional")
        unknown = [name for name in self.metric_names() if name not in METRICS]
        if unknown:
            raise ValueError(f"metrics must be some of {', '.join(METRICS)}, got {self.metrics!r}")
        if depths_of(self.metric_names()) and not self.inception:
            raise ValueError(f"metrics={self.metrics} needs --inception=FILE, with weights")
        if self.gamma is not None and self.recipe not in PENALISED:
            raise ValueError(
                f"gamma does not go with recipe={self.recipe}: it is of {' and '.join(PENALISED)}"
            )

    def metric_names(self) -> tuple[str, ...]:
        """The metrics, by the names of `ganstab.metrics.METRICS`."""
        if self.metrics == AUTO:
            return ("fid", "kid") if self.inception else ("swd",)
        return () if self.metrics == NONE else tuple(dict.fromkeys(self.metrics.split(",")))

    def weights(self) -> Inception | None:
        """The network that the metrics need, with the weights of `inception`.

        Raises:
          InputError: the file cannot be read, or has other weights.
        """
        depths = depths_of(self.metric_names())
        return _inception(str(self.inception), depths) if depths else None

    def run_name(self) -> str:
        """Of the images, the recipe and the seed."""
        words = re.sub(r"\W+", "_", self.data.rstrip("/").rpartition("/")[2]).strip("_")
        return f"{words or 'images'}_{self.recipe}_seed{self.seed}"

    def source(self) -> Source:
        """The images.

        Raises:
          InputError: they cannot be had, or have no labels that a conditional run needs.
        """
        source = open_source(self.data, self.size)
        if self.conditional and not source.classes:
            raise InputError(
                f"--conditional needs labels, and --data={self.data} has none: a folder with a "
                "sub-folder for each class, IDX files and mnist have"
            )
        if len(source) < self.batch_size:
            raise InputError(
                f"--batch_size={self.batch_size} is larger than the data, {len(source)} images: "
                f"give --batch_size={len(source)} or less"
            )
        return source

    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels, of settings that are fingerprinted."""
        height, width, channels = map(int, str(self.shape).split("x"))
        return height, width, channels

    def class_names(self) -> Sequence[str]:
        """Of the classes that the networks are given, of settings that are fingerprinted."""
        if not self.conditional:
            return ()
        try:
            names = json.loads(self.classes or "[]")
        except (ValueError, RecursionError):
            names = None
        if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise InputError(f"classes is {self.classes!r}; a JSON list of names is expected")
        return names

    def fingerprinted(self) -> Self:
        """With what is known of the images, and with the settings that follow from it."""
        if self.inception is not None and not self.inception.strip():
            raise InputError("--inception is empty: name a file")
        self.weights()  # a run must not end at its first evaluation
        source = self.source()
        height, width, _ = source.shape
        gamma, augment, decay_steps = self.gamma, self.augment, self.decay_steps
        if gamma is None and self.recipe in PENALISED:
            gamma = default_gamma(height, width)
        if augment == AUTO:
            augment = ADAPTIVE if len(source) < FEW else NONE
        if decay_steps is None and self.recipe == "r3gan":
            decay_steps = self.num_steps
        return self.replace(
            gamma=gamma,
            augment=augment,
            decay_steps=decay_steps,
            metrics=",".join(self.metric_names()) or NONE,
            data_files=source.digest,
            shape="x".join(map(str, source.shape)),
            classes=json.dumps(list(source.classes)),
        )


@functools.lru_cache(maxsize=1)
def _inception(file: str, depths: tuple[str, ...]) -> Inception:
    return load_inception(file, depths)
