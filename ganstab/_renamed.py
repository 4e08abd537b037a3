"""Modules that had another name before: an old name gives the very module that has the new one."""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

NEW_NAMES = {
    "ganstab.averaging": "ganstab.players.ema",
    "ganstab.faults": "ganstab.nan_blame",
    "ganstab.inference": "ganstab.gan_inversion",
    "ganstab.moves": "ganstab.steps",
    "ganstab.networks.convolution.narrow": "ganstab.networks.convolution.batch_minor",
    "ganstab.networks.convolution.wide": "ganstab.networks.convolution.im2col",
    "ganstab.networks.convolution.xla": "ganstab.networks.convolution.batch_major",
    "ganstab.output": "ganstab.reporting",
    "ganstab.players.groups": "ganstab.players",
}


class _Renamed(MetaPathFinder, Loader):
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(name, self) if _new_name(name) else None

    def exec_module(self, module: ModuleType) -> None:
        # What the import system hands out is what then stands in its table.
        sys.modules[module.__name__] = importlib.import_module(_new_name(module.__name__))


def _new_name(name: str) -> str:
    """The present name of a module or of one within it; empty where it was not renamed."""
    for old, new in NEW_NAMES.items():
        if name == old or name.startswith(f"{old}."):
            return new + name.removeprefix(old)
    return ""


def install() -> None:
    """Lets `import` find modules by their old names, before it looks for files."""
    if not any(isinstance(finder, _Renamed) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Renamed())
