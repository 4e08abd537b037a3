"""Two point masses: KL, Jensen-Shannon, total variation and Wasserstein distance.

Data at 0, all samples at θ: four divergences as functions of θ, computed from the two masses.

Setting: 81 places of θ in [−1, 1]; natural logarithms.

Source: Arjovsky et al. 2017 (arXiv:1701.07875), example 1, and the slides "Wasserstein GAN" of B.
Striner, Generative Adversarial Networks part 2 (CMU lecture, 2019). The slide's Jensen-Shannon
divergence ½(ln 2 + ln 2) is right, and its result ln 4 is a slip for ln 2.

What to see: KL is infinite, Jensen-Shannon ln 2 and total variation 1 wherever θ is not 0. They say
only whether the masses are the same: their slope is 0 or there is none, and a generator learns
nothing. The Wasserstein distance |θ| has a slope everywhere.
"""

import math

import numpy as np
from matplotlib.figure import Figure
from scipy.special import rel_entr
from scipy.stats import wasserstein_distance

from ganstab import metrics
from ganstab.style import BLUE, GREEN, PURPLE, VERMILION, panels, styled

GRID, MIDDLE = np.linspace(-1, 1, 81), 40
"""Places of the generated mass; the data's is the middle one."""


def distances() -> dict[str, np.ndarray]:
    """Of two point masses, one at 0 and one at each place of the grid: `[len(GRID)]` each."""
    masses = np.eye(len(GRID))
    data = masses[MIDDLE]
    found = {
        "KL divergence": lambda own: rel_entr(data, own).sum(),
        "Jensen-Shannon, nats": lambda own: metrics.js_divergence(data, own),
        "total variation": lambda own: np.abs(data - own).sum() / 2,
        "Wasserstein-1": lambda own: wasserstein_distance(GRID, GRID, data, own),
    }
    return {name: np.array([of(own) for own in masses]) for name, of in found.items()}


@styled
def draw(_seed: int = 0) -> Figure:
    figure, axes = panels(1, 4, width=2.3, height=2.3)
    for axis, (title, values), colour in zip(
        axes[0], distances().items(), (VERMILION, PURPLE, BLUE, GREEN), strict=True
    ):
        finite = np.where(np.isfinite(values), values, np.nan)
        if title != "Wasserstein-1":  # a jump at 0, and a disc for the value there
            axis.plot(0, finite[MIDDLE], "o", color=colour, markersize=5)
            finite[MIDDLE] = np.nan
        axis.plot(GRID, finite, color=colour, linewidth=1.8)
        axis.set(title=title, xlabel="θ", xlim=(-1.1, 1.1), ylim=(-0.1, 1.2), xticks=[-1, 0, 1])
    arrow = {"arrowstyle": "->", "color": VERMILION}
    for x in (-0.7, 0.7):
        axes[0, 0].annotate("", (x, 1.15), (x, 0.75), arrowprops=arrow)
    axes[0, 0].text(0, 0.6, "∞ for every θ ≠ 0", ha="center", color=VERMILION)
    axes[0, 1].text(0, math.log(2) + 0.04, "ln 2", ha="center")
    return figure
