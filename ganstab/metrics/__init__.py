"""How close generated samples are to the data: covered modes, divergences, distances of images.

* Labels: `class_histogram`, `count_modes`, `kl_to_uniform` and its floor.
* Points of a known mixture: `mixture_coverage`.
* Two histograms or densities: `js_divergence`; two samples: `js_divergence_of_samples`, and its
  floor.
* Lines of text: `ngram_js`, in bits, and its floor.
* Images: `pairwise_distances`, `foreground_colors`, `sliced_wasserstein_distance`,
  `digit_frechet_distance`.
* Images of 32 × 32 pixels: `classifier_score`, the Inception score's formula with the package's own
  classifier of CIFAR-10.
* Features of images: `fid`, `kid`, `inception_score`, `precision_recall`, `density_coverage`, each
  with the number of images behind it. `load_inception` gives the network that defines FID, with a
  user's file of weights; `feature_statistics`, `merge_statistics` and `statistics_of_stream` keep
  what FID needs of features, over batches, devices and processes.
* Two sets of images, in batches: `open_images`, `array_source`, `sample_source` and `data_source`
  of a run, or an `ImageSource` of one's own; and `evaluate`, which the command `ganstab metrics`
  runs.

Metrics of labels, of mixtures, of histograms, of text and of features run on the host in float64,
on concrete values, since they check them; give them what `jax.device_get` returns. Those of samples
compute on the device, and check concrete values too. `pairwise_distances`, `foreground_colors`,
`feature_statistics` and `merge_statistics` are jittable. Divergences but those of text are in nats,
and 0 log 0 is 0.
"""

from ganstab.metrics.classifier import classifier_score, classifier_score_name
from ganstab.metrics.colors import foreground_colors
from ganstab.metrics.densities import js_divergence_of_samples, js_floor_of_samples
from ganstab.metrics.digits import digit_frechet_distance
from ganstab.metrics.distances import pairwise_distances
from ganstab.metrics.divergences import js_divergence
from ganstab.metrics.evaluation import evaluate
from ganstab.metrics.frechet import FrechetDistance, fid, frechet_distance
from ganstab.metrics.inception_weights import Inception, load_inception
from ganstab.metrics.kernel import KernelDistance, kid
from ganstab.metrics.labels import class_histogram, count_modes, kl_floor, kl_to_uniform
from ganstab.metrics.mixtures import Coverage, mixture_coverage
from ganstab.metrics.neighbours import (
    DensityCoverage,
    PrecisionRecall,
    density_coverage,
    precision_recall,
)
from ganstab.metrics.ngrams import ngram_js, ngram_js_floor
from ganstab.metrics.reference import images_digest, load_statistics, save_statistics
from ganstab.metrics.run_sources import data_source, sample_source
from ganstab.metrics.score import InceptionScore, inception_score
from ganstab.metrics.sliced_wasserstein import SlicedWasserstein, sliced_wasserstein_distance
from ganstab.metrics.sources import ImageSource, array_source, open_images
from ganstab.metrics.statistics import (
    FeatureStatistics,
    feature_statistics,
    merge_over_processes,
    merge_statistics,
    statistics_of_stream,
)

__all__ = [
    "Coverage",
    "DensityCoverage",
    "FeatureStatistics",
    "FrechetDistance",
    "ImageSource",
    "Inception",
    "InceptionScore",
    "KernelDistance",
    "PrecisionRecall",
    "SlicedWasserstein",
    "array_source",
    "class_histogram",
    "classifier_score",
    "classifier_score_name",
    "count_modes",
    "data_source",
    "density_coverage",
    "digit_frechet_distance",
    "evaluate",
    "feature_statistics",
    "fid",
    "foreground_colors",
    "frechet_distance",
    "images_digest",
    "inception_score",
    "js_divergence",
    "js_divergence_of_samples",
    "js_floor_of_samples",
    "kid",
    "kl_floor",
    "kl_to_uniform",
    "load_inception",
    "load_statistics",
    "merge_over_processes",
    "merge_statistics",
    "mixture_coverage",
    "ngram_js",
    "ngram_js_floor",
    "open_images",
    "pairwise_distances",
    "precision_recall",
    "sample_source",
    "save_statistics",
    "sliced_wasserstein_distance",
    "statistics_of_stream",
]
