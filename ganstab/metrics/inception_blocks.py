"""The layers of the FID Inception network as data.

Of them the module is built (`ganstab.metrics.inception`), and the names that the weights have in
others' files (`ganstab.metrics.inception_names`). The names of layers are those of torchvision.
"""

from typing import Any, NamedTuple

__all__ = ["BLOCKS", "STEM", "Block", "Chain", "Fork", "Layer", "side_by_side"]


class Layer(NamedTuple):
    """A convolution without bias, batch norm with ε = 0.001, ReLU."""

    name: str
    features: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: str = "SAME"


Fork = tuple[Layer, ...]
"""Layers that see the same input; their outputs are put together as channels."""
Chain = tuple[Layer | Fork, ...]
"""What is applied one after the other."""


class Block(NamedTuple):
    """Branches of one input side by side, their outputs joined along the channels."""

    name: str
    chains: tuple[Chain, ...]
    """Layers one after another; where there are several in one place, side by side."""
    pool: str
    """What the last branch begins with: "mean" or "max" of stride 1, or "max of stride 2"."""
    pooled: Layer | None
    """The layer behind the pool."""


def side_by_side(part: Layer | Fork) -> Fork:
    """The layers in one place of a chain."""
    return (part,) if isinstance(part, Layer) else part


STEM = (
    Layer("Conv2d_1a_3x3", 32, (3, 3), 2, "VALID"),
    Layer("Conv2d_2a_3x3", 32, (3, 3), 1, "VALID"),
    Layer("Conv2d_2b_3x3", 64, (3, 3)),
    Layer("Conv2d_3b_1x1", 80),
    Layer("Conv2d_4a_3x3", 192, (3, 3), 1, "VALID"),
)
"""The layers in front of the blocks."""


def _chain(name: str, *layers: Any) -> Chain:
    """Layers that are numbered behind the name; a list is a fork, lettered as well."""
    parts: list[Layer | Fork] = []
    for place, layer in enumerate(layers, 1):
        if isinstance(layer, list):
            forked = zip("ab", layer, strict=True)
            parts.append(tuple(Layer(f"{name}_{place}{mark}", *each) for mark, each in forked))
        else:
            parts.append(Layer(f"{name}_{place}", *layer))
    return tuple(parts)


def _a(name: str, pooled: int) -> Block:
    return Block(
        name,
        (
            (Layer("branch1x1", 64),),
            _chain("branch5x5", (48,), (64, (5, 5))),
            _chain("branch3x3dbl", (64,), (96, (3, 3)), (96, (3, 3))),
        ),
        "mean",
        Layer("branch_pool", pooled),
    )


def _b(name: str) -> Block:
    narrowing = (96, (3, 3), 2, "VALID")
    return Block(
        name,
        (
            (Layer("branch3x3", 384, (3, 3), 2, "VALID"),),
            _chain("branch3x3dbl", (64,), (96, (3, 3)), narrowing),
        ),
        "max of stride 2",
        None,
    )


def _c(name: str, width: int) -> Block:
    wide, tall = (1, 7), (7, 1)
    back_and_forth = ((width,), (width, tall), (width, wide), (width, tall), (192, wide))
    return Block(
        name,
        (
            (Layer("branch1x1", 192),),
            _chain("branch7x7", (width,), (width, wide), (192, tall)),
            _chain("branch7x7dbl", *back_and_forth),
        ),
        "mean",
        Layer("branch_pool", 192),
    )


def _d(name: str) -> Block:
    return Block(
        name,
        (
            _chain("branch3x3", (192,), (320, (3, 3), 2, "VALID")),
            _chain("branch7x7x3", (192,), (192, (1, 7)), (192, (7, 1)), (192, (3, 3), 2, "VALID")),
        ),
        "max of stride 2",
        None,
    )


def _e(name: str, pool: str) -> Block:
    fork = [(384, (1, 3)), (384, (3, 1))]
    return Block(
        name,
        (
            (Layer("branch1x1", 320),),
            _chain("branch3x3", (384,), fork),
            _chain("branch3x3dbl", (448,), (384, (3, 3)), fork),
        ),
        pool,
        Layer("branch_pool", 192),
    )


BLOCKS = (
    _a("Mixed_5b", 32),
    _a("Mixed_5c", 64),
    _a("Mixed_5d", 64),
    _b("Mixed_6a"),
    _c("Mixed_6b", 128),
    _c("Mixed_6c", 160),
    _c("Mixed_6d", 160),
    _c("Mixed_6e", 192),
    _d("Mixed_7a"),
    _e("Mixed_7b", "mean"),
    _e("Mixed_7c", "max"),
)
"""The Inception blocks, from the first to the last."""
