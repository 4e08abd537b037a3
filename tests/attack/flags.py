"""Every flag of every program that trains, with every value that it cannot have."""

import importlib
import math
from collections.abc import Iterator

from ganstab.training.cli import Launch, TableLaunch
from ganstab.training.config import LARGEST, Option, options

from .harness import Case
from .sound import NO_CACHE, Sound

PROGRAMS = {
    "stacked_mnist": "StackedMnist",
    "mixture_of_gaussians": "MixtureOfGaussians",
    "colored_mnist": "ColoredMnist",
    "cifar10_reconstruction": "Cifar10Reconstruction",
    "rnn_mnist": "RnnMnist",
    "character_language_model": "CharacterLanguageModel",
    "cifar10": "Cifar10",
    "growing_mnist": "GrowingMnist",
    "random_architectures": "RandomArchitectures",
    "seven_architectures": "SevenArchitectures",
    "critic_surfaces": "CriticSurfaces",
    "critic_overfitting": "CriticOverfitting",
}
NO_NUMBER = "", " ", "x", "1,5", "1 2", "½", "None", "0x", "--1", "1e", "nan%", "∞", "[1]"
NO_WHOLE = *NO_NUMBER, "nan", "inf", "-inf", "1.5", "1e3", "3.0", "1e999"
NO_FLOAT = *NO_NUMBER, "nan", "NaN", "-nan", "inf", "-inf", "1e999", "infinity"
NO_BOOL = "", "perhaps", "2", "nan", "ja", "tru"
NO_FOLDER = "", " ", "gs://bucket/run", "s3:/b", "~nosuchuser/run", "x" * 300, "beside/config.json"


def cases(sound: Sound) -> Iterator[Case]:
    """Every value of each flag at the first program that has it; a few at the others."""
    seen: set[str] = set()
    for program, name in PROGRAMS.items():
        module = f"experiments.{program}"
        config = vars(importlib.import_module(module))[name]
        for known in options(config).values():
            if known.flag:
                values = list(_bad(known))
                for value in values[-4:] if known.name in seen else values:
                    yield _case(module, known.name, value)
        seen |= options(config).keys()
        yield _case(module, "nothing", "1")
    for known in [*options(Launch).values(), *options(TableLaunch).values()]:
        for value in _bad(known):
            yield _case("experiments.stacked_mnist", known.name, value)
    for flag in ("workdir", "data_dir"):
        for value in NO_FOLDER:
            yield _case("experiments.stacked_mnist", flag, value, "")


def _case(module: str, flag: str, value: str, told: str | None = None) -> Case:
    words = (module, NO_CACHE, f"--{flag}={value}")
    shown = value if len(value) < 30 else f"{value[:10]}… ({len(value)})"
    name = f"{module.rpartition('.')[2]} --{flag}={shown}"
    return Case("flags", name, words, (flag if told is None else told,))


def _bad(known: Option) -> Iterator[str]:
    if known.kind is bool:
        yield from NO_BOOL
    elif known.choices:
        yield from ("", "x", str(known.choices[0]).upper() + "_", "nan", " ")
    elif known.kind is int:
        yield from NO_WHOLE
        yield from _outside(known)
    elif known.kind is float:
        yield from NO_FLOAT
        yield from _outside(known)


def _outside(known: Option) -> Iterator[str]:
    low = -math.inf if known.lower is None else known.lower
    high = known.upper or (LARGEST if known.kind is int else math.inf)
    step = 1 if known.kind is int else 1e-3
    if math.isfinite(low):
        yield from (str(low - step), str(low - 10**12), "-1" + "0" * 30)
    if math.isfinite(high):
        yield from (str(high + step), str(high + 10**12), "1" + "0" * 30, "9" * 5000)
