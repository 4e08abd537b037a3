"""The sizes and widths that `images` is asked for."""

from ganstab._checks import check_count
from ganstab.networks.convolution import Size
from ganstab.types import Pair

Width = int | Pair


def checked_size(size: int | Size) -> Size:
    """Height and width.

    Raises:
      ValueError: unless both are whole numbers of at least 7.
    """
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2 or not all(isinstance(side, int) and side >= 7 for side in sides):
        raise ValueError(f"size must be 7 pixels or more, or two such sides, got {size}")
    return sides


def halved(size: int | Size) -> list[Size]:
    """The image's height and width and their halves, rounded up, until one is under 7."""
    sides = [checked_size(size)]
    while min(sides[-1]) >= 7:
        height, width = sides[-1]
        sides.append((-(-height // 2), -(-width // 2)))
    return sides


def both(width: Width) -> Pair:
    """The width of each network.

    Raises:
      ValueError: unless each is a whole number from 1 on.
    """
    width = width if isinstance(width, Pair) else Pair(width, width)
    for number in width:
        check_count("width", number)
    return width
