"""What `players.from_nnx` takes."""

from collections.abc import Callable
from typing import Any

from flax import nnx

Builder = Callable[[nnx.Rngs], nnx.Module]


def builder(module: Callable[..., nnx.Module], *arguments: Any, **settings: Any) -> Builder:
    """`(rngs) -> module(*arguments, rngs=rngs, **settings)`."""
    return lambda rngs: module(*arguments, rngs=rngs, **settings)
