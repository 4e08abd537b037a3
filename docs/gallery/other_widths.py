"""A discriminator of the wrong width: W_d = 2 is stable, W_d = 0.5 is not.

Left and middle: the exact field of the two biases at either width, with two runs each. Right: the
eigenvalues at the fixed point (0, 0) over the width; the shaded side is where runs grow.

Setting: g(z) = z + b_g, d(x) = exp(−(W_d x + b_d)²), data and latents N(0, 1).

Source: N. Guttenberg, Stability of Generative Adversarial Networks (essay, 2016), section "The
Really Simple GAN", which calls the fixed point stable at both widths. The Jacobian is ours.

What to see: for W_d = 2 the point in the middle is stable, and runs hardly turn. For 0.5 it is not:
a run that starts beside it (blue) and one from afar (red) end on the same cycle. The eigenvalues
enter the shaded side below W_d = 0.6715.
"""

import numpy as np
from matplotlib.figure import Figure
from scipy.special import zeta

from docs.gallery.one_parameter import resting, runs, streamlines
from ganstab import Pair, games, plots


def curvature(w: float) -> float:
    """`a(w) = d²/ds² E log(1 − exp(−(wz + s)²))` at s = 0: `2 Σ_k (1 + 2kw²)^(−3/2)`, k from 1.

    Each power in the series of the logarithm is a Gaussian integral; their sum is a zeta function.
    """
    return 2 * (2 * w**2) ** -1.5 * float(zeta(1.5, 1 + 1 / (2 * w**2)))


def slopes(w: float) -> np.ndarray:
    """The Jacobian at (0, 0) for W_g = 1 and W_d = w."""
    a = curvature(w)
    return np.array([[-(w**2) * a, -w * a], [w * a, a - 2]])


def draw(_seed: int = 0) -> Figure:
    figure, axes = plots.panels(1, 3)
    starts = {2.0: [(3.0, -2.5), (-3.0, 2.5)], 0.5: [(3.0, -2.5), (0.1, 0.0)]}
    for axis, (w, places) in zip(axes[0], starts.items(), strict=False):
        game = games.bias_gan(games.gaussian(), Pair(1.0, w))
        found, point = runs(game, places, 0.02, 1500), resting(game, [(0.1, 0.1)])
        streamlines(axis, game, f"exact, W_d = {w:g}", trajectories=found, fixed_points=point)
    widths = np.linspace(0.5, 2.5, 401)
    plots.eigenvalue_path(
        axes[0, 2], widths, np.stack([np.linalg.eigvals(slopes(w)) for w in widths]),
        title="eigenvalues at (0, 0)", label="discriminator's weight W_d",
    )  # fmt: skip
    return figure
