"""An image file of any size and mode as a square of bytes, as a viewer shows it."""

import contextlib
import io

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ganstab.data.image_folder import DAMAGE, FORMATS, pages

__all__ = ["UnusableImageError", "decode_square", "short_side"]


class UnusableImageError(Exception):
    """Why a file cannot be used, in a few words."""


def decode_square(content: bytes, side: int) -> np.ndarray:
    """The centre of an image, as uint8 [side, side, 3].

    The image is turned as its EXIF orientation says, cut to its largest centred square, and resized
    with Lanczos' filter. Grey becomes three equal channels; 16 bits a channel become 8; what is
    transparent is laid on white. Colour profiles are not applied.

    Args:
      content: a file's, in any of the formats that `load_folder` reads.
      side: in pixels.

    Raises:
      UnusableImageError: it is no image, is damaged or cut short, is animated or has several pages,
        has floating-point pixels, or more than 179 million of them.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            return _square(image, side)
    except UnidentifiedImageError as error:
        raise UnusableImageError("no image, or of a format that is not known") from error
    except DAMAGE as error:
        raise UnusableImageError(" ".join(str(error).split()) or type(error).__name__) from error


def short_side(content: bytes) -> int:
    """The smaller of an image's width and height in pixels; the pixels are not decoded.

    Raises:
      UnusableImageError: it is no image.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            return min(image.size)
    except DAMAGE as error:
        raise UnusableImageError(str(error)) from error


def _square(image: Image.Image, side: int) -> np.ndarray:
    frames = pages(image)
    if frames > 1:
        raise UnusableImageError(f"{frames} frames or pages; one is expected")
    image.draft(None, (2 * side, 2 * side))  # a large JPEG is decoded at a fraction of its size
    image.load()
    with contextlib.suppress(*DAMAGE):
        ImageOps.exif_transpose(image, in_place=True)
    colour = _on_white(image)
    width, height = colour.size
    short = min(width, height)
    left, top = (width - short) // 2, (height - short) // 2
    box = (left, top, left + short, top + short)
    return np.asarray(colour.resize((side, side), Image.Resampling.LANCZOS, box))


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise UnusableImageError("floating-point pixels; what is white is not known")
    if image.mode.startswith("I"):
        deep = np.asarray(image).astype(np.int64)
        if deep.min() < 0 or deep.max() > 65535:
            raise UnusableImageError("more than 16 bits a channel")
        return Image.fromarray(((deep + 128) // 257).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
