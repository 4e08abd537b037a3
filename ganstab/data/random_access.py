"""Images that stay where they are until some of them are asked for by index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganstab.data.images import Images, make_images
from ganstab.errors import InputError

__all__ = ["RandomAccess"]


@dataclass(frozen=True)
class RandomAccess:
    """Labelled images fetched by index; nothing ever iterates over the whole.

    Attributes:
      records: `records[i]` is a mapping with `image` uint8 [H, W] or [H, W, C] and, perhaps,
        `label`, an integer from 0, or −1 for none.
      name: what error messages call the source.
    """

    records: Sequence[Mapping[str, Any]]
    name: str = "the data"

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.records)

    def fetch(self, indices: np.ndarray) -> Images:
        """The images of these indices, in their order, as uint8 [n, H, W, C] and int32 [n].

        Raises:
          ValueError: there is no index, or one is out of range.
          InputError: images are absent, not uint8 or of different shapes, or `make_images`
            refuses a label.
        """
        wanted = [int(i) for i in np.asarray(indices).ravel()]
        if not wanted or min(wanted) < 0 or max(wanted) >= len(self):
            raise ValueError(
                f"{self.name}: indices must be one or more in 0 … {len(self) - 1}, "
                f"not {min(wanted, default=None)} … {max(wanted, default=None)}"
            )
        records = self._get(wanted)
        images = self._stack(records)
        labels = [np.asarray(record.get("label", 0)) for record in records]
        if any(label.ndim for label in labels):
            raise InputError(f"{self.name}: the label of an image must be one integer")
        try:
            return make_images(images, np.stack(labels))
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from error

    def _get(self, wanted: list[int]) -> list[Mapping[str, Any]]:
        # One call for the batch lets a reader of files fetch in parallel.
        batched = getattr(self.records, "__getitems__", None)
        return list(batched(wanted)) if batched else [self.records[i] for i in wanted]

    def _stack(self, records: list[Mapping[str, Any]]) -> np.ndarray:
        if any("image" not in record for record in records):
            raise InputError(f"{self.name}: no feature 'image', only {', '.join(records[0])}")
        images = [np.asarray(record["image"]) for record in records]
        shapes = sorted({image.shape for image in images})
        if len(shapes) > 1:
            raise InputError(
                f"{self.name}: all images must have one shape, not {shapes[0]} and {shapes[-1]}"
            )
        return np.stack(images)
