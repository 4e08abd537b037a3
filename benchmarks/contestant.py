"""What every contestant of `unroll.py` is to a worker process."""

from collections.abc import Callable
from typing import NamedTuple

POOL = 4
"""How many random batches a contestant takes in turn."""


class Contestant(NamedTuple):
    """A training step made ready.

    Attributes:
        run: `(count) -> None`, that many steps, all finished on return.
        temp_bytes: temporary memory of the compiled step, where there is a compiler to ask.
        disc_bytes: one discriminator's parameters, Adam state and running means, likewise.
    """

    run: Callable[[int], None]
    temp_bytes: int | None = None
    disc_bytes: int | None = None
