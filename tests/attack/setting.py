"""What children find: quick compiling, one cache of compiled programs, every program imported."""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).parents[2]
PATH = [str(ROOT), str(ROOT / "tests" / "helpers")]
sys.path[1:1] = PATH

import quick_compile  # noqa: E402

os.environ |= {
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": quick_compile.flags(),
    "NPROC": "2",
    "PYTHONPATH": os.pathsep.join(PATH),
}


def prepare(cache: pathlib.Path) -> None:
    """Imports the programs; most of a short run is compiling, which is done once.

    `--compilation_cache=` leaves these settings as they are.
    """
    os.environ |= {
        "XDG_CACHE_HOME": str(cache.parent),
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    from .kinds import import_programs

    import_programs()
