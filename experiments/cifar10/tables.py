"""Figure 3 and Table 3 of the WGAN-GP paper as data, and the figure's curves over the time."""

import pathlib
import textwrap
from collections.abc import Sequence

import numpy as np

from experiments.cifar10.methods import METHODS, RESNET
from ganstab import style
from ganstab.metrics import classifier_score_name
from ganstab.reporting import Picture, run_log
from ganstab.reporting.writing import write_atomic
from ganstab.tables import Cell, Claim, Runs, Table
from ganstab.training import Published
from ganstab.training.run_folder import EVALUATIONS

SCORE = "classifier_score"
SOURCE = "Gulrajani et al. 2017, Table 3, 50,000 samples; ± is of 10 splits"
# The ± is the deviation over splits, where there is one.
PUBLISHED: dict[str, dict[str, tuple[float, float | None]]] = {
    "unsupervised": {
        "ALI": (5.34, 0.05), "BEGAN": (5.62, None), "DCGAN": (6.16, 0.07),
        "Improved GAN (−L+HA)": (6.86, 0.06), "EGAN-Ent-VI": (7.07, 0.10), "DFM": (7.72, 0.13),
        "WGAN-GP ResNet": (7.86, 0.07),
    },
    "supervised": {
        "SteinGAN": (6.35, None), "DCGAN with labels": (6.58, None), "Improved GAN": (8.09, 0.07),
        "AC-GAN": (8.25, 0.07), "SGAN-no-joint": (8.37, 0.08), "WGAN-GP ResNet": (8.42, 0.10),
        "SGAN": (8.59, 0.12),
    },
}  # fmt: skip


def published(conditional: bool) -> Published:
    """The paper's Inception score of its ResNet."""
    kind = "supervised" if conditional else "unsupervised"
    return Published(*PUBLISHED[kind]["WGAN-GP ResNet"], SOURCE)


def _others(kind: str) -> str:
    """The paper's rows that are not trained here, in words."""
    rows = {name: row for name, row in PUBLISHED[kind].items() if name != "WGAN-GP ResNet"}
    numbers = (
        f"{name} {score:.2f}" + (f" ± {spread:.2f}" if spread else "")
        for name, (score, spread) in rows.items()
    )
    return f"{kind}: {', '.join(numbers)}"


@style.styled
def over_time(runs: Runs, folder: pathlib.Path) -> Sequence[Picture]:
    """One PNG: the score over the wall time, a colour for each cell, thick for the mean of seeds.

    The k-th evaluations of a cell's seeds are of the same step: the thick line goes through their
    mean score at their mean time.
    """
    figure, axes = style.panels(width=6.7, height=3.4)
    axis = axes[0, 0]
    shades = style.ALONG(np.linspace(0, 1, len(runs)))
    for (cell, seeds), colour in zip(runs, shades, strict=True):
        curves = [points for _, place in sorted(seeds.items()) if len(points := curve(place))]
        for points in curves:
            axis.plot(*points.T, color=colour, linewidth=0.7, alpha=0.5)
        if curves:
            least = min(map(len, curves))
            mean = np.mean([points[:least] for points in curves], axis=0)
            axis.plot(*mean.T, color=colour, linewidth=2, label=cell.column)
    axis.set(xlabel="wall time, seconds", xlim=(0, None))
    axis.set_ylabel(textwrap.fill(classifier_score_name(), 32))
    figure.legend(loc="outside lower center", ncols=2)
    path = folder / "over_time.png"
    write_atomic(path, style.png(figure))
    words = "The score over the wall time, evaluations included; thick lines are means of seeds."
    return [Picture(path, words)]


def curve(run: pathlib.Path) -> np.ndarray:
    """Time in s and score at every evaluation, [n, 2]."""
    rows, _ = run_log.read_sound(run / EVALUATIONS)
    pairs = [(row["wall_time_s"], row[SCORE]) for row in rows if row.get(SCORE) is not None]
    return np.array(pairs, float).reshape(-1, 2)


def _above(first: str, second: str, words: str) -> Claim:
    return Claim(words, SCORE, first, "above", second)


TABLES = {
    "figure_3": Table(
        "Figure 3: the score of CIFAR-10 samples over training",
        "Four ways to train the same DCGAN-like networks, over generator steps and over wall time. "
        "The paper's figure has Inception scores, and no numbers. Times are of runs that had a "
        "core each, or what --jobs and --population say.",
        [
            Cell(name, "CIFAR-10", method.words, {"method": name})
            for name, method in METHODS.items()
            if name != RESNET
        ],
        claims=[
            _above("adam", "clipping", "With Adam the penalty scores above clipping"),
            _above("rmsprop", "clipping", "With RMSProp the penalty scores above clipping"),
            _above("adam", "rmsprop", "The penalty scores higher with Adam than with RMSProp"),
            Claim("With Adam the penalty scores like DCGAN", SCORE, "adam", "like", "dcgan"),
        ],
        pictures=over_time,
    ),
    "table_3": Table(
        "Table 3: WGAN-GP's ResNet on CIFAR-10, without labels and with them",
        "The Inception score is measured with --inception alone, and no other score is compared "
        f"with it. The paper's other rows, {_others('unsupervised')}; {_others('supervised')}.",
        [
            Cell(
                name,
                "WGAN-GP ResNet",
                name,
                {"method": RESNET, "conditional": conditional},
                {"is": published(conditional)},
                judged=False,
            )
            for name, conditional in (("unsupervised", False), ("supervised", True))
        ],
        claims=[_above("supervised", "unsupervised", "Labels raise the score")],
    ),
}
