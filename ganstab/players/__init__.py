"""Players, and wrappers Player → Player.

`modules` makes players out of Flax networks; every other module holds wrappers, which take a
player and return one, so that they nest in any order.
"""

from ganstab.players.anchors import Anchored, anchored
from ganstab.players.augmentation import (
    AdaptivelyAugmented,
    adaptively_augmented,
    augmented,
    color,
    cutout,
    mirror,
    translation,
)
from ganstab.players.ema import Averaged, averaged
from ganstab.players.ensemble import ensemble
from ganstab.players.extension import extended, extension_of
from ganstab.players.modules import from_linen, from_nnx
from ganstab.players.multiplier import Multiplied, multiplied
from ganstab.players.noise import instance_noise
from ganstab.players.pacgan import packed
from ganstab.players.precision import computed_in
from ganstab.players.reference import reference_batch
from ganstab.players.spectral import spectral_norm

__all__ = [
    "AdaptivelyAugmented",
    "Anchored",
    "Averaged",
    "Multiplied",
    "adaptively_augmented",
    "anchored",
    "augmented",
    "averaged",
    "color",
    "computed_in",
    "cutout",
    "ensemble",
    "extended",
    "extension_of",
    "from_linen",
    "from_nnx",
    "instance_noise",
    "mirror",
    "multiplied",
    "packed",
    "reference_batch",
    "spectral_norm",
    "translation",
]
