"""The settings of `experiments.cifar10`."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from experiments import scores
from experiments.cifar10 import methods
from ganstab import cifar_classifier, metrics
from ganstab.data import Images
from ganstab.errors import InputError
from ganstab.image_gan import Source, open_source
from ganstab.training import RunConfig, images, option
from ganstab.training.samples import SHOWN

SHAPE = (32, 32, 3)
TFDS = "tfds:cifar10"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cifar10(RunConfig):
    """The settings of a curve of Figure 3, or of a row of Table 3."""

    num_steps: int = 2000
    eval_every: int = 200
    checkpoint_every: int = 200
    data: str = option(
        "", "The images: a folder, a zip archive, or tfds:cifar10; see above.", decides=False
    )
    method: str = option(
        methods.RESNET,
        "How it is trained: the ResNet of Table 3, or a curve of Figure 3.",
        choices=tuple(methods.METHODS),
    )
    conditional: bool = option(False, "Generate by class, with --method=resnet.")
    width: int = option(
        16, "Channels of both networks at their finest; 128 in the paper.", lower=1, upper=1024
    )
    samples: int = option(
        2048, "Samples of an evaluation; 50,000 in the paper.", lower=SHOWN, upper=10**6
    )
    inception: str | None = option(
        None,
        "A file with the weights of the FID Inception network, for the Inception score: see "
        "`ganstab metrics --help`.",
        decides=False,
    )
    decay_steps: int | None = option(
        None,
        "Steps over which the ResNet's rate falls to 0. Default: --num_steps.",
        lower=1,
        upper=10**9,
    )
    data_files: str | None = option(None, "A hash of the images.", flag=False)
    papers_classes: bool = option(False, "Whether the images have CIFAR-10's classes.", flag=False)

    def check(self) -> None:
        """Only the ResNet is conditional."""
        if self.conditional and self.method != methods.RESNET:
            raise ValueError(f"conditional goes with method={methods.RESNET}, got {self.method}")

    def run_name(self) -> str:
        """The run's name, made of the method, the width and the seed."""
        kind = f"{self.method}_conditional" if self.conditional else self.method
        return f"cifar10_{kind}_width{self.width}_seed{self.seed}"

    def fingerprinted(self) -> Self:
        """With what is known of the images; raises InputError where they cannot be used."""
        self.weights()  # a run must not end at its first evaluation
        source, resnet = self.source(), self.method == methods.RESNET
        return self.replace(
            data_files=source.digest,
            papers_classes=self._has_classes(source),
            decay_steps=self.decay_steps or (self.num_steps if resnet else None),
        )

    def has_papers_data(self) -> bool:
        """Whether the images have CIFAR-10's classes."""
        return self.papers_classes

    def class_names(self) -> Sequence[str]:
        """The names of the classes that the networks are given."""
        return cifar_classifier.CLASSES if self.conditional else ()

    def weights(self) -> metrics.Inception | None:
        """The Inception network, where it is asked for; raises InputError for another file."""
        return scores.inception(self.inception) if self.inception is not None else None

    def source(self) -> Source:
        """The images; raises InputError where they cannot be had or used."""
        if not self.data.strip():
            raise InputError("--data is missing: name a folder of images, as in --data=FOLDER")
        source = open_source(self.data, None)
        if source.shape != SHAPE:
            height, width, channels = source.shape
            raise InputError(
                f"--data={self.data} has images of {width} × {height} pixels and {channels} "
                "channels; this experiment takes 32 × 32 and 3"
            )
        if self.conditional and not self._has_classes(source):
            raise InputError(
                f"--conditional needs labels, and --data={self.data} has none of CIFAR-10's: a "
                f"sub-folder for each of {', '.join(cifar_classifier.CLASSES)} is expected"
            )
        if len(source) < self.batch_size:
            raise InputError(
                f"--batch_size={self.batch_size} is larger than the data, {len(source)} images: "
                f"give --batch_size={len(source)} or less"
            )
        return source

    def _has_classes(self, source: Source) -> bool:
        return tuple(source.classes) == cifar_classifier.CLASSES or self.data == TFDS

    def images(self) -> tuple[Any, Images]:
        """The data, or an error in their place; and as many of them as samples are evaluated."""
        try:
            source = self.source()
            if source.digest != self.data_files:
                raise InputError(f"--data={self.data} has other images than the run began with")
        except InputError as error:
            return error, Images(np.zeros((0, *SHAPE), np.uint8), np.zeros(0, np.int32))
        places = np.random.default_rng(0).permutation(len(source))[: self.samples]
        return source.data, images.take(source.data, places)
