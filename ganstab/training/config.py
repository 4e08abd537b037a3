"""A run's settings as one frozen value, which its folder keeps as `config.json`.

A program's settings are a frozen dataclass derived from `RunConfig`, whose fields are `option`s: a
default, help with units, and what is allowed. Command-line flags are made of them once
(`ganstab.training.cli`); tables, the doctor and every other reader build the value again from
`config.json`.
"""

import dataclasses
import math
import pathlib
import re
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

__all__ = ["Option", "RunConfig", "differences", "from_mapping", "option", "options", "reference"]

LARGEST = 2**31 - 1
_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
_METADATA = "option"


@dataclasses.dataclass(frozen=True)
class Option:
    """What is known of a setting beside its value."""

    help: str
    """What it is, with its unit, for `--help`."""
    lower: float | None = None
    """The least value that is allowed."""
    upper: float | None = None
    choices: Sequence[Any] | None = None
    """All values that are allowed."""
    decides: bool = True
    """Whether it decides the run's numbers. One that does not may change when a run goes on."""
    flag: bool = True
    """Whether there is a command-line flag for it."""
    name: str = ""
    kind: Any = object
    default: Any = None
    optional: bool = False
    """Whether None is allowed."""

    def read(self, value: Any) -> Any:
        """The value, an integer as a float where a float is asked for.

        Raises:
          ValueError: it is of another kind, or not allowed.
        """
        if value is None and self.optional:
            return None
        if self.kind is float and type(value) is int:
            value = float(value)
        if type(value) is not self.kind:
            raise ValueError(f"{self.name} must be {_KINDS[self.kind]}, got {value!r}")
        if self.choices is not None and value not in self.choices:
            raise ValueError(f"{self.name} must be one of {list(self.choices)}, got {value!r}")
        low, high = self._limits()
        if self.kind in (int, float) and not (math.isfinite(value) and low <= value <= high):
            raise ValueError(f"{self.name} must be {self._allowed()}, got {value}")
        return value

    def describe(self) -> str:
        """Its default and what is allowed, e.g. "(default 64; from 1 to 1,000)"."""
        words = [] if self.default in (None, (), "") else [f"default {self.default}"]
        if self.choices is not None:
            words.append(f"one of {', '.join(map(str, self.choices))}")
        elif self.lower is not None or self.upper is not None:
            words.append(self._allowed())
        return f"({'; '.join(words)})" if words else ""

    def _limits(self) -> tuple[float, float]:
        largest = LARGEST if self.kind is int else math.inf
        low = -math.inf if self.lower is None else self.lower
        return low, largest if self.upper is None else self.upper

    def _allowed(self) -> str:
        low, high = self._limits()
        if math.isinf(high):
            return "a number" if math.isinf(low) else f"{low:g} or more"
        most = f"{high:,.10g}"
        return f"at most {most}" if math.isinf(low) else f"from {low:,.10g} to {most}"


def option(default: Any, help: str, **known: Any) -> Any:
    """A field of a `RunConfig`.

    A derived class that wants another default writes `name: type = default`; the rest is inherited.

    Args:
      default: its value where none is given.
      help: what it is, with its unit, for `--help`.
      **known: `lower`, `upper`, `choices`, `decides` and `flag`, see `Option`.
    """
    return dataclasses.field(default=default, metadata={_METADATA: Option(help, **known)})


