"""The kinds of cases, by name."""

import importlib
import sys

from . import commands, data, doctor, flags, fuzz, image_gan, of_runs, places, runs, tables

KINDS = {
    "flags": flags.cases,
    "commands": commands.cases,
    "tables": tables.cases,
    "configs": runs.configs,
    "runs": runs.side_files,
    "checkpoints": runs.checkpoints,
    "looks": runs.looks,
    "data": data.cases,
    "classifier": data.classifier,
    "places": places.cases,
    "doctor": doctor.cases,
    "code": doctor.code,
    "figures": places.figures,
    "fuzz": fuzz.cases,
    "train": image_gan.cases,
    "sample": of_runs.sample,
    "metrics": of_runs.metrics,
    "convert": of_runs.convert,
}

PROGRAMS = (
    *(f"experiments.{name}" for name in flags.PROGRAMS),
    "experiments.train_digit_classifier", "experiments.train_cifar_classifier", "ganstab.__main__", "ganstab.training.__main__",
    "ganstab.doctor.__main__", "ganstab.training.compare", "ganstab.tables.sweep",
    "docs.gallery.runner", "ganstab.image_gan.sample_command", "ganstab.metrics.__main__", "tensorflow_datasets", "distributed", "tensorboardX", "tiny_run",
    "ring_experiment",
)  # fmt: skip


def import_programs() -> None:
    """All that cases start, so that a child finds it there; no device may be touched by that."""
    for name in PROGRAMS:
        importlib.import_module(name)
    from jax._src import xla_bridge

    from docs.gallery import ALL

    for name in ALL:
        importlib.import_module(f"docs.gallery.{name}")
    for name in ("rnn_mnist", "train_digit_classifier", "train_cifar_classifier"):
        sys.modules.pop(f"experiments.{name}")
    assert not xla_bridge._backends, "importing the programs has started jax's backend"
