"""Which modes a generator covers, and where its samples lie, over training."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, FixedLocator, MaxNLocator
from scipy.ndimage import gaussian_filter

from ganstab.style import DEPTH, FAINT, VERMILION, styled

__all__ = ["borders", "density", "kernel_density", "mode_heatmap"]


@styled
def mode_heatmap(
    axis: Axes,
    steps: np.ndarray,
    counts: np.ndarray,
    *,
    names: Sequence[str] | None = None,
    title: str = "",
) -> None:
    """The share of samples that each mode gets, over training: white is a mode that is missed.

    The colour scale ends at four times the even share, so that an even cover is a mid blue all
    over and a collapse is a dark line on white.

    Args:
      axis: where to draw.
      steps: `[T]`, in order, at which modes were counted.
      counts: `[T, M]`, samples of each mode.
      names: of the modes, if they have any.
      title: in one line.

    Raises:
      ValueError: if there is not one row of counts for each step.
    """
    steps, counts = np.asarray(steps, float), np.asarray(counts, float)
    if counts.ndim != 2 or steps.shape != counts.shape[:1]:
        raise ValueError(
            f"mode_heatmap needs steps [T] and counts [T, M], got shapes {steps.shape} and "
            f"{counts.shape}"
        )
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.where(totals > 0, totals, 1)
    modes = counts.shape[1]
    drawn = axis.pcolormesh(
        borders(steps), np.arange(modes + 1) - 0.5, shares.T,
        cmap=DEPTH, vmin=0, vmax=min(1.0, 4 / modes), rasterized=True,
    )  # fmt: skip
    bar = axis.figure.colorbar(drawn, ax=axis, pad=0.02, extend="max", label="share of samples")
    bar.outline.set_visible(False)
    bar.ax.axhline(1 / modes, color=VERMILION, linewidth=1.4)
    bar.ax.text(
        -0.25, 1 / modes, "even", color=VERMILION, ha="right", va="center", fontsize=7,
        transform=bar.ax.get_yaxis_transform(),
    )  # fmt: skip
    axis.set_xlabel("step")
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    few = len(steps) <= 6
    axis.xaxis.set_major_locator(
        FixedLocator(steps.tolist()) if few else MaxNLocator(5, integer=True)
    )
    axis.set_ylabel("mode")
    axis.yaxis.set_major_locator(MaxNLocator(8, integer=True))
    if names is not None:
        axis.set_yticks(np.arange(modes), names)
    axis.set_title(title)
    axis.grid(False)


def kernel_density(
    samples: np.ndarray, *, reach: float, bandwidth: float, bins: int = 160
) -> np.ndarray:
    """The density of samples in the plane, each smoothed by a Gaussian: `[bins, bins]`, x first.

    `p(x) = 1/N Σ_i N(x; x_i, bandwidth² I)` at the middles of the bins, per unit area. The samples
    are counted in bins first, and the counts smoothed, which costs as much for any N; so the
    bandwidth has to be a few bins, or the rounding to bins shows.

    Args:
      samples: `[N, 2]`, N ≥ 1; of those outside the picture nothing is seen.
      reach: the picture is `[−reach, reach]²`.
      bandwidth: the Gaussian's standard deviation, in the samples' units.
      bins: along each side.

    Raises:
      ValueError: for samples that are not points of the plane.
    """
    samples = np.asarray(samples, float)
    if samples.ndim != 2 or samples.shape[1] != 2 or not len(samples):
        raise ValueError(f"a density needs samples [N ≥ 1, 2], got shape {samples.shape}")
    width = 2 * reach / bins
    x, y = samples.T
    counts, _, _ = np.histogram2d(x, y, bins=bins, range=[[-reach, reach], [-reach, reach]])
    return gaussian_filter(counts, bandwidth / width, mode="constant") / (len(samples) * width**2)


@styled
def density(
    axis: Axes,
    samples: np.ndarray,
    *,
    reach: float = 3.0,
    bandwidth: float = 0.1,
    centres: np.ndarray | None = None,
    title: str = "",
) -> None:
    """`kernel_density` as a heat map: one picture of a row of them.

    Args:
      axis: where to draw; it gets no ticks, as its neighbours share its extent.
      samples: `[N, 2]`; those outside the picture are not seen, and if all are, words say so.
      reach: the picture is `[−reach, reach]²`.
      bandwidth: the Gaussian's standard deviation, in the samples' units.
      centres: `[M, 2]`, the data's modes, as small marks.
      title: in one line.

    Raises:
      ValueError: for samples that are not points of the plane.
    """
    smooth = kernel_density(samples, reach=reach, bandwidth=bandwidth)
    # The root brings out faint modes beside a dense one.
    axis.imshow(
        np.sqrt(smooth.T), origin="lower", extent=(-reach, reach, -reach, reach), cmap=DEPTH, vmin=0
    )
    if centres is not None:
        x, y = np.asarray(centres, float).T
        axis.plot(x, y, "+", color=VERMILION, markersize=4, markeredgewidth=0.8)
    if not np.any(np.all(np.abs(samples) <= reach, axis=1)):
        words = "no sample\nin view"
        axis.text(0.5, 0.5, words, ha="center", va="center", color=FAINT, transform=axis.transAxes)
    axis.set_xlim(-reach, reach)
    axis.set_ylim(-reach, reach)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(True)
    axis.set_title(title)
    axis.grid(False)


def borders(values: np.ndarray) -> np.ndarray:
    """Of fields around these values `[n]`, half-way between neighbours: `[n + 1]`."""
    if len(values) == 1:
        return values[0] + np.array([-0.5, 0.5])
    middle = (values[1:] + values[:-1]) / 2
    return np.concatenate([[2 * values[0] - middle[0]], middle, [2 * values[-1] - middle[-1]]])
