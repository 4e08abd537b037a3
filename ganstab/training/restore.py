"""A run on disk as its experiment again, at its newest checkpoint."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import inspect
import os
import pathlib
import sys
import traceback
import types
import warnings
from collections.abc import Iterator
from typing import Any

import ganstab
from ganstab import checkpoint
from ganstab.errors import InputError
from ganstab.training import distributed
from ganstab.training import run_folder as files
from ganstab.training.config import RunConfig, reference
from ganstab.training.experiment import Experiment
from ganstab.training.parts import Parts, make_parts
from ganstab.training.train import Build
from ganstab.types import TrainState

__all__ = ["build_of", "call", "config_of", "find", "guarded", "told", "trained"]


HOME = pathlib.Path(ganstab.__file__ or "").parents[1]
TRUSTED = ("experiments", "ganstab")
"""Packages whose programs are imported because a run's folder names them."""
ANYTHING = Exception, SystemExit
"""What code from elsewhere may raise."""


def find(name: str) -> Any:
    """What "module:name" names, in an installed module or one of the current folder.

    Raises:
      InputError: there is no such module, or nothing of that name in it.
    """
    module, _, attribute = name.rpartition(":")
    if not module:
        raise InputError(f"cannot import {name}: it is no MODULE:FUNCTION")
    try:
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())  # where `python -m` looks too
        found: Any = importlib.import_module(module)
    except ANYTHING as error:
        words = f"{error}" if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
        line = f"cannot import {name}: {words}; start from the folder that has it"
        raise InputError(line) from error
    try:
        for part in attribute.split("."):
            found = vars(found)[part]
            if isinstance(found, types.ModuleType):  # what a module imports is none of its own
                raise KeyError(part)
    except (KeyError, TypeError) as error:
        raise InputError(f"{module} has no {attribute!r}") from error
    return found


def call(name: str, *arguments: Any) -> Any:
    """What the function that "module:name" names makes of the arguments.

    Raises:
      InputError: there is no such function, or it failed; see `told`.
    """
    function = _function(name)
    with told(name):
        made = function(*arguments)
    if inspect.iscoroutine(made):
        made.close()  # or Python warns that nobody waited for it
    return made


@contextlib.contextmanager
def told(name: str) -> Iterator[None]:
    """Where the code that the user named fails, an `InputError` that names the place and the error.

    Raises:
      InputError: as above.
    """
    try:
        yield
    except InputError:
        raise
    except ANYTHING as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        at = f"{pathlib.Path(place.filename).name}:{place.lineno}"
        raise InputError(f"{name} failed at {at}: {type(error).__name__}: {error}") from error


def config_of(folder: pathlib.Path, named: str | None = None) -> RunConfig:
    """The settings of the folder's run, as the value they were.

    Args:
      folder: a run's.
      named: the experiment that the user names, whose module may have the class of settings.

    Raises:
      InputError: they cannot be read, or their class cannot be had.
    """
    name = _trusted(folder, files.CLASS, "the class of settings", named)
    found = find(name)
    if not (isinstance(found, type) and issubclass(found, RunConfig)):
        raise InputError(f"{folder / files.CONFIG}: {name} is no class of settings")
    return files.read_config(folder, found)


def build_of(folder: pathlib.Path, named: str | None = None) -> Build:
    """The function that makes the run's experiment of its settings.

    Args:
      folder: a run's.
      named: "module:function" of the user's; by default what the run wrote down, if it is one of
        the package's own programs.

    Raises:
      InputError: it cannot be had.
    """
    if named is not None:
        return _function(named)
    name = _trusted(folder, files.EXPERIMENT, "the experiment")
    found = _function(name)
    # Of what a folder names, nothing is called but what says that it makes an experiment.
    returns = getattr(found, "__annotations__", {}).get("return")
    if returns not in (Experiment, Experiment.__name__):
        raise InputError(f"{name} makes no Experiment: name what does with --experiment")
    return found


def guarded(build: Build, folder: pathlib.Path) -> Build:
    """The same function, which raises `InputError` where it fails or makes no experiment."""

    @functools.wraps(build)
    def make(config: RunConfig) -> Experiment:
        with told(reference(build)):
            made = build(config)
        if not isinstance(made, Experiment):
            raise InputError(f"{folder}: what makes its experiment gave {type(made).__name__}")
        return made

    return make


def trained(
    folder: pathlib.Path, named: str | None = None, step: int | str | None = None
) -> tuple[Parts, TrainState]:
    """The run's experiment, and its state at a checkpoint.

    Args:
      folder: a run's.
      named: "module:function" that makes the experiment, if the user names one.
      step: of the checkpoint, or "best" for that of the best evaluation; the newest sound one by
        default, with a warning of newer ones that are damaged.

    Raises:
      InputError: the experiment cannot be had, or the run has no such checkpoint.
    """
    config = config_of(folder, named)
    experiment = guarded(build_of(folder, named), folder)(config)
    parts = make_parts(experiment, config, distributed.make_mesh())
    at = files.checkpoint_step(folder, step)
    restored = checkpoint.restore(folder / files.CHECKPOINTS, parts.initial(config.seed), at)
    if restored is None:
        raise InputError(f"{folder} has no checkpoint yet, so its networks cannot be looked at")
    for line in restored.damaged:
        warnings.warn(f"{line}; that of step {restored.step:,} is used", stacklevel=2)
    return parts, restored.state


def _is_own(package: str) -> bool:
    """Whether it is the package, or the programs beside it, and not others of their name."""
    spec = importlib.util.find_spec(package) if package in TRUSTED else None
    places = [*(spec.submodule_search_locations or ()), spec.origin] if spec else []
    return any(place and pathlib.Path(place).is_relative_to(HOME) for place in places)


def _function(name: str) -> Any:
    found = find(name)
    if not callable(found):
        raise InputError(f"{name} is no function")
    return found


def _trusted(folder: pathlib.Path, key: str, what: str, named: str | None = None) -> str:
    """The name that the run wrote down, if that is code of the package, or of the user's naming.

    What the user named may have imported the module already, such as one of settings.
    """
    name = files.read_json(folder / files.CONFIG).get(key)
    if not isinstance(name, str) or ":" not in name:
        raise InputError(
            f"{folder / files.CONFIG} does not say what makes {what}: name the function that does "
            "with --experiment=MODULE:FUNCTION"
        )
    module = name.rpartition(":")[0]
    of_user = named is not None and bool(find(named)) and module in sys.modules
    if of_user or _is_own(module.split(".")[0]):
        return name
    raise InputError(
        f"{folder / files.CONFIG} names {name} for {what}, which is code from outside this "
        f"package: if you trust it, say so with --experiment={module}:FUNCTION"
    )
