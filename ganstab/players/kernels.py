"""Which parameters of a network are weights, and between how many axes each of them maps."""

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen, nnx

from ganstab.types import Kernel, Player

__all__ = ["linen_kernel", "matrix_shapes", "nnx_kernels"]

_NO_KERNEL = re.compile(
    r"b|g|bias(es)?|beta|gamma|pos|((offset|shift|gain|scale|position)s?)|positional"
)


def matrix_shapes(
    player: Player, params: Any, is_kernel: Callable[[str, jax.Array], bool] | None = None
) -> list[tuple[int, ...] | None]:
    """For each parameter its shape as matrices, `[…, in, out]`, or `None` where it is no kernel.

    Args:
      player: whose `kernels` are known; a parameter that is not among them is a kernel of one
        output axis, the last, if it has two axes or more and is not called a bias, a scale, an
        offset or a position.
      params: the player's.
      is_kernel: `(name, parameter) -> bool`, another choice of the kernels.
    """
    known = {kernel.name: kernel for kernel in player.kernels}
    chosen = is_kernel or (lambda name, leaf: name in known or _called_a_kernel(name, leaf))
    shapes = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        kernel = known.get(name, Kernel(name, jnp.ndim(leaf) - 1, 1))
        shapes.append(_matrix_shape(jnp.shape(leaf), kernel) if chosen(name, leaf) else None)
    return shapes


def _called_a_kernel(name: str, leaf: jax.Array) -> bool:
    words = re.split(r"[^a-z]+", name.rsplit(".", 1)[-1].lower())
    return jnp.ndim(leaf) > 1 and not any(map(_NO_KERNEL.fullmatch, words))


def _matrix_shape(shape: tuple[int, ...], kernel: Kernel) -> tuple[int, ...]:
    if len(shape) < 2:
        raise ValueError(f"parameter {kernel.name} of shape {shape} is no kernel: it has no matrix")
    outputs = len(shape) - kernel.outputs
    inputs = outputs - kernel.inputs
    stacked, last = shape[:inputs], shape[inputs:outputs]
    return (*stacked, math.prod(last), math.prod(shape[outputs:]))


def nnx_kernels(module: nnx.Module) -> Iterator[Kernel]:
    """The kernels of the layers of Flax within an NNX module, by their names in a player."""
    for path, part in nnx.iter_graph(module):
        match part:
            case nnx.Linear():
                axes = "kernel", 1, 1
            case nnx.LinearGeneral():
                axes = "kernel", len(part.in_features), len(part.out_features)
            case nnx.Conv() | nnx.ConvTranspose():
                axes = "kernel", len(part.kernel_size) + 1, 1
            case nnx.Embed():
                axes = "embedding", 1, 1
            case _:
                continue
        yield _named((*path, axes[0]), *axes[1:])


def linen_kernel(layer: linen.Module) -> Iterator[Kernel]:
    """The kernel of a layer of Flax, if it is one, by its name in a player."""
    match layer:
        case linen.Dense() | linen.ConvLocal():
            axes = "kernel", 1, 1
        case linen.DenseGeneral():
            axes = "kernel", _count(layer.axis), _count(layer.features)
        case linen.Conv() | linen.ConvTranspose():
            axes = "kernel", _count(layer.kernel_size) + 1, 1
        case linen.Embed():
            axes = "embedding", 1, 1
        case _:
            return
    yield _named((*layer.path, axes[0]), *axes[1:])


def _count(axes: Any) -> int:
    return 1 if isinstance(axes, int) else len(axes)


def _named(path: tuple, inputs: int, outputs: int) -> Kernel:
    return Kernel(".".join(map(str, path)), inputs, outputs)
