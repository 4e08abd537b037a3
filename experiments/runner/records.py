"""What a result holds: measured numbers beside published or exact ones, and the versions."""

import importlib.metadata
import os
import platform
import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

import ganstab
from experiments.runner import fingerprint
from experiments.runner.machine import visible_cores
from ganstab.reporting.writing import plain


class Published(NamedTuple):
    """A number of a paper, and where it stands."""

    value: float
    standard_error: float | None
    """None where the paper prints none."""
    source: str
    runs: int | None = None
    """Of how many runs it is the mean; None where the paper does not say."""


def measured(
    values: Sequence[float],
    label: str,
    *,
    published: Published | None = None,
    ideal: float | None = None,
    better: str = "higher",
) -> dict[str, Any]:
    """One entry of `result.json`: a number measured with n seeds, and the paper's beside it.

    The standard error is s/√n with the sample standard deviation s (n − 1 below), None for n = 1.

    Args:
      values: one for each seed.
      label: what it is, with its unit, for the report's table.
      published: the paper's value.
      ideal: what a perfect generator would score.
      better: "higher" or "lower".
    """
    values = [float(value) for value in values]
    n = len(values)
    entry = {
        "label": label,
        "values": values,
        "n": n,
        "mean": statistics.fmean(values),
        "standard_error": statistics.stdev(values) / n**0.5 if n > 1 else None,
        "published": published and published._asdict(),
        "ideal": ideal,
        "better": better,
    }
    return plain(entry)


def versions() -> dict[str, str]:
    """What the numbers depend on besides the settings: packages, platform, devices, cores, XLA."""
    packages = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")
    devices = jax.devices()
    return {
        "python": platform.python_version(),
        "ganstab": ganstab.__version__,
        "code": fingerprint.of_code(),
        **{package: _version(package) for package in packages},
        "system": f"{platform.system()} {platform.machine()}",
        "platform": devices[0].platform,
        "device": f"{len(devices)} × {devices[0].device_kind}",
        "cores": str(len(visible_cores())),
        "matmul_precision": jax.config.values["jax_default_matmul_precision"] or "default",
        "xla_flags": os.environ.get("XLA_FLAGS") or "none",
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
