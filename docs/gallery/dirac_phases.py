"""Where a technique's weight and the learning rate let the Dirac-GAN converge.

Each field is a training of 2,000 alternating steps, judged by the distance to the equilibrium: it
converges, rotates or diverges. The line is the closed form, on which a step's spectral radius is 1.

Setting: data at 0, samples at θ, critic ψx, from θ = ψ = 0.1; gradient steps of size h for both
players, one after the other. All runs of a panel are one compiled program.

Source: the closed forms of the figure of eigenvalues, (1 + h J_D)(1 + h J_G) for steps in turn;
Mescheder et al. 2018 (arXiv:1801.04406) for plain GAN, R1 and consensus, Metz et al. 2017
(arXiv:1611.02163) for unrolling.

What to see: weight 0, the plain GAN, neither converges nor diverges. A little of any technique
makes it converge, too much of it at a long step makes it diverge. Runs near the line take more
than 2,000 steps to show what they do.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from docs.gallery import dirac, learning_rates
from docs.gallery.common import sgd, started
from docs.gallery.dirac import TECHNIQUES, Technique, in_turn
from ganstab import Pair, dynamics, plots
from ganstab.style import panels, styled

SHOWN = {
    "R1 and R2": np.linspace(0.0, 3.0, 31),
    "Consensus": np.linspace(0.0, 6.0, 31),
    "Gradient norm (NK17)": np.linspace(0.0, 3.0, 31),
    "Unrolled, K = 5": np.linspace(0.0, 0.6, 31),
}
"""Techniques, and the weights that are tried."""
RATES = np.geomspace(0.05, 8.0, 31)
STEPS = 2000


def diagram(technique: Technique, weights: np.ndarray) -> dynamics.PhaseDiagram:
    """How the technique ends for each of the weights and learning rates."""
    batch = dirac.place()["batch"]

    def distances(weight: jax.Array, rate: jax.Array) -> jax.Array:
        step = in_turn()(technique.game(weight), sgd(rate))
        path = dynamics.orbit(
            dynamics.training(step, lambda i: batch), started(sgd(rate), Pair(0.1, 0.1)), STEPS
        )
        return jnp.hypot(path.params.gen, path.params.disc)

    return dynamics.phase_diagram(distances, weights, RATES, dynamics.by_distance)


def radius(technique: Technique) -> Callable[[float, float], float]:
    """The spectral radius of a step in closed form, as a function of weight and learning rate."""
    return lambda weight, rate: float(
        learning_rates.radius(learning_rates.alternating(technique.jacobian(weight), rate))
    )


@styled
def draw(_seed: int = 0) -> Figure:
    figure, axes = panels(1, len(SHOWN), width=2.5, height=2.5)
    for axis, (name, weights) in zip(axes.flat, SHOWN.items(), strict=True):
        technique = TECHNIQUES[name]
        plots.phase_diagram(
            axis, diagram(technique, weights), radius=radius(technique),
            names=(f"weight {technique.symbol}", "learning rate h"), title=name,
            legend=axis is axes.flat[-1],
        )  # fmt: skip
    return figure
