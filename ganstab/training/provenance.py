"""What numbers depend on beside settings: the data's files, the code, the versions, the command."""

import functools
import hashlib
import importlib.metadata
import os
import pathlib
import platform
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax

import ganstab
from ganstab.errors import InputError
from ganstab.training.config import RunConfig, options, reference

__all__ = [
    "command_line",
    "command_of",
    "of_code",
    "of_data",
    "of_run",
    "software",
    "versions",
    "visible_cores",
]

MANY = 64
"""Files up to which a folder of data is read whole: IDX files of other images may be as large."""
DIGITS = 12
NUMERICS = (
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_default_prng_impl",
    "jax_threefry_partitionable",
    "jax_random_seed_offset",
    "jax_numpy_dtype_promotion",
)
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def of_data(folder: pathlib.Path) -> str:
    """The folder's files by name and content, or, if there are many, by name and size.

    Neither the folder's own name nor where it lies has a part in it, nor hidden files, nor the
    folders of runs and tables that lie within it.

    Raises:
      InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"--data_dir={folder} is no folder: name one with images")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    runs = {path.parent for path in files if path.name == "config.json"} - {folder}
    files = [
        path
        for path in files
        if runs.isdisjoint(path.parents)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if len(files) <= MANY:
        return _digest(folder, files)
    sizes = b"\n".join(_name(folder, path) + b" %d" % path.stat().st_size for path in files)
    return hashlib.sha256(sizes).hexdigest()[:DIGITS]


@functools.cache
def of_code() -> str:
    """The package `ganstab` whole, its data included, and the program's own package if any."""
    roots = [pathlib.Path(str(ganstab.__file__)).parent]
    program = sys.modules.get("experiments")
    if program is not None:
        roots += [pathlib.Path(path) for path in program.__path__]
    return "+".join(
        _digest(root, (p for p in files if p.is_file() and "__pycache__" not in p.parts))
        for root, files in ((root, sorted(root.rglob("*"))) for root in roots)
    )


def of_run(configs: Sequence[RunConfig], experiment: str | None) -> dict[str, Any]:
    """All that has to be the same on every process that trains the runs.

    Args:
      configs: the settings of each run, which differ in their seed alone.
      experiment: the name of the function that makes the experiment, if one does.
    """
    return {
        "program": experiment or "",
        "settings": reference(type(configs[0])),
        **vars(configs[0]),
        "population": len(configs),
        **{name: jax.config.values[name] for name in NUMERICS},
    }


def software() -> dict[str, str]:
    """The versions of packages and the hash of the code."""
    packages = {package: _version(package) for package in PACKAGES}
    return {"ganstab": ganstab.__version__, "code": of_code(), **packages}


def versions() -> dict[str, str]:
    """Software, platform, devices, cores and XLA's flags."""
    devices = jax.devices()
    return {
        "python": platform.python_version(),
        **software(),
        "system": f"{platform.system()} {platform.machine()}",
        "platform": devices[0].platform,
        "device": f"{len(devices)} × {devices[0].device_kind}",
        "cores": str(len(visible_cores())),
        "matmul_precision": jax.config.values["jax_default_matmul_precision"] or "default",
        "xla_flags": os.environ.get("XLA_FLAGS") or "none",
    }


def command_line() -> str:
    """The command that this process was started with."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    program = ["-m", spec.name.removesuffix(".__main__")] if spec else sys.argv[:1]
    return shlex.join(["python", *program, *sys.argv[1:]])


def command_of(build: Callable, config: RunConfig, folder: pathlib.Path | None) -> str:
    """A command that trains the run, or goes on with it, in this folder or the default one."""
    name = reference(build)
    program = name.partition(":")[0]
    start = config.command or ("python", "-m", program)
    if not (config.command or program.startswith("experiments.")):
        run = os.fspath(folder or pathlib.Path("runs", config.run_name()))
        return shlex.join(["python", "-m", "ganstab.training", run, f"--experiment={name}"])
    words = [
        f"--{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, known in options(type(config)).items()
        if known.flag and (value := vars(config)[name]) != known.default
    ]
    place = [] if folder is None else [f"--workdir={folder}"]
    return shlex.join([*start, *words, *place])


def visible_cores() -> list[int]:
    """The cores that this process may use, or all where the system cannot tell."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _name(root: pathlib.Path, path: pathlib.Path) -> bytes:
    """As the disk has it, which need not be UTF-8."""
    return os.fsencode(path.relative_to(root))


def _digest(root: pathlib.Path, files: Iterable[pathlib.Path]) -> str:
    found = hashlib.sha256()
    for path in files:
        found.update(_name(root, path) + b"\n")
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:DIGITS]