def options(config: type) -> dict[str, Option]:
    """The options of a class of settings, by name, in the order of its fields."""
    hints = typing.get_type_hints(config)
    found = {}
    for field in dataclasses.fields(config):
        # What a field does not say itself it has from the class that declared it.
        own = (vars(base).get("__dataclass_fields__", {}) for base in config.__mro__)
        declared = (fields[field.name].metadata for fields in own if field.name in fields)
        known = next((each[_METADATA] for each in declared if _METADATA in each), Option(""))
        kinds = typing.get_args(hints[field.name]) or (hints[field.name],)
        found[field.name] = dataclasses.replace(
            known,
            name=field.name,
            kind=next(kind for kind in kinds if kind is not types.NoneType),
            default=field.default,
            optional=types.NoneType in kinds,
        )
    return found


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The settings that every run has.

    Raises:
      ValueError: a setting is of the wrong kind or not allowed; the line names it.
    """

    command: ClassVar[Sequence[str]] = ()
    """The words that start the program, if these are not `python -m MODULE`."""

    num_steps: int = option(
        10_000,
        "Training steps; one step updates each player, as often as the recipe says.",
        lower=1,
        upper=10**9 - 1,
        decides=False,
    )
    batch_size: int = option(64, "Samples in a minibatch.", lower=1, upper=2**24)
    accumulate: int = option(
        1,
        "Parts in which the networks see a minibatch, one after the other, to need less memory; "
        "a divisor of batch_size. The steps are those of the whole minibatch.",
        lower=1,
        upper=2**24,
    )
    seed: int = option(0, "Everything random follows from it.", lower=0, upper=2**32 - 1)
    eval_every: int = option(1000, "Steps between evaluations and sample grids.", lower=1)
    checkpoint_every: int = option(500, "Steps between checkpoints.", lower=1, decides=False)
    log_every: int = option(
        20,
        "Steps between rows of metrics.jsonl, and between checks for Ctrl-C and SIGTERM.",
        lower=1,
        upper=2**20,
    )

    def __post_init__(self) -> None:
        """Reads every field through its `Option`, then calls `check`."""
        for known in options(type(self)).values():
            object.__setattr__(self, known.name, known.read(getattr(self, known.name)))
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"accumulate must divide batch_size={self.batch_size}, got {self.accumulate}"
            )
        self.check()

    def check(self) -> None:
        """What a derived class asks of several settings together; raises ValueError."""

    def replace(self, **changes: Any) -> Self:
        """The same settings but for these."""
        return dataclasses.replace(self, **changes)

    def run_name(self) -> str:
        """The default name of the run's folder."""
        words = re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()
        return f"{words}_seed{self.seed}"

    def fingerprinted(self) -> Self:
        """The same with what its files decide written down, such as a hash of the data."""
        return self

    def unused(self) -> Sequence[str]:
        """Settings that mean nothing beside the others, which no label of this run names."""
        return ()

    def has_papers_data(self) -> bool:
        """Whether the data are the program's own, which a paper's numbers can stand beside."""
        return True

    def views(self) -> Sequence[Any]:
        """How samples are drawn (`samples.View`); none for what their shape suggests."""
        return ()

    def compare_runs(
        self, runs: Sequence[tuple[str, pathlib.Path, "RunConfig"]], path: pathlib.Path
    ) -> list[str] | None:
        """A comparison of the program's own for `ganstab compare`; None for the common one.

        Args:
          runs: a label, the folder and the settings of each.
          path: the PNG to write.
        """
        return None


C = typing.TypeVar("C", bound=RunConfig)


def from_mapping(config: type[C], values: Mapping[str, Any]) -> C:
    """The settings that a mapping, such as that of `config.json`, has; the rest are defaults.

    Raises:
      ValueError: a setting is unknown, of the wrong kind or not allowed; all such are named.
    """
    known = options(config)
    wrong = [f"{name} is unknown" for name in sorted(values.keys() - known.keys())]
    for name in known.keys() & values.keys():
        try:
            known[name].read(values[name])
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        raise ValueError("; ".join(sorted(wrong)))
    return config(**values)


def differences(before: RunConfig, now: RunConfig) -> list[str]:
    """Each setting that decides numbers and differs, e.g. ["batch_size: was 16, now 32"]."""
    if type(before) is not type(now):
        return [f"the program: was {type(before).__name__}, now {type(now).__name__}"]
    return [
        f"{name}: was {getattr(before, name)!r}, now {getattr(now, name)!r}"
        for name, known in options(type(now)).items()
        if known.decides and getattr(before, name) != getattr(now, name)
    ]


def reference(thing: Any) -> str:
    """The name by which a function or class can be imported again: "module:name"."""
    module = thing.__module__
    if module == "__main__":  # the program that was started has another name for who imports it
        program = vars(sys.modules["__main__"])
        spec, path = program.get("__spec__"), program.get("__file__")
        module = spec.name if spec else pathlib.Path(path or module).stem
    return f"{module.removesuffix('.__main__')}:{thing.__qualname__}"
