"""XLA's flags under which all tests run: most of a test's time is compiling, not computing."""

import importlib.metadata


def flags() -> str:
    """Plain machine code from the older emitters: the same arithmetic, compiled in half the time.

    jaxlib 0.11.2 has no other emitters, and ends the process at a flag that it does not know.
    """
    version = tuple(int(part) for part in importlib.metadata.version("jaxlib").split(".")[:2])
    older = ["--xla_cpu_use_fusion_emitters=false"] if version < (0, 11) else []
    return " ".join(["--xla_backend_optimization_level=0", *older])
