"""Memory that the C library keeps after its last use."""

import contextlib
import ctypes

__all__ = ["give_back"]


def give_back() -> None:
    """Gives it back to the system where that is glibc: compiling leaves half a gigabyte of it."""
    # Other C libraries have no such function, and some systems no library without a name.
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
