"""How much of the data a generator covers: counted modes, divergences, distances, colours.

* Labels: `class_histogram`, `count_modes`, `kl_to_uniform` and its floor.
* Points of a known mixture: `mixture_coverage`.
* Two histograms or densities: `js_divergence`; two samples: `js_divergence_of_samples`, and its
  floor.
* Images: `pairwise_distances`, `foreground_colors`.

Metrics of labels, of mixtures and of histograms run on the host in float64, on concrete values,
since they check them; give them what `jax.device_get` returns. Those of samples compute on the
device, and check concrete values too. Those of images are jittable.
Divergences are in nats, and 0 log 0 is 0.
"""

from ganstab.metrics.colors import foreground_colors
from ganstab.metrics.densities import js_divergence_of_samples, js_floor_of_samples
from ganstab.metrics.distances import pairwise_distances
from ganstab.metrics.divergences import js_divergence
from ganstab.metrics.labels import class_histogram, count_modes, kl_floor, kl_to_uniform
from ganstab.metrics.mixtures import Coverage, mixture_coverage

__all__ = [
    "Coverage",
    "class_histogram",
    "count_modes",
    "foreground_colors",
    "js_divergence",
    "js_divergence_of_samples",
    "js_floor_of_samples",
    "kl_floor",
    "kl_to_uniform",
    "mixture_coverage",
    "pairwise_distances",
]
