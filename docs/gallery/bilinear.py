"""The bilinear game: one field, four ways to follow it.

Left: gradient steps of both players of V = θψ, which θ minimises and ψ maximises. Right: their
distance from the equilibrium (0, 0), and dashed what the eigenvalues of the step's matrix predict.

Setting: start (1, 1), steps of h = 0.2, 300 of them.

Source: extragradient steps are those of Gidel et al. 2019 (arXiv:1802.10551), optimistic steps
those of Daskalakis et al. 2018 (arXiv:1711.00141); the factors are the eigenvalues' moduli.

What to see: the field never points to the equilibrium. Simultaneous steps leave on a tangent, those
in turn stay on an ellipse, and those that look ahead or subtract the last step come in.
"""

import math
from collections.abc import Callable

import numpy as np
import optax
from matplotlib.figure import Figure

from docs.gallery.common import trained
from ganstab import Pair, games, optimizers, steps
from ganstab.style import BLUE, FAINT, GREEN, INK, PURPLE, VERMILION, panels, styled

H, COUNT = 0.2, 300
OPTIMISTIC = np.max(np.abs(np.roots([1, -(1 + 2j * H), 1j * H])))
RULES: dict[str, tuple[Callable, Callable, float]] = {
    "simultaneous": (steps.simultaneous, optax.sgd, math.hypot(1, H)),
    "alternating": (steps.alternating, optax.sgd, 1.0),
    "extragradient": (steps.extragradient, optax.sgd, math.hypot(1 - H**2, H)),
    "optimistic": (steps.simultaneous, lambda h: optimizers.optimistic(optax.sgd(h)), OPTIMISTIC),
}
"""Step, optimizer, and by how much a step multiplies the distance from (0, 0) in the long run."""


@styled
def draw(_seed: int = 0) -> Figure:
    figure, axes = panels(1, 2, width=3.5, height=3.1)
    left, right = axes[0]
    for (name, (make, tx, factor)), colour in zip(
        RULES.items(), (VERMILION, BLUE, GREEN, PURPLE), strict=True
    ):
        txs = Pair(tx(H), tx(H))
        run = trained(make(games.bilinear(), txs), txs, Pair(1.0, 1.0), COUNT)
        radius = np.hypot(*run)
        left.plot(run.gen, run.disc, color=colour, linewidth=1.3)
        right.semilogy(radius, color=colour, label=name)
        predicted = radius[20] * factor ** (np.arange(COUNT + 1) - 20)
        right.semilogy(predicted, "--", color=INK, linewidth=0.8)
    left.plot(1, 1, "o", color=INK, markersize=4)
    left.plot(0, 0, "+", color=FAINT)
    left.set(xlim=(-3, 3), ylim=(-3, 3), xlabel="θ", ylabel="ψ", title="V = θψ, h = 0.2")
    left.set_aspect("equal")
    right.set(xlabel="step", title="distance from the equilibrium", ylim=(1e-4, 1e3))
    right.legend(loc="lower left")
    return figure
