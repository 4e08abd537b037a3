"""What all tests run under: eight devices, plain machine code, no silent rank promotion."""

import gc
import os

import quick_compile

# Before jax is imported anywhere, or it is too late.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["XLA_FLAGS"] = " ".join(
    (
        quick_compile.flags(),
        os.environ.get("XLA_FLAGS", ""),
        "--xla_force_host_platform_device_count=8",
    )
)

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

jax.config.update("jax_numpy_rank_promotion", "raise")

# jax's caches grow with every test, and each collection of garbage walks them: here it is rare.
gc.set_threshold(100_000, 50, 1_000)

# Few tests, minutes each: begun last, they would leave one of two processes idle at the end.
LONGEST = ("test_distributed.py", "test_stacked_mnist.py", "test_catalogue.py", "test_recipes.py")


def pytest_collection_modifyitems(items):
    """The longest files first."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(autouse=True)
def own_settings():
    """What a command sets for its process ends with the test that called it."""
    name = "jax_compilation_cache_dir"
    before = jax.config.values[name]
    yield
    if jax.config.values[name] != before:
        jax.config.update(name, before)
        compilation_cache.reset_cache()


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


@pytest.fixture
def mesh():
    return jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """The folder of compiled programs that all started programs share, of all test processes."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "xla"
