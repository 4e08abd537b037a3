"""What a layout offers, and the padding that all of them share."""

from collections.abc import Callable
from typing import NamedTuple

from jax import Array

__all__ = ["Convolutions", "same", "same_padding", "transpose_padding"]

Size = tuple[int, int]
"""Height and width, in pixels."""


class Convolutions(NamedTuple):
    """The operations of one layout.

    Attributes:
      conv: (x, kernel, stride) -> y, images in the layout.
      first_conv: `conv` of images [N, H, W, C] on their way into the layout.
      conv_transpose: (x, kernel, stride, size) -> y of height and width `size`.
      to_internal: [N, H, W, C] -> the layout.
      from_internal: the layout -> [N, H, W, C].
      channel_axis: where the layout has its channels.
    """

    conv: Callable[[Array, Array, int], Array]
    first_conv: Callable[[Array, Array, int], Array]
    conv_transpose: Callable[[Array, Array, int, Size], Array]
    to_internal: Callable[[Array], Array]
    from_internal: Callable[[Array], Array]
    channel_axis: int


def same(x: Array) -> Array:
    """The images themselves: of a layout that is [N, H, W, C]."""
    return x


def same_padding(size: int, kernel: int, stride: int) -> Size:
    """Zeros before and after `size` pixels that give ceil(size / stride) windows."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def transpose_padding(small: int, size: int, kernel: int, stride: int) -> Size:
    """Zeros around `small` dilated pixels of which `kernel` wide windows make `size` pixels."""
    if -(-size // stride) != small:
        raise ValueError(
            f"conv_transpose of {small} pixels with stride {stride} gives "
            f"{(small - 1) * stride + 1} to {small * stride} pixels, not {size}"
        )
    low = kernel - 1 - same_padding(size, kernel, stride)[0]
    return low, size + kernel - 2 - (small - 1) * stride - low
