"""Data for two-player games, drawn by index or from a key; there are no iterators.

* Images on hand: `load_mnist` (embedded), `load_idx` (a folder of IDX files), `load_folder` (a
  folder with one sub-folder of PNG or JPEG files a class), `make_images` (a user's own arrays).
  All give `Images`, which `jax.device_put` makes resident.
* Images of any size and mode (`prepare`): a folder or a zip archive, decoded once into an array on
  disk.
* Images fetched from disk by index: `load_tfds` gives a `RandomAccess`.
* Batches of either: a `Sampler` (`single_images`, `stacked_digits`, `colored_digits`) with `draw`
  (resident, jittable) or `fetch_batch` (from disk). The same key gives the same batch.
* Lines of text: `read_lines`, `python_help`; as codes of characters `encode_lines`, `decode_lines`,
  and `one_hot_lines`, a `Sampler`.
* Two-dimensional toys with known modes: `ring`, `grid`, `swiss_roll`.
"""

from ganstab.data.idx import is_idx_folder, load_idx
from ganstab.data.image_folder import class_names, is_image_folder, load_folder
from ganstab.data.images import Images, make_images
from ganstab.data.mnist import load_mnist
from ganstab.data.prepared import Prepared, prepare, typical_side
from ganstab.data.random_access import RandomAccess
from ganstab.data.sampling import (
    Sampler,
    augmentation_key,
    colored_digits,
    colorize,
    draw,
    fetch_batch,
    single_images,
    stacked_digits,
    to_unit_range,
)
from ganstab.data.text import (
    Lines,
    decode_lines,
    encode_lines,
    one_hot_lines,
    python_help,
    read_lines,
)
from ganstab.data.tfds_source import load_tfds
from ganstab.data.toys import (
    WGAN_GP_GRID_SCALE,
    WGAN_GP_RING_SCALE,
    WGAN_GP_SWISS_ROLL_SCALE,
    grid,
    grid_modes,
    ring,
    ring_modes,
    swiss_roll,
)

__all__ = [
    "WGAN_GP_GRID_SCALE",
    "WGAN_GP_RING_SCALE",
    "WGAN_GP_SWISS_ROLL_SCALE",
    "Images",
    "Lines",
    "Prepared",
    "RandomAccess",
    "Sampler",
    "augmentation_key",
    "class_names",
    "colored_digits",
    "colorize",
    "decode_lines",
    "draw",
    "encode_lines",
    "fetch_batch",
    "grid",
    "grid_modes",
    "is_idx_folder",
    "is_image_folder",
    "load_folder",
    "load_idx",
    "load_mnist",
    "load_tfds",
    "make_images",
    "one_hot_lines",
    "prepare",
    "python_help",
    "read_lines",
    "ring",
    "ring_modes",
    "single_images",
    "stacked_digits",
    "swiss_roll",
    "to_unit_range",
    "typical_side",
]
