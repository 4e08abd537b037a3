"""Small games: why training circles, and what each technique makes of it.

Games of two to six numbers, whose field, eigenvalues and Lyapunov exponents are known in closed
form, computed by the same library that trains GANs and checked against the formulas:

- adversarial balance: a point, its target, a linear critic;
- rock, paper, scissors: weights that run away or circle, and replicators in chaos;
- the bilinear game under four rules;
- the Dirac-GAN out of real players with every technique that applies: field and training runs,
  eigenvalues over the weight with the critical one, learning rates, exponents;
- divergences of point masses, and the critics of two Gaussians.

Sources: B. Striner's lecture on GANs, part 2 (CMU 2019), with two slips of its slides put right;
Mescheder et al. 2018 (arXiv 1801.04406), whose figures' settings the Dirac-GAN has: start (1, 1),
learning rate 0.2, 500 steps, [−2, 2]²; Sato, Akiyama & Farmer 2002 (arXiv nlin/0109007).

    python -m experiments.games
    python -m experiments.games --only=dirac_fields

To expect: every finding with a closed form says that it agrees. Everything is deterministic but the
noise in three techniques and the data of the last exhibit, whose keys are fixed, and in float64.
Cost: about three minutes on two cores, most of it compiling.
"""

import jax

from experiments.runner import launch, study
from experiments.small_games import (
    balance,
    critics,
    divergences,
    exponents,
    paths,
    planes,
    rates,
    replicators,
)
from experiments.small_games import rock_paper_scissors as rps

STUDY = study.Study(
    "Small games",
    "Games small enough to know the answer: what turns, what comes in, and how fast.",
    {
        "adversarial_balance": balance.adversarial_balance,
        "rock_paper_scissors": rps.weights,
        "chaos": replicators.chaos,
        "bilinear": balance.bilinear,
        "dirac_fields": planes.fields,
        "dirac_eigenvalues": paths.eigenvalues,
        "learning_rates": rates.learning_rates,
        "lyapunov": exponents.lyapunov,
        "point_masses": divergences.point_masses,
        "gaussians": critics.gaussians,
    },
)


def define_flags() -> None:
    """The program's flags."""
    study.define_flags(tuple(STUDY.exhibits))


def main() -> int:
    """Makes the study."""
    jax.config.update("jax_enable_x64", True)
    return study.run(STUDY)


if __name__ == "__main__":
    define_flags()
    launch(main)
