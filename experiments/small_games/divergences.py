"""How far apart two point masses are."""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import rel_entr
from scipy.stats import wasserstein_distance

from experiments.runner.records import checked
from experiments.runner.study import Exhibit
from experiments.small_games.balance import LECTURE
from ganstab import metrics
from ganstab.style import BLUE, GREEN, PURPLE, VERMILION, panels, styled

GRID = np.linspace(-1, 1, 81)
"""Places of the generated mass; the data's is the middle one."""


class Distances(NamedTuple):
    """Of two point masses, one at 0 and one at each place of the grid: `[len(GRID)]`."""

    kl: np.ndarray
    js: np.ndarray
    variation: np.ndarray
    wasserstein: np.ndarray


def distances() -> Distances:
    """Every divergence, from the masses themselves."""
    masses = np.eye(len(GRID))
    data = masses[len(GRID) // 2]
    return Distances(
        np.array([rel_entr(data, own).sum() for own in masses]),
        np.array([metrics.js_divergence(data, own) for own in masses]),
        np.array([np.abs(data - own).sum() / 2 for own in masses]),
        np.array([wasserstein_distance(GRID, GRID, data, own) for own in masses]),
    )


@styled
def point_masses() -> Exhibit:
    """Two point masses: KL, Jensen-Shannon, total variation and Wasserstein distance."""
    figure, axes = panels(1, 4, width=2.3, height=2.3)
    found = distances()
    titles = ("KL divergence", "Jensen-Shannon, nats", "total variation", "Wasserstein-1")
    for axis, title, values, colour in zip(
        axes[0], titles, found, (VERMILION, PURPLE, BLUE, GREEN), strict=True
    ):
        finite = np.where(np.isfinite(values), values, np.nan)
        middle = len(GRID) // 2
        if title == "Wasserstein-1":
            axis.plot(GRID, finite, color=colour, linewidth=1.8)
        else:
            axis.plot(GRID[:middle], finite[:middle], color=colour, linewidth=1.8)
            axis.plot(GRID[middle + 1 :], finite[middle + 1 :], color=colour, linewidth=1.8)
            axis.plot(0, values[middle], "o", color=colour, markersize=5)
        axis.set(title=title, xlabel="θ", xlim=(-1.1, 1.1), ylim=(-0.1, 1.2), xticks=[-1, 0, 1])
    for x in (-0.7, 0.7):
        axes[0, 0].annotate(
            "", (x, 1.15), (x, 0.75), arrowprops={"arrowstyle": "->", "color": VERMILION}
        )
    axes[0, 0].text(0, 0.6, "∞ for every θ ≠ 0", ha="center", color=VERMILION)
    axes[0, 1].text(0, math.log(2) + 0.04, "ln 2", ha="center")
    caption = (
        "Data at 0, all samples at θ. KL, Jensen-Shannon and total variation say only whether the "
        "two are the same: their slope is 0 or there is none, and a generator learns nothing. The "
        "Wasserstein distance |θ| has a slope everywhere."
    )
    return Exhibit(figure, caption, mass_findings(found))


def mass_findings(found: Distances) -> tuple[dict, ...]:
    """Each divergence away from θ = 0, and at it."""
    away = GRID != 0
    slide = f"{LECTURE}, slides “Wasserstein GAN”"
    worst = float(np.max(np.abs(found.js[away] - math.log(2))))
    return (
        checked(
            "Jensen-Shannon divergence for θ ≠ 0, nats", float(found.js[away][0]),
            expected=math.log(2), tolerance=1e-12, source="½ ln 2 + ½ ln 2",
            reading="the slide's sum ½(ln 2 + ln 2) is right and its result, ln 4, a slip",
        ),
        checked(
            "its largest departure from ln 2 over all θ ≠ 0", worst, expected=0.0,
            tolerance=1e-12, reading="constant: no slope", source=slide,
        ),
        checked(
            "places θ ≠ 0 where KL is finite", int(np.isfinite(found.kl[away]).sum()), expected=0,
            tolerance=0, reading="infinite, as the slide says", source=slide,
        ),
        checked(
            "largest divergence of any kind at θ = 0",
            float(max(values[~away].max() for values in found)), expected=0.0, tolerance=1e-12,
            reading="all are 0 where the masses are one", source=slide,
        ),
        checked(
            "total variation for θ ≠ 0", float(found.variation[away].min()), expected=1.0,
            tolerance=1e-12, source=slide,
        ),
        checked(
            "largest error of the Wasserstein distance, taken for |θ|",
            float(np.max(np.abs(found.wasserstein - np.abs(GRID)))), expected=0.0,
            tolerance=1e-12, reading="a slope everywhere", source=slide,
        ),
    )  # fmt: skip
