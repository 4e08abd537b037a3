"""What `import ganstab` gives: every public module, each with a documented list of its names."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
import types

import pytest

import ganstab
from ganstab._renamed import NEW_NAMES


def modules(package, prefix):
    """The public modules of a package, and those within them."""
    for found in pkgutil.iter_modules(package.__path__, prefix):
        last = found.name.rsplit(".", 1)[1]
        if last.startswith("_"):
            continue
        yield found.name
        if found.ispkg:
            yield from modules(importlib.import_module(found.name), f"{found.name}.")


PUBLIC = list(modules(ganstab, "ganstab."))


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_module_lists_its_names_and_each_has_a_docstring(name):
    module = importlib.import_module(name)
    assert module.__doc__ and module.__all__, name
    assert len(set(module.__all__)) == len(module.__all__)
    for entry in module.__all__:
        value = getattr(module, entry)
        if inspect.isfunction(value) or inspect.isclass(value):
            assert inspect.getdoc(value), f"{name}.{entry} has no docstring"


@pytest.mark.parametrize("name", [name for name in PUBLIC if name.count(".") == 1])
def test_import_ganstab_gives_the_module(name):
    short = name.removeprefix("ganstab.")
    assert getattr(ganstab, short) is importlib.import_module(name)
    assert short in ganstab.__all__ and short in dir(ganstab)


def test_import_ganstab_loads_nothing_and_gives_every_name_it_lists():
    program = (
        "import sys, ganstab; assert 'jax' not in sys.modules; "
        "[getattr(ganstab, name) for name in ganstab.__all__]; "
        "assert ganstab.make_game is ganstab.game.make_game; ganstab.losses.hinge"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    with pytest.raises(AttributeError, match="no attribute 'critics'"):
        _ = ganstab.critics


@pytest.mark.parametrize(("old", "new"), NEW_NAMES.items())
def test_an_old_name_gives_the_same_module(old, new):
    assert importlib.import_module(old) is importlib.import_module(new)
    assert isinstance(sys.modules[old], types.ModuleType)
    assert sys.modules[old].__spec__.name == new


def test_a_module_within_a_renamed_one_is_the_same_too():
    new = importlib.import_module("ganstab.reporting.writing")
    assert importlib.import_module("ganstab.output.writing") is new
    with pytest.raises(ModuleNotFoundError, match=r"ganstab\.reporting\.nothing"):
        importlib.import_module("ganstab.output.nothing")
