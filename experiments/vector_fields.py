"""Vector fields of the smallest GANs: why a GAN rotates, collapses or runs away, in ten pictures.

N. Guttenberg, "Stability of Generative Adversarial Networks" (essay, 2016). Generator and
discriminator have one number each, a bias or a weight, so that the field in which they move can be
drawn whole. Here it is drawn twice: as the essay did, from 2,500, 100 and 5 samples, and exactly,
for the whole population.

    python -m experiments.vector_fields

Expected: a sigmoid discriminator lets the generator run off to infinity; a Gaussian one holds it
at (0, 0) with eigenvalues −1 ± 1.325i; the weights collapse to W_g = 0 within a time of 0.304; all
parameter noise together smooths the field; a random slice of a large GAN shows next to nothing of
its motion.

Two claims of the essay do not hold. For W_d = 0.5 the point in the middle is not stable (it is not
below W_d = 0.6715), and runs end on a cycle around it. And the field of N samples is not the exact
one plus noise that more samples would remove: it has N poles, N − 1 saddles, no stable point, and a
scatter that does not shrink as N grows.

It takes about two minutes of processor time, most of it compiling, and writes ten figures,
`result.json` and `report.html`.
"""

import functools
from collections.abc import Callable, Mapping

import jax
from absl import flags

from experiments.one_parameter_gans import beyond, biases, sampled, weights
from experiments.runner import launch, study
from experiments.runner.report import prose

FLAGS = flags.FLAGS
MAKERS = (
    (biases.sigmoid_biases, True),
    (biases.gaussian_biases, True),
    (biases.other_widths, False),
    (weights.gaussian_weights, True),
    (weights.sigmoid_weights, False),
    (sampled.few_samples, True),
    (sampled.heavy_tails, True),
    (sampled.parameter_noise, True),
    (beyond.large_network, True),
    (beyond.two_parts, False),
)
"""Each exhibit, and whether anything in it is drawn at random."""


def exhibits(seed: int) -> Mapping[str, Callable[[], study.Exhibit]]:
    """All of them by name, with this seed."""
    return {
        make.__name__: functools.update_wrapper(functools.partial(make, *(seed,) * random), make)
        for make, random in MAKERS
    }


def main() -> int:
    """Makes what is missing of the study."""
    jax.config.update("jax_enable_x64", True)
    return study.run(
        study.Study("Vector fields of the smallest GANs", prose(__doc__), exhibits(FLAGS.seed))
    )


if __name__ == "__main__":
    study.define_flags(tuple(make.__name__ for make, _ in MAKERS))
    launch(main)
