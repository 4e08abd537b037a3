"""`ganstab train`: a GAN of one's own images, from a folder to samples.

| module | what is in it |
| --- | --- |
| `config` | the settings, and what follows from the images where they are not given |
| `source` | the images: a folder, a zip archive, IDX files, embedded MNIST, TFDS |
| `recipe` | numbers that suit small networks |
| `build` | the experiment: networks, recipe, augmentation, average |
| `evaluation` | what is measured of samples |
"""

from ganstab.image_gan.build import build, recipe_of
from ganstab.image_gan.config import ImageGan
from ganstab.image_gan.source import Source, open_source

__all__ = ["ImageGan", "Source", "build", "open_source", "recipe_of"]
